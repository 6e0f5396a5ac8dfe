# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Who would keep a fence from closing: each in words, with its session. Looking makes nobody wait."""

from __future__ import annotations

from .._errors import MigrationError
from .._seed.source.guard import LONG_TRANSACTIONS
from .._server.base import Flavour
from .names import CUTOVER_NAMES, Names

DDL = (
    "SELECT ID AS id, USER AS user, TIME AS seconds, LEFT(INFO, 40) AS info FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query'"
    " AND INFO REGEXP '^[[:space:]]*(ALTER|CREATE|DROP|TRUNCATE|RENAME|OPTIMIZE|REPAIR)[[:space:]]' AND ID <> CONNECTION_ID()"
)
# Where a replica answers, a commit waits for milliseconds. One that waits for a second has nobody to answer it.
SEMI_SYNC = (
    "SELECT ID AS id, USER AS user, TIME AS seconds FROM information_schema.PROCESSLIST"
    " WHERE STATE LIKE 'Waiting for semi-sync ACK%' AND TIME >= 1"
)
NAMED = 5


def blockers(source: Flavour, transaction_seconds: int, names: Names = CUTOVER_NAMES) -> list[str]:
    """Everything in the fence's way, in words; empty for nothing."""
    rows = source.connection.rows
    reasons = [
        "session %s of %s has a transaction open for %s s (max_transaction_seconds is %d): the fence would wait for it or break it"
        % (row["id"], row["user"], row["seconds"], transaction_seconds)
        for row in rows(LONG_TRANSACTIONS, (transaction_seconds,))
    ]
    reasons += ["session %s of %s runs DDL for %s s: %s" % (row["id"], row["user"], row["seconds"], row["info"]) for row in rows(DDL)]
    reasons += _semi_sync(rows(SEMI_SYNC), names) + _locked(source) + _prepared(rows("XA RECOVER"), names)
    return reasons


def in_the_way(source: Flavour, names: Names = CUTOVER_NAMES) -> str:
    """Whose locks kept a fence from closing, as the end of a sentence; empty where nobody's can be seen."""
    try:
        found = _locked(source) + _semi_sync(source.connection.rows(SEMI_SYNC), names)
    except MigrationError:
        # The sentence that this would end tells a failure already.
        return ""
    return "; " + "; ".join(found) if found else ""


def _semi_sync(waiting: list, names: Names) -> list[str]:
    words = (
        "session %(id)s of %(user)s commits and has waited for %(seconds)s s for a replica's answer (semi-sync): no replica answers, and the"
        " fence would wait too: repair the replica, or switch semi-sync off on %(fenced)s"
    )
    return [names.fill(words, id=row["id"], user=row["user"], seconds=row["seconds"]) for row in waiting[:NAMED]]


def _locked(source: Flavour) -> list[str]:
    return [
        "table %s is locked by LOCK TABLES of %s" % (table, " or ".join(sessions[:NAMED]) or "a session that cannot be seen")
        for table, sessions in source.locked_tables()
    ]


def _prepared(found: list, names: Names) -> list[str]:
    if not found:
        return []
    some = ", ".join(_printable(row.get("data", "")) for row in found[:NAMED])
    words = "%(count)d XA transactions are prepared on %(fenced)s and neither committed nor rolled back: %(some)s"
    return [names.fill(words, count=len(found), some=some)]


def _printable(name: object) -> str:
    """An XA transaction's name, which may be any bytes."""
    text = name.decode("utf-8", "replace") if isinstance(name, (bytes, bytearray)) else str(name)
    return "".join(letter if letter.isprintable() else "?" for letter in text)
