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

from .._sockets import listeners, read_sockets


def free(request: dict) -> None:
    """End the session of the tunnel's user that listens at a port of the loopback, and nobody else's.

    :param request: port, user
    """
    uid = pwd.getpwnam(request["user"]).pw_uid
    there = [one for one in listeners(read_sockets(int(request["port"])), int(request["port"])) if one.uid == uid]
    ended = sorted({pid for one in there for pid in owners(one.inode) if is_session(pid, uid)})
    for pid in ended:
        os.kill(pid, signal.SIGTERM)
    print(json.dumps({"ended": len(ended)}))


def holder(port: int) -> str:
    """Who on this host listens at a port of the loopback, by unit or at least by process; empty for nobody that can be seen."""
    found = {_unit(pid) for one in listeners(read_sockets(port), port) for pid in owners(one.inode)}
    return "; ".join(sorted(found))


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
