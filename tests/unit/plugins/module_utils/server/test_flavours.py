# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes through the fence, and what a target holds that its source does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL


class Connection:
    def __init__(self, privileges=(), columns="uhav", variables=None):
        self.privileges, self.columns, self.variables = privileges, columns, variables or {}
        self.asked, self.ran = [], []

    def rows(self, sql, _args=None):
        self.asked.append(sql)
        return [dict(zip(self.columns, row)) for row in self.privileges]

    def run(self, sql, args=None):
        self.ran.append((sql, args))

    def variable(self, name):
        return self.variables.get(name)


# What MariaDB 10.11 keeps of accounts that were granted just that: CONNECTION ADMIN, READ_ONLY ADMIN, SUPER, ALL.
CONNECTION_ADMIN, READ_ONLY_ADMIN, SUPER, ALL = 4294967296, 8589934592, 32768, 549755812863


BOTH = ["SUPER", "READ_ONLY ADMIN"]


@pytest.mark.parametrize(
    ("access", "version", "held"),
    [
        (READ_ONLY_ADMIN, 101118, ["READ_ONLY ADMIN"]), (SUPER, 101118, ["SUPER"]), (SUPER, 101100, ["SUPER"]), (SUPER, 101099, BOTH), (SUPER, 0, BOTH),
        (ALL, 101118, BOTH), (18446744073709551615, 0, BOTH), (CONNECTION_ADMIN, 101118, []), (0, 0, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("user", "host"), [("app", "%"), ("root", "localhost"), ("mysql", "localhost"), ("admins", "")])
def test_mariadb_accounts_and_roles_that_write_through_read_only(access, version, held, user, host):
    server = MariaDB(Connection([(user, host, access, version)]), None)
    assert server.privileged_accounts() == ([[user, host, held, []]] if held else [])


def test_mysql_accounts_that_can_set_it_back():
    rows = [
        ("root", "localhost", "SUPER", ""), ("mysql.session", "localhost", "SUPER", ""), (b"app", b"%", "SUPER", ""),
        ("root", "localhost", "SYSTEM_VARIABLES_ADMIN", "Y"), ("ops", "%", "SYSTEM_VARIABLES_ADMIN", "N"),
    ]  # fmt: skip
    connection = Connection(rows, columns="uhpg")
    server = MySQL(connection, SimpleNamespace(version=(9, 7, 4)))
    assert server.privileged_accounts() == [
        ["app", "%", ["SUPER"], []],
        ["ops", "%", ["SYSTEM_VARIABLES_ADMIN"], []],
        ["root", "localhost", ["SUPER", "SYSTEM_VARIABLES_ADMIN"], ["SYSTEM_VARIABLES_ADMIN"]],
    ]
    assert "global_grants" in connection.asked[-1]
    MySQL(connection, SimpleNamespace(version=(5, 7, 44))).privileged_accounts()
    assert "global_grants" not in connection.asked[-1]


@pytest.mark.parametrize(
    ("flavour", "host", "taken", "given"),
    [
        (MariaDB, "%", [("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM %s@%s", ("boss", "%"))],
         ["SET SESSION sql_mode", ("GRANT SUPER, READ_ONLY ADMIN ON *.* TO %s@%s", ("boss", "%"))]),
        (MariaDB, "", [("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM %s", ("boss",))],
         ["SET SESSION sql_mode", ("GRANT SUPER, READ_ONLY ADMIN ON *.* TO %s", ("boss",))]),
        (MySQL, "%", [("REVOKE SUPER, SYSTEM_VARIABLES_ADMIN ON *.* FROM %s@%s", ("boss", "%"))],
         [("GRANT SUPER ON *.* TO %s@%s", ("boss", "%")), ("GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO %s@%s WITH GRANT OPTION", ("boss", "%"))]),
    ],
)  # fmt: skip
def test_privileges_are_taken_and_given_back_as_they_were(flavour, host, taken, given):
    connection = Connection()
    server = flavour(connection, None)
    privileges = list(flavour.fence_privileges)
    server.take_privileges("boss", host, privileges)
    assert connection.ran == taken
    del connection.ran[:]
    server.give_privileges("boss", host, privileges, ["SYSTEM_VARIABLES_ADMIN"])
    if flavour is MariaDB:
        # Else this version would make an account that is gone, without a password.
        assert "NO_AUTO_CREATE_USER" in connection.ran.pop(0)[0]
        given = given[1:]
    assert connection.ran == given


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


A, B = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"


class Committing(Connection):
    """A source whose commits end while it is asked: what leaves gtid_owned is in gtid_executed at once."""

    def variable(self, name):
        value = super().variable(name)
        self.asked.append(name)
        if name == "gtid_owned":
            self.variables = {**self.variables, "gtid_owned": "", "gtid_executed": self.variables["after"]}
        return value


class Sets(Connection):
    """A target that knows the arithmetic of sets of single numbers."""

    def value(self, _sql, args):
        one, other = (self.members(text) for text in args)
        return ",".join(":".join(member) for member in sorted(one - other))

    @staticmethod
    def members(text):
        parts = (part.split(":") for part in text.split(",") if part)
        return {(uuid, number) for uuid, *numbers in parts for number in numbers}


@pytest.mark.parametrize(
    ("owned", "executed", "after", "foreign"),
    [
        ("", f"{A}:1:2:3", f"{A}:1:2:3", ""),
        (f"{A}:2#17:3#18", f"{A}:1", f"{A}:1", ""),  # sent, and not committed in the engine yet
        (f"{A}:2#17:3#18", f"{A}:1", f"{A}:1:2:3", ""),  # committed between the two questions
        (f"{A}:3#18,\n{B}:7#9", f"{A}:1", f"{A}:1", f"{A}:2"),
        ("", f"{A}:1", f"{A}:1", f"{A}:2,{A}:3"),
        (f"{B}:2#17:3#18", f"{A}:1", f"{A}:1", f"{A}:2,{A}:3"),
    ],
)
def test_mysql_foreign_transactions_are_not_those_that_the_source_is_committing(owned, executed, after, foreign):
    target = MySQL(Sets(variables={"gtid_mode": "ON", "gtid_executed": f"{A}:1:2:3"}), None)
    source = Committing(variables={"gtid_mode": "ON", "gtid_executed": executed, "gtid_owned": owned, "after": after})
    assert target.gtid_foreign(MySQL(source, None)) == foreign


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
