# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The objects of a server and a print of each: tells whether a definition changed during the copy, and whether all arrived."""

from __future__ import annotations

import hashlib
import typing as t

from .._server.connection import Connection
from .._server.events import read_events

# Kind -> the rows that define it. The first two columns name the object, a third named part too. Rows of one name are joined.
QUERIES = {
    "table": "SELECT TABLE_SCHEMA a, TABLE_NAME b, TABLE_TYPE c, ENGINE d, {created} e, TABLE_COLLATION f, CREATE_OPTIONS g"
    " FROM information_schema.TABLES WHERE TABLE_SCHEMA IN %s AND TABLE_TYPE <> 'VIEW' ORDER BY 1, 2, 3",
    "column": "SELECT TABLE_SCHEMA a, TABLE_NAME b, ORDINAL_POSITION c, COLUMN_NAME d, COLUMN_TYPE e, IS_NULLABLE f, COLUMN_DEFAULT g,"
    " EXTRA h, COLLATION_NAME i FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN %s ORDER BY 1, 2, 3",
    "index": "SELECT TABLE_SCHEMA a, TABLE_NAME b, INDEX_NAME c, SEQ_IN_INDEX d, COLUMN_NAME e, NON_UNIQUE f, SUB_PART g"
    " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN %s ORDER BY 1, 2, 3, 4",
    "view": "SELECT TABLE_SCHEMA a, TABLE_NAME b, VIEW_DEFINITION c, DEFINER d FROM information_schema.VIEWS"
    " WHERE TABLE_SCHEMA IN %s ORDER BY 1, 2, 3",
    "routine": "SELECT ROUTINE_SCHEMA a, ROUTINE_NAME b, ROUTINE_TYPE c, ROUTINE_DEFINITION d, DEFINER e, SQL_MODE f"
    " FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA IN %s ORDER BY 1, 2, 3",
    "trigger": "SELECT TRIGGER_SCHEMA a, TRIGGER_NAME b, EVENT_MANIPULATION c, EVENT_OBJECT_TABLE d, ACTION_TIMING e,"
    " ACTION_STATEMENT f, DEFINER g FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN %s ORDER BY 1, 2, 3",
    "event": "SELECT EVENT_SCHEMA a, EVENT_NAME b, EVENT_DEFINITION c, DEFINER d, EVENT_TYPE e, EXECUTE_AT f, INTERVAL_VALUE g,"
    " INTERVAL_FIELD h FROM information_schema.EVENTS WHERE EVENT_SCHEMA IN %s ORDER BY 1, 2, 3",
}


def read_catalogue(connection: Connection, schemas: list[str]) -> dict[str, str]:
    """Object name ("table shop.orders") to a print of its definition.

    A table's creation time is part of it: a rebuild or a new table of the same form leaves the rest alone. TRUNCATE leaves that
    alone too; a dump that comes to such a table afterwards fails by itself (1412, on MariaDB 10.11 and MySQL 9.7).
    """
    found: dict[str, t.Any] = {}
    if not schemas:
        return {}
    for kind, query in QUERIES.items():
        for row in read_events(connection, query.format(created="CREATE_TIME"), (tuple(schemas),)):
            values = list(row.values())
            subject = "%s %s.%s" % ("table" if kind in ("column", "index") else kind, values[0], values[1])
            found.setdefault(subject, hashlib.sha256()).update(repr(values[2:]).encode())
    return {subject: digest.hexdigest() for subject, digest in found.items()}


def changed_objects(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The objects whose definition came, went or changed between two readings."""
    return sorted(name for name in set(before) | set(after) if before.get(name) != after.get(name))


def schema_sizes(connection: Connection, schemas: list[str]) -> list[tuple[str, str, int]]:
    """Schema, table and bytes of data of each base table, in the order in which a dump writes them."""
    if not schemas:
        return []
    rows = connection.rows(
        "SELECT TABLE_SCHEMA a, TABLE_NAME b, COALESCE(DATA_LENGTH, 0) c FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA IN %s AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_SCHEMA, TABLE_NAME",
        (tuple(schemas),),
    )
    return [(row["a"], row["b"], int(row["c"])) for row in rows]
