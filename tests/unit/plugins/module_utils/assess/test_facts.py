# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts from a server that answers like MariaDB 10.11.18 or MySQL 9.7.4, with the binary log off, and with few privileges."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import census, contents, facts
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import Connection

sys.path.insert(0, os.path.dirname(__file__))
from facts_for_tests import SERVER  # noqa: E402


class Fake(Connection):
    """Answers by the first pattern that is found in a statement: rows, or an error's number."""

    def __init__(self, answers: list, values: dict, status: dict) -> None:
        super().__init__(None, "source (/s)")
        self.answers, self.values, self.states, self.asked = answers, values, status, []

    def rows(self, sql, args=None):
        self.asked.append(sql)
        if "GLOBAL VARIABLES" in sql and "SHOW" in sql:
            wanted = args[0] if isinstance(args[0], tuple) else args
            return [{"Variable_name": name, "Value": self.values[name]} for name in wanted if name in self.values]
        if "GLOBAL STATUS" in sql:
            return [{"Variable_name": args[0], "Value": self.states[args[0]]}] if args[0] in self.states else []
        for pattern, answer in self.answers:
            if re.search(pattern, sql):
                if isinstance(answer, int):
                    raise ServerError("source (/s): [%d] denied (statement: %s); grant it" % (answer, sql), answer)
                return answer
        return []


VARIABLES = {
    "log_bin": "OFF", "binlog_format": "MIXED", "binlog_row_image": "FULL", "binlog_expire_logs_seconds": "864000", "have_ssl": "DISABLED",
    "ssl_cert": "", "read_only": "OFF", "general_log": "OFF", "event_scheduler": "OFF", "sql_mode": "STRICT_TRANS_TABLES",
    "time_zone": "SYSTEM", "system_time_zone": "UTC", "character_set_server": "utf8mb4", "collation_server": "utf8mb4_general_ci",
    "max_allowed_packet": "16777216",
    "lower_case_table_names": "0", "innodb_page_size": "16384", "wsrep_on": "OFF", "innodb_encrypt_tables": "OFF", "encrypt_binlog": "OFF",
}  # fmt: skip
STATUS = {"Uptime": "41", "Threads_connected": "3", "Ssl_server_not_after": ""}


def table(schema: str, name: str, kind: str = "BASE TABLE", engine: str | None = "InnoDB", size: int = 100, options: str = "") -> dict:
    return {"s": schema, "n": name, "k": kind, "e": engine, "r": 5, "o": options, "b": size}


TABLES = [
    table("shop", "orders"),
    table("shop", "hits", engine="MyISAM", size=2048),
    table("shop", "old", kind="SYSTEM VERSIONED"),
    table("shop", "broken", engine=None, size=0),
    table("shop", "seen", kind="VIEW", engine=None, size=0),
    table("shop", "numbers", kind="SEQUENCE", size=0),
    table("shop", "secret", options="`encrypted`='YES' `encryption_key_id`=1"),
    table("nordbridge_migration", "heartbeat", engine="MyISAM", size=7),
]


def who(version: str, comment: str = "Debian") -> tuple:
    row = {"v": version, "c": comment, "h": "us-db1", "p": 3306, "s": 1, "d": "/var/lib/mysql/", "n": 1000}
    return ("SELECT VERSION", [row])


