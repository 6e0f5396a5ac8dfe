# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog.settings import table_of
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles import program, table
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.files import OptionFiles, unquoted
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.program import Program, parse_options

MARIA, MARIA105, MY80, MY97 = ("mariadb", (10, 11, 18)), ("mariadb", (10, 5, 23)), ("mysql", (8, 0, 36)), ("mysql", (9, 7, 4))


@pytest.mark.parametrize(
    "server, option, value, expected",
    [
        (MARIA, "binlog-format", "mixed", ("binlog_format", "MIXED")),
        (MARIA, "loose-binlog_format", "1", ("binlog_format", "STATEMENT")),
        (MARIA, "binlog_form", "ROW", ("binlog_format", "ROW")),
        (MARIA, "skip-log-bin", None, ("log_bin", "OFF")),
        (MARIA, "loose-skip-log-slave-updates", None, ("log_slave_updates", "OFF")),
        # As the programs take it: the last prefix counts, a zero turns its sense around.
        (MARIA, "skip-log-slave-updates", "0", ("log_slave_updates", "ON")),
        (MARIA, "enable-log-slave-updates", "0", ("log_slave_updates", "OFF")),
        (MARIA, "skip-loose-log-slave-updates", "0", ("log_slave_updates", "OFF")),
        (MARIA, "log-slave-updates", "yes", ("log_slave_updates", "OFF")),
        (MARIA, "log-slave-updates", "", ("log_slave_updates", "OFF")),
        (MARIA, "log-slave-updates", "TRUE", ("log_slave_updates", "ON")),
        (MARIA, "maximum-max-binlog-size", "4096", None),
        (MARIA, "disable_log_bin", None, ("log_bin", "OFF")),
        (MARIA, "log-bin", None, ("log_bin", "ON")),
        (MARIA, "log_bin", "/x/bin", ("log_bin", "/x/bin")),
        (MARIA, "log_bin_index", "/x/bin.index", None),
        (MARIA, "log_bin_trust_function_creators", "1", None),
        (MARIA, "expire_logs_days", "10", ("binlog_expire_logs_seconds", "864000")),
        (MARIA, "expire_logs_days", "0.5", ("binlog_expire_logs_seconds", "43200")),
        (MARIA105, "expire_logs_days", "10", ("expire_logs_days", "10")),
        (MY80, "expire_logs_days", "10", ("expire_logs_days", "10")),
        (MARIA, "log_slave_updates", None, ("log_slave_updates", "ON")),
        (MARIA, "skip_log_slave_updates", None, ("log_slave_updates", "OFF")),
        (MY97, "log_slave_updates", "0", ("log_replica_updates", "OFF")),
        (MY97, "gtid-mode", "1", ("gtid_mode", "OFF_PERMISSIVE")),
        (MARIA, "gtid_mode", "ON", None),
        (MARIA, "max_binlog_size", "1G", ("max_binlog_size", "1073741824")),
        (MARIA, "bind-address", "0.0.0.0", None),
        (MARIA, "log", "x", None),
        (MARIA, "binlog", "x", None),
        (MARIA, "server-id", "7", ("server_id", "7")),
        (MARIA, "server_id_bits", "7", None),
    ],
)
def test_what_an_option_means(server, option, value, expected):
    assert table_of(*server).meaning(option, value) == expected


def test_the_last_value_counts_under_whatever_name():
    pairs = [("binlog_expire_logs_seconds", "1209600"), ("expire-logs-days", "1"), ("binlog_format", "ROW"), ("binlog-format", "MIXED")]
    assert table_of(*MARIA).resolve(pairs) == {"binlog_expire_logs_seconds": "86400", "binlog_format": "MIXED"}


def test_reading_order_with_includes(tmp_path):
    folder, single, root = tmp_path / "d", tmp_path / "one.cnf", tmp_path / "my.cnf"
    folder.mkdir()
    for name in ("b.cnf", "90-a.cnf", "mysqld.cnf", "zz.cnf.bak"):
        (folder / name).write_text("[mysqld]\nname=%s\n" % name)
    single.write_text("[mysqld]\nname = single\n")
    root.write_text("[client]\nname=client\n!include %s\n!includedir %s\n[mysqld]\nname=last\n" % (single, folder))
    files = OptionFiles([str(tmp_path / "absent.cnf"), str(root)], {str(folder / "m-planned.cnf"): "[mysqld]\nname=planned\n"})
    read = [(line.group, line.value) for line in files.lines()]
    assert read == [
        ("client", "client"),
        ("mysqld", "single"),
        ("mysqld", "90-a.cnf"),
        ("mysqld", "b.cnf"),
        ("mysqld", "planned"),
        ("mysqld", "mysqld.cnf"),
        ("mysqld", "last"),
    ], "digits come before letters, and only .cnf is read"
    assert files.folders == [str(folder)] and str(single) in files.files


def test_includes_that_include_themselves_end(tmp_path):
    root = tmp_path / "my.cnf"
    root.write_text("[mysqld]\na=1\n!include %s\n" % root)
    assert len(OptionFiles([str(root)]).lines()) < 20


@pytest.mark.parametrize("text, value", [(" 1G # size", "1G"), (" 'a # b' # c", "a # b"), ('"x"', "x"), ("", ""), (" a b ", "a b")])
def test_values(text, value):
    assert unquoted(text) == value


def test_options_that_a_program_prints():
    text = "--user=mysql --init_connect=SET NAMES utf8 -- x --log-bin --binlog_row_value_options= --validate_password.policy=LOW --port=1\n"
    assert parse_options(text) == [
        ("user", "mysql"),
        ("init_connect", "SET NAMES utf8 -- x"),
        ("log-bin", None),
        ("binlog_row_value_options", ""),
        ("validate_password.policy", "LOW"),
        ("port", "1"),
    ]
    assert parse_options("\n") == []


def test_where_a_server_begins_to_read(monkeypatch):
    monkeypatch.setattr(program, "default_files", lambda: ["/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf"])
    assert Program("x").roots() == ["/etc/my.cnf", "/etc/mysql/my.cnf"]
    assert Program("x", defaults=("--defaults-file=/a",)).roots() == ["/a"]
    assert Program("x", defaults=("--no-defaults",)).roots() == []
    many = Program("x", defaults=("--defaults-extra-file=/b",), environment={"HOME": "/h", "MYSQL_HOME": "/m"})
    assert many.roots() == ["/etc/my.cnf", "/etc/mysql/my.cnf", "/m/my.cnf", "/b", "/h/.my.cnf"]
    assert Program("x", defaults=("--defaults-group-suffix=_2",)).group_suffix == "_2"


def test_sizes():
    assert [table.parse_size(text) for text in ("4096", "8k", "2M", "1G", 512)] == [4096, 8192, 2097152, 1073741824, 512]
    for text in ("", "-1", "1.5G", "1GB", "much"):
        with pytest.raises(Refusal, match="not a size"):
            table.parse_size(text)


def test_groups():
    assert {"mysqld", "server", "mysqld-8.0"} == table.option_groups("mysql", (8, 0, 36))
    assert {"mariadb-10.11", "mariadbd", "mysqld_2"} <= table.option_groups("mariadb", (10, 11, 18), "_2")
