# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A job's numbers over time, thinned so that a copy of days takes no more room than one of minutes."""

from __future__ import annotations

import os
import typing as t

from .._state.files import read_json, write_json

FILE = "series.json"
#: Points that are kept: when there are twice as many, each second one goes, and the next come half as often.
MOST = 240
#: Seconds between two points at first.
EVERY = 1.0
#: What is kept of what a job tells. All are numbers: bytes, bytes, seconds, rows.
NAMES = ("done", "total", "lag", "rows")


class Series:
    """The points of a job, beside its progress file.

    :param folder: the job's; what an earlier try left there goes on
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self.every = EVERY
        self.points: list[dict] = []
        try:
            kept: t.Any = read_json(self._path)
            self.every, self.points = float(kept["every"]), list(kept["points"])
        except (OSError, ValueError, TypeError, KeyError):
            # It is a picture, and nothing rests on it.
            pass

    def add(self, at: float, phase: str, numbers: t.Mapping[str, t.Any]) -> None:
        """Keep a point, where the last one is old enough and it says anything.

        :param at: Unix seconds
        """
        told = {name: numbers[name] for name in NAMES if isinstance(numbers.get(name), (int, float))}
        if not told or (self.points and at - self.points[-1]["at"] < self.every):
            return
        self.points.append({"at": round(at, 3), "phase": phase, **told})
        if len(self.points) >= 2 * MOST:
            self.points, self.every = self.points[::2], 2 * self.every
        write_json(self._path, {"every": self.every, "points": self.points}, durable=False)