def mariadb(answers: list = (), **values: str) -> Fake:
    common = [
        who("10.11.18-MariaDB-0+deb12u1"),
        ("SHOW GRANTS", [{"Grants": "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*ABC' WITH GRANT OPTION"}]),
        ("CURRENT_USER", [{"c": "root@localhost"}]),
        ("FROM information_schema.TABLES", TABLES),
        ("STATISTICS", [{"s": "shop", "n": name} for name in ("orders", "old", "secret")]),
        ("SCHEMATA", [{"s": name} for name in ("mysql", "information_schema", "shop", "empty", "nordbridge_migration", "sys")]),
        ("INNODB_SYS_TABLESPACES", [{"c": 7}]),
        ("ROUTINES", [{"c": 1}]),
        ("TRIGGERS", [{"c": 2}]),
        ("STATUS = 'ENABLED'", [{"c": 3}]),
        ("EVENTS", [{"c": 4}]),
        ("SHOW BINARY LOGS", 1381),
        ("INNODB_TRX", [{"m": None}]),
        ("mysql.user", [{"u": "app", "h": "%"}, {"u": "root", "h": "localhost"}]),
        ("gtid_binlog_pos", [{"g": ""}]),
        ("gtid_slave_pos", [{"g": "0-1-5"}]),
        ("ENCRYPTION' AND", [{"c": 0}]),
    ]
    setups = [("PATH AS f|FILENAME AS f|FILE_NAME AS f|NAME AS n FROM information_schema.INNODB_TABLESPACES", []), ("TIME_ZONE AS z", [])]
    setups += [("TABLE_COMMENT|time_zone_name|Binlog Dump%'|'root'$", [])]
    copying = [(r"SUM\(DATA_LENGTH", [{"n": 2348}]), ("ENGINE <> 'InnoDB'", [{"s": "shop", "n": "hits", "e": "MyISAM"}])]
    # Before the others: some of these look like them.
    writers = [("TABLE_NAME = 'marker'", [{"c": 0}]), ("session_connect", []), ("PROCESSLIST", []), ("_by_account_by_event", []), ("USER_STATISTICS", [])]
    writers += [("SECURITY_TYPE", []), ("mysql.global_grants", []), ("global_priv", []), ("role_edges|roles_mapping", [])]
    logins = [("plugin AS p", [{"u": "app", "h": "%", "p": "ed25519"}]), ("'AUTHENTICATION'", [{"p": "mysql_native_password"}])]
    return Fake(copying + list(answers) + setups + writers + logins + common, {**VARIABLES, **values}, STATUS)


def mysql(answers: list = (), **values: str) -> Fake:
    own = [
        who("9.7.4"),
        ("SHOW BINARY LOGS", [{"Log_name": "binlog.1", "File_size": 100}, {"Log_name": "binlog.2", "File_size": 50}]),
        ("SHOW BINARY LOG STATUS", [{"File": "binlog.2", "Position": 50, "Binlog_Do_DB": "a, b", "Binlog_Ignore_DB": ""}]),
        ("SHOW REPLICAS", [{"Server_Id": 9, "Host": "r1", "Port": 3306, "Source_Id": 1, "Replica_UUID": "u9"}]),
        ("SHOW REPLICA STATUS", [{
            "Channel_Name": "", "Source_Host": "us-db0", "Source_Port": 3307, "Replica_IO_Running": "Yes", "Replica_SQL_Running": "No",
            "Replicate_Do_DB": "a", "Replicate_Ignore_DB": "", "Replicate_Do_Table": ""}]),
        ("applier_global_filters", [{"n": "REPLICATE_WILD_DO_TABLE", "v": "x.%"}]),
        ("replication_group_members", [{"c": 3}]),
        ("keyring_component_status", [{"c": 1}]),
        ("XA RECOVER", [{"formatID": 1, "data": "customer-data"}]),
        ("INNODB_TRX", [{"m": 77}]),
    ]  # fmt: skip
    settings = {
        "log_bin": "ON", "gtid_mode": "ON", "gtid_executed": "u1:1-3,\nu2:1", "server_uuid": "u1", "super_read_only": "ON",
        "read_only": "ON",
        "information_schema_stats_expiry": "86400", "default_table_encryption": "ON", "rpl_semi_sync_source_enabled": "ON",
    }  # fmt: skip
    fake = mariadb(list(answers) + own, **{**settings, **values})
    del fake.values["have_ssl"], fake.values["innodb_encrypt_tables"], fake.values["encrypt_binlog"]
    fake.states = {**STATUS, "Ssl_server_not_after": "Nov 19 06:23:14 2036 GMT"}
    return fake


def test_mariadb_with_the_binary_log_off() -> None:
    told = facts.gather(mariadb(), ["target_admin"])
    assert json.loads(json.dumps(told)) == told, "plain JSON"
    assert set(SERVER) <= set(told), "all that the rules read is there"
    assert set(SERVER["identity"]) <= set(told["identity"])
    assert told["identity"]["version"] == [10, 11, 18] and told["identity"]["label"] == "us-db1 (mariadb 10.11.18)"
    assert told["identity"]["started_at"] == 1000 - 41
    assert told["log_bin"] is False and told["binlog_file"] == "" and told["binlogs"] == {"files": 0, "bytes": 0, "bytes_per_hour": None}
    assert told["binlog_format"] == "MIXED" and told["retention_seconds"] == 864000
    assert told["tls"]["available"] is False
    assert told["gtid"] == {"on": True, "written": "", "applied": "0-1-5"}
    assert told["unreadable"] == [] and told["privileges"]["missing"] == []
    assert told["accounts"] == 1 and told["connections"] == 2 and told["uptime_s"] == 41
    assert told["xa_prepared"] == 0 and told["longest_transaction_s"] == 0
    assert told["disk"] is None


