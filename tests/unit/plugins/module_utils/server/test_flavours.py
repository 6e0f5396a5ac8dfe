# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes through the fence, and what a target holds that its source does not."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL


class Connection:
    def __init__(self, privileges=(), roles=(), variables=None):
        self.privileges, self.roles, self.variables = privileges, roles, variables or {}

    def rows(self, sql, _args=None):
        if "roles_mapping" in sql:
            return [dict(zip("uhr", row)) for row in self.roles]
        return [dict(zip("uhal", row)) for row in self.privileges]

    def variable(self, name):
        return self.variables.get(name)


# What MariaDB 10.11 keeps of accounts that were granted just that: CONNECTION ADMIN, READ_ONLY ADMIN, SUPER, ALL.
CONNECTION_ADMIN, READ_ONLY_ADMIN, SUPER, ALL = 4294967296, 8589934592, 32768, 549755812863


@pytest.mark.parametrize(("access", "able"), [(READ_ONLY_ADMIN, True), (SUPER, True), (ALL, True), (CONNECTION_ADMIN, False), (0, False)])
@pytest.mark.parametrize("host", ["%", "localhost"])
def test_mariadb_accounts_that_write_through_read_only(access, able, host):
    server = MariaDB(Connection([("app", host, access, 0)]), None)
    assert server.bypassing_accounts() == ([("app", host)] if able else [])


@pytest.mark.parametrize(
    "row", [("root", "localhost", ALL, 0), ("mysql", "localhost", ALL, 0), ("app", "%", ALL, 1), ("app", "%", ALL, "true")]
)
def test_the_installations_own_and_locked_ones_are_left_alone(row):
    assert MariaDB(Connection([row]), None).bypassing_accounts() == []


def test_a_role_that_can_makes_its_members_able_over_any_number_of_roles():
    rows = [("app", "%", 0, 0), ("other", "%", 0, 0), ("boss", "", READ_ONLY_ADMIN, 0), ("chief", "", 0, 0)]
    roles = [("chief", "", "boss"), ("app", "%", "chief"), ("other", "%", "reader")]
    assert MariaDB(Connection(rows, roles), None).bypassing_accounts() == [("app", "%")]


@pytest.mark.parametrize(
    ("target", "source", "foreign"),
    [
        ("0-1-100", "0-1-120", ""),
        ("", "0-1-120", ""),
        ("0-1-100,0-2-50", "0-1-120", "0-2-50"),  # written on the target, at a number that the source has passed
        ("0-1-121", "0-1-120", "0-1-121"),
        ("0-1-100,5-2-1", "0-1-120", "5-2-1"),  # in a domain of its own
        ("0-9-7,0-1-100", "0-9-7,0-1-120", ""),  # an older primary's
    ],
)
def test_mariadb_foreign_transactions(target, source, foreign):
    one, other = (MariaDB(Connection(variables={"gtid_binlog_state": state}), None) for state in (target, source))
    assert one.gtid_foreign(other) == foreign


def test_mysql_asks_nothing_about_an_empty_set():
    servers = [MySQL(Connection(variables={"gtid_mode": mode, "gtid_executed": ""}), None) for mode in ("ON", "OFF")]
    assert servers[0].gtid_foreign(servers[1]) == ""


@pytest.mark.parametrize("flavour", [MySQL, MariaDB])
def test_an_empty_position_is_never_waited_for_with_success(flavour):
    class Willing(Connection):
        def value(self, *_args):
            return 0

    server = flavour(Willing(), None)
    assert server.wait_for_gtid("", 1.0) is False


class OpenTables:
    """A MariaDB server whose tables answer a read with an error's number, each time the next one."""

    def __init__(self, answers, errors):
        self.answers, self.errors, self.read = answers, {name: list(numbers) for name, numbers in errors.items()}, []

    def rows(self, sql, _args=None):
        return next((rows for word, rows in self.answers.items() if word in sql), [])

    def run(self, sql, _args=None):
        name = sql.split("FROM ")[1].split(" LIMIT")[0]
        self.read.append(name)
        number = self.errors[name].pop(0)
        if number:
            raise ServerError("source: [%d]" % number, number)


IN_USE = {"OPEN TABLES": [{"Database": "shop", "Table": "t"}, {"Database": "mysql", "Table": "user"}], "PROCESSLIST": [{"id": 7, "user": "app"}]}


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ([1205, 1205, 1205], [("shop.t", ["session 7 of app"])]),
        ([0], []),
        ([1205, 0], []),  # a definition in passing
        ([1146], []),  # dropped meanwhile
    ],
)
def test_mariadb_a_table_is_locked_when_even_a_read_would_wait(numbers, found, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    connection = OpenTables(IN_USE, {"`shop`.`t`": numbers})
    assert MariaDB(connection, None).locked_tables() == found
    assert connection.read == ["`shop`.`t`"] * len(numbers)


def test_mysql_names_the_session_that_locked_a_table():
    connection = OpenTables({"metadata_locks": [{"name": b"shop.t", "id": 9, "user": b"app"}]}, {})
    assert MySQL(connection, None).locked_tables() == [("shop.t", ["session 9 of app"])]
