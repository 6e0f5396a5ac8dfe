# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Statements that hold a secret: kept out of the server's logs, of its statement histories and of its process list.

Three measures, each for what it can hide:
- The session's own switches keep a statement out of the general and the slow log, whatever is switched on for all.
- A comment before the secret is longer than what process lists and the performance schema keep of a statement.
- Where a log remains that has no such switch, the statement is not sent, unless the operator allows it by name.

Accounts need none of this for their passwords: they are made by hashes, see password_hash.py.
"""

from __future__ import annotations

import re
import typing as t
from contextlib import contextmanager, suppress

from .._errors import MigrationError, Refusal, ServerError
from .base import Flavour

WAIVER = "migration_allow_logged_passwords"
# A session's switch, its value, and the global one of the log that it silences.
# https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_sql_log_off , ...#sysvar_long_query_time (its maximum)
# https://mariadb.com/kb/en/server-system-variables/#slow_query_log (a session's own from 10.0 on)
SWITCHES: dict[str, tuple] = {
    "mysql": (("sql_log_off", "ON", "general_log"), ("long_query_time", "31536000", "slow_query_log")),
    "mariadb": (
        ("sql_log_off", "ON", "general_log"),
        ("slow_query_log", "OFF", "slow_query_log"),
        ("long_query_time", "31536000", "slow_query_log"),
    ),
}
# Plugins of MariaDB that watch statements, and keep no password: SERVER_AUDIT writes asterisks, the other keeps times alone.
# https://mariadb.com/kb/en/mariadb-audit-plugin-log-settings/ . MySQL hands its plugins a text in which it has hidden the password.
KNOWN_AUDITORS = ("SERVER_AUDIT", "QUERY_RESPONSE_TIME_AUDIT")
AUDITORS = {
    "mariadb": "SELECT PLUGIN_NAME AS p FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUDIT' AND PLUGIN_STATUS = 'ACTIVE'",
}
# PROCESS_LIST_INFO_WIDTH of both flavours; what MariaDB prints of a statement into its error log when it crashes is as long.
PROCESS_LIST_BYTES = 65536
# The rest of a statement, which must fit into a packet beside the comment.
REST_BYTES = 8192
_HEAD = re.compile(r"(?:[A-Z]+ )+")


def logged_argument_spec() -> dict:
    """The option of modules that send such statements; documented in doc_fragments/_accounts.py."""
    return {"allow_logged_passwords": {"type": "bool", "default": False, "no_log": False}}


def padded(sql: str, size: int) -> str:
    """A statement with a comment of that many bytes behind its first words, and so before all of its values."""
    head = _HEAD.match(sql)
    place = head.end() if head else 0
    return "%s/*%s*/ %s" % (sql[:place], " " * size, sql[place:])


def run_unlogged(server: Flavour, sql: str, args: tuple, waived: bool = False) -> None:
    """Run a statement that holds a secret.

    :param waived: the operator allows that it stands in a log that cannot be silenced
    :raises Refusal: with the log, before the statement is sent
    """
    values = {name: _size(value) for name, value in server.connection.variables(*SIZES).items()}
    size = max(PROCESS_LIST_BYTES, values.get(SIZES[0], 0))
    fits = size + REST_BYTES <= values.get(SIZES[1], 0)
    found = [] if fits else ["the process list and the statement history (max_allowed_packet is too small to hide it there)"]
    with unlogged(server) as logs:
        found += logs + _auditors(server)
        if found and not waived:
            raise Refusal(
                "%s: a statement with a password would stand in %s, and is not sent. Switch that off for the migration, or allow it:"
                " -e %s=true" % (server.connection.name, " and in ".join(found), WAIVER)
            )
        server.connection.run(padded(sql, size) if fits else sql, args or None)


SIZES = ("performance_schema_max_sql_text_length", "max_allowed_packet")


def _size(value: str) -> int:
    return int(value) if value.isdigit() else 0


@contextmanager
def unlogged(server: Flavour) -> t.Iterator[list[str]]:
    """Silence this session in the logs; gives those that write it all the same."""
    connection, before, loud = server.connection, {}, []
    on = {name for name, value in connection.variables("general_log", "slow_query_log").items() if value.upper() in ("ON", "1")}
    for name, value, log in SWITCHES[server.name]:
        try:
            was = connection.value("SELECT @@SESSION.%s" % name)
            connection.run("SET SESSION %s = %s" % (name, value))
            before[name] = was
        except ServerError:
            # Without the privilege for it. Where the log is off, nothing is written.
            loud += ["the %s" % log.replace("_", " ")] if log in on else []
    if "slow_query_log" in on and _goes_by_all(connection.variable("slow_query_log_use_global_control") or ""):
        loud.append("the slow query log (slow_query_log_use_global_control)")
    try:
        yield loud
    finally:
        # A clone ends the connection, and its session with it.
        with suppress(MigrationError):
            for name, was in before.items():
                connection.run("SET SESSION %s = %s" % (name, was))


def _goes_by_all(control: str) -> bool:
    """Whether Percona Server's slow log looks at everybody's long_query_time instead of the session's."""
    return bool({"all", "long_query_time"} & set(control.lower().split(",")))


def _auditors(server: Flavour) -> list[str]:
    """Plugins that may keep the statement as it is sent."""
    sql = AUDITORS.get(server.name)
    names = [str(row["p"]) for row in server.connection.rows(sql)] if sql else []
    return ["what the plugin %s writes" % name for name in names if name.upper() not in KNOWN_AUDITORS]
