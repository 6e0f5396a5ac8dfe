# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write stop as clients saw it, from the acknowledgements' times alone."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

from ledger_files import ack_log, read_acks, read_changes, writers_in

#: What is around a move: gaps that end this long before the old server's last or after the new one's first
#: acknowledgement. While the fence closes, a straggler may be acknowledged that cuts the write stop in two.
AROUND_US = 1_000_000


class Beat(NamedTuple):
    """An acknowledgement in the timeline of all writers, microseconds of the monotonic clock."""

    at_us: int
    writer: int
    server: str
    started_us: int = 0


@dataclass
class Move:
    """Acknowledgements going from one server to the next.

    since and until bound the time in which this move is looked for: before it, the one before is still going on.
    """

    old: str = ""
    new: str = ""
    since_us: float = float("-inf")
    changed_us: float = float("-inf")
    until_us: float = float("inf")
    last_old_us: int = 0
    first_new_us: int = 0
    overlap: int = 0
    overlap_started_after: int = 0
    overlap_us: int = 0
    around_us: int = 0
    writers_old: dict[int, int] = field(default_factory=dict)
    writers_new: dict[int, int] = field(default_factory=dict)

    def add(self, beat: Beat) -> None:
        """Take in an acknowledgement; they come in the order of time."""
        if not self.since_us <= beat.at_us < self.until_us:
            return
        self.old = self.old or beat.server
        if beat.server == self.old:
            self.writers_old[beat.writer] = beat.at_us
            if not self.first_new_us:
                self.last_old_us = beat.at_us
                return
            self.overlap += 1
            self.overlap_started_after += beat.started_us > self.first_new_us
            self.overlap_us = beat.at_us - self.first_new_us
        elif beat.at_us >= self.changed_us and self.new in ("", beat.server):
            self.new = beat.server
            self.first_new_us = self.first_new_us or beat.at_us
            self.writers_new.setdefault(beat.writer, beat.at_us)

    @property
    def worst_writer_us(self) -> int:
        """The longest time that one writer waited; 0 where no writer was acknowledged by both."""
        both = self.writers_old.keys() & self.writers_new.keys()
        return max((self.writers_new[writer] - self.writers_old[writer] for writer in both), default=0)

    def facts(self) -> dict[str, Any]:
        """For the report. Times in seconds; *_mono_us are the machine's monotonic clock."""
        return {
            "from": self.old,
            "to": self.new,
            "gap_s": round((self.first_new_us - self.last_old_us) / 1e6, 6),
            "gap_around_s": round(self.around_us / 1e6, 6),
            "worst_writer_s": round(max(0, self.worst_writer_us) / 1e6, 6),
            "last_old_mono_us": self.last_old_us,
            "first_new_mono_us": self.first_new_us,
            "overlap_acknowledged": self.overlap,
            "overlap_started_after": self.overlap_started_after,
            "overlap_s": round(self.overlap_us / 1e6, 6),
        }


def windows(changes: Sequence[int]) -> list[Move]:
    """The moves to look for: one for each change of the endpoint, or one alone where a proxy did the switch.

    :param changes: the last times at which the endpoint was still seen as it was, in order
    """
    if not changes:
        return [Move()]
    edges = [float("-inf"), *changes, float("inf")]
    return [Move(since_us=edges[n], changed_us=edges[n + 1], until_us=edges[n + 2]) for n in range(len(changes))]


class Recent:
    """The gaps between consecutive acknowledgements, as far back as a move's surroundings reach."""

    def __init__(self) -> None:
        self.previous = 0
        self.gaps: deque[tuple[int, int]] = deque()
        self.longest, self.longest_at = 0, 0

    def add(self, at_us: int) -> int:
        """Take in an acknowledgement; return the gap before it."""
        gap = at_us - self.previous if self.previous else 0
        if gap > self.longest:
            self.longest, self.longest_at = gap, self.previous
        while self.gaps and self.gaps[0][0] < self.previous - AROUND_US:
            self.gaps.popleft()
        self.gaps.append((at_us, gap))
        self.previous = at_us
        return gap

    def note(self, move: Move, at_us: int, gap: int, first: bool) -> None:
        """Keep the longest gap around a move. first: this acknowledgement is the new server's first."""
        if first:
            move.around_us = max(kept for _end, kept in self.gaps)
        elif move.first_new_us and at_us <= move.first_new_us + AROUND_US:
            move.around_us = max(move.around_us, gap)


def write_stop(timeline: Iterable[Beat], changes: Sequence[int] = ()) -> dict[str, Any]:
    """The moves, the longest gaps, and whether two servers acknowledged at the same time.

    :param timeline: all writers' acknowledgements in the order of time
    """
    moves = windows(changes)
    recent = Recent()
    servers: dict[str, int] = {}
    for beat in timeline:
        servers[beat.server] = servers.get(beat.server, 0) + 1
        gap = recent.add(beat.at_us)
        for before, move in zip([None, *moves], moves):
            if before is not None and before.new and move.old != before.new:
                # What a move ended at is where the next one begins, whatever stragglers say.
                move.old, move.last_old_us, move.writers_old = before.new, 0, {}
            found = move.first_new_us
            move.add(beat)
            recent.note(move, beat.at_us, gap, move.first_new_us != found)
    seen = [move for move in moves if move.new and move.last_old_us]
    facts = [move.facts() for move in seen]
    return {
        "servers": servers,
        "moves": facts,
        "clients_gap_s": max((fact["gap_around_s"] for fact in facts), default=None),
        "clients_gap_worst_writer_s": max((fact["worst_writer_s"] for fact in facts), default=None),
        "longest_gap_s": round(recent.longest / 1e6, 6),
        "longest_gap_mono_us": recent.longest_at,
        "two_writable": any(move.overlap for move in seen),
    }


def timeline(out: Path) -> Iterator[Beat]:
    """All acknowledgements of a directory, merged by time."""

    def of(writer: int) -> Iterator[Beat]:
        return (Beat(ack.mono_us, writer, ack.server, ack.started_us) for ack in read_acks(ack_log(out, writer)))

    return heapq.merge(*(of(writer) for writer in writers_in(out)))


def measure(out: Path) -> dict[str, Any]:
    """The write stop of the runs in a directory."""
    return write_stop(timeline(out), [change.before_us for change in read_changes(out)])
