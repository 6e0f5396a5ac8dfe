# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a replica catches up, and what the heartbeat tells."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import catchup, heartbeat
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.convergence import Convergence, Verdict
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import ReplicaStatus


def feed(lags, threshold=1.0, step=1.0):
    rule, verdict = Convergence(threshold), None
    for number, lag in enumerate(lags):
        verdict = rule.add(number * step, lag)
    return verdict


def test_lag_that_shrinks_converges_with_an_eta():
    verdict = feed([100 - 2 * second for second in range(31)])
    assert verdict.converging
    assert verdict.speed == pytest.approx(3.0)
    assert verdict.eta == pytest.approx(40 / 2.0)


def test_lag_that_grows_does_not_once_it_was_watched_long_enough():
    assert feed([100 + second for second in range(20)]).converging
    verdict = feed([100 + second for second in range(40)])
    assert (verdict.converging, verdict.eta) == (False, None)
    assert verdict.speed == pytest.approx(0.0)


def test_lag_that_stays_does_not_converge_unless_it_is_small():
    assert not feed([50.0] * 40).converging
    assert feed([0.5] * 40).converging


def test_only_the_last_window_counts():
    lags = [10 + second for second in range(60)] + [70 - 2 * second for second in range(31)]
    assert feed(lags).speed == pytest.approx(3.0, abs=0.1)


def test_ready_counts_from_the_first_sample_under_the_threshold_without_a_break():
    assert feed([5, 1.0, 0.2, 0.3]).ready_for == 2.0
    assert feed([0.2, 0.3, 1.01, 0.3, 0.2]).ready_for == 1.0
    assert feed([0.2, 0.3, None, 0.3]).ready_for == 0.0
    assert feed([0.2, 1.01]).ready_for == 0.0


def test_no_heartbeat_is_not_readiness():
    verdict = feed([None] * 50)
    assert (verdict.lag, verdict.ready_for, verdict.eta) == (None, 0.0, None)


def test_a_source_that_could_tell_more_is_named():
    source = SimpleNamespace(variable=lambda name: "COMMIT_ORDER")
    with pytest.raises(MigrationError, match="binlog_transaction_dependency_tracking = 'WRITESET' on the source"):
        catchup._check_patience(source, OPTIONS, 161.0, 60.0, BEHIND)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict(None, 0.0, None, 0.0, True), "no heartbeat has arrived yet"),
        (Verdict(0.5, 1.0, None, 7.0, True), "lag 0.50s (heartbeat)  applying 1.0x real time  in sync for 7s"),
        (Verdict(90.0, 3.0, 45.0, 0.0, True), "lag 90.00s (heartbeat)  applying 3.0x real time  ETA 45s"),
        (Verdict(90.0, 1.0, None, 0.0, True), "lag 90.00s (heartbeat)  applying 1.0x real time  ETA -"),
    ],
)
def test_lines(verdict, text):
    assert catchup.line(verdict, 1.0) == text


def test_a_line_that_warns():
    assert "NOT CONVERGING" in catchup.line(Verdict(90.0, 0.5, None, 0.0, False), 1.0)


OPTIONS = {"patience": 100.0, "timeout": 1000.0}
BEHIND = Verdict(90.0, 0.5, None, 0.0, False)
SOURCE = SimpleNamespace(variable=lambda name: None)


def test_patience():
    catchup._check_patience(SOURCE, OPTIONS, 150.0, 60.0, BEHIND)
    catchup._check_patience(SOURCE, OPTIONS, 999.0, None, BEHIND)
    with pytest.raises(MigrationError, match="not converging.*1m30s behind"):
        catchup._check_patience(SOURCE, OPTIONS, 161.0, 60.0, BEHIND)
    with pytest.raises(MigrationError, match="still 1m30s behind after 16m41s"):
        catchup._check_patience(SOURCE, OPTIONS, 1001.0, None, BEHIND)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "replicates from nobody"),
        (
            {"source_host": "a", "io_running": "Yes", "sql_running": "No", "last_sql_errno": 1062, "last_sql_error": "dup"},
            r"applier: \[1062\] dup",
        ),
        (
            {"source_host": "a", "io_running": "No", "sql_running": "Yes", "last_io_errno": 1236, "last_io_error": "purged"},
            r"\[1236\] purged",
        ),
        ({"source_host": "a", "io_running": "No", "sql_running": "Yes"}, "somebody stopped it"),
    ],
)
def test_stopped_threads_fail_at_once(fields, words):
    with pytest.raises(MigrationError, match=words):
        catchup.check_threads(ReplicaStatus(**fields))


def test_a_receiver_that_connects_again_is_no_failure():
    status = ReplicaStatus(source_host="a", io_running="Connecting", sql_running="Yes", last_io_errno=2003, last_io_error="no route")
    catchup.check_threads(status)


class Connection:
    def __init__(self, row=None, now=None):
        self.found, self.now, self.ran = row or {}, now, []

    def row(self, _sql, _args):
        return self.found

    def value(self, _sql):
        return self.now

    def run(self, sql, args):
        self.ran.append((sql, args))


NOON = datetime.datetime(2026, 1, 1, 12)


@pytest.mark.parametrize(("age", "lag"), [(2.5, 2.5), (0, 0.0), (-0.1, 0.0)])
def test_lag_is_told_by_one_clock(age, lag):
    target = Connection({"seq": 1, "at": NOON - datetime.timedelta(seconds=age)})
    assert heartbeat.lag(Connection(now=NOON), target, "shop") == lag


def test_no_row_is_no_lag():
    assert heartbeat.lag(Connection(now=NOON), Connection(), "shop") is None
    assert heartbeat.seen(Connection(), "shop") == 0


def test_only_a_beat_that_was_written_now_has_arrived():
    source = Connection({"seq": 8})
    assert heartbeat.arrives(source, Connection({"seq": 8}), "shop", 0.0) is True
    assert source.ran[0][1] == ("shop",)
    assert heartbeat.arrives(source, Connection({"seq": 7}), "shop", 0.05) is False
