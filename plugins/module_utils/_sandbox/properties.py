# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a program in the sandbox may do, as the properties of a transient systemd unit.

Each property is described in systemd.exec(5), those of time and end in systemd.service(5) and systemd.kill(5).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from .._child import WORK_SECONDS

# What does not depend on the room.
FIXED = {
    "NoNewPrivileges": "yes",
    # Enough to become the server's user and to give the rest away: setpriv does both before the program begins. By User= systemd 257 does
    # not start a unit that has a filter of system calls where it cannot keep CAP_SYS_ADMIN until then, as in a container (217/USER).
    "CapabilityBoundingSet": "CAP_SETGID CAP_SETPCAP CAP_SETUID",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "PrivateDevices": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectProc": "invisible",
    "RestrictSUIDSGID": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    # io_uring makes sockets beside RestrictAddressFamilies' filter. InnoDB does without it.
    "SystemCallFilter": "~@mount @module @raw-io @reboot @swap @clock @debug @keyring io_uring_setup io_uring_enter io_uring_register",
    "SystemCallErrorNumber": "EPERM",
    "InaccessiblePaths": "-/run/dbus",
    "UMask": "0077",
    # Nothing of it is to be finished: what it leaves half done is thrown away. And a clean end by a signal is no success of a oneshot unit.
    "KillSignal": "SIGKILL",
}
# The first systemd that knows a property; one that is older would refuse the whole unit (NEWS of systemd).
SINCE = {"RestrictSUIDSGID": 242, "ProtectKernelLogs": 244, "ProtectClock": 245, "ProtectProc": 247}
# Where a folder that must be written would be hidden by a property: the weaker value there.
HOMES, TEMPORARY = ("/home", "/root", "/run/user"), ("/tmp", "/var/tmp")


@dataclass(frozen=True)
class Room:
    """Where a program runs.

    :param owner: user and group, by number
    :param writable: the folders that it may write to; they must exist
    :param seconds: after which a program that is no stream is ended
    :param open_files: how many files it may open; 0 for the service manager's own limit
    :param loopback: whether it may connect to this host's own ports; else it has no network at all
    """

    owner: tuple[int, int]
    writable: tuple[str, ...]
    seconds: float = WORK_SECONDS
    open_files: int = 0
    loopback: bool = False


def unknown_to(version: int) -> list[str]:
    """The properties that a version of systemd does not know. None of them is essential: see probe.py."""
    return sorted(name for name, since in SINCE.items() if version < since)


def properties(room: Room, version: int = max(SINCE.values())) -> dict[str, str]:
    """The unit's properties, name to value.

    :param version: of systemd
    """
    folders = [os.path.realpath(folder) for folder in room.writable]
    found = {
        **{name: value for name, value in FIXED.items() if version >= SINCE.get(name, 0)},
        # Nobody's: an option file there would be read.
        "Environment": "HOME=/nonexistent",
        "ReadWritePaths": " ".join(map(quoted, folders)),
        "ProtectHome": "read-only" if any(_below(folder, HOMES) for folder in folders) else "yes",
        "PrivateTmp": "no" if any(_below(folder, TEMPORARY) for folder in folders) else "yes",
        "TimeoutStartSec": "%ds" % room.seconds,
        **_network(room.loopback),
    }
    if room.open_files:
        found["LimitNOFILE"] = str(room.open_files)
    return found


def _network(loopback: bool) -> dict[str, str]:
    if loopback:
        return {
            "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
            "IPAddressDeny": "any",
            "IPAddressAllow": "localhost",
        }
    return {"PrivateNetwork": "yes", "RestrictAddressFamilies": "AF_UNIX"}


def _below(folder: str, tops: tuple[str, ...]) -> bool:
    return any(folder == top or folder.startswith(top + "/") for top in tops)


def quoted(path: str) -> str:
    """A path as systemd-run reads it in a list: in double quotes, with a backslash before what ends or escapes them."""
    return '"%s"' % path.replace("\\", "\\\\").replace('"', '\\"')
