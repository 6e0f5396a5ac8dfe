# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Which tables there are to compare, and how each is divided: read from both servers."""

from __future__ import annotations

import typing as t

from .._server.connection import Connection
from .._state.paths import SCHEMA as OWN_SCHEMA
from .chunks import key_of
from .differences import Table
from .tables import Column, read_columns, select

Name = t.Tuple[str, str]
NEW, GONE = "it is missing on the target", "it is only on the target"

KEYS = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.STATISTICS"
    " WHERE INDEX_NAME = 'PRIMARY' ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"
)
SIZES = "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, LOWER(ENGINE) AS e, TABLE_ROWS AS n, DATA_LENGTH AS b FROM information_schema.TABLES"


class Found(t.NamedTuple):
    """The tables of both servers.

    :param tables: those with equal columns, the largest first
    :param unequal: schema.table to why there is nothing to compare
    :param rows: schema.table to the target's estimate
    """

    tables: list[Table]
    unequal: dict[str, str]
    rows: dict[str, int]


def find(source: Connection, target: Connection, schemas: t.Sequence[str], exclude: t.Sequence[str]) -> Found:
    """Read both servers' definitions.

    :param schemas: those that were copied
    :param exclude: names as schema.table, with the wildcards * and ?
    """
    old, new = read_columns(source), read_columns(target)
    wanted = [name for name in schemas if name != OWN_SCHEMA]
    names = select({**old, **new}, wanted, exclude, {})
    keys: dict[Name, list[str]] = {}
    for row in source.rows(KEYS):
        keys.setdefault((row["s"], row["t"]), []).append(row["c"])
    sizes = {(row["s"], row["t"]): row for row in target.rows(SIZES)}
    tables, unequal = [], {}
    for name in names:
        words = why_unequal(old.get(name), new.get(name))
        if words:
            unequal["%s.%s" % name] = words
            continue
        columns = old[name]
        tables.append(Table(*name, tuple(columns), key_of(keys.get(name, []), columns), str(sizes.get(name, {}).get("e") or "innodb")))
    rows = {"%s.%s" % name: int(row["n"] or 0) for name, row in sizes.items()}
    tables.sort(key=lambda table: -int(sizes.get((table.schema, table.name), {}).get("b") or 0))
    return Found(tables, unequal, rows)


def why_unequal(old: t.Sequence[Column] | None, new: t.Sequence[Column] | None) -> str:
    """Why two definitions hold rows that cannot be compared; empty where they can."""
    if new is None:
        return NEW
    if old is None:
        return GONE
    if list(old) == list(new):
        return ""
    here, there = ({column.name: column for column in side} for side in (old, new))
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return "its columns differ: %s" % (", ".join(names) or "they are in another order")


def reread(source: Connection, target: Connection, schema: str, table: str) -> Table | str:
    """One table's definition now; a text where it cannot be compared."""
    found = find(source, target, [schema], [])
    for one in found.tables:
        if one.name == table:
            return one
    # Dropped on both: there is nothing to be equal.
    return found.unequal.get("%s.%s" % (schema, table), "it was dropped meanwhile")
