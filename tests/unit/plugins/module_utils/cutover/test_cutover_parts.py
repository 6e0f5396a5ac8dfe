# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cutover's parts by themselves: the gate, the watchdog, events, sessions."""

from __future__ import annotations

import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import blockers, events, preflight
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.launch import check_budget, check_gate
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.sessions import Watchdog
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError


@pytest.mark.parametrize("gate", ["", "other", "Shop", "shop "])
def test_only_this_migrations_gate_opens(gate):
    with pytest.raises(Refusal, match="-e cutover=shop"):
        check_gate(gate, "shop")
    check_gate("shop", "shop")


@pytest.mark.parametrize(("budget", "fence"), [(0, 1), (-1, 1), (5, 0), (5, 6)])
def test_times_that_cannot_work_are_refused(budget, fence):
    with pytest.raises(Refusal, match="budget"):
        check_budget({"budget": budget, "fence_seconds": fence, "lease": 100.0})
    check_budget({"budget": 5.0, "fence_seconds": 5.0, "lease": 5.1})


def test_a_budget_of_minutes_works_and_a_fence_of_minutes_is_refused_with_the_number():
    check_budget({"budget": 300.0, "fence_seconds": 50.0, "lease": 400.0})
    with pytest.raises(Refusal, match=r"fence_seconds \(51\) must be at most 50"):
        check_budget({"budget": 300.0, "fence_seconds": 51.0, "lease": 400.0})


