# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two flavours make of a server's answers beside the fence: versions, positions, accounts."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import flavour as flavours
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import parse_version, read_identity
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import _fence_privileges

IDENTITY = (
    "SELECT VERSION() AS v, @@version_comment AS c, @@hostname AS h, @@port AS p, @@server_id AS s, @@datadir AS d, UNIX_TIMESTAMP() AS n"
)
UPTIME = "SHOW GLOBAL STATUS WHERE Variable_name = %s"


class TestIdentity:
    @pytest.mark.parametrize(
        ("text", "comment", "found"),
        [
            ("10.11.18-MariaDB-log", "Debian", ("mariadb", (10, 11, 18))),
            ("5.5.5-10.5.23-MariaDB", "", ("mariadb", (10, 5, 23))),
            ("9.7.4", "MySQL Community Server", ("mysql", (9, 7, 4))),
        ],
    )
    def test_versions(self, text, comment, found):
        assert parse_version(text, comment) == found

    @pytest.mark.parametrize(("text", "words"), [("9.7", "is not understood"), ("8.0.11-TiDB-v7", "this server is tidb"), ("", "is not understood")])
    def test_what_is_neither_is_refused(self, text, words):
        with pytest.raises(Refusal, match=words):
            parse_version(text, "")

    def test_a_server_tells_who_it_is_and_an_old_one_is_refused(self, memory, monkeypatch):
        versions = {"mariadb": ("10.11.18-MariaDB", "10.4.9-MariaDB", "13.0.1-MariaDB"), "mysql": ("9.7.4", "5.6.51", "100.0.0")}[memory.flavour]
        row = {"v": versions[0], "c": "", "h": "db1", "p": 3306, "s": 7, "d": "/var/lib/mysql/", "n": 1000}
        memory.answers[IDENTITY], memory.answers[UPTIME] = [row], [{"Variable_name": "Uptime", "Value": "60"}]
        memory.variables["server_uuid"] = "u-1"
        found = read_identity(memory.open())
        assert (found.flavour, found.server_id, found.started_at) == (memory.flavour, 7, 940)
        assert found.server_uuid == ("u-1" if memory.flavour == "mysql" else "")
        assert flavours.open_flavour(memory.open()).name == memory.flavour
        for text in versions[1:]:
            row["v"] = text
            with pytest.raises(Refusal, match="is not supported; supported is"):
                flavours.open_flavour(memory.open())


class TestLog:
    @pytest.mark.parametrize(
        ("rows", "head"),
        [
            ([], ""),
            ([{"Event_type": "Format_desc", "Info": "x"}], ""),
            ([{"Event_type": "Format_desc", "Info": "x"}, {"Event_type": "Gtid_list", "Info": "[0-1-7,\n1-2-3]"}], "0-1-7,1-2-3"),
            ([{"Event_type": "Previous_gtids", "Info": "a:1-5,\nb:1"}], "a:1-5,b:1"),
        ],
    )
    def test_what_came_before_a_binary_log(self, memory, rows, head):
        memory.answers["SHOW BINLOG EVENTS IN %s LIMIT 4"] = rows
        assert memory.server().log_head("binlog.000007") == head

    @pytest.mark.parametrize(
        ("variables", "seconds"),
        [
            ({}, 0),
            ({"binlog_expire_logs_seconds": "0", "expire_logs_days": "0"}, 0),
            ({"binlog_expire_logs_seconds": "3600", "expire_logs_days": "10"}, 3600),
            ({"binlog_expire_logs_seconds": "0", "expire_logs_days": "1.5"}, 129600),
            ({"expire_logs_days": "10"}, 864000),
        ],
    )
    def test_how_long_they_are_kept(self, memory, variables, seconds):
        memory.variables.update(variables)
        assert memory.server().retention_seconds() == seconds

    def test_mariadb_knows_what_lies_past_a_position(self, memory_server):
        past = memory_server("mariadb").server().log_filter("0-1-10")
        assert [past(gtid) for gtid in ("0-1-10", "0-1-11", "1-1-1", "")] == [False, True, True, True]

    def test_mysql_leaves_that_to_its_program(self, memory_server):
        server = memory_server("mysql").server()
        assert server.log_filter("a:1")("a:1") is True
        assert server.log_options("a:1-5") == ["--exclude-gtids=a:1-5"] and server.log_options("") == []


