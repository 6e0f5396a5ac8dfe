# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Ranges of a primary key: how a table is compared piece by piece.

A range is (after, up to]. Its borders are values of the key's leading columns, as far as the order of their values is the order of
the index on every server.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .tables import Column, quoted

# Not FLOAT and DOUBLE, whose printed values are not those stored; not ENUM, SET and BIT, which are ordered by number and compared by
# text; not what cannot be a key without a prefix.
ORDERED = frozenset(
    ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "date", "time", "datetime", "timestamp", "year")
    + ("char", "varchar", "binary", "varbinary")
)
# These name a row as exactly, though they make no ranges.
NAMING = ORDERED | {"enum", "set"}
# Borders of more columns make longer conditions and no better ranges.
MOST_COLUMNS = 3
#: Rows of a table's first range, and the bounds of all later ones.
FIRST_ROWS, LEAST_ROWS, MOST_ROWS = 5_000, 500, 500_000
#: Seconds that a range should take on the slower side.
RANGE_SECONDS = 1.0

Border = t.Tuple[t.Any, ...]


@dataclass(frozen=True)
class Key:
    """The columns that a table is divided by; none where it is compared as a whole."""

    columns: tuple
    whole: tuple  # the primary key's columns, which name one row

    @property
    def divides(self) -> bool:
        """Whether the table can be compared piece by piece."""
        return bool(self.columns)


def key_of(primary: t.Sequence[str], columns: t.Sequence[Column]) -> Key:
    """The leading columns of a primary key whose order is the same everywhere."""
    types = {column.name: column.type for column in columns}
    if not all(types.get(name) in NAMING for name in primary):
        return Key((), tuple(primary))
    leading: list[str] = []
    for name in primary[:MOST_COLUMNS]:
        if types.get(name) not in ORDERED:
            break
        leading.append(name)
    return Key(tuple(leading), tuple(primary))


def _name(column: str) -> str:
    """A quoted name in a statement whose values are bound."""
    return quoted(column).replace("%", "%%")


def beyond(columns: t.Sequence[str], border: Border) -> tuple[str, list]:
    """The condition that a row lies behind a border, with its values.

    Written out: the servers use an index for this form, and not for a comparison of row constructors on all versions.
    """
    return _ordered(columns, border, ">", ">")


def up_to(columns: t.Sequence[str], border: Border) -> tuple[str, list]:
    """The condition that a row lies before a border or at it, with its values."""
    return _ordered(columns, border, "<", "<=")


def _ordered(columns: t.Sequence[str], border: Border, strictly: str, last: str) -> tuple[str, list]:
    name, value = _name(columns[0]), border[0]
    if len(columns) == 1:
        return "%s %s %%s" % (name, last), [value]
    rest, values = _ordered(columns[1:], border[1:], strictly, last)
    # The first part alone bounds the index range.
    return "%s %s= %%s AND (%s %s %%s OR (%s = %%s AND %s))" % (name, strictly, name, strictly, name, rest), [value, value, value, *values]


def within(columns: t.Sequence[str], after: Border | None, until: Border | None) -> tuple[str, list]:
    """The condition of a range, with its values; empty for a whole table.

    :param after: None from the beginning
    :param until: None to the end
    """
    parts = [beyond(columns, after)] if after is not None else []
    parts += [up_to(columns, until)] if until is not None else []
    return " AND ".join("(%s)" % sql for sql, _values in parts), [value for _sql, values in parts for value in values]


def border_sql(schema: str, table: str, columns: t.Sequence[str], after: Border | None, rows: int) -> tuple[str, list]:
    """The query for the border so many rows behind another; it has no row where fewer are left."""
    names = ", ".join(quoted(name) for name in columns)
    where, values = within(columns, after, None)
    tail = " ORDER BY %s LIMIT 1 OFFSET %d" % (names, rows - 1)
    return with_condition("SELECT %s FROM %s" % (names, quoted(schema, table)), where, tail), values


def with_condition(sql: str, where: str, tail: str = "") -> str:
    """A query with a condition whose values are bound; without one, nothing is."""
    return "%s WHERE %s%s" % (sql.replace("%", "%%"), where, tail.replace("%", "%%")) if where else sql + tail


def next_rows(rows: int, seconds: float) -> int:
    """How many rows the next range should have, by how long this one took; it grows and shrinks by no more than four times."""
    wanted = rows * RANGE_SECONDS / max(seconds, 0.001)
    return int(min(max(wanted, rows / 4, LEAST_ROWS), rows * 4, MOST_ROWS))


def same_row(columns: t.Sequence[str], values: Border) -> tuple[str, list]:
    """The condition that names one row by its whole primary key."""
    return " AND ".join("%s = %%s" % _name(name) for name in columns), list(values)
