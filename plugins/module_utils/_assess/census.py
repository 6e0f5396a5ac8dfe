# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The census: who could write on a read-only server or set it back, now and as far as the server remembers. No statement's text is read."""

from __future__ import annotations

import fnmatch
import time
import typing as t

from .._server.base import Flavour
from .._server.connection import Connection
from .._server.events import read_events
from .reader import Reader

# A program that connects for each row is seen by chance: looked for so often.
SAMPLES = 8
PAUSE = 0.05
OURS = ("nordbridge_", "mysql.")
_SESSIONS = (
    "SELECT ID AS i, USER AS u, HOST AS h, COMMAND AS c, TIME AS s, DB AS d FROM information_schema.PROCESSLIST"
    " WHERE ID <> CONNECTION_ID() AND COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
    " AND USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user')"
)
# Only where the performance schema is on, and only what the client told of itself.
_PROGRAMS = (
    "SELECT PROCESSLIST_ID AS i, ATTR_NAME AS n, ATTR_VALUE AS v FROM performance_schema.session_connect_attrs"
    " WHERE ATTR_NAME IN ('program_name', '_pid')"
)
# Statements that write rows, by whom they were sent since the server's start (or since the table was emptied); and MariaDB's own account
# of rows, where userstat is ON: https://mariadb.com/kb/en/user-statistics/
_STATEMENTS = (
    "SELECT USER AS u, HOST AS h, SUM(COUNT_STAR) AS n FROM performance_schema.events_statements_summary_by_account_by_event_name"
    " WHERE USER IS NOT NULL AND EVENT_NAME IN ('statement/sql/insert', 'statement/sql/insert_select', 'statement/sql/update',"
    " 'statement/sql/update_multi', 'statement/sql/delete', 'statement/sql/delete_multi', 'statement/sql/replace',"
    " 'statement/sql/replace_select', 'statement/sql/load') GROUP BY USER, HOST HAVING SUM(COUNT_STAR) > 0"
)
_USERSTAT = (
    "SELECT USER AS u, '' AS h, ROWS_INSERTED + ROWS_UPDATED + ROWS_DELETED AS n FROM information_schema.USER_STATISTICS"
    " WHERE ROWS_INSERTED + ROWS_UPDATED + ROWS_DELETED > 0"
)
_WROTE = {"mysql": (_STATEMENTS,), "mariadb": (_STATEMENTS, _USERSTAT)}
_LENT = (
    "SELECT CONCAT(ROUTINE_SCHEMA, '.', ROUTINE_NAME) AS n, LOWER(ROUTINE_TYPE) AS k, DEFINER AS d FROM information_schema.ROUTINES"
    " WHERE SECURITY_TYPE = 'DEFINER' AND ROUTINE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"
    " UNION ALL SELECT CONCAT(EVENT_SCHEMA, '.', EVENT_NAME), 'event', DEFINER FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'"
)
# Who was granted which role; a role's host is empty on MariaDB.
_ROLES = {
    "mysql": "SELECT TO_USER AS u, TO_HOST AS h, FROM_USER AS r, FROM_HOST AS rh FROM mysql.role_edges",
    "mariadb": "SELECT User AS u, Host AS h, Role AS r, '' AS rh FROM mysql.roles_mapping",
}


def read_census(reader: Reader, flavour: Flavour) -> dict:
    """All of it. What cannot be read is noted under the topic "census".

    :returns: accounts (those that can, user and host), sessions, wrote and lent (see sessions_of, wrote_by, lent_by)
    """
    entries = reader.ask("census", flavour.privileged_accounts, [])
    granted = [
        ((text(row["u"]), text(row["h"])), (text(row["r"]), text(row["rh"]))) for row in reader.rows("census", _ROLES[flavour.name])
    ]
    able = sorted(with_roles({tuple(entry[:2]) for entry in entries}, granted))
    able = [pair for pair in able if not pair[0].startswith(OURS)]
    sessions = _sample(reader, flavour.connection, able)
    wrote = [row for sql in _WROTE[flavour.name] for row in reader.rows("census", sql)]
    return {
        "accounts": [list(pair) for pair in able if pair[1]],
        "sessions": sessions_of(sessions, reader.rows("census", _PROGRAMS)),
        "wrote": wrote_by(wrote, able),
        "lent": lent_by(reader.ask("census", lambda: read_events(flavour.connection, _LENT), []), able),
    }


def with_roles(able: set, granted: t.Iterable[tuple]) -> set:
    """Those who can, and all who were granted a role that can, over any number of roles; whether it is active they decide themselves."""
    able, granted = set(able), list(granted)
    while True:
        more = {account for account, role in granted if role in able} - able
        if not more:
            return able
        able |= more


def _sample(reader: Reader, connection: Connection, able: list) -> list[dict]:
    """The sessions that were seen in a moment's time, each once."""
    seen: dict[int, dict] = {}
    for number in range(SAMPLES):
        time.sleep(PAUSE if number else 0)
        for row in reader.ask("census", lambda: connection.rows(_SESSIONS), []):
            if is_able(text(row["u"]), text(row["h"]), able):
                seen[int(row["i"])] = row
    return list(seen.values())


def is_able(user: str, client: str, able: t.Iterable[tuple]) -> bool:
    """Whether a session may be one of these accounts'. Which account a login was taken for no table tells: name and host must fit.

    :param client: where it comes from, with a port or without; empty where that is not known
    """
    host = client.rpartition(":")[0] if client.rpartition(":")[2].isdigit() else client
    return any(user == name and (not client or _fits(host, pattern)) for name, pattern in able)


def _fits(host: str, pattern: str) -> bool:
    if "/" in pattern:
        return True  # a netmask: rather one too many than one too few
    glob = "".join({"%": "*", "_": "?"}.get(char, "[%s]" % char if char in "*?[" else char) for char in pattern.lower())
    return fnmatch.fnmatchcase(host.lower(), glob)


def sessions_of(rows: t.Iterable[dict], programs: t.Iterable[dict]) -> list[dict]:
    """Sessions with user, host, program and pid (empty where the client told none), state and for how many seconds it is in it."""
    told: dict[int, dict] = {}
    for row in programs:
        told.setdefault(int(row["i"]), {})[text(row["n"])] = text(row["v"] or "")
    return [
        {
            "session": int(row["i"]),
            "user": text(row["u"]),
            "host": text(row["h"]),
            "program": told.get(int(row["i"]), {}).get("program_name", ""),
            "pid": told.get(int(row["i"]), {}).get("_pid", ""),
            "state": "idle" if text(row["c"]) == "Sleep" else "busy",
            "seconds": int(row["s"] or 0),
            "schema": text(row["d"] or ""),
        }
        for row in rows
    ]


def wrote_by(rows: t.Iterable[dict], able: list) -> list[dict]:
    """Accounts that wrote: user, host (where from) and how many statements or rows, the most first."""
    found: list[dict] = [{"user": text(row["u"]), "host": text(row["h"] or ""), "count": int(row["n"])} for row in rows]
    return sorted((one for one in found if is_able(one["user"], one["host"], able)), key=lambda one: -one["count"])


def lent_by(rows: t.Iterable[dict], able: list) -> list[dict]:
    """Routines and events that run with such an account's privileges: name, kind, definer."""
    names = {"%s@%s" % pair for pair in able}
    return [
        {"name": text(row["n"]), "kind": text(row["k"]), "definer": text(row["d"])}
        for row in rows
        if text(row["d"]) in names or (text(row["d"]).rstrip("@"), "") in able
    ]


def text(value: t.Any) -> str:
    """A name as the server told it: as bytes where its column has no character set."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
