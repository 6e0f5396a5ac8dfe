# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What is to be changed: a pure function of what is wanted and what was observed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from .._errors import Refusal
from .._optionfiles.table import by_version
from .settings import (
    LIVE,
    LOG_BIN_DEFAULT,
    RESTART,
    RETENTION_LIMIT,
    RETENTION_UNIT,
    SETTINGS,
    STEPS,
    canonical,
    same,
    variable,
)

MAX_SERVER_ID = 2**32 - 1
BINLOG_SIZES = (4096, 1073741824)  # bytes, both flavours
BLOCK = 4096  # the server rounds max_binlog_size down to whole blocks

# Why each setting is wanted, for the list of what only a restart can change.
REASONS = {
    "log_bin": "replication reads the binary log; a server can only start to write one when it starts",
    "log_replica_updates": "what a replica applies has to be in its own binary log, for the way back and for further replicas",
}


@dataclass(frozen=True)
class Wishes:
    """What the user asks for.

    :param server_id: None to keep or derive one
    :param retention_hours: at least so long; 0 for ever
    :param max_binlog_size: bytes; None to keep what is
    """

    server_id: int | None = None
    avoid_server_ids: tuple = ()
    retention_hours: int = 168
    max_binlog_size: int | None = None
    gtid: bool = True
    log_basename: str = ""

    def __post_init__(self) -> None:
        if self.server_id is not None and not 1 <= self.server_id <= MAX_SERVER_ID:
            raise Refusal("server_id %d is not possible: use 1 to %d" % (self.server_id, MAX_SERVER_ID))
        if self.server_id is not None and self.server_id in self.avoid_server_ids:
            raise Refusal(
                "server_id %d is taken: another server of this migration has it; give one of the two another number, or leave it out"
                % self.server_id
            )
        if self.retention_hours < 0:
            raise Refusal("retention_hours %d is not possible: use 1 and more, or 0 for ever" % self.retention_hours)
        if self.max_binlog_size is not None and not BINLOG_SIZES[0] <= self.max_binlog_size <= BINLOG_SIZES[1]:
            raise Refusal("max_binlog_size %d is not possible: use %d to %d bytes" % ((self.max_binlog_size,) + BINLOG_SIZES))


@dataclass(frozen=True)
class Facts:
    """What was observed.

    :param running: variable -> value now, those of the table that this server has, and log_bin_basename
    :param configured: variable -> value at the next start, by option files (our own among them) and command line
    :param own: variable -> value in our own drop-in as it is now
    :param machine: text that no other server shares, from which a server_id is derived
    :param followers: who follows this server or whom it follows, in words; then identity must not change under them
    """

    flavour: str
    version: tuple
    running: dict
    configured: dict = field(default_factory=dict)
    own: dict = field(default_factory=dict)
    machine: str = ""
    followers: tuple = ()

    def name(self, key: str) -> str:
        """A setting's variable on this server; empty where it has none."""
        found = variable(key, self.flavour, self.version)
        return found if found in self.running else ""


@dataclass(frozen=True)
class Change:
    """A running value that differs from what is wanted."""

    name: str
    running: str
    wanted: str
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """What the drop-in has to say (in the table's order), and what follows for the running server."""

    wanted: dict
    live: tuple
    steps: tuple
    restart: tuple
    notes: tuple


def make_plan(wishes: Wishes, facts: Facts) -> Plan:
    """Compare wish and server.

    :raises Refusal: where the wish is unsafe or impossible on this server
    """
    notes: list = []
    values = {
        "server_id": str(_server_id(wishes, facts, notes)),
        "log_bin": _log_bin(wishes, facts, notes),
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "binlog_row_value_options": "",
        "log_replica_updates": "ON",
        "retention_old": "0",
        "retention": str(_retention(wishes, facts, notes)),
        "max_binlog_size": _max_binlog_size(wishes, facts),
        "enforce_gtid_consistency": _gtid(wishes, facts, "enforce_gtid_consistency"),
        "gtid_mode": _gtid(wishes, facts, "gtid_mode"),
    }
    wanted, changes = {}, {LIVE: [], RESTART: [], STEPS: []}  # type: ignore[var-annotated]
    for setting in SETTINGS:
        name, value = facts.name(setting.key), values[setting.key]
        if not name:
            continue
        if value is not None:
            wanted[name] = value
        change = _change(facts, setting.key, name, value)
        if change:
            changes[setting.reach].append(change)
    if changes[STEPS] and facts.followers:
        raise Refusal(
            "GTIDs cannot be switched on here alone: %s, and each step has to be taken on all servers of a topology before the next. "
            "Take the online steps on all of them first, or set gtid to false to migrate by file and position" % "; ".join(facts.followers)
        )
    return Plan(wanted, tuple(changes[LIVE]), tuple(changes[STEPS]), tuple(changes[RESTART]), tuple(notes))


def _change(facts: Facts, key: str, name: str, value: str | None) -> Change | None:
    running = facts.running[name]
    if key == "log_bin":
        # Compared as a switch: the running value is ON or OFF, the file's a base name.
        return None if running.upper() == "ON" else Change(name, "OFF", value or "ON", REASONS[key])
    if value is None or same(name, running, value):
        return None
    return Change(name, canonical(name, running), value, REASONS.get(key, ""))


