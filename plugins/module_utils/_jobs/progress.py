# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Progress: one line that a watcher prints, and the numbers behind it."""

# Part of a program that has a log, not of a module.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import os
import threading
import time
import typing as t
from contextlib import contextmanager

from .._state.files import write_json
from .._text import visible
from .metrics import Metrics
from .series import Series

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Progress:
    """Writes a job's progress file, at most a few times a second.

    :param metrics: where the numbers go, too
    """

    def __init__(
        self, path: str, clock: t.Callable[[], float] = time.monotonic, interval: float = 0.3, metrics: Metrics | None = None
    ) -> None:
        self.path = path
        self.metrics = metrics
        self.clock = clock
        self.interval = interval
        self._last = float("-inf")
        self._phase = ""
        self._series: Series | None = None
        # Of the work that is done, 0 to 1, as far as anybody told.
        self.share = 0.0

    def say(self, phase: str, text: str, **numbers: t.Any) -> None:
        """Record the line; a change of phase is always written.

        :param numbers: for programs; done and total are the share's
        """
        now = self.clock()
        if numbers.get("total"):
            self.share = min(1.0, max(0.0, numbers.get("done", 0) / numbers["total"]))
        if phase == self._phase and now - self._last < self.interval:
            return
        self._phase, self._last = phase, now
        text = visible(text)
        print("%s: %s" % (phase, text), flush=True)
        at = time.time()
        write_json(self.path, {"phase": phase, "text": text, "at": at, **numbers}, durable=False)
        if numbers:
            # A cutover tells none: within the write stop no more is written than must be.
            self._series = self._series or Series(os.path.dirname(self.path))
            self._series.add(at, phase, numbers)
            if self.metrics is not None:
                self.metrics.tell(numbers)


@contextmanager
def ticking(progress: Progress, phase: str, text: str, interval: float = 2.0, **numbers: t.Any) -> t.Iterator[None]:
    """Tell for how long something goes on that does not tell how far it is."""
    ended, began = threading.Event(), progress.clock()

    def tick() -> None:
        while True:
            progress.say(phase, "%s, for %s" % (text, duration(progress.clock() - began)), **numbers)
            if ended.wait(interval):
                return

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)


def size(number: float) -> str:
    """Bytes for people: 1.4 GiB."""
    for unit in UNITS[:-1]:
        if number < 1024:
            return "%d %s" % (number, unit) if unit == "B" else "%.1f %s" % (number, unit)
        number /= 1024
    return "%.1f %s" % (number, UNITS[-1])


def duration(seconds: float) -> str:
    """Seconds for people: 41s, 29m41s, 3h05m."""
    whole = int(seconds)
    if whole < 60:
        return "%ds" % whole
    if whole < 3600:
        return "%dm%02ds" % divmod(whole, 60)
    return "%dh%02dm" % (whole // 3600, whole % 3600 // 60)


def copy_line(done: float, total: float, copied: float, elapsed: float) -> str:
    """A copy's line: percent, bytes, rate and ETA. No ETA before one percent; "due" where the estimate is overrun.

    :param done: data copied, in the units of total
    :param copied: bytes that crossed, for the rate
    """
    share = min(1.0, done / total) if total else 0.0
    rate = copied / elapsed if elapsed > 0 else 0.0
    if share < 0.01:
        eta = "ETA -"
    elif share >= 1.0:
        eta = "ETA due"
    else:
        eta = "ETA " + duration(elapsed * (1 - share) / share)
    return "%5.1f%%  %s of %s  %.1f MB/s  %s" % (100 * share, size(done), size(total), rate / 1e6, eta)
