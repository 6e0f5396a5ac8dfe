# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A verification steps back where the source is busy, the target falls behind, or old snapshots keep too much of the past."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._errors import MigrationError
from .._replication.status import only_status
from .._server.base import Flavour

#: Seconds between two looks, and of a pause.
LOOK_SECONDS, PAUSE_SECONDS = 1.0, 0.5
HISTORY = "SELECT `COUNT` AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'"


@dataclass(frozen=True)
class Limits:
    """What is too much.

    :param threads: sessions that run on the source at once, this verification's apart
    :param lag: seconds that the target may be behind, by its own estimate
    :param history: undo records that the source's purge has left, for old snapshots among others
    """

    threads: int
    lag: float
    history: int


class Throttle:
    """Looks now and then, and says why to wait.

    :param sessions: of this verification on the source
    """

    def __init__(
        self,
        source: Flavour,
        target: Flavour,
        limits: Limits,
        sessions: int,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._source, self._target, self._limits, self._sessions = source, target, limits, sessions
        self._clock, self._sleep = clock, sleep
        self._looked = float("-inf")
        self._reason = ""
        self.history = 0
        #: Seconds that were waited in all.
        self.waited = 0.0

    def reason(self) -> str:
        """Why to wait now; empty for no reason."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._reason = self._look()
        return self._reason

    def _look(self) -> str:
        running = int(self._source.connection.status("Threads_running") or 0) - self._sessions
        self.history = self._history()
        if running > self._limits.threads:
            return "%d sessions run on the source, the limit is %d" % (running, self._limits.threads)
        lag = only_status(self._target).seconds_behind
        if lag is not None and lag > self._limits.lag:
            return "the target is %d s behind, the limit is %g s" % (lag, self._limits.lag)
        return ""

    def _history(self) -> int:
        try:
            return int(self._source.connection.value(HISTORY) or 0)
        except MigrationError:
            return 0  # the counter is off, or not for this account

    @property
    def snapshots_hurt(self) -> bool:
        """Whether the source keeps more of the past than it should for a snapshot."""
        return self.history > self._limits.history

    def wait(self, tell: t.Callable[[str], None]) -> None:
        """Wait as long as there is a reason.

        :param tell: is told the reason
        """
        began = self._clock()
        while reason := self.reason():
            tell(reason)
            self._sleep(PAUSE_SECONDS)
        self.waited += self._clock() - began
