# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for both threads, with a clock of its own."""
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import parse_row
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.wait import SETTLE_S, wait_until_running


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def waiting(kit):
    """Wait over a story: (from second, changes to a running row); returns the seconds it took."""

    def wait(story, seconds=10, just_started=True):
        clock = Clock()

        def read():
            changes = [changes for begin, changes in story if begin <= clock.now][-1]
            return parse_row(dict(kit.MYSQL_ROW, **changes))

        wait_until_running(read, seconds, "oslo-db1", just_started, clock=clock, sleep=clock.sleep)
        return clock.now

    return wait


CONNECTING = {"Replica_IO_Running": "Connecting"}


def test_a_running_replica_costs_one_look(waiting):
    assert waiting([(0, {})], just_started=False) == 0


def test_a_started_one_must_hold(waiting):
    assert waiting([(0, {})]) == pytest.approx(SETTLE_S)
    assert waiting([(0, CONNECTING), (3, {})]) == pytest.approx(3 + SETTLE_S)


def test_a_flicker_does_not_count(waiting):
    assert waiting([(0, {}), (0.5, CONNECTING), (2, {})]) == pytest.approx(2 + SETTLE_S)


def test_an_applier_that_stops_at_once(waiting):
    story = [(0, {}), (0.5, {"Replica_SQL_Running": "No", "Last_SQL_Errno": 1062, "Last_SQL_Error": "Duplicate entry '1'"})]
    said = r"applier has stopped at binlog.000002:1601: \[1062\] Duplicate entry '1'; .*Nothing was skipped"
    with pytest.raises(ServerError, match=said) as error:
        waiting(story)
    assert error.value.errno == 1062


def test_a_receiver_that_stops(waiting):
    story = [(0, {}), (0.5, {"Replica_IO_Running": "No", "Last_IO_Errno": 13114, "Last_IO_Error": "purged required binary logs"})]
    with pytest.raises(ServerError, match=r"receiver has stopped: \[13114\].*new seed"):
        waiting(story)


def test_a_refused_login_is_final_at_once_after_a_start(waiting):
    story = [(0, dict(CONNECTING, Last_IO_Errno=1045, Last_IO_Error="Access denied"))]
    with pytest.raises(ServerError, match=r"cannot log in to repl@us-db1:3306: \[1045\] Access denied; .*source_password") as error:
        waiting(story, seconds=1000)
    assert error.value.errno == 1045


def test_an_old_refusal_is_waited_out(waiting):
    story = [(0, dict(CONNECTING, Last_IO_Errno=1045, Last_IO_Error="Access denied")), (4, {})]
    assert waiting(story, just_started=False) == pytest.approx(4)


def test_time_over(waiting):
    with pytest.raises(ServerError, match=r"after 5 s the receiver still cannot reach repl@us-db1:3306: \[2003\] no route; .*tunnel"):
        waiting([(0, dict(CONNECTING, Last_IO_Errno=2003, Last_IO_Error="no route"))], seconds=5)
    with pytest.raises(ServerError, match="names no error.*start_timeout"):
        waiting([(0, CONNECTING)], seconds=5)
    with pytest.raises(ServerError, match=r"\[1205\]"):
        waiting([(0, {"Last_SQL_Errno": 1205, "Last_SQL_Error": "Lock wait timeout"})], seconds=5)


def test_the_source_may_come_up_late(waiting):
    assert waiting([(0, dict(CONNECTING, Last_IO_Errno=2003)), (8, {})], seconds=10) == pytest.approx(8 + SETTLE_S)