class TestPositions:
    def test_mariadb_counts_only_what_lies_between(self, memory_server):
        server = memory_server("mariadb").server()
        assert server.gtid_count("0-1-5,1-1-1", "0-1-3") == 3
        assert server.gtid_extra("0-1-5,1-1-1", "0-1-5") == "1-1-1"
        assert server.gtid_own("0-1-5,1-7-1") == "0-1-5" and server.gtid_own("1-0-3") == ""

    @pytest.mark.parametrize(
        ("log_bin", "written", "statements"),
        [
            ("ON", "0-1-3", ["RESET MASTER", "SET GLOBAL gtid_slave_pos = '0-1-5'"]),
            ("ON", "0-1-5", ["SET GLOBAL gtid_slave_pos = '0-1-5'"]),
            ("OFF", "", ["SET GLOBAL gtid_slave_pos = '0-1-5'"]),
            (None, "", ["SET GLOBAL gtid_slave_pos = '0-1-5'"]),
        ],
    )
    def test_mariadb_declares_a_seed_applied(self, memory_server, log_bin, written, statements):
        memory = memory_server("mariadb")
        memory.variables.pop("log_bin")
        memory.variables.update({"log_bin": log_bin} if log_bin else {})
        memory.answers.update({"SELECT @@GLOBAL.gtid_binlog_pos": written, "RESET MASTER": [], "SET GLOBAL gtid_slave_pos = %s": []})
        memory.server().set_gtid_position("0-1-5")
        assert [sql for sql in memory.log if sql.startswith(("RESET", "SET"))] == statements

    def test_mysql_declares_a_seed_executed(self, memory_server):
        memory = memory_server("mysql")
        memory.answers.update({"RESET BINARY LOGS AND GTIDS": [], "SET GLOBAL gtid_purged = %s": []})
        memory.server().set_gtid_position("a:1-5")
        assert memory.log == ["RESET BINARY LOGS AND GTIDS", "SET GLOBAL gtid_purged = 'a:1-5'"]

    @pytest.mark.parametrize(
        ("applied", "state", "found"),
        [
            ("", "", ""),
            ("0-2-5", "0-2-5", ""),  # the seed's own
            ("0-2-6", "", "0-2-6"),  # applied beyond the seed
            ("0-2-5", "0-2-4,0-1-3", "0-1-3"),  # this server's own write, though at a lower number
            ("0-2-5", "0-2-9", "0-2-9"),
        ],
    )
    def test_mariadb_what_forbids_it(self, memory_server, applied, state, found):
        memory = memory_server("mariadb")
        memory.variables["gtid_binlog_state"] = state
        memory.answers.update({"SELECT @@GLOBAL.gtid_slave_pos": applied, "SELECT @@GLOBAL.gtid_binlog_pos": "0-9-1"})
        assert memory.server().gtid_in_the_way("0-2-5") == found

    def test_mysql_gtids_count_where_each_transaction_has_one(self, memory_server):
        memory = memory_server("mysql")
        memory.count = 5
        assert memory.server().gtid_written().endswith(":1-5")
        for mode in ("OFF", "ON_PERMISSIVE"):
            memory.variables["gtid_mode"] = mode
            assert memory.server().gtid_written() == ""


