# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each session sets first; events read from where they can be; connections that are looked at before they are used again."""

from __future__ import annotations

from types import SimpleNamespace

import pymysql
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.context import Seed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import connection, events, session
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint


def test_every_session_is_patient_and_unlimited():
    first = connection.FIRST
    assert first.startswith("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci, SESSION wait_timeout = 31536000, ")
    for name in ("net_write_timeout", "max_statement_time = 0", "max_execution_time = 0", "lc_messages", "idle_transaction_timeout = 0"):
        assert name in first
    # The privileges of an ordinary login are enough for all of it.
    assert "sql_require_primary_key" not in first and "sql_require_primary_key = OFF" in session.AS_THEY_ARE


def test_connections_that_are_all_taken_are_told_whole_and_with_a_way_out(monkeypatch):
    def refuse(*_args):
        raise pymysql.err.OperationalError(1040, "ny connections")

    monkeypatch.setattr(connection, "_open", refuse)
    with pytest.raises(ServerError, match=r"\[1040\] Too many connections; all of the server's connections are taken.*max_connections"):
        connection.connect(Endpoint(unix_socket="/s"), "source")


class Asked:
    """A connection that refuses what names information_schema.EVENTS with an error's number."""

    def __init__(self, errno: int) -> None:
        self.errno, self.asked = errno, []

    def rows(self, sql, args=None):
        self.asked.append((sql, args))
        if self.errno and events.TABLE in sql:
            raise ServerError("no", self.errno)
        return [{"n": 1}]


QUERY = "SELECT EVENT_NAME AS n FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'"


def test_events_are_asked_as_usual_where_that_works():
    server = Asked(0)
    assert events.read_events(server, QUERY) == [{"n": 1}] and server.asked == [(QUERY, None)]


def test_a_disabled_scheduler_leaves_the_servers_own_table():
    server = Asked(events.DISABLED)
    assert events.read_events(server, QUERY, ("x",)) == [{"n": 1}]
    sql, args = server.asked[-1]
    assert "FROM mysql.event) AS EVENTS WHERE STATUS = 'ENABLED'" in sql and "name AS EVENT_NAME" in sql and args == ("x",)


def test_other_errors_are_told():
    with pytest.raises(ServerError):
        events.read_events(Asked(1142), QUERY)


def test_a_connection_that_was_ended_meanwhile_is_opened_anew_and_another_is_kept():
    def side(alive: bool) -> SimpleNamespace:
        def ping(reconnect: bool) -> None:
            assert reconnect is False, "what it held would be gone without a word"
            if not alive:
                raise pymysql.err.OperationalError(2006, "gone")

        return SimpleNamespace(connection=connection.Connection(SimpleNamespace(ping=ping), "x"))

    opened = []
    for source, target, wanted in ((True, True, []), (False, True, ["source"]), (True, False, ["target"])):
        seed = Seed(side(source), side(target), None, None, {}, None, [])
        seed.reopen_source = lambda: opened.append("source")
        seed.reopen_target = lambda: opened.append("target")
        opened.clear()
        seed.look_again()
        assert opened == wanted
