# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cutover that cannot be done is refused or undone at once, and one that died is finished by the same command.

The tests of a flavour share one migration under writes, in this order; the last ones cut over.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager

import application
import pytest
from pairs import ROOT, SOURCE, TARGET, Pair, until

#: How long an undo may take on a machine that does much else: it is under one second where the machine is idle.
UNDO_SECONDS = 8.0
#: Long enough for a playbook to look at a source that is still closed.
LEASE_SECONDS = 30
HOLD = "ls /etc/mysql/*/zz-nordbridge-hold.cnf 2>/dev/null || true"
EVENTS = (
    "CREATE TABLE shop.ticks (id INT AUTO_INCREMENT PRIMARY KEY, server VARCHAR(64), at DATETIME DEFAULT CURRENT_TIMESTAMP);"
    "SET GLOBAL event_scheduler = ON;"
    "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.ticks (server) VALUES (@@hostname);"
)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY, with an application that never pauses and an event that fires each second."""
    pair = request.getfixturevalue(request.param)
    # The source is restarted for its binary log, where that is off.
    pair.sh(SOURCE, "printf '[mysqld]\nevent_scheduler = ON\n' > /etc/mysql/conf.d/application.cnf")
    # What an earlier run's writers were told is nothing to this one.
    shutil.rmtree(pair.out / "application", ignore_errors=True)
    # More of them only wear the two cores down, and the target out.
    application.WRITERS = 2
    application.start(pair.name, pair.out / "application", 2)
    try:
        pair.load(1000)
        pair.sql(SOURCE, EVENTS)
        pair.migrate().ok()
        yield pair
    finally:
        application.stop(pair.out / "application")


def journal(pair: Pair) -> list[dict]:
    """The migration's events."""
    return [json.loads(line) for line in pair.sh(TARGET, f"cat {pair.folder}/events.jsonl").splitlines()]


def replicates(pair: Pair) -> bool:
    """Whether a row that is written on the source now arrives on the target soon; the write itself may not wait."""
    began = time.monotonic()
    pair.sql(SOURCE, "SET lock_wait_timeout = 2; INSERT INTO shop.orders (note) VALUES ('again');")
    assert time.monotonic() - began < 2, "the source took its time for a write"
    wanted = pair.value(SOURCE, "SELECT MAX(id) FROM shop.orders;")
    return until("replication", lambda: pair.value(TARGET, "SELECT MAX(id) FROM shop.orders;") == wanted, seconds=15)


def as_before(pair: Pair) -> None:
    """As if nobody had tried to cut over."""
    assert pair.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["0", "ON"]]
    assert pair.value(TARGET, "SELECT @@global.read_only;") == "1"
    assert pair.sh(SOURCE, HOLD) == "", "the fence is still in the source's configuration"
    assert not pair.state().get("cutover", {}).get("begun")
    assert replicates(pair)


@contextmanager
def blocked_applier(pair: Pair, fenced: str = SOURCE, follower: str = TARGET):
    """The target cannot apply a row that the source commits after the preflight and before the fence; a rollback exchanges the two."""
    # The lease comes after the last look at the replica, and half a second before the fence: behind that no row would be taken.
    armed = "ls /run/systemd/transient/nordbridge-*-lease-*.service 2>/dev/null || true"
    # That of an attempt that was undone stays until its time is over: it is no sign of this one.
    until("the lease before is over", lambda: not pair.sh(fenced, armed), seconds=60)
    wait = f"for i in $(seq 6000); do [ -n \"$({armed})\" ] && break; sleep 0.01; done"
    row = "INSERT INTO shop.orders (note) VALUES ('just before the fence');"
    with pair.session(follower, "LOCK TABLES shop.orders READ"):
        # The client is connected already when the sign comes.
        writer = pair.background(fenced, f'({wait}; echo "{row}") | {pair.client}')
        try:
            yield writer
        finally:
            writer.kill()
            writer.wait()


# --- refused ----------------------------------------------------------------


