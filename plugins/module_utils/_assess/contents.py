# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a server holds: schemas, sizes, and the tables that need attention."""

from __future__ import annotations

import re
import typing as t

from .._state.paths import SCHEMA
from .reader import SYSTEM, Reader

# No list of names grows beyond this; the counts beside them are complete.
MOST_NAMES = 500

_TABLES = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, TABLE_TYPE AS k, ENGINE AS e, TABLE_ROWS AS r, CREATE_OPTIONS AS o,"
    " COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) AS b FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN " + SYSTEM
)
# STATISTICS and not TABLE_CONSTRAINTS: the latter hides tables on which the login may only SELECT. And not DISTINCT, which takes names
# that differ by case alone for one.
_KEYS = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n FROM information_schema.STATISTICS"
    " WHERE INDEX_NAME = 'PRIMARY' AND SEQ_IN_INDEX = 1 AND TABLE_SCHEMA NOT IN " + SYSTEM
)
# fact -> the statement that counts it
_COUNTS = {
    "routines": "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN " + SYSTEM,
    "triggers": "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN " + SYSTEM,
    "events": "SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA NOT IN " + SYSTEM,
    "events_enabled": "SELECT COUNT(*) FROM information_schema.EVENTS WHERE STATUS = 'ENABLED' AND EVENT_SCHEMA NOT IN " + SYSTEM,
}
# TABLE_TYPE of what holds rows
_STORED = ("BASE TABLE", "SYSTEM VERSIONED")
# ENCRYPTION='Y' (MySQL), `encrypted`='YES' (MariaDB) among a table's options
_ENCRYPTED = re.compile(r"\bENCRYPT(?:ION|ED)[`\s]*=\s*['\"]?Y", re.IGNORECASE)


def read_contents(reader: Reader, flavour: t.Any) -> dict:
    """Schemas, sizes, and the tables that need attention."""
    rows = reader.rows("tables", _TABLES)
    tables = [row for row in rows if row["k"] in _STORED and row["s"] != SCHEMA]
    marked = _marked(tables, {(row["s"], row["n"]) for row in reader.rows("tables", _KEYS)})
    facts: dict = {topic: reader.number("tables", sql) for topic, sql in _COUNTS.items()}
    held = [name for name in flavour.user_schemas() if name != SCHEMA]
    facts.update(
        schemas=_schemas(held, rows),
        holds_data=held,
        bytes=sum(int(row["b"]) for row in tables),
        rows_estimate=sum(int(row["r"] or 0) for row in tables),
        tables=len(tables),
        views=sum(row["k"] == "VIEW" for row in rows),
        **{topic: [_table(row) for row in found[:MOST_NAMES]] for topic, found in marked.items()},
        not_innodb_count=len(marked["not_innodb"]),
        without_primary_key_count=len(marked["without_primary_key"]),
        encrypted_tables=sum(bool(_ENCRYPTED.search(row["o"] or "")) for row in tables),
    )
    return facts


def _marked(tables: list[dict], keyed: set) -> dict[str, list[dict]]:
    """The tables that need attention, by why.

    :param keyed: schema and name of those with a primary key
    """
    return {
        "not_innodb": [row for row in tables if row["e"] and row["e"].lower() != "innodb"],
        "without_primary_key": [row for row in tables if row["e"] and (row["s"], row["n"]) not in keyed],
        "unreadable_tables": [row for row in tables if not row["e"]],
        "versioned_tables": [row for row in tables if row["k"] == "SYSTEM VERSIONED"],
    }


def _schemas(names: list, rows: list) -> list[dict]:
    """Each schema with its tables, views and bytes."""
    found = {name: {"name": name, "tables": 0, "views": 0, "bytes": 0} for name in names}
    for row in rows:
        entry = found.get(row["s"])
        if entry:
            # A MariaDB sequence is neither.
            entry["views"] += row["k"] == "VIEW"
            entry["tables"] += row["k"] in _STORED
            entry["bytes"] += int(row["b"])
    return list(found.values())


def _table(row: dict) -> dict:
    return {"schema": row["s"], "name": row["n"], "engine": row["e"] or "", "bytes": int(row["b"])}
