# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in the fence's way, on real servers: each is over in a short time, or refused before anything is frozen.

The tests of a flavour share one migration in this order; the last one cuts over with everything in the way that may be.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest
from pairs import SOURCE, TARGET, Pair, until

#: How long anybody's write may have to wait: the fence's own limit, an undo, and a machine that does much else.
PATIENCE_S = 2.0 + 8.0
FENCE = ("-e", "migration_cutover_fence_seconds=1.5")
DATA = (
    "CREATE TABLE shop.ticks (id INT AUTO_INCREMENT PRIMARY KEY, server VARCHAR(64), at DATETIME(6));"
    "CREATE TABLE shop.other (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200));"
)
#: An event that writes for as long as it lives, as somebody who may write through read_only.
BUSY_EVENT = """
SET GLOBAL event_scheduler = ON;
DELIMITER //
CREATE DEFINER = root@localhost EVENT shop.busy ON SCHEDULE EVERY 1 DAY DO
BEGIN
  DECLARE n INT DEFAULT 0;
  WHILE n < 6000 DO
    INSERT INTO shop.ticks (server, at) VALUES (@@hostname, NOW(6));
    SET n = n + 1;
    DO SLEEP(0.02);
  END WHILE;
END//
DELIMITER ;
"""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY."""
    pair = request.getfixturevalue(request.param)
    pair.sh(SOURCE, "printf '[mysqld]\nevent_scheduler = ON\n' > /etc/mysql/conf.d/application.cnf")
    pair.load(500)
    pair.sql(SOURCE, DATA)
    pair.migrate().ok()
    return pair


@pytest.fixture(autouse=True)
def undisturbed(ready):
    """Each test begins with a source that takes writes and a target that follows."""
    until("the target follows", lambda: follows(ready), seconds=30, pause=0.5)


def follows(pair: Pair) -> bool:
    """Whether a row that is written now arrives at once."""
    pair.sql(SOURCE, "INSERT INTO shop.other (note) VALUES ('again');")
    wanted = pair.value(SOURCE, "SELECT MAX(id) FROM shop.other;")
    time.sleep(0.3)
    return pair.value(TARGET, "SELECT MAX(id) FROM shop.other;") == wanted


def begun(pair: Pair, since: int) -> list[str]:
    """The steps that were begun since an event's number."""
    events = [json.loads(line) for line in pair.sh(TARGET, f"cat {pair.folder}/events.jsonl").splitlines()]
    return [event["event"] for event in events[since:] if event["event"].endswith(" begins")]


def count(pair: Pair) -> int:
    """How many events the journal has."""
    return len(pair.sh(TARGET, f"cat {pair.folder}/events.jsonl").splitlines())


@contextmanager
def refused(pair: Pair, *words: str):
    """A cutover within this is refused in these words, and nothing was frozen: no step was begun."""
    since = count(pair)
    yield
    run = pair.cutover(*FENCE)
    run.failed("nothing was frozen", *words)
    assert begun(pair, since) == []
    assert pair.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["0", "ON"]]


