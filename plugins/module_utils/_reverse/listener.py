# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The way back's port on the source: freed from a dead tunnel, whose end here would hold it until TCP gives up, a quarter of an hour."""

# Run by the agent, not in a module: it answers on standard output.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import glob
import json
import os
import pwd
import re
import signal

LISTENING = "0A"  # of the kernel's table of TCP states


def free(request: dict) -> None:
    """End the session of the tunnel's user that listens at a port of the loopback, and nobody else's.

    :param request: port, user
    """
    uid = pwd.getpwnam(request["user"]).pw_uid
    with open("/proc/net/tcp", encoding="ascii") as stream:
        inode = listener(stream.read(), int(request["port"]), uid)
    ended = [pid for pid in owners(inode) if is_session(pid, uid)] if inode else []
    for pid in ended:
        os.kill(pid, signal.SIGTERM)
    print(json.dumps({"ended": len(ended)}))


def listener(table: str, port: int, uid: int | None) -> str:
    """The inode of the socket that a user (None: anybody) has listening at a port of 127.0.0.1; empty for none."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[1] == "0100007F:%04X" % port and fields[3] == LISTENING and uid in (None, int(fields[7])):
            return fields[9]
    return ""


def holder(port: int) -> str:
    """Who on this host listens at a port of the loopback, by unit or at least by process; empty for nobody that can be seen."""
    try:
        with open("/proc/net/tcp", encoding="ascii") as stream:
            inode = listener(stream.read(), port, None)
    except OSError:
        return ""
    return "; ".join(sorted({_unit(pid) for pid in owners(inode)})) if inode else ""


def _unit(pid: int) -> str:
    try:
        with open("/proc/%d/cgroup" % pid, encoding="utf-8") as stream:
            units = re.findall(r"/([^/\n]+\.service)\b", stream.read())
        with open("/proc/%d/comm" % pid, encoding="utf-8") as stream:
            return units[-1] if units else "process %d (%s)" % (pid, stream.read().strip())
    except OSError:
        return "process %d" % pid


def owners(inode: str) -> list[int]:
    """The processes that hold a socket."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(path) == "socket:[%s]" % inode:
                found.add(int(path.split("/")[2]))
        except OSError:  # it ended meanwhile
            continue
    return sorted(found)


def is_session(pid: int, uid: int) -> bool:
    """Whether a process is an sshd that serves the user, not the one that lets people in."""
    try:
        with open("/proc/%d/comm" % pid, encoding="utf-8") as stream:
            return stream.read().startswith("sshd") and os.stat("/proc/%d" % pid).st_uid == uid
    except OSError:
        return False
