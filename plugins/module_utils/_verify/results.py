# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a verification has found so far: kept after each range, so that the same command carries on there.

Where a table's comparison stands is a key's value, and so a row's: the file is root's alone, and no place is left in it in the end.
"""

from __future__ import annotations

import datetime
import decimal
import os
import threading
import time
import typing as t
from dataclasses import asdict, dataclass, field

from .._state.files import read_json, write_json
from .chunks import Border

FILE = "verified.json"
#: How often it is written, in seconds: what a crash loses is compared again.
EVERY_SECONDS = 2.0


@dataclass
class TableResult:
    """How far a table is compared.

    :param since: Unix seconds of its first range
    :param differences: kind of difference to the number of rows
    :param why: in words, where it could not be compared or its definitions differ
    :param uncomparable: it is not known to differ: it would not stand still
    :param at: the border up to which it is compared, as JSON holds it; None at the beginning and at the end
    """

    name: str
    rows: int = 0
    ranges: int = 0
    seconds: float = 0.0
    since: float = 0.0
    done: bool = False
    differences: dict = field(default_factory=dict)
    why: str = ""
    uncomparable: bool = False
    at: list | None = None

    @property
    def equal(self) -> bool:
        """Whether all its rows were compared and none differs."""
        return self.done and not self.differences and not self.why

    @property
    def border(self) -> Border | None:
        """Where its comparison stands."""
        return tuple(from_json(value) for value in self.at) if self.at is not None else None

    def stand(self, border: Border | None) -> None:
        """Its comparison stands here now."""
        self.at = None if border is None else [to_json(value) for value in border]


class Results:
    """The tables' results, kept in the job's folder.

    :param setting: what makes a result one of the same verification
    :param max_age: seconds after which a table is compared again
    """

    def __init__(self, folder: str, setting: dict, max_age: float, clock: t.Callable[[], float] = time.time) -> None:
        self._path = os.path.join(folder, FILE)
        self._setting = setting
        self._clock = clock
        self._written = 0.0
        self._saving = threading.Lock()
        known = read_json(self._path) or {}
        kept = known.get("tables", []) if known.get("setting") == setting else []
        tables = [TableResult(**one) for one in kept]
        # What differs is compared again from its beginning.
        self.tables = {
            one.name: one for one in tables if not one.differences and not one.why and clock() - one.since < max_age and (one.done or one.at is not None)
        }

    def begin(self, name: str, again: bool = False) -> TableResult:
        """A table's result, as far as it is known."""
        if again or name not in self.tables:
            self.tables[name] = TableResult(name, since=self._clock())
        return self.tables[name]

    def save(self, now: bool = False) -> None:
        """Write it down, at most each few seconds."""
        with self._saving:
            if now or self._clock() - self._written > EVERY_SECONDS:
                self._written = self._clock()
                write_json(self._path, {"setting": self._setting, "tables": [asdict(one) for one in list(self.tables.values())]})


def to_json(value: t.Any) -> t.Any:
    """A key's value as JSON holds it; dates and times as the server reads them."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, decimal.Decimal):
        return {"number": str(value)}
    if isinstance(value, datetime.timedelta):
        seconds = abs(value) // datetime.timedelta(seconds=1)
        sign = "-" if value < datetime.timedelta(0) else ""
        return "%s%d:%02d:%02d.%06d" % (sign, seconds // 3600, seconds // 60 % 60, seconds % 60, abs(value).microseconds)
    return value if isinstance(value, (int, str)) else str(value)


def from_json(value: t.Any) -> t.Any:
    """The value again."""
    if isinstance(value, dict):
        return bytes.fromhex(value["bytes"]) if "bytes" in value else decimal.Decimal(value["number"])
    return value