def test_what_decides_how_the_data_is_copied() -> None:
    told = facts.gather(mariadb(innodb_encrypt_tables="ON", innodb_data_file_path="ibdata1:12M:autoextend"))["copying"]
    assert told == {
        "flavour": "mariadb", "version": [10, 11, 18], "encrypted": ["innodb_encrypt_tables"], "not_innodb": ["shop.hits (MyISAM)"],
        "values": {"innodb_page_size": "16384", "innodb_data_file_path": "ibdata1:12M:autoextend"}, "bytes": 2348, "host": None, "rows": "",
        "tablespaces": 7, "places": {"outside": [], "directories": {}, "known": [], "general": []},
    }  # fmt: skip
    host = facts.gather(mariadb(), local=True)["copying"]["host"]
    assert set(host) == {"machine", "programs", "open_files", "manager", "restarts", "free_bytes", "mydumper", "stashed"}
    assert set(host["programs"]) == {"mariadb-backup", "mbstream", "mariadb-upgrade", "mariadbd", "ldd"}


def test_how_accounts_log_in_and_what_the_server_knows_of_it() -> None:
    told = facts.gather(mariadb())
    assert (told["login_plugins"], told["known_login_plugins"]) == (["ed25519"], ["mysql_native_password"])


def test_tables_by_what_is_wrong_with_them() -> None:
    told = facts.gather(mariadb())
    assert told["holds_data"] == ["empty", "shop"]
    assert told["schemas"] == [
        {"name": "empty", "tables": 0, "views": 0, "bytes": 0},
        {"name": "shop", "tables": 5, "views": 1, "bytes": 2348},
    ]
    assert (told["tables"], told["views"], told["bytes"], told["rows_estimate"]) == (5, 1, 2348, 25)
    assert [row["name"] for row in told["not_innodb"]] == ["hits"] and told["not_innodb_count"] == 1
    assert told["not_innodb"][0] == {"schema": "shop", "name": "hits", "engine": "MyISAM", "bytes": 2048}
    assert [row["name"] for row in told["without_primary_key"]] == ["hits"]
    assert [row["name"] for row in told["versioned_tables"]] == ["old"]
    assert [row["name"] for row in told["unreadable_tables"]] == ["broken"]
    assert told["encryption"]["tables"] == 1
    assert (told["routines"], told["triggers"], told["events"], told["events_enabled"]) == (1, 2, 4, 3)


@pytest.mark.parametrize(("options", "encrypted"), [
    ("ENCRYPTION='Y'", 1), ('ENCRYPTION="Y"', 1), ("`ENCRYPTED`=YES", 1), ("row_format=DYNAMIC ENCRYPTION='N'", 0),
    ("`encryption_key_id`=1", 0), ("", 0),
])  # fmt: skip
def test_table_options_that_say_encrypted(options: str, encrypted: int) -> None:
    told = facts.gather(mariadb([("FROM information_schema.TABLES", [table("shop", "t", options=options)])]))
    assert told["encryption"]["tables"] == encrypted


def test_long_lists_end_and_their_counts_do_not() -> None:
    many = [table("shop", "t%d" % number, engine="MyISAM") for number in range(contents.MOST_NAMES + 3)]
    told = facts.gather(mariadb([("FROM information_schema.TABLES", many)]))
    assert len(told["not_innodb"]) == contents.MOST_NAMES and told["not_innodb_count"] == contents.MOST_NAMES + 3
    assert told["without_primary_key_count"] == contents.MOST_NAMES + 3


