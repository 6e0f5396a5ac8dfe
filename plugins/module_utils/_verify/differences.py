# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Which rows differ: a range or a table whose digests are unequal is narrowed down to rows, on both sides in the same snapshots."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from .._server.connection import Connection
from .chunks import Border, Key, same_row
from .strength import Strength
from .tables import Column

CHANGED, MISSING, EXTRA = "changed", "missing on the target", "only on the target"


@dataclass(frozen=True)
class Table:
    """A table that is compared."""

    schema: str
    name: str
    columns: t.Tuple[Column, ...]
    key: Key
    engine: str = "innodb"

    @property
    def full(self) -> str:
        """schema.table"""
        return "%s.%s" % (self.schema, self.name)


class Sides(t.NamedTuple):
    """The two sessions, each in its snapshot."""

    source: Connection
    target: Connection


def differing_rows(sides: Sides, table: Table, strength: Strength, where: str, values: list) -> dict[Border, str]:
    """The rows of a range that differ, by their primary key, and how."""
    sql = strength.rows_sql(table.schema, table.name, table.columns, table.key.whole, where)
    old, new = ({_key(row, table): row["h"] for row in side.rows(sql, values or None)} for side in sides)
    found = {key: MISSING if key not in new else CHANGED for key, one in old.items() if new.get(key) != one}
    found.update({key: EXTRA for key in new if key not in old})
    return found


def _key(row: dict, table: Table) -> Border:
    return tuple(row[name] for name in table.key.whole)


def still_differing(sides: Sides, table: Table, strength: Strength, keys: t.Iterable[Border]) -> dict[Border, str]:
    """Those of the rows that differ in these snapshots too."""
    found: dict[Border, str] = {}
    for key in keys:
        found.update(differing_rows(sides, table, strength, *same_row(table.key.whole, key)))
    return found


def differing_counts(sides: Sides, table: Table, strength: Strength) -> Counter:
    """How many rows of a table without a key are missing on the target and only there.

    A row that was changed counts as both: nothing says that it is the same row.
    """
    sql = strength.parts_sql(table.schema, table.name, table.columns)
    old, new = ({int(row["p"]): (int(row["n"]), int(row["s"])) for row in side.rows(sql)} for side in sides)
    total: Counter = Counter()
    for part in sorted(number for number in {**old, **new} if old.get(number) != new.get(number)):
        counts = strength.counts_sql(table.schema, table.name, table.columns)
        here, there = (Counter({row["h"]: int(row["n"]) for row in side.rows(counts, (part,))}) for side in sides)
        total[MISSING] += sum((here - there).values())
        total[EXTRA] += sum((there - here).values())
    return +total
