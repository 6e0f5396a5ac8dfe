# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One status shape from both flavours and all versions."""
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import (
    ReplicaStatus,
    only_status,
    parse_row,
    read_statuses,
)


def test_mariadb(kit):
    status = parse_row(kit.MARIADB_ROW)
    assert (status.source_host, status.source_port, status.source_user, status.source_server_id) == ("us-db1", 3306, "repl", 101)
    assert (status.read_file, status.read_position) == ("mysqld-bin.000001", 1400)
    assert (status.exec_file, status.exec_position) == ("mysqld-bin.000001", 1328)
    assert (status.gtid_received, status.gtid_executed, status.positioning) == ("0-101-7", "0-101-6", "gtid")
    assert (status.heartbeat_period, status.retry_count, status.get_source_public_key) == (10.0, None, None)
    assert (status.seconds_behind, status.relay_space, status.connect_retry, status.delay) == (3, 256, 10, 0)
    assert status.running and status.active == {"receiver", "applier"}


@pytest.mark.parametrize("name", ["MYSQL_ROW", "MYSQL57_ROW"])
def test_mysql_old_and_new_words(kit, name):
    status = parse_row(getattr(kit, name))
    assert (status.source_host, status.source_port, status.source_user, status.source_uuid) == ("us-db1", 3306, "repl", kit.SOURCE_UUID)
    assert (status.read_position, status.exec_file, status.exec_position) == (1700, "binlog.000002", 1601)
    assert status.gtid_received == "%s:1-7,%s:1" % (kit.SOURCE_UUID, kit.TARGET_UUID)
    assert (status.positioning, status.auto_position, status.retry_count) == ("gtid", True, 0)
    assert status.seconds_behind is None
    assert status.running


def test_public_key_is_unknown_where_the_server_has_none(kit):
    assert parse_row(kit.MYSQL_ROW).get_source_public_key is True
    assert parse_row(kit.MYSQL57_ROW).get_source_public_key is None


@pytest.mark.parametrize(
    ("text", "expected"), [("No", "file"), ("Slave_Pos", "gtid"), ("Replica_Pos", "gtid"), ("Current_Pos", "current_pos"), ("0", "file")]
)
def test_positioning(kit, text, expected):
    assert parse_row(dict(kit.MARIADB_ROW, Using_Gtid=text)).positioning == expected


@pytest.mark.parametrize(
    ("receiver", "applier", "active", "running"),
    [
        ("Connecting", "Yes", {"receiver", "applier"}, False),
        ("Preparing", "No", {"receiver"}, False),
        ("No", "Yes", {"applier"}, False),
        ("No", "No", set(), False),
        ("Yes", "Yes", {"receiver", "applier"}, True),
    ],
)
def test_threads(kit, receiver, applier, active, running):
    status = parse_row(dict(kit.MARIADB_ROW, Slave_IO_Running=receiver, Slave_SQL_Running=applier))
    assert (status.active, status.running) == (active, running)


@pytest.mark.parametrize("field", ["Last_IO_Errno", "Last_SQL_Errno"])
def test_a_reported_error_is_not_running(kit, field):
    assert not parse_row(dict(kit.MYSQL_ROW, **{field: 1062})).running


def test_values_that_come_as_bytes(kit):
    assert parse_row(dict(kit.MYSQL_ROW, Source_Host=b"us-db1", Source_Port=b"3306")).source_host == "us-db1"


def test_heartbeat_of_mysql_comes_from_performance_schema(kit):
    server = kit.Server("mysql", (9, 7, 4), kit.MYSQL_ROW)
    assert only_status(server.flavour, settings=True).heartbeat_period == 10.0
    assert only_status(server.flavour).heartbeat_period is None


def test_no_replica(kit):
    for row in (None, dict(kit.MARIADB_ROW, Master_Host="")):
        status = only_status(kit.Server("mariadb", (10, 11, 18), row).flavour)
        assert status == ReplicaStatus() and not status.configured


@pytest.mark.parametrize(
    ("flavour", "row", "field"), [("mariadb", "MARIADB_ROW", "Connection_name"), ("mysql", "MYSQL_ROW", "Channel_Name")]
)
def test_named_channels_are_refused_by_name(kit, flavour, row, field):
    rows = [getattr(kit, row), dict(getattr(kit, row), **{field: "second"})]
    server = kit.Server(flavour, (10, 11, 18) if flavour == "mariadb" else (9, 7, 4), rows)
    assert len(read_statuses(server.flavour)) == 2
    with pytest.raises(Refusal, match=r"second \(us-db1:3306\)"):
        only_status(server.flavour)


def test_as_dict_is_plain(kit):
    found = parse_row(kit.MYSQL_ROW).as_dict()
    assert found["running"] is True and found["configured"] is True and found["exec_position"] == 1601