def test_mysql_as_replica_in_a_group() -> None:
    told = facts.gather(mysql())
    assert told["identity"]["server_uuid"] == "u1" and told["identity"]["flavour"] == "mysql"
    assert told["log_bin"] is True and told["binlog_do_db"] == ["a", "b"] and told["binlog_ignore_db"] == []
    assert (told["binlog_file"], told["binlog_position"], told["binlogs"]["files"], told["binlogs"]["bytes"]) == ("binlog.2", 50, 2, 150)
    assert told["is_replica"] and told["channels"] == [
        {"channel": "", "source_host": "us-db0", "source_port": 3307, "receiver_running": "Yes", "applier_running": "No"}
    ]
    assert told["replicas"] == [{"server_id": 9, "host": "r1", "uuid": "u9"}]
    assert told["replication_filters"] == [{"name": "replicate_wild_do_table", "value": "x.%"}, {"name": "replicate_do_db", "value": "a"}]
    assert told["group_replication"] is True and told["wsrep_on"] is False
    assert told["gtid"]["written"] == "u1:1-3,u2:1" and told["gtid_mode"] == "ON"
    assert told["super_read_only"] and told["read_only"] and told["semi_sync"]
    assert told["tls"]["available"] is True, "MySQL 8.4 has no have_ssl any more"
    assert told["encryption"] == {"tables": 1, "new_tables": True, "binlog": False, "key_management": True}
    assert told["xa_prepared"] == 1 and "customer-data" not in json.dumps(told)
    assert told["longest_transaction_s"] == 77


def test_sizes_are_not_read_from_a_cache_and_nothing_global_is_set() -> None:
    fake = mysql()
    facts.gather(fake)
    assert "SET SESSION information_schema_stats_expiry = 0" in fake.asked
    changes = [sql for sql in fake.asked if not re.match(r"(SELECT|SHOW|XA RECOVER$)", sql)]
    assert all(sql.startswith("SET SESSION ") for sql in changes), changes


def test_no_password_hash_is_told() -> None:
    assert "*ABC" not in json.dumps(facts.gather(mariadb()))


def test_few_privileges_are_named_and_nothing_crashes() -> None:
    denied = [
        ("SHOW GRANTS", [{"Grants": "GRANT USAGE ON *.* TO `low`@`%`"}]),
        ("CURRENT_USER", [{"c": "low@%"}]),
        ("XA RECOVER", 1401), ("INNODB_TRX", 1227), ("mysql.user", 1142), ("SHOW BINARY LOG", 1227), ("SHOW REPLICA", 1227),
    ]  # fmt: skip
    told = facts.gather(mysql(denied), ["source_admin"])
    assert told["writers"]["accounts"] == []
    topics = {note["topic"] for note in told["unreadable"]}
    assert topics == {"tables", "xa", "transactions", "accounts", "binlog_status", "binary_logs", "replica_status", "replicas", "census"}
    assert told["xa_prepared"] is None and told["longest_transaction_s"] is None and told["accounts"] is None
    message = next(note["message"] for note in told["unreadable"] if note["topic"] == "xa")
    assert message == "[1401] denied (statement: XA RECOVER)"
    assert {"SELECT", "PROCESS", "XA_RECOVER_ADMIN"} <= {lack["privilege"] for lack in told["privileges"]["missing"]}


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(ServerError):
        facts.gather(mariadb([("XA RECOVER", 2013)]))


def test_the_topics_that_rules_need_are_those_that_can_be_unreadable() -> None:
    from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import catalogue

    needed = {topic for check in catalogue.CHECKS for _side, topic in check.needs}
    source = ""
    for module in (facts, census):
        with open(module.__file__, encoding="utf-8") as handle:
            source += handle.read()
    assert all('"%s"' % topic in source for topic in needed)


def test_disk(tmp_path) -> None:
    told = facts.disk(str(tmp_path))
    found = os.statvfs(str(tmp_path))
    assert told["total_bytes"] == found.f_blocks * found.f_frsize and 0 < told["free_bytes"] <= told["total_bytes"]
    assert facts.disk(str(tmp_path / "none")) is None


def test_growth_of_the_binary_logs(tmp_path, monkeypatch) -> None:
    first = tmp_path / "binlog.1"
    first.write_text("")
    os.utime(str(first), (1000, 1000))
    monkeypatch.setattr(facts.time, "time", lambda: 1000 + 1800)
    here = mysql(log_bin_basename=str(tmp_path / "binlog"))
    assert facts.gather(here, local=True)["binlogs"]["bytes_per_hour"] == 100
    assert facts.gather(here, local=False)["binlogs"]["bytes_per_hour"] is None
    first.unlink()
    assert facts.gather(here, local=True)["binlogs"]["bytes_per_hour"] is None