def lives(pair: Pair, number: int) -> bool:
    """Whether a session was left alone."""
    return pair.sql(SOURCE, f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {number};") == [["1"]]


# --- refused ----------------------------------------------------------------


def test_locked_tables_are_refused_and_the_session_is_named(ready):
    with ready.session(SOURCE, "USE shop; LOCK TABLES shop.bulk2 WRITE") as number:
        with refused(ready, "shop.bulk2 is locked by LOCK TABLES", f"session {number} of root"):
            time.sleep(1.1)
        assert lives(ready, number)


def test_a_pending_definition_is_refused_and_the_session_is_named(ready):
    """An ALTER that waits for a transaction, with everybody who wants the table behind it."""
    with ready.session(SOURCE, "BEGIN; SELECT COUNT(*) FROM shop.bulk3"):
        alter = ready.background(SOURCE, f"echo 'ALTER TABLE shop.bulk3 ADD COLUMN late INT;' | {ready.client}")
        waits = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE shop.bulk3%' AND ID <> CONNECTION_ID();"
        number = until("the ALTER waits", lambda: ready.sql(SOURCE, waits), seconds=20)[0][0]
        with refused(ready, f"session {number} of root runs DDL"):
            pass
        ready.sql(SOURCE, f"KILL {number};")
        alter.wait(10)


def test_a_commit_that_waits_for_a_replicas_word_is_refused_and_the_session_is_named(ready):
    """Semi-synchronous replication without anybody to answer: a fence would wait for that commit."""
    old = ready.client == "mariadb"
    names = ("rpl_semi_sync_master_enabled", "rpl_semi_sync_master_timeout", "rpl_semi_sync_master_wait_no_slave")
    if not old:
        ready.sql(SOURCE, "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so';")
        names = ("rpl_semi_sync_source_enabled", "rpl_semi_sync_source_timeout", "rpl_semi_sync_source_wait_no_replica")
    ready.sql(SOURCE, f"SET GLOBAL {names[1]} = 900000; SET GLOBAL {names[2]} = ON; SET GLOBAL {names[0]} = ON;")
    try:
        writer = ready.background(SOURCE, f"echo \"INSERT INTO shop.other (note) VALUES ('waits');\" | {ready.client}")
        waits = "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync ACK%' AND TIME >= 1;"
        number = until("the commit waits", lambda: ready.sql(SOURCE, waits), seconds=20)[0][0]
        with refused(ready, f"session {number} of root", "semi-sync"):
            pass
    finally:
        ready.sql(SOURCE, f"SET GLOBAL {names[0]} = OFF;")
    writer.wait(20)
    if not old:
        ready.sql(SOURCE, "UNINSTALL PLUGIN rpl_semi_sync_source;")


def test_a_prepared_xa_transaction_is_refused_by_its_name(ready):
    with ready.session(SOURCE, "XA START 'order-7'; INSERT INTO shop.bulk1 (pad) VALUES ('xa'); XA END 'order-7'; XA PREPARE 'order-7'"):
        pass
    try:
        with refused(ready, "1 XA transactions are prepared", "order-7"):
            pass
    finally:
        until("the session has left it", lambda: not ready.sql(SOURCE, "XA ROLLBACK 'order-7';", check=False), seconds=10)


# --- short ------------------------------------------------------------------


def test_what_locks_after_the_last_look_is_undone_in_a_short_time(ready):
    """A lock that comes between the last look and the fence: nobody waits longer than the fence may take to close."""
    hold = "ls /etc/mysql/*/zz-nordbridge-hold.cnf 2>/dev/null || true"
    wait = f"for i in $(seq 6000); do [ -n \"$({hold})\" ] && break; sleep 0.01; done"
    # Its own client holds the table, and leaves it when we say so.
    locker = ready.background(SOURCE, f"({wait}; echo 'LOCK TABLES shop.bulk2 WRITE;'; sleep 20) | {ready.client}")
    try:
        run = ready.cutover(*FENCE)
        until("the fence is tried", lambda: ready.sh(SOURCE, hold) or run.process.poll() is not None, seconds=90)
        began = time.monotonic()
        ready.sql(SOURCE, "INSERT INTO shop.other (note) VALUES ('meanwhile');")
        assert time.monotonic() - began < PATIENCE_S
        run.failed("undone", "writes could not be stopped within 1.5 s", "shop.bulk2")
    finally:
        locker.kill()
        locker.wait()
    until("the lock is gone", lambda: not ready.sql(SOURCE, "SHOW OPEN TABLES FROM shop WHERE In_use > 0;"), seconds=30)


def test_it_is_short_past_an_open_transaction_a_long_select_and_a_busy_event(ready):
    """None of these can be waited for, and none of them may write past the fence."""
    ready.sql(SOURCE, BUSY_EVENT)
    until("the event writes", lambda: int(ready.value(SOURCE, "SELECT COUNT(*) FROM shop.ticks;")) > 5, seconds=20)
    reader = ready.background(SOURCE, f"echo 'SELECT SLEEP(30), COUNT(*) FROM shop.bulk1, shop.bulk2, shop.bulk4;' | {ready.client} 2>&1")
    # Its commit comes when the fence is closed.
    closed = f"until [ \"$({ready.client} -NBe 'SELECT @@global.read_only' 2>/dev/null)\" = 1 ]; do sleep 0.1; done"
    script = f"(echo \"BEGIN; INSERT INTO shop.other (note) VALUES ('never told');\"; {closed}; echo 'COMMIT;') | {ready.client} 2>&1"
    writer = ready.background(SOURCE, script)
    try:
        # Old transactions are refused before; this one is young by the limit that is given.
        run = ready.cutover(*FENCE, "-e", "migration_cutover_max_transaction_seconds=600").ok()
    finally:
        reader.kill()
        reader.wait()
    facts = ready.state()["cutover"]["facts"]
    assert facts["write_stop_server_s"] < PATIENCE_S, facts
    said = writer.communicate(timeout=60)[0]
    assert "ERROR" in said, f"its commit was acknowledged: {said}"
    assert ready.value(TARGET, "SELECT COUNT(*) FROM shop.other WHERE note = 'never told';") == "0"
    rows = "SELECT COUNT(*), COALESCE(MAX(id), 0) FROM shop.ticks WHERE server = '%s';" % SOURCE
    seen = ready.sql(SOURCE, rows)
    assert ready.sql(TARGET, rows) == seen, "the event wrote past the fence"
    time.sleep(1)
    assert ready.sql(SOURCE, rows) == seen, "the event still writes"
    assert ready.sql(SOURCE, "SELECT @@global.read_only;") == [["1"]]
    assert run.recap()["failed"] == 0