class TestPrivilegeBits:
    SUPER, ADMIN = 1 << 15, 1 << 33

    @pytest.mark.parametrize(
        ("access", "version", "held"),
        [
            (0, 101118, []),
            (SUPER, 101118, ["SUPER"]),
            (ADMIN, 101118, ["READ_ONLY ADMIN"]),
            (SUPER, 101099, ["SUPER", "READ_ONLY ADMIN"]),
            (SUPER, 0, ["SUPER", "READ_ONLY ADMIN"]),
            (SUPER, 101100, ["SUPER"]),
            (0, 100523, []),
            (SUPER | ADMIN, 101118, ["SUPER", "READ_ONLY ADMIN"]),
        ],
    )
    def test_mariadb(self, access, version, held):
        assert _fence_privileges(access, version) == held

    def test_mysql_tells_what_each_may_grant_and_leaves_the_servers_own(self, memory_server):
        memory = memory_server("mysql")
        memory.accounts = {("nordbridge_ctl", "localhost"): [], ("root", "%"): ["SUPER", "SYSTEM_VARIABLES_ADMIN"], ("mysql.session", "localhost"): ["SUPER"]}
        server = memory.server()
        real = memory.mysql_privileges
        memory.mysql_privileges = lambda session: [
            {**{name: value.encode() for name, value in row.items()}, "g": "Y" if row["p"].startswith("SYSTEM") else ""} for row in real(session)
        ]
        assert server.privileged_accounts() == [["root", "%", ["SUPER", "SYSTEM_VARIABLES_ADMIN"], ["SYSTEM_VARIABLES_ADMIN"]]]
        server.connection.run("SET SESSION sql_log_bin = 0")
        memory.answers["GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO %s@%s WITH GRANT OPTION"] = []
        server.give_privileges(*server.privileged_accounts()[0])
        assert [sql for sql in memory.log if sql.startswith("GRANT")] == [
            "GRANT SUPER ON *.* TO 'root'@'%'", "GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO 'root'@'%' WITH GRANT OPTION",
        ]  # fmt: skip

    def test_mysql_57_knows_super_alone(self, memory_server):
        memory = memory_server("mysql", (5, 7, 44))
        memory.answers["SELECT User AS u, Host AS h, 'SUPER' AS p, '' AS g FROM mysql.user WHERE Super_priv = 'Y'"] = [
            {"u": "root", "h": "%", "p": "SUPER", "g": ""}
        ]
        assert memory.server().privileged_accounts() == [["root", "%", ["SUPER"], []]]
        assert any("global_grants" in sql for sql in _asked(memory_server("mysql", (8, 0, 0))))

    def test_an_installations_account_has_rights_of_the_data_beside_those_on_everything(self, memory):
        memory.answers["SHOW GRANTS FOR %s@%s"] = [{"g": text} for text in ("GRANT ALL ON *.* TO x", "GRANT SELECT ON `a`.* TO x", "REVOKE y")]
        assert memory.server().system_grants("root", "localhost") == ["GRANT SELECT ON `a`.* TO x"]


def _asked(memory):
    memory.server().privileged_accounts()
    return memory.log


class TestRefusedWrites:
    COUNTS = {"Questions": 100, "Connections": 10, "Aborted_connects": 1, "Aborted_clients": 2, "Threads_connected": 3, "Com_insert": 40,
              "Com_stmt_prepare": 7}  # fmt: skip

    def test_mariadb_by_what_was_not_executed(self, memory_server, monkeypatch):
        memory = memory_server("mariadb")
        monkeypatch.setattr(memory, "counted", lambda _session, args=(): [{"Variable_name": name, "Value": str(value)} for name, value in self.COUNTS.items()])
        # 100 questions, 40 commands (preparing is no question), and 4 goodbyes.
        assert memory.server().refused_writes()[0] == 56
        memory.follow(memory_server("mariadb"))
        with pytest.raises(ServerError, match="not known while it follows"):
            memory.server().refused_writes()

    def test_mysql_by_errors(self, memory_server):
        assert memory_server("mysql").server().refused_writes() == (3, "counted: errors 1290 and 1836")


DEFAULTS = ", character_set_collations = ''"


@pytest.mark.parametrize(("version", "words"), [((11, 2), DEFAULTS), ((11, 2, 0), DEFAULTS), ((11, 8, 2), DEFAULTS), ((11, 1, 9), "")])
def test_mariadb_definitions_mean_what_they_meant(memory_server, version, words):
    assert memory_server("mariadb", version).server().loader_defaults == words
