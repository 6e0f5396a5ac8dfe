# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a host's sshd would make of a login of the migration's users, who may not be there yet: its own word, by sshd -T -C."""

from __future__ import annotations

import grp
import os
import pwd

from .._child import run_child
from .sshd import SSHD

#: What decides whether a user with a key gets in, and what may be forwarded. sshd_config(5).
ASKED = (
    "allowusers", "denyusers", "allowgroups", "denygroups", "pubkeyauthentication", "authenticationmethods", "authorizedkeysfile",
    "authorizedkeyscommand", "forcecommand", "chrootdirectory", "allowtcpforwarding", "disableforwarding", "permitopen", "maxsessions",
    "pubkeyacceptedalgorithms",
)  # fmt: skip


def ask_sshd(users: list[str], address: str) -> dict:
    """For each user what sshd has for a login from an address, and the user's groups.

    :param address: where the login comes from; empty where that is not known, and rules for addresses do not count then
    :returns: by user: options (by name, lists of words) and groups; error in place of them where sshd cannot be asked
    """
    return {user: _ask(user, address) for user in users}


def _ask(user: str, address: str) -> dict:
    if not os.path.exists(SSHD):
        return {"error": "there is no %s" % SSHD}
    # Without the last two it refuses a configuration that has Match LocalAddress or LocalPort.
    asked = "user=%s,host=%s,addr=%s,laddr=127.0.0.1,lport=22" % (user, address or "unknown", address or "192.0.2.1")
    done = run_child([SSHD, "-T", "-C", asked], capture_output=True, text=True, errors="replace")
    if done.returncode:
        return {"error": "sshd -T failed: %s" % done.stderr.strip()[-300:]}
    return {"options": parse(done.stdout), "groups": groups_of(user)}


def parse(text: str) -> dict[str, list[str]]:
    """The options that were asked for, each with all of its words: a list is printed as a line for each."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _blank, rest = line.partition(" ")
        if name in ASKED:
            found.setdefault(name, []).extend(rest.split())
    return found


def groups_of(user: str) -> list[str]:
    """A user's groups; one who is not there yet will have one of the same name."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return [user]
    numbers = os.getgrouplist(user, entry.pw_gid)
    return [group.gr_name for group in grp.getgrall() if group.gr_gid in numbers]
