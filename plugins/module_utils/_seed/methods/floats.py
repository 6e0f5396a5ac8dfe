# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Exact FLOAT values behind a dump, which prints them with six significant digits and so rounds them.

The values are read again from the source after the load and before replication begins, by primary key. No lock and no
snapshot is needed: a row that nobody touched since the dump's coordinates gets its exact value, and a row that somebody
did touch is written whole by the event that replication will apply, because row images are full.
FLOAT is shown with FLT_DIG digits: https://dev.mysql.com/doc/refman/en/problems-with-float.html
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field

from ..._errors import MigrationError
from ..._server.base import Flavour
from ..._server.connection import Connection

COLUMNS = (
    "SELECT c.TABLE_SCHEMA AS s, c.TABLE_NAME AS t, c.COLUMN_NAME AS c, c.DATA_TYPE AS d, c.EXTRA AS e FROM information_schema.COLUMNS c"
    " JOIN information_schema.TABLES b ON b.TABLE_SCHEMA = c.TABLE_SCHEMA AND b.TABLE_NAME = c.TABLE_NAME AND b.TABLE_TYPE <> 'VIEW'"
    " WHERE c.TABLE_SCHEMA IN %s AND (c.DATA_TYPE = 'float' OR c.EXTRA LIKE '%%on update%%') AND COALESCE(c.GENERATION_EXPRESSION, '') = ''"
    " ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION"
)
KEYS = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.STATISTICS"
    " WHERE TABLE_SCHEMA IN %s AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"
)
TRIGGERS = (
    "SELECT DISTINCT EVENT_OBJECT_SCHEMA AS s, EVENT_OBJECT_TABLE AS t FROM information_schema.TRIGGERS"
    " WHERE EVENT_OBJECT_SCHEMA IN %s AND EVENT_MANIPULATION = 'UPDATE'"
)
BATCH = 1000


@dataclass
class FloatTable:
    """A table with FLOAT columns.

    :param floats: their names
    :param kept: columns that an UPDATE would set by itself (ON UPDATE CURRENT_TIMESTAMP) and must not
    :param key: the primary key's columns
    """

    schema: str
    table: str
    floats: list = field(default_factory=list)
    kept: list = field(default_factory=list)
    key: list = field(default_factory=list)
    triggered: bool = False

    @property
    def name(self) -> str:
        """Quoted for SQL."""
        return "%s.%s" % (quoted(self.schema), quoted(self.table))

    def select(self, differs: str) -> str:
        """The rows whose values a dump rounds: key, then exact values as DOUBLE."""
        columns = [quoted(name) for name in self.key] + ["%s + 0e0" % quoted(name) for name in self.floats]
        where = " OR ".join("(%s)" % differs.format(column=quoted(name)) for name in self.floats)
        return "SELECT %s FROM %s WHERE %s" % (", ".join(columns), self.name, where)

    def update(self) -> str:
        """Set the values of one row, and nothing else."""
        sets = ["%s = %%s" % _parameter(name) for name in self.floats] + [
            "%s = %s" % (_parameter(name), _parameter(name)) for name in self.kept
        ]
        return "UPDATE %s SET %s WHERE %s" % (
            self.name.replace("%", "%%"), ", ".join(sets), " AND ".join("%s <=> %%s" % _parameter(name) for name in self.key)
        )  # fmt: skip


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return "`%s`" % name.replace("`", "``")


def _parameter(name: str) -> str:
    """An identifier inside a statement that has parameters."""
    return quoted(name).replace("%", "%%")


def float_tables(connection: Connection, schemas: list[str]) -> list[FloatTable]:
    """The tables with FLOAT columns."""
    if not schemas:
        return []
    tables: dict[tuple, FloatTable] = {}
    for row in connection.rows(COLUMNS, (tuple(schemas),)):
        entry = tables.setdefault((row["s"], row["t"]), FloatTable(row["s"], row["t"]))
        (entry.floats if row["d"] == "float" else entry.kept).append(row["c"])
    for row in connection.rows(KEYS, (tuple(schemas),)):
        if (row["s"], row["t"]) in tables:
            tables[row["s"], row["t"]].key.append(row["c"])
    for row in connection.rows(TRIGGERS, (tuple(schemas),)):
        if (row["s"], row["t"]) in tables:
            tables[row["s"], row["t"]].triggered = True
    return [entry for entry in tables.values() if entry.floats]


def unrepairable(entry: FloatTable) -> str:
    """Why a table's values cannot be set by key; empty where they can."""
    if not entry.key:
        return "it has no primary key"
    if set(entry.key) & set(entry.floats):
        return "a FLOAT column is part of its primary key"
    return "an UPDATE would fire its triggers" if entry.triggered else ""


def repair_floats(source: Flavour, target: Flavour, schemas: list[str], say: t.Callable[[str], None]) -> int:
    """Set the exact values on the target. Returns the number of rows.

    :raises MigrationError: naming the tables whose values a dump rounds and that cannot be set by key
    """
    tables, count, lost = float_tables(source.connection, schemas), 0, []
    target.connection.run("SET SESSION sql_log_bin = 0")
    for entry in tables:
        reason = unrepairable(entry)
        rows = iter(source.connection.stream(entry.select(source.float_differs) + (" LIMIT 1" if reason else "")))
        if reason:
            lost += ["%s.%s: %s" % (entry.schema, entry.table, reason) for _row in rows]
            continue
        for batch in iter(lambda rows=rows: list(itertools.islice(rows, BATCH)), []):  # type: ignore[misc]
            keys = len(entry.key)
            target.connection.run_many(entry.update(), [row[keys:] + row[:keys] for row in batch])
            count += len(batch)
            say("%d rows with FLOAT values, %s.%s" % (count, entry.schema, entry.table))
    if lost:
        raise MigrationError(
            "a dump prints FLOAT with six digits, and these tables hold values that need more and cannot be set again by key: %s; "
            "make the columns DOUBLE (an exact change), or give the table a primary key, and run the same command again" % "; ".join(lost)
        )
    return count
