# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import unlogged

CHANGE = "CHANGE MASTER TO MASTER_HOST = %s, MASTER_PASSWORD = %s"
PACKET = {"max_allowed_packet": "16777216"}


class Connection:
    """A session in memory."""

    def __init__(self, variables, forbidden=(), auditors=()):
        self.told, self.forbidden, self.auditors = variables, forbidden, auditors
        self.session = {"sql_log_off": 0, "slow_query_log": 1, "long_query_time": 10.0}
        self.ran, self.name = [], "target"

    def variables(self, *names):
        return {name: value for name, value in self.told.items() if name in names}

    def variable(self, name):
        return self.told.get(name)

    def value(self, sql):
        return self.session[sql.rpartition(".")[2]]

    def rows(self, _sql):
        return [{"p": name} for name in self.auditors]

    def run(self, sql, args=None):
        if not sql.startswith("SET SESSION"):
            self.ran.append((sql, args, dict(self.session)))
            return
        name, value = sql[len("SET SESSION ") :].split(" = ")
        if name in self.forbidden:
            raise ServerError("denied", 1227)
        self.session[name] = value


class Server:
    def __init__(self, name, *args, **more):
        self.name, self.connection = name, Connection(*args, **more)


@pytest.mark.parametrize("flavour, quiet", [
    ("mysql", {"sql_log_off": "ON", "long_query_time": "31536000", "slow_query_log": 1}),
    ("mariadb", {"sql_log_off": "ON", "long_query_time": "31536000", "slow_query_log": "OFF"}),
])  # fmt: skip
def test_the_sessions_logs_are_off_while_it_runs_and_as_before_after_it(flavour, quiet):
    server = Server(flavour, {**PACKET, "general_log": "ON", "slow_query_log": "ON"})
    unlogged.run_unlogged(server, CHANGE, ("h", "secret"))
    ((sql, args, session),) = server.connection.ran
    assert session == quiet and args == ("h", "secret")
    assert server.connection.session == {"sql_log_off": "0", "long_query_time": "10.0", "slow_query_log": "1" if flavour == "mariadb" else 1}
    assert sql.index("MASTER_HOST") > 65536 and sql.startswith("CHANGE MASTER TO /*")


def test_the_comment_is_longer_than_what_the_statement_history_keeps():
    server = Server("mysql", {**PACKET, "performance_schema_max_sql_text_length": "1048576"})
    unlogged.run_unlogged(server, "CLONE INSTANCE FROM %s@%s:3306 IDENTIFIED BY %s", ("u", "h", "secret"))
    assert server.connection.ran[0][0].index("%s") > 1048576


def test_values_are_bound_behind_the_comment():
    assert unlogged.padded("CREATE USER IF NOT EXISTS %s@%s", 3) == "CREATE USER IF NOT EXISTS /*   */ %s@%s"
    assert unlogged.padded("CHANGE REPLICATION SOURCE TO GET_SOURCE = %s", 0) == "CHANGE REPLICATION SOURCE TO /**/ GET_SOURCE = %s"


@pytest.mark.parametrize("variables, more, words", [
    ({**PACKET, "general_log": "ON"}, {"forbidden": ["sql_log_off"]}, "the general log"),
    ({**PACKET, "slow_query_log": "ON"}, {"forbidden": ["long_query_time"]}, "the slow query log"),
    ({**PACKET, "slow_query_log": "ON", "slow_query_log_use_global_control": "log_slow_filter,all"}, {}, "use_global_control"),
    ({"max_allowed_packet": "65536"}, {}, "the process list"),
    (PACKET, {"auditors": ["SERVER_AUDIT", "SQL_ERROR_LOG"]}, "the plugin SQL_ERROR_LOG"),
])  # fmt: skip
def test_what_cannot_be_hidden_is_not_sent_unless_it_is_allowed_by_name(variables, more, words):
    server = Server("mariadb", variables, **more)
    with pytest.raises(Refusal, match="%s.* -e migration_allow_logged_passwords=true" % words):
        unlogged.run_unlogged(server, CHANGE, ("h", "secret"))
    assert not server.connection.ran
    unlogged.run_unlogged(server, CHANGE, ("h", "secret"), waived=True)
    assert len(server.connection.ran) == 1


@pytest.mark.parametrize("variables", [{**PACKET, "general_log": "OFF"}, PACKET])
def test_a_log_that_is_off_needs_no_switch(variables):
    server = Server("mysql", variables, forbidden=["sql_log_off"])
    unlogged.run_unlogged(server, CHANGE, ("h", "secret"))
    assert len(server.connection.ran) == 1


def test_known_auditors_are_no_hindrance():
    server = Server("mariadb", PACKET, auditors=["SERVER_AUDIT"])
    unlogged.run_unlogged(server, CHANGE, ("h", "secret"))