def test_an_old_transaction_is_named_and_nothing_is_frozen(ready):
    count = len(journal(ready))
    with ready.session(SOURCE, "BEGIN; INSERT INTO shop.orders (note) VALUES ('not yet')") as number:
        time.sleep(2.5)
        run = ready.cutover("-e", "migration_cutover_max_transaction_seconds=1")
        run.failed(f"session {number} of root has a transaction open", "nothing was frozen")
        assert ready.sql(SOURCE, f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {number};") == [["1"]]
    assert not [event for event in journal(ready)[count:] if "begins" in event["event"]]
    as_before(ready)


# --- undone -----------------------------------------------------------------


def test_a_target_that_cannot_follow_is_not_promoted(ready):
    count = len(journal(ready))
    with blocked_applier(ready) as writer:
        run = ready.cutover("-e", "migration_cutover_budget=2")
        run.failed("undone", "had not applied the source's last write", "budget of 2.0 s", "run the same command")
        assert writer.wait(10) == 0, "the write came after the fence: nothing was shown"
        assert ready.sql(SOURCE, "SELECT @@global.read_only;") == [["0"]]
        assert ready.value(TARGET, "SELECT @@global.read_only;") == "1"
    as_before(ready)
    at = {event["event"]: event["ts"] for event in journal(ready)[count:]}
    assert at["cutover: undone"] - at["cutover: hold begins"] < 2 + UNDO_SECONDS
    assert not [event for event in at if event.startswith(("cutover: promote", "cutover: commit"))]


# --- died, and done ---------------------------------------------------------


def test_a_cutover_that_was_killed_behind_the_fence_is_finished_by_the_same_command(ready):
    switch = {"demo_endpoint": str(ready.out / "application/endpoint.json"), "migration_cutover_after": [str(ROOT / "molecule/shared/hooks/switch.yml")]}
    command = ("-e", json.dumps(switch), "-e", "migration_cutover_budget=8", "-e", f"migration_cutover_lease={LEASE_SECONDS}")
    with blocked_applier(ready):
        run = ready.cutover(*command)
        fenced = "SELECT @@global.read_only;"
        until("the fence is closed", lambda: ready.value(SOURCE, fenced) == "1" or run.process.poll() is not None, seconds=60)
        ready.sh(TARGET, f"kill -9 {ready.job('cutover', 'started')['pid']}")
        run.failed("was killed", "run the same command again", "the source opens again when its lease")
        assert ready.value(TARGET, fenced) == "1"
        # Without the gate nobody carries it on, and nobody is told to open a source that may be committed.
        told = ready.migrate().failed("a cutover of this migration has begun", "do not open the source", f"-e cutover={ready.name}")
        assert "SET GLOBAL read_only = OFF" not in told.output
        # The source takes writes again although nobody is there to open it, and the target still takes none.
        until("the lease ends", lambda: ready.value(SOURCE, fenced) == "0", seconds=LEASE_SECONDS + UNDO_SECONDS)
        until("the fence is out of the configuration", lambda: ready.sh(SOURCE, HOLD) == "", seconds=UNDO_SECONDS)
        ready.sql(SOURCE, "SET lock_wait_timeout = 2; INSERT INTO shop.orders (note) VALUES ('after the lease');")
        assert ready.value(TARGET, fenced) == "1"
    assert "commit" not in ready.state()["cutover"]["done"]
    attempt = ready.job("cutover", "spec")["attempt"]

    # Twice at once, by either playbook: one does it, the other attaches. What has begun is carried on before anything else is touched.
    both = [ready.cutover(*command), ready.migrate(*command, "-e", f"cutover={ready.name}")]
    for run in both:
        run.ok()
    assert ready.job("cutover", "spec")["attempt"] == attempt + 1
    events = [event["event"] for event in journal(ready)]
    assert events.count("cutover: promote done") == 1
    assert ready.sql(TARGET, "SELECT @@global.read_only, @@global.event_scheduler;") == [["0", "ON"]]
    assert ready.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["1", "OFF"]]

    ready.cutover(*command).ok()
    assert ready.job("cutover", "spec")["attempt"] == attempt + 1
    time.sleep(2)
    application.stop(ready.out / "application")
    verdict = application.judge(ready.out / "application")
    assert verdict["ledger"]["wrong"] == []
    assert {name: verdict["ledger"][name] for name in ("lost", "duplicated", "only_on_source")} == {
        "lost": 0, "duplicated": 0, "only_on_source": 0,
    }  # fmt: skip
    assert verdict["ledger"]["two_writable"] is False
    # The event writes on the target meanwhile.
    assert [entry for entry in verdict["integrity"].get("differences") or [] if "ticks" not in str(entry)] == []


def test_the_event_fired_on_one_server_at_a_time(ready):
    rows = ready.sql(TARGET, "SELECT server, COUNT(*), COUNT(DISTINCT at), MIN(id), MAX(id) FROM shop.ticks GROUP BY server;")
    seen = {row[0]: [int(value) for value in row[1:]] for row in rows}
    assert set(seen) == {SOURCE, TARGET}, seen
    assert seen[SOURCE][3] < seen[TARGET][2], "both fired at the same time"
    assert seen[TARGET][0] >= 2
    for name, (count, seconds, _first, _last) in seen.items():
        # A firing may slip over a second's edge; two servers that fire would double all of them.
        assert count - seconds <= count * 0.1 + 1, (name, seen)
    assert ready.value(SOURCE, f"SELECT COUNT(*) FROM shop.ticks WHERE server = '{TARGET}';") == "0"
    assert int(ready.value(SOURCE, "SELECT COUNT(*) FROM shop.ticks;")) == seen[SOURCE][0], "the source went on firing"


def test_the_source_stays_read_only_through_a_restart(ready):
    ready.sh(SOURCE, f"systemctl restart {ready.client}")
    until("the server is up", lambda: ready.sql(SOURCE, "SELECT 1;", check=False) == [["1"]])
    assert ready.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["1", "OFF"]]
    assert ready.value(TARGET, "SELECT @@global.read_only;") == "0"