def _server_id(wishes: Wishes, facts: Facts, notes: list) -> int:
    running = int(facts.running["server_id"])
    wanted = wishes.server_id if wishes.server_id is not None else _kept_or_derived_id(wishes, facts)
    if wanted == running or not facts.followers:
        return wanted
    if wishes.server_id is None and running not in wishes.avoid_server_ids and running > 0:
        notes.append("server_id stays %d, which is every server's default: %s" % (running, "; ".join(facts.followers)))
        return running
    raise Refusal(
        "server_id cannot be changed from %d to %d: %s, and a replica takes a changed id for another server or for its own events. "
        "Stop that replication first, or give the other servers of this migration other ids" % (running, wanted, "; ".join(facts.followers))
    )


def _kept_or_derived_id(wishes: Wishes, facts: Facts) -> int:
    """The server's own id where it is one of a kind: 0 and 1 are what every server has that nobody configured."""
    taken = set(wishes.avoid_server_ids) | {0, 1}
    known = [facts.running.get("server_id"), facts.configured.get("server_id")]
    for value in known:
        if value is not None and str(value).isdigit() and int(value) not in taken and int(value) <= MAX_SERVER_ID:
            return int(value)
    return derive_server_id(facts.machine, taken)


def derive_server_id(machine: str, taken: set) -> int:
    """A server_id from a text that names the machine: always the same for the same text, in 2 to 2^32-1."""
    attempt = 0
    while True:
        digest = hashlib.sha256(("%s/%d" % (machine, attempt)).encode("utf-8")).digest()
        candidate = 2 + int.from_bytes(digest[:8], "big") % (MAX_SERVER_ID - 1)
        if candidate not in taken:
            return candidate
        attempt += 1


def _log_bin(wishes: Wishes, facts: Facts, notes: list) -> str | None:
    """The base name to write; None where the server has its own, which then stays as it is."""
    base = facts.running.get("log_bin_basename") or "binlog"
    own = facts.own.get("log_bin")
    if facts.running["log_bin"].upper() != "ON":
        return wishes.log_basename or own or "binlog"
    if wishes.log_basename and wishes.log_basename not in (base, base.rpartition("/")[2], own):
        notes.append("log_basename %s is not used: the binary log is on already, at %s" % (wishes.log_basename, base))
    if own:
        return own
    configured = facts.configured.get("log_bin")
    default = by_version(LOG_BIN_DEFAULT, facts.flavour, facts.version)
    # On now and off after the next start: somebody's configuration changed since. Ours keeps it on, where it is.
    stays = default if configured is None else configured != "OFF"
    return None if stays else base


def retention_seconds(name: str, value: str) -> int:
    """A retention variable's value in seconds; 0 is for ever."""
    return int(float(value or 0) * RETENTION_UNIT[name])


def _retention(wishes: Wishes, facts: Facts, notes: list) -> int:
    """The value to write, in the variable's own unit: the longest of asked, running and configured; 0 is longer than all."""
    name = facts.name("retention")
    known = [wishes.retention_hours * 3600]
    for values in (facts.running, facts.configured):
        known += _retentions(facts, values, name)
    limit = RETENTION_LIMIT[facts.flavour][name]
    if 0 in known:
        if wishes.retention_hours:
            notes.append("retention stays for ever, as it is: watch the disk space of the binary logs")
        return 0
    value = math.ceil(max(known) / RETENTION_UNIT[name])
    if value > limit:
        raise Refusal(
            "retention_hours %d is more than this server can keep (%d hours); 0 keeps binary logs for ever"
            % (wishes.retention_hours, limit * RETENTION_UNIT[name] // 3600)
        )
    if value > math.ceil(wishes.retention_hours * 3600 / RETENTION_UNIT[name]):
        longest = max(known) / 3600
        notes.append("retention stays at %g hours, which is longer than the %d that are asked for" % (longest, wishes.retention_hours))
    return value


def _retentions(facts: Facts, values: dict, name: str) -> list:
    """The seconds that are in force; on MySQL 8.0 the variable in days counts only where the one in seconds is 0 or not given."""
    seconds = retention_seconds(name, values.get(name, "0"))
    old = facts.name("retention_old")
    days = retention_seconds(old, values.get(old, "0")) if old else 0
    return [seconds or days] if seconds or days or name in values else []


def _max_binlog_size(wishes: Wishes, facts: Facts) -> str | None:
    if wishes.max_binlog_size is not None:
        return str(wishes.max_binlog_size // BLOCK * BLOCK)
    # Once written, it stays in the drop-in: a later run without the option must not undo it.
    return facts.own.get("max_binlog_size")


def _gtid(wishes: Wishes, facts: Facts, name: str) -> str | None:
    """ON where asked for. Not asked for is no order to switch GTIDs off: what an earlier run wrote stays, if it is in force."""
    if wishes.gtid:
        return "ON"
    return facts.own.get(name) if facts.running.get(name, "").upper() == "ON" else None
