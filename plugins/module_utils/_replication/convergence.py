# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether a replica catches up: a rule over samples of lag, without servers or clocks."""
from __future__ import annotations

from dataclasses import dataclass

WINDOW = 30.0


@dataclass(frozen=True)
class Verdict:
    """What the samples say.

    :param speed: seconds of the source's history applied per second; 1 holds the distance
    :param eta: seconds until the lag is gone; None where it is not shrinking
    :param ready_for: seconds since the lag is under the threshold without a break
    """

    lag: float | None
    speed: float
    eta: float | None
    ready_for: float
    converging: bool


class Convergence:
    """Samples of (time, lag), both in seconds."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.samples: list[tuple[float, float]] = []
        self.under_since: float | None = None
        self.last: float | None = None

    def add(self, at: float, lag: float | None) -> Verdict:
        """Take a sample and judge."""
        self.last = lag
        if lag is None:
            self.under_since = None
            return Verdict(None, 0.0, None, 0.0, True)
        self.samples = [sample for sample in self.samples if sample[0] > at - WINDOW] + [(at, lag)]
        if lag > self.threshold:
            self.under_since = None
        elif self.under_since is None:
            self.under_since = at
        return self._judge(at, lag)

    def _judge(self, at: float, lag: float) -> Verdict:
        first_at, first_lag = self.samples[0]
        span = at - first_at
        # Lag that shrinks by d in s seconds means that (s + d) seconds of history were applied.
        speed = 1.0 + (first_lag - lag) / span if span > 0 else 1.0
        ready_for = at - self.under_since if self.under_since is not None else 0.0
        eta = lag / (speed - 1.0) if speed > 1.001 else None
        long_enough = span >= WINDOW * 0.8
        converging = lag <= self.threshold or not long_enough or speed > 1.001
        return Verdict(lag, speed, eta, ready_for, converging)
