# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether this host's systemd applies the sandbox: asked of a program that runs in it, not of the unit's description.

systemd leaves out in silence what the kernel does not let it do, as in a container: mount and network namespaces need
CAP_SYS_ADMIN ("proceeding without", systemd.exec(5), PrivateNetwork= and "Sandboxing").
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from .._errors import MigrationError
from .properties import Room

# Run by python3 -I -c in the sandbox; the arguments are the folders that it may write to.
PROBE = r"""
import json, os, socket, sys
def able(act):
    try:
        act()
    except OSError:
        return False
    return True
def write(folder):
    path = os.path.join(folder, ".nordbridge-probe-%d" % os.getpid())
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)
def connect():
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
print(json.dumps({
    "users": sorted(set(os.getresuid())), "groups": sorted(set(os.getresgid()) | set(os.getgroups())),
    "capabilities": [status.get(name, "") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status.get("NoNewPrivs", ""), "seccomp": status.get("Seccomp", ""),
    "internet": able(connect), "read_only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
    "network": os.readlink("/proc/self/ns/net"), "mounts": os.readlink("/proc/self/ns/mnt"),
    "writable": [able(lambda: write(folder)) for folder in sys.argv[1:]],
}))
"""


@dataclass(frozen=True)
class Check:
    """One promise of the sandbox.

    :param name: systemd's words for it
    :param holds: gets what the program in the sandbox saw, what this process sees, and the room
    :param essential: whether nothing runs without it
    """

    name: str
    holds: t.Callable[[dict, dict, Room], bool]
    essential: bool = True


def _own_user(seen: dict, _here: dict, room: Room) -> bool:
    # The user's further groups are its own; root's is nobody's but root's.
    return seen["users"] == [room.owner[0]] and room.owner[0] != 0 and room.owner[1] in seen["groups"] and 0 not in seen["groups"]


def _no_network(seen: dict, here: dict, room: Room) -> bool:
    return room.loopback or not seen["internet"] or seen["network"] != here["network"]


CHECKS = (
    Check("User and Group", _own_user),
    Check("CapabilityBoundingSet", lambda seen, here, room: [value.strip("0") or value[:1] for value in seen["capabilities"]] == ["0"] * 5),
    Check("NoNewPrivileges", lambda seen, here, room: seen["no_new_privileges"] == "1"),
    Check("PrivateNetwork or RestrictAddressFamilies", _no_network),
    Check("ReadWritePaths", lambda seen, here, room: seen["writable"] == [True] * len(room.writable)),
    Check("SystemCallFilter", lambda seen, here, room: seen["seccomp"] == "2", False),
    Check(
        "ProtectSystem, ProtectHome, PrivateTmp and PrivateDevices",
        lambda seen, here, room: seen["read_only"] and seen["mounts"] != here["mounts"],
        False,
    ),
    Check("PrivateNetwork", lambda seen, here, room: room.loopback or seen["network"] != here["network"], False),
)


def missing(seen: dict, here: dict, room: Room) -> list[str]:
    """The properties that are not applied and that can be done without.

    :param seen: what PROBE printed
    :param here: network and mounts, the namespaces of this process
    :raises MigrationError: where an essential one is not applied
    """
    lost = [check for check in CHECKS if not check.holds(seen, here, room)]
    essential = [check.name for check in lost if check.essential]
    if essential:
        raise MigrationError(
            "this host does not keep programs apart that touch the source's files: systemd does not apply %s; nothing was run."
            " Look at the host's journal, or take a method that copies rows (migration_target_seed_method: dump)" % ", ".join(essential)
        )
    return [check.name for check in lost]


def parse(output: bytes) -> dict:
    """What the probe printed.

    :raises MigrationError: where it is no answer
    """
    try:
        seen = json.loads(output.decode("ascii").strip().splitlines()[-1])
        return {**dict.fromkeys(("users", "groups", "capabilities", "writable"), []), **seen}
    except (ValueError, IndexError, TypeError):
        raise MigrationError("a program in the sandbox did not answer: %r" % output[:200]) from None
