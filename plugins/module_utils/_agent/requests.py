# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What each verb may be asked for. Nothing here is a login, a path, a port or an address: those are the host's own (see policy.py)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._seed.programs import PACKAGES
from .._seed.source.dump_command import PARTS
from .._seed.source.dump_command import PROGRAMS as DUMP_PROGRAMS
from .._seed.source.throttle import IO_CLASSES
from .fields import (
    BadField,
    checked,
    choice,
    flag,
    name_of,
    number,
    optional,
    record,
    row,
    several,
    text,
    whole,
)

# A fence or a commit block that is asked for lasts at most so long, whatever the target says.
MAX_LEASE_SECONDS = 3600.0
MAX_FREEZE_SECONDS = 60.0
MAX_LOCK_SECONDS = 600
MOST_SWITCHES = 32
MOST_NAMES = 10000
MOST_ACCOUNTS = 20000

TOKEN = text(64, r"[0-9A-Za-z]+", "a token of 1 to 64 letters and digits")
GTID = text(1 << 18, r"[0-9A-Za-z_:, -]*", "GTIDs: letters, digits, and the characters _ : , - and blank")
LOG_FILE = text(255, r"([0-9A-Za-z_.][0-9A-Za-z_.+-]*)?", "the name of a binary log")
POSITION = whole(0, 1 << 63)


@dataclass(frozen=True)
class Throttled:
    """How a copy stays out of its clients' way: see throttle.py."""

    level: int = checked(whole(1, 19), 1)
    nice: int = checked(whole(0, 19), 10)
    ionice: str = checked(choice("", *sorted(IO_CLASSES)), "")
    bandwidth: float = checked(number(0, 1e6), 0.0)


@dataclass(frozen=True)
class Dump(Throttled):
    """See dump_command.stream_dump. Behind inherited defaults each field needs one: what must be given has one that is refused."""

    flavour: str = checked(choice("mariadb", "mysql"), "")
    programs: tuple = checked(several(choice(*DUMP_PROGRAMS), 4), ())
    gtid: bool = checked(flag(), False)
    schemas: tuple = checked(several(name_of(), MOST_NAMES), ())
    lock_wait: int = checked(whole(1, MAX_LOCK_SECONDS), 10)
    part: str = checked(choice(*sorted(PARTS)), "")
    events: bool = checked(flag(), True)

    def __post_init__(self) -> None:
        missing = [name for name in ("flavour", "programs", "schemas") if not getattr(self, name)]
        if missing:
            raise BadField("; ".join("%s is missing" % name for name in missing))


@dataclass(frozen=True)
class Backup(Throttled):
    """See backup_command.stream_backup."""

    threads: int = checked(whole(1, 256), 1)


@dataclass(frozen=True)
class Freeze:
    """See freeze.serve."""

    lock_wait: int = checked(whole(0, MAX_LOCK_SECONDS))
    seconds: float = checked(number(0.0, MAX_FREEZE_SECONDS))


@dataclass(frozen=True)
class Present:
    """See programs.tell."""

    names: tuple = checked(several(choice(*sorted(PACKAGES)), len(PACKAGES)))


@dataclass(frozen=True)
class Arm:
    """See lease.serve."""

    token: str = checked(TOKEN)
    seconds: float = checked(number(0.1, MAX_LEASE_SECONDS))
    scheduler: str = checked(choice("ON", "OFF", "DISABLED"))
    promoted: str = checked(text(400), "")


@dataclass(frozen=True)
class Token:
    """Of this migration's lease."""

    token: str = checked(TOKEN)


@dataclass(frozen=True)
class Decided:
    """The fence of a token, or the migration's last."""

    token: t.Optional[str] = checked(optional(TOKEN), None)


@dataclass(frozen=True)
class Release:
    """See lease.release.

    :param accounts: user, host, privileges, and which of them may be granted: for words alone, where this host has lost its own record.
        No privilege is ever given by them
    """

    token: str = checked(text(64, r"[0-9A-Za-z]*", "a token, or empty"))
    scheduler: str = checked(choice("ON", "OFF", "DISABLED"))
    accounts: tuple = checked(
        several(row(text(80), text(255), several(text(64), 200), several(text(64), 200)), MOST_ACCOUNTS)
    )  # fmt: skip


@dataclass(frozen=True)
class Reach:
    """See reach.reach: who logs in. Where is the host's own affair."""

    user: str = checked(text(80, r"[0-9A-Za-z_.-]+", "the name of an account"))
    password: str = checked(text(200))


@dataclass(frozen=True)
class Place:
    """In a server's binary logs; an empty name where it is not known."""

    file: str = checked(LOG_FILE, "")
    position: int = checked(POSITION, 0)
    gtid: str = checked(GTID, "")


@dataclass(frozen=True)
class Other:
    """The server that took over."""

    server_id: int = checked(whole(0, 1 << 32))
    server_uuid: str = checked(text(64, r"[0-9A-Za-z-]*", "a server's UUID"), "")


@dataclass(frozen=True)
class Written:
    """See history.answer: `beyond` has position and other, `before` has mark and seed."""

    question: str = checked(choice("beyond", "before"))
    seconds: float = checked(number(0.1, 120.0))
    position: t.Optional[Place] = checked(record(Place), None)
    other: t.Optional[Other] = checked(record(Other), None)
    mark: t.Optional[Place] = checked(record(Place), None)
    seed: t.Optional[str] = checked(GTID, None)

    def __post_init__(self) -> None:
        wanted = {"beyond": ("position", "other"), "before": ("mark", "seed")}[self.question]
        lacking = [name for name in wanted if getattr(self, name) is None]
        if lacking:
            raise BadField("; ".join("%s is missing" % name for name in lacking))


@dataclass(frozen=True)
class Switches:
    """See pause_guard.serve: switches by the digests of this host's own definitions."""

    digests: tuple = checked(several(text(64, r"[0-9a-f]{64}", "a SHA-256"), MOST_SWITCHES))
    seconds: float = checked(number(0.0, MAX_LEASE_SECONDS))
