# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dumps say of themselves: texts as mariadb-dump 10.11.18 and mysqldump 9.7.4 wrote them, shortened."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.dump.dump_text import (
    Coordinates,
    DumpReader,
    parse_coordinates,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source.dump_command import dump_options

MARIADB_HEAD = rb"""/*M!999999\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.18-MariaDB, for debian-linux-gnu (x86_64)
-- CHANGE MASTER TO MASTER_USE_GTID=slave_pos;

-- A corresponding to the above master-data CHANGE-MASTER settings to the slave gtid state is printed later in the file.

-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=10590;
"""
MARIADB_TAIL = b"""UNLOCK TABLES;

-- The deferred gtid setting for slave corresponding to the master-data CHANGE-MASTER follows

-- Preferably use GTID to start replication from GTID position:

-- SET GLOBAL gtid_slave_pos='0-1253763604-29';
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-11-22  7:30:06
"""
MYSQL_HEAD = b"""-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)
--
-- GTID state at the beginning of the backup
--

/* SET @@GLOBAL.GTID_PURGED='+d403a963-e642-11f1-89a7-fad5a3621edd:1-55,
d45d8f26-e642-11f1-9087-36d07e556ed9:1-4';*/

-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000001', SOURCE_LOG_POS=15854;
"""
MYSQL_SET = "d403a963-e642-11f1-89a7-fad5a3621edd:1-55,d45d8f26-e642-11f1-9087-36d07e556ed9:1-4"


def table(name):
    return b"\n--\n-- Table structure for table `%s`\n--\n\nCREATE TABLE `%s` (i int);\nINSERT INTO `%s` VALUES (1);\n" % (name, name, name)


def test_mariadb_says_its_position_behind_the_data():
    assert parse_coordinates(MARIADB_HEAD, MARIADB_TAIL) == Coordinates("binlog.000001", 10590, "0-1253763604-29")
    assert parse_coordinates(MARIADB_HEAD + MARIADB_TAIL).gtid == "0-1253763604-29"


def test_older_mariadb_says_it_in_the_head():
    head = b"-- SET GLOBAL gtid_slave_pos='0-1-7,1-1-9';\n" + MARIADB_HEAD
    assert parse_coordinates(head, b"-- Dump completed").gtid == "0-1-7,1-1-9"


def test_mysql():
    assert parse_coordinates(MYSQL_HEAD) == Coordinates("binlog.000001", 15854, MYSQL_SET)


def test_mysql_57_and_80():
    head = b"SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'aa:1-5';\n-- CHANGE MASTER TO MASTER_LOG_FILE='b.000002', MASTER_LOG_POS=4;\n"
    assert parse_coordinates(head) == Coordinates("b.000002", 4, "aa:1-5")
    assert parse_coordinates(head.replace(b"/*!80000 '+'*/ ", b"")) == Coordinates("b.000002", 4, "aa:1-5")


def test_without_gtids_there_is_file_and_position():
    assert parse_coordinates(b"-- CHANGE MASTER TO MASTER_LOG_FILE='b.000002', MASTER_LOG_POS=4;\n") == Coordinates("b.000002", 4, "")


def test_without_coordinates_it_is_refused():
    with pytest.raises(MigrationError, match="is the binary log on"):
        parse_coordinates(b"-- MySQL dump\n", MARIADB_TAIL)


@pytest.mark.parametrize("size", [1, 7, 31, 32, 33, 1000, 1 << 20])
def test_chunks_of_any_size_tell_the_same(size):
    text = MARIADB_HEAD + table(b"a") + table(b"b") + table(b"c") + MARIADB_TAIL
    reader = DumpReader()
    begun = sum(reader.feed(text[at : at + size]) for at in range(0, len(text), size))
    assert begun == reader.tables == 3
    assert reader.total == len(text)
    assert reader.head == text and text.endswith(reader.tail)
    reader.check_complete()
    assert parse_coordinates(reader.head, reader.tail).gtid == "0-1253763604-29"


def test_head_and_tail_are_bounded():
    reader = DumpReader()
    for _number in range(40):
        reader.feed(b"x" * (1 << 16))
    reader.feed(MARIADB_TAIL)
    assert len(reader.head) == 1 << 20
    assert len(reader.tail) == 1 << 16
    reader.check_complete()


def test_a_dump_that_is_cut_off_is_refused():
    reader = DumpReader()
    reader.feed(MARIADB_HEAD + table(b"a") + MARIADB_TAIL[:-30])
    with pytest.raises(MigrationError, match="cut off"):
        reader.check_complete()


MARIADB_HELP = "  --master-data[=#]\n  --gtid   Used together with --master-data\n"
MYSQL_HELP = "  --source-data[=#]\n --master-data[=#]\n -y, --no-tablespaces\n --set-gtid-purged[=name]\n --column-statistics\n --init-command=name\n"
MYSQL57_HELP = "  --master-data[=#]\n -y, --no-tablespaces\n --set-gtid-purged[=name]\n"


def test_dump_options_are_those_that_the_program_knows():
    mariadb = dump_options("mariadb", True, MARIADB_HELP, ["shop", "--x"], 10)
    assert "--master-data=2" in mariadb and "--gtid" in mariadb
    assert not [option for option in mariadb if option.startswith(("--init-command", "--set-gtid", "--column"))]
    mysql = dump_options("mysql", True, MYSQL_HELP, ["shop"], 10)
    for option in (
        "--source-data=2",
        "--set-gtid-purged=COMMENTED",
        "--column-statistics=0",
    ):
        assert option in mysql
    session = [option for option in mysql if option.startswith("--init-command=SET SESSION lock_wait_timeout=10, ")]
    assert len(session) == 1 and "wait_timeout = 31536000" in session[0], "a slow reader is no reason to hang up"
    assert "--events" in mysql and "--events" not in dump_options("mariadb", True, MARIADB_HELP, ["shop"], 10, events=False)
    assert "--master-data=2" not in mysql
    old = dump_options("mysql", False, MYSQL57_HELP, ["shop"], 10)
    assert "--master-data=2" in old and "--set-gtid-purged=OFF" in old and "--column-statistics=0" not in old


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_each_dump_is_one_snapshot_of_everything_and_no_schema_is_an_option(flavour):
    options = dump_options(flavour, True, "", ["shop", "--all-databases"], 10)
    for needed in ("--single-transaction", "--routines", "--events", "--triggers", "--hex-blob", "--skip-add-locks"):
        assert needed in options
    assert options[options.index("--databases") :] == ["--databases", "--", "shop", "--all-databases"]
