# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests as an application saw them that tries each once more: which failed all the same, and how long they took.

A writer repeats without end; what lies between two of its acknowledgements is one request and all its tries. One failed try
in between is what a single retry hides, two are a failed request.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ledger_files import Ack, Attempt, ack_log, attempt_log, read_acks, read_attempts, writers_in
from ledger_gaps import AROUND_US

#: That no connection came about is noted once for each cause and not for each try: it may stand for more than one.
FAILURES = {"no_connection": 2}


class Requests:
    """What is counted over all writers, of the requests that were answered from a time on (microseconds of the monotonic clock)."""

    def __init__(self, since_us: int = 0) -> None:
        self.since_us = since_us
        self.retried = 0
        self.failed = 0
        self.longest_us = 0
        self.longest_at_us = 0

    def add(self, acks: Iterable[Ack], attempts: Iterable[Attempt]) -> None:
        """Take in one writer's logs."""
        entries: Iterable[tuple[int, Any]] = heapq.merge(
            ((ack.mono_us, ack) for ack in acks), ((attempt.mono_us, attempt) for attempt in attempts), key=lambda entry: entry[0]
        )
        failures, previous = 0, 0
        for at_us, entry in entries:
            if isinstance(entry, Attempt):
                failures += FAILURES.get(entry.outcome, 1)
                continue
            if at_us >= self.since_us:
                # Connecting again is part of what the application waits for, and only the time since the last answer has it all.
                self._count(failures, at_us, at_us - previous if failures and previous else at_us - entry.started_us)
            failures, previous = 0, at_us

    def _count(self, failures: int, at_us: int, took_us: int) -> None:
        self.retried += failures > 0
        self.failed += failures > 1
        if took_us > self.longest_us:
            self.longest_us, self.longest_at_us = took_us, at_us

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "retried": self.retried,
            "failed_after_one_retry": self.failed,
            "longest_request_s": round(self.longest_us / 1e6, 6),
            "longest_request_mono_us": self.longest_at_us,
        }


def requests(out: Path, since_us: int = 0) -> dict[str, Any]:
    """The requests of the runs in a directory, from a time on."""
    found = Requests(since_us)
    for writer in writers_in(out):
        found.add(read_acks(ack_log(out, writer)), read_attempts(attempt_log(out, writer)))
    return found.facts()


def at_switch(out: Path, moves: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The requests from shortly before the first move on; None where nobody moved.

    What a switch costs its clients is not to be mixed with what came before, as a restart of the source.
    """
    return requests(out, min(move["last_old_mono_us"] for move in moves) - AROUND_US) if moves else None
