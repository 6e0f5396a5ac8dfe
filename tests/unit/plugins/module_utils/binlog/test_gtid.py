# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog import gtid
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError

from .fakes import MYSQL, FakeConnection

PATH = [
    ("enforce_gtid_consistency", "WARN"),
    ("enforce_gtid_consistency", "ON"),
    ("gtid_mode", "OFF_PERMISSIVE"),
    ("gtid_mode", "ON_PERMISSIVE"),
    ("gtid_mode", "ON"),
]


def steps(connection, soak=0, patience=0.0, sleep=lambda seconds: None):
    gtid.OnlineSteps(connection, soak, patience, sleep).run(lambda name, value: connection.run("SET GLOBAL %s = %%s" % name, (value,)))
    return connection.ran


@pytest.mark.parametrize(
    "mode, consistency, left",
    [
        ("OFF", "OFF", PATH),
        ("OFF", "WARN", PATH[1:]),
        ("OFF", "ON", PATH[2:]),
        ("ON_PERMISSIVE", "ON", PATH[4:]),
        ("OFF_PERMISSIVE", "OFF", PATH[:2] + PATH[3:]),
        ("ON", "ON", []),
    ],
)
def test_the_steps_in_their_order_from_every_state(mode, consistency, left):
    assert gtid.all_steps(mode, consistency) == left
    assert steps(FakeConnection(dict(MYSQL, gtid_mode=mode, enforce_gtid_consistency=consistency))) == left


def test_waits_for_the_last_anonymous_transaction():
    connection = FakeConnection(MYSQL)
    connection.states["Ongoing_anonymous_transaction_count"] = ["2", "1", "0"]
    naps = []
    assert steps(connection, patience=60, sleep=naps.append) == PATH
    assert naps == [gtid.POLL] * 2


@pytest.mark.parametrize("states", [["3"], [""]])
def test_patience_ends_before_the_last_step(states):
    connection = FakeConnection(MYSQL)
    connection.states["Ongoing_anonymous_transaction_count"] = states
    with pytest.raises(MigrationError, match="ON_PERMISSIVE.*XA RECOVER"):
        steps(connection)
    assert connection.values["gtid_mode"] == "ON_PERMISSIVE"


def log_file(tmp_path, connection, text="old: Statement violates GTID consistency: before\n"):
    path = tmp_path / "error.log"
    path.write_text(text)
    connection.values.update(log_error=str(path), datadir="/nowhere")
    return path


def test_forbidden_statements_are_not_forbidden_while_they_run(tmp_path):
    connection = FakeConnection(MYSQL)
    path = log_file(tmp_path, connection)

    def clients(seconds):
        assert seconds == 9 and connection.values["enforce_gtid_consistency"] == "WARN"
        with path.open("a") as stream:
            stream.write("12 [Warning] Statement violates GTID consistency: CREATE TABLE ... SELECT.\n")

    with pytest.raises(MigrationError, match=r"1 statements that GTIDs forbid: Statement violates GTID consistency: CREATE TABLE ..."):
        steps(connection, soak=9, sleep=clients)
    assert connection.values["enforce_gtid_consistency"] == "OFF" and connection.values["gtid_mode"] == "OFF"


def test_old_warnings_do_not_count(tmp_path):
    connection = FakeConnection(MYSQL)
    log_file(tmp_path, connection)
    assert steps(connection, soak=9) == PATH


def test_a_rotated_log_is_read_from_its_start(tmp_path):
    connection = FakeConnection(MYSQL)
    path = log_file(tmp_path, connection, "x" * 5000)
    with pytest.raises(MigrationError, match="1 statements"):
        steps(connection, soak=9, sleep=lambda seconds: path.write_text("Statement violates GTID consistency: y\n"))


def test_warnings_from_the_servers_own_table():
    connection = FakeConnection(MYSQL)
    connection.replies = {
        "SELECT COUNT(*) FROM performance_schema.error_log": [{"c": 5}],
        "SELECT DATA": [{"d": "Statement violates GTID consistency: z"}] * 2,
    }
    with pytest.raises(MigrationError, match="2 statements that GTIDs forbid"):
        steps(connection, soak=9)


@pytest.mark.parametrize(
    "more, text", [({"log_error_verbosity": "1"}, "log_error_verbosity is 1"), ({"log_error": "stderr"}, "cannot be read")]
)
def test_nobody_goes_on_blindly(more, text):
    connection = FakeConnection(dict(MYSQL, datadir="/nowhere", **more))
    with pytest.raises(MigrationError, match=text + ".*gtid_soak_s to 0"):
        steps(connection, soak=9)
    assert connection.values["enforce_gtid_consistency"] == "OFF"


def test_a_server_that_will_not_enforce_is_left_without():
    connection = FakeConnection(dict(MYSQL, enforce_gtid_consistency="WARN"))

    def apply(name, value):
        if value == "ON":
            raise MigrationError("there are ongoing transactions that violate GTID consistency")
        connection.run("SET GLOBAL %s = %%s" % name, (value,))

    with pytest.raises(MigrationError, match="ongoing"):
        gtid.OnlineSteps(connection, 0, 0).run(apply)
    assert connection.values["enforce_gtid_consistency"] == "OFF"