@pytest.mark.parametrize("name", ["budget", "fence_seconds", "lease"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_times_that_are_no_numbers_are_refused(name, value):
    with pytest.raises(Refusal, match="numbers of seconds"):
        check_budget({"budget": 5.0, "fence_seconds": 2.0, "lease": 10.0, name: value})


def test_a_lease_that_ends_within_the_budget_is_refused():
    with pytest.raises(Refusal, match="longer than the budget"):
        check_budget({"budget": 5.0, "fence_seconds": 2.0, "lease": 5.0})


class Recorder:
    """A connection that remembers what it ran."""

    def __init__(self, rows=(), slow=0.0, failing=""):
        self.ran, self.found, self.slow, self.failing = [], list(rows), slow, failing

    def run(self, sql, args=None):
        time.sleep(self.slow)
        self.ran.append((sql, args))
        if self.failing and self.failing in sql:
            raise ServerError("refused", 1)

    def rows(self, sql, args=None):
        self.ran.append((sql, args))
        return list(self.found)

    def row(self, sql, args=None):
        self.ran.append((sql, args))
        return {"m": "STRICT", "z": "SYSTEM", "c": "utf8mb4", "o": "utf8mb4_general_ci"}


class Server:
    def __init__(self, connection):
        self.connection = connection


class TestSessions:
    def test_a_quick_statement_is_left_alone(self):
        watch = Recorder()
        with Watchdog(watch, 11, 0.2) as dog:
            pass
        time.sleep(0.3)
        assert watch.ran == [] and dog.fired is False

    def test_a_slow_one_is_ended_and_counted_as_ended_before_anything_else_runs(self):
        watch = Recorder(slow=0.1)
        with Watchdog(watch, 11, 0.05) as dog:
            time.sleep(0.07)
        assert dog.fired is True
        assert watch.ran == [("KILL QUERY 11", None)], "left before its KILL was through"

    def test_a_fence_that_closed_too_late_counts_as_open(self, world, cut, monkeypatch):
        real = world.effect

        def slow(name):
            if name == "close fence":
                time.sleep(0.1)
            real(name)

        monkeypatch.setattr(world, "effect", slow)
        answer = cut(fence_seconds=0.03)
        assert isinstance(answer, MigrationError) and "writes could not be stopped within" in str(answer)
        assert not world.source["read_only"]


class TestEvents:
    ROW = {"s": "shop", "n": "50% `x`", "d": "o'b@rien@%", "m": "ANSI_QUOTES", "c": "latin1", "o": "latin1_swedish_ci", "z": "+02:00"}

    def test_only_those_that_were_enabled_are_woken(self):
        connection = Recorder([self.ROW, {**self.ROW, "n": "other"}])
        assert events.wake_events(Server(connection), [["shop", "50% `x`"]]) == (1, [])
        altered = [(sql, args) for sql, args in connection.ran if sql.startswith("ALTER")]
        assert altered == [("ALTER DEFINER = %s@%s EVENT `shop`.`50%% ``x``` ENABLE", ("o'b@rien", "%"))]
        assert altered[0][0] % ("'u'", "'h'") == "ALTER DEFINER = 'u'@'h' EVENT `shop`.`50% ``x``` ENABLE"

    def test_each_events_own_session_is_set_first_and_left_afterwards(self):
        connection = Recorder([self.ROW])
        events.wake_events(Server(connection), [["shop", "50% `x`"]])
        before = (events.SESSION, None)
        assert connection.ran[1] == before and connection.ran[2][0].startswith("SET SESSION sql_mode = %s, time_zone = %s, ")
        assert connection.ran[2][1] == ("ANSI_QUOTES", "+02:00", "latin1", "latin1_swedish_ci")
        assert connection.ran[-1] == (connection.ran[2][0], ("STRICT", "SYSTEM", "utf8mb4", "utf8mb4_general_ci"))

    def test_the_session_is_left_as_it_was_where_one_is_refused(self):
        connection = Recorder([self.ROW], failing="ALTER")
        events.wake_events(Server(connection), [["shop", "50% `x`"]])
        assert connection.ran[-1][1] == ("STRICT", "SYSTEM", "utf8mb4", "utf8mb4_general_ci")

    def test_where_none_is_to_be_woken_nothing_is_set(self):
        connection = Recorder([self.ROW])
        assert events.wake_events(Server(connection), [["shop", "other"]]) == (0, [])
        assert [sql for sql, _args in connection.ran] == [events.ASLEEP]

    def test_one_that_is_refused_does_not_stop_the_others(self):
        connection = Recorder([{**self.ROW, "n": "bad"}, {**self.ROW, "n": "good"}], failing="`bad`")
        count, left = events.wake_events(Server(connection), [["shop", "bad"], ["shop", "good"]])
        assert count == 1
        assert left == ["event shop.bad: refused"]

    def test_a_disabled_scheduler_is_not_set(self):
        class Disabled(Recorder):
            def variable(self, _name):
                return "DISABLED"

        connection = Disabled()
        events.set_scheduler(Server(connection), "ON")
        assert connection.ran == []


class TestPreflight:
    @pytest.fixture
    def ready(self, monkeypatch):
        monkeypatch.setattr(preflight, "check_apart", lambda *_servers: None)
        for name in ("replication_reasons", "session_reasons", "_positions", "_unheld"):
            monkeypatch.setattr(preflight, name, lambda *_args: [])
        return monkeypatch

    def test_nothing_in_the_way(self, ready):
        preflight.check_ready(None, None, {})

    @pytest.mark.parametrize("part", ["session_reasons", "_positions", "_unheld"])
    def test_nothing_is_written_where_it_would_wait(self, ready, part):
        ready.setattr(preflight, part, lambda *_args: ["because"])
        ready.setattr(preflight, "replication_reasons", lambda *_args: pytest.fail("a heartbeat was written"))
        with pytest.raises(Refusal, match="because"):
            preflight.check_ready(None, None, {})

    @pytest.mark.parametrize("part", ["replication_reasons", "session_reasons", "_positions", "_unheld"])
    def test_each_reason_stops_it(self, ready, part):
        ready.setattr(preflight, part, lambda *_args: ["because"])
        with pytest.raises(Refusal, match="nothing was frozen: because"):
            preflight.check_ready(None, None, {})

    def test_what_the_sources_host_says_of_the_hold(self, ready):
        with pytest.raises(Refusal, match="a restart would open the source again .* by line 3 of x.cnf; RESET PERSIST"):
            preflight.check_ready(None, None, {}, ["read_only would be OFF by line 3 of x.cnf", "RESET PERSIST y"])

    @pytest.mark.parametrize(
        ("source", "target", "foreign", "words"),
        [
            (True, True, "", "read-only already"),
            (False, False, "", "writable before"),
            (False, True, "0-2-5", "0-2-5"),
            (False, True, "", ""),
        ],
    )
    def test_positions(self, source, target, foreign, words):
        class One:
            def __init__(self, closed):
                self.closed = closed

            def read_only(self):
                return self.closed

            def gtid_foreign(self, _source):
                return foreign

        reasons = preflight._positions(One(source), One(target))
        assert len(reasons) == bool(words)
        assert words in "".join(reasons)


class TestBlockers:
    class Source:
        """Answers each question by a word of it."""

        def __init__(self, locked=(), **answers):
            self.connection, self.answers, self.locked = self, answers, list(locked)

        def rows(self, sql, _args=None):
            return next((rows for word, rows in self.answers.items() if word in sql), [])

        def locked_tables(self):
            return self.locked

    SESSION = {"id": 12, "user": "app", "seconds": 3, "info": "ALTER TABLE t"}

    def test_nobody_is_in_the_way(self):
        assert blockers.blockers(self.Source(), 5) == []
        assert blockers.in_the_way(self.Source()) == ""

    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            ({"INNODB_TRX": [SESSION]}, "session 12 of app has a transaction open for 3 s"),
            ({"REGEXP": [SESSION]}, "session 12 of app runs DDL for 3 s: ALTER TABLE t"),
            ({"semi-sync": [SESSION]}, "session 12 of app commits and has waited for 3 s"),
            ({"locked": [("shop.t", ["session 12 of app", "session 13 of root"])]}, "shop.t is locked by LOCK TABLES of session 12 of app or"),
            ({"locked": [("shop.t", [])]}, "a session that cannot be seen"),
            ({"RECOVER": [{"data": b"order-7\x00"}, {"data": "other"}]}, "2 XA transactions are prepared"),
            ({"RECOVER": [{"data": b"order-7\x00"}]}, ": order-7?"),
        ],
    )
    def test_each_is_named(self, answers, words):
        found = blockers.blockers(self.Source(**answers), 5)
        assert len(found) == 1
        assert words in found[0]

    def test_a_fence_that_did_not_close_says_whose_locks_it_met(self):
        source = self.Source(locked=[("shop.t", ["session 12 of app"])])
        assert blockers.in_the_way(source) == "; table shop.t is locked by LOCK TABLES of session 12 of app"

    def test_looking_does_not_hide_the_failure(self):
        def lost():
            raise ServerError("source: lost", 2013)

        source = self.Source()
        source.locked_tables = lost
        assert blockers.in_the_way(source) == ""
