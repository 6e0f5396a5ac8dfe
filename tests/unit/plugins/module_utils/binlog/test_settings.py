# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog import settings
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles import program, table

# flavour, version -> names of replica updates and retention, partial JSON, gtid, written by default, validates, persists
MATRIX = [
    ("mysql", (5, 7, 44), "log_slave_updates", "expire_logs_days", False, True, False, False, False),
    ("mysql", (8, 0, 11), "log_slave_updates", "binlog_expire_logs_seconds", True, True, True, False, True),
    ("mysql", (8, 0, 36), "log_replica_updates", "binlog_expire_logs_seconds", True, True, True, True, True),
    ("mysql", (8, 4, 3), "log_replica_updates", "binlog_expire_logs_seconds", True, True, True, True, True),
    ("mysql", (9, 7, 4), "log_replica_updates", "binlog_expire_logs_seconds", True, True, True, True, True),
    ("mysql", (26, 7, 0), "log_replica_updates", "binlog_expire_logs_seconds", True, True, True, True, True),
    ("mariadb", (10, 5, 23), "log_slave_updates", "expire_logs_days", False, False, False, False, False),
    ("mariadb", (10, 6, 0), "log_slave_updates", "expire_logs_days", False, False, False, False, False),
    ("mariadb", (10, 6, 1), "log_slave_updates", "binlog_expire_logs_seconds", False, False, False, False, False),
    ("mariadb", (10, 11, 18), "log_slave_updates", "binlog_expire_logs_seconds", False, False, False, False, False),
    ("mariadb", (11, 4, 5), "log_slave_updates", "binlog_expire_logs_seconds", False, False, False, False, False),
    ("mariadb", (11, 8, 6), "log_slave_updates", "binlog_expire_logs_seconds", False, False, False, False, False),
    ("mariadb", (12, 1, 2), "log_slave_updates", "binlog_expire_logs_seconds", False, False, False, False, False),
]


@pytest.mark.parametrize("flavour, version, updates, retention, partial_json, gtid, log_bin, validates, persists", MATRIX)
def test_names_by_flavour_and_version(flavour, version, updates, retention, partial_json, gtid, log_bin, validates, persists):
    def name(key):
        return settings.variable(key, flavour, version)

    assert name("log_replica_updates") == updates
    assert name("retention") == retention
    assert bool(name("binlog_row_value_options")) is partial_json
    assert bool(name("gtid_mode")) is bool(name("enforce_gtid_consistency")) is gtid
    assert all(name(key) == key for key in ("server_id", "log_bin", "binlog_format", "binlog_row_image", "max_binlog_size"))
    assert table.by_version(settings.LOG_BIN_DEFAULT, flavour, version) is log_bin
    assert table.by_version(program.VALIDATES, flavour, version) is validates
    assert table.by_version(table.PERSISTS, flavour, version) is persists


def test_days_are_emptied_only_where_both_retentions_exist():
    assert settings.variable("retention_old", "mysql", (8, 0, 36)) == "expire_logs_days"
    others = [("mysql", (5, 7, 44)), ("mysql", (8, 4, 0)), ("mysql", (9, 7, 4)), ("mariadb", (10, 11, 18))]
    assert [settings.variable("retention_old", *other) for other in others] == ["", "", "", ""]


def test_what_a_restart_and_what_steps_are_for():
    assert [s.key for s in settings.SETTINGS if s.reach == settings.RESTART] == ["log_bin", "log_replica_updates"]
    assert [s.key for s in settings.SETTINGS if s.reach == settings.STEPS] == ["enforce_gtid_consistency", "gtid_mode"]


@pytest.mark.parametrize(
    "name, one, other",
    [
        ("max_binlog_size", "1G", "1073741824"),
        ("max_binlog_size", "100m", "104857600"),
        ("log_slave_updates", None, "ON"),
        ("log_replica_updates", "true", "1"),
        ("log_slave_updates", "0", "off"),
        ("binlog_format", "row", "ROW"),
        ("binlog_format", "2", "ROW"),
        ("binlog_format", "0", "MIXED"),
        ("expire_logs_days", "10.000000", "10"),
        ("gtid_mode", "3", "ON"),
        ("enforce_gtid_consistency", None, "ON"),
        ("enforce_gtid_consistency", "2", "warn"),
        ("binlog_row_value_options", None, ""),
    ],
)
def test_values_that_mean_the_same(name, one, other):
    assert settings.same(name, one, other)


@pytest.mark.parametrize(
    "name, one, other",
    [
        ("binlog_format", "ROW", "MIXED"),
        ("max_binlog_size", "1G", "1M"),
        ("log_bin", "/a/Bin", "/a/bin"),
        ("gtid_mode", "ON", "ON_PERMISSIVE"),
    ],
)
def test_values_that_differ(name, one, other):
    assert not settings.same(name, one, other)