def test_who_could_write_on_a_read_only_server(monkeypatch) -> None:
    monkeypatch.setattr(census, "PAUSE", 0)
    session = {"i": 7, "u": "ann", "h": "10.0.0.9:4711", "c": "Sleep", "s": 42, "d": "shop"}
    answers = [
        ("auth_or", []),
        ("global_priv", [{"u": "root", "h": "localhost", "a": 1 << 15, "v": 101100}, {"u": "ops", "h": "", "a": 1 << 33, "v": 101100}]),
        ("roles_mapping", [{"u": "ann", "h": "10.%", "r": "ops", "rh": ""}, {"u": "bob", "h": "%", "r": "readers", "rh": ""}]),
        ("session_connect", []),
        ("PROCESSLIST", [session, {**session, "i": 8, "u": "bob"}, {**session, "i": 9, "u": "nordbridge_ctl_0123abcd", "h": "localhost"}]),
        ("_by_account_by_event", [{"u": "ann", "h": "10.0.0.9", "n": 4}, {"u": "bob", "h": "10.0.0.9", "n": 99}]),
        ("SECURITY_TYPE", [{"n": "shop.note", "k": "procedure", "d": "root@localhost"}]),
    ]
    told = facts.gather(mariadb(answers, init_connect="SET @a = 1"))
    assert told["writers"]["accounts"] == [["ann", "10.%"], ["root", "localhost"]]
    assert [one["session"] for one in told["writers"]["sessions"]] == [7]
    assert told["writers"]["wrote"] == [{"user": "ann", "host": "10.0.0.9", "count": 4}]
    assert told["writers"]["lent"] == [{"name": "shop.note", "kind": "procedure", "definer": "root@localhost"}]
    assert (told["skip_grant_tables"], told["init_connect"]) == (False, "SET @a = 1")


def test_a_server_that_asks_for_no_logins() -> None:
    told = facts.gather(mariadb([("SHOW GRANTS", 1290)]), ["source_admin"])
    assert told["skip_grant_tables"] is True and told["privileges"]["missing"] == []


def test_the_history_of_a_server_that_is_elsewhere_is_not_known() -> None:
    told = facts.gather(mariadb())
    assert told["fence"] is None and "us-db1, its own host" in told["fence_unknown"] and told["journals"] == []
    marked = [("TABLE_NAME = 'marker'", [{"c": 1}]), ("FROM `nordbridge_migration`.marker", [{"i": "shop", "r": "source", "c": "2026-11-01 00:00:00"}])]
    told = facts.gather(mariadb(marked), local=True)
    assert told["fence_unknown"] == "" and told["markers"] == [{"migration_id": "shop", "role": "source", "created_at": "2026-11-01 00:00:00"}]


def test_what_a_migration_meets_late() -> None:
    answers = [
        ("auth_or", [
            {"u": "root", "h": "localhost", "p": "mysql_native_password", "o": '[{}, {"plugin": "unix_socket"}]'},
            {"u": "ops", "h": "%", "p": "ed25519", "o": None},
        ]),
        ("TIME_ZONE AS z", [{"z": "Europe/Oslo", "n": "shop.a"}, {"z": "Europe/Oslo", "n": "shop.b"}]),
        ("TABLE_COMMENT", [{"n": "shop.v"}]),
        ("time_zone_name", [{"n": b"UTC"}]),
        ("Binlog Dump%'", [{"u": "repl", "h": "10.0.0.9:4711"}]),
    ]  # fmt: skip
    told = facts.gather(mariadb(answers, max_connections="151"))["setups"]
    assert told["logins"] == {"root@localhost": ["mysql_native_password", "unix_socket"], "ops@%": ["ed25519"]}
    assert told["event_zones"] == {"Europe/Oslo": ["shop.a", "shop.b"]} and told["known_zones"] == ["UTC"]
    assert told["broken_views"] == ["shop.v"] and told["followers"] == [{"user": "repl", "host": "10.0.0.9:4711"}]
    assert told["variables"]["max_connections"] == "151"


def test_events_of_a_server_whose_scheduler_is_disabled_are_counted_in_its_own_table() -> None:
    answers = [("SECURITY_TYPE|TIME_ZONE AS z", []), ("FROM mysql.event", [{"c": 2}]), ("information_schema.EVENTS", 1577)]
    told = facts.gather(mariadb(answers, event_scheduler="DISABLED"))
    assert (told["events"], told["events_enabled"]) == (2, 2)
