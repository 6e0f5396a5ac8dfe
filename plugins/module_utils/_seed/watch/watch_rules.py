# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The watch's rules, pure: what was seen first, last and now, and whether the copy must stop for it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

MB = 1000000
# Below this share of the copy, and before so many seconds, a rate of growth means nothing.
PROJECT_SHARE, PROJECT_SECONDS = 0.05, 60.0
# States of a session that waits for a lock over everything, on both flavours.
GLOBAL_WAITS = re.compile(r"waiting for (global read|commit|backup) lock", re.I)
TABLE_WAITS = re.compile(r"waiting for table (metadata lock|flush)", re.I)
# With or without its schema in front.
READ_TABLE = re.compile(r"\bFROM (?:`((?:[^`]|``)+)`\.)?`((?:[^`]|``)+)`", re.I)


@dataclass(frozen=True)
class Limits:
    """Thresholds.

    :param target_reserve: bytes that must stay free on the target's data directory
    :param source_reserve: bytes that must stay free on each of the source's
    :param lock_seconds: how long a session on the source may wait for a lock that may be the copy's; 0 for ever
    """

    target_reserve: int
    source_reserve: int
    lock_seconds: int


@dataclass(frozen=True)
class Sample:
    """What was seen at one time; None and empty where it could not be asked.

    :param at: seconds of a clock that never jumps
    :param share: of the copy that is done, 0 to 1
    :param to_come: bytes that the target's disk must still take
    :param target_dir: host:path, for messages
    :param source_free: host:path to bytes
    :param uptime: seconds since the source's server started
    :param logs: the source's binary logs, name to size
    :param retention: seconds that the source keeps them; 0 for ever
    :param sessions: of the source: id, user, schema, seconds, state, statement
    """

    at: float
    share: float = 0.0
    to_come: int = 0
    target_dir: str = ""
    target_free: int | None = None
    source_free: dict = field(default_factory=dict)
    uptime: int | None = None
    logs: dict = field(default_factory=dict)
    retention: int | None = None
    sessions: tuple = ()


@dataclass(frozen=True)
class Baseline:
    """What a look is held against.

    :param needs: the source's binary log file and position from which the target will replicate; None while it is not known
    :param own_user: the account of the copy's own sessions
    """

    first: Sample
    last: Sample
    limits: Limits
    needs: tuple | None
    own_user: str


@dataclass(frozen=True)
class Finding:
    """Something that the copy must stop for, or at least tell.

    :param stops: whether the copy ends for it
    :param again: whether starting over by itself can help
    """

    text: str
    stops: bool = True
    again: bool = False


def target_room(now: Sample, past: Baseline) -> Finding | None:
    """The target's disk takes the rest and keeps its reserve."""
    if now.target_free is None or now.target_free - now.to_come >= past.limits.target_reserve:
        return None
    return Finding(
        "the target's disk would fill: %d MB are free in %s, about %d MB are still to come, and %d MB must stay free (migration_target_reserve_mb); "
        "make room there" % (now.target_free // MB, now.target_dir, now.to_come // MB, past.limits.target_reserve // MB)
    )


def source_free_space(now: Sample, past: Baseline) -> Finding | None:
    """The source's disks keep their reserve, now and at the pace of now until the copy's end."""
    for path, free in sorted(now.source_free.items()):
        if free is None:
            continue
        reserve = past.limits.source_reserve
        if free < reserve:
            text = "the source's disk is nearly full: %d MB are free in %s, %d MB must stay so (migration_target_source_reserve_mb); make room there"
            return Finding(text % (free // MB, path, reserve // MB))
        spent, elapsed = (past.first.source_free.get(path) or free) - free, now.at - past.first.at
        if spent <= 0 or elapsed < PROJECT_SECONDS or not PROJECT_SHARE <= now.share < 1:
            continue
        rest = elapsed * (1 - now.share) / now.share
        left = free - spent / elapsed * rest
        if left < reserve:
            return Finding(
                "the source's disk would be full before the copy's end: %d MB are free in %s, it loses %.1f MB/s, the copy needs %d s "
                "more, and %d MB must stay free (migration_target_source_reserve_mb); make room there, or keep its binary logs less long"
                % (free // MB, path, spent / elapsed / MB, rest, reserve // MB)
            )
    return None


def not_restarted(now: Sample, past: Baseline) -> Finding | None:
    """The source's server has not been restarted: by its uptime, which no change of a clock touches."""
    if now.uptime is None or past.last.uptime is None or now.uptime >= past.last.uptime:
        return None
    return Finding("the source's server was restarted %d s ago, during the copy" % now.uptime, again=True)


def covered(now: Sample, past: Baseline) -> Finding | None:
    """The source's binary logs still reach back to the snapshot."""
    if not now.logs or past.needs is None:
        return None
    file, position = past.needs
    if now.logs.get(file, -1) >= position:
        return None
    oldest = min(now.logs)
    return Finding(
        "the source's binary log %s, from whose position %d the target will replicate, is gone (the oldest now: %s): somebody purged or "
        "reset the binary logs; stop whatever does that, see that they are kept longer (migration_source_retention_hours)" % (file, position, oldest)
    )


def kept(now: Sample, past: Baseline) -> Finding | None:
    """Nobody has shortened the time for which the source keeps its binary logs."""
    before = past.first.retention
    if not now.retention or before is None or 0 < before <= now.retention:
        return None
    elapsed = now.at - past.first.at
    whole = elapsed / now.share if now.share >= PROJECT_SHARE else elapsed + 3600.0
    told = "%d s" % before if before else "for ever"
    text = "the source keeps its binary logs %d s now, and %s when the copy began: somebody shortened it" % (now.retention, told)
    if now.retention < 2 * whole:
        return Finding("%s, and the copy alone takes about %d s; set it back" % (text, whole))
    return Finding(text, stops=False)


def nobody_waits(now: Sample, past: Baseline) -> Finding | None:
    """No session of others waits long for a lock that the copy may hold."""
    limit = past.limits.lock_seconds
    own = [one for one in now.sessions if one["user"] == past.own_user]
    read = {(schema or one["schema"] or "", name) for one in own for schema, name in READ_TABLE.findall(one["statement"] or "")}
    waiting = [
        one for one in now.sessions if one["user"] != past.own_user and limit and one["seconds"] > limit and _may_be_ours(one, own, read)
    ]
    if not waiting:
        return None
    names = ["session %s of %s for %s s (%s)" % (one["id"], one["user"], one["seconds"], one["state"]) for one in waiting[:5]]
    return Finding(
        "%d sessions on the source wait for a lock that the copy may hold: %s; longer than %d s (migration_target_lock_seconds) is not asked of its "
        "clients; copy when no definitions change" % (len(waiting), "; ".join(names), limit)
    )


def _may_be_ours(waiter: dict, own: list, read: set) -> bool:
    """Whether a session may wait for us: for a global lock while we are there, for a table that we are reading."""
    state, statement = waiter["state"] or "", waiter["statement"] or ""
    if GLOBAL_WAITS.search(state):
        return bool(own)
    return bool(TABLE_WAITS.search(state)) and any(name in statement for _schema, name in read)


RULES: tuple[t.Callable[[Sample, Baseline], t.Optional[Finding]], ...] = (
    not_restarted, covered, source_free_space, target_room, kept, nobody_waits,
)  # fmt: skip


def judge(now: Sample, past: Baseline) -> list[Finding]:
    """All that is found, what stops the copy first."""
    found = [finding for finding in (rule(now, past) for rule in RULES) if finding]
    return sorted(found, key=lambda finding: not finding.stops)
