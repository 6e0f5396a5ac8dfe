# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source that eight writers saturate is caught up with; what was relaxed for it is undone before the cutover and by no crash kept.

The tests of a flavour share one migration, in this order; the last one cuts over.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour
from engine import detect
from pairs import ROOT, SOURCE, TARGET, Pair, until

TABLES, ROWS, WRITERS = 4, 20_000, 8
DIGITS = "(SELECT 0 AS d" + "".join(f" UNION ALL SELECT {digit}" for digit in range(1, 10)) + ")"
TABLE = "CREATE TABLE load{n} (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k));"
TEXT = "SHA2(RAND(), 256)"
FILL = (
    f"INSERT INTO load{{n}} SELECT a.d * 10000 + b.d * 1000 + c.d * 100 + e.d * 10 + f.d + 1, FLOOR(RAND() * {ROWS}), {TEXT},"
    f" LEFT({TEXT}, 50) FROM {DIGITS} a, {DIGITS} b, {DIGITS} c, {DIGITS} e, {DIGITS} f WHERE a.d < {ROWS // 10_000};"
)
#: sysbench's write-only transaction: two updates, a delete and an insert of one row. Inside the server no client's speed limits it.
TRANSACTION = (
    f"WHEN {{i}} THEN UPDATE load{{n}} SET k = k + 1 WHERE id = r; UPDATE load{{n}} SET c = {TEXT} WHERE id = r;"
    f" DELETE FROM load{{n}} WHERE id = r; INSERT INTO load{{n}} VALUES (r, r, {TEXT}, LEFT({TEXT}, 50));"
)
WORK = (
    "DELIMITER //\nCREATE PROCEDURE work(seconds INT) BEGIN DECLARE i, done, r INT DEFAULT 0;"
    " DECLARE stop DATETIME DEFAULT NOW() + INTERVAL seconds SECOND;"
    # Two of them meet in one row now and then.
    " DECLARE CONTINUE HANDLER FOR SQLEXCEPTION ROLLBACK;"
    " SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
    f" WHILE SYSDATE() < stop DO SET r = 1 + FLOOR(RAND() * {ROWS}); SET i = i + 1; START TRANSACTION; CASE MOD(i, {TABLES})"
    " {transactions} END CASE; COMMIT; SET done = done + 1; END WHILE;"
    " INSERT INTO finished (loops) VALUES (done); END//\nDELIMITER ;"
)
SCHEMA = (
    ["CREATE DATABASE busy; USE busy; CREATE TABLE finished (id INT AUTO_INCREMENT PRIMARY KEY, loops INT);"]
    + ["CREATE TABLE mark (id INT AUTO_INCREMENT PRIMARY KEY);"]
    + [TABLE.format(n=n) + FILL.format(n=n) for n in range(TABLES)]
    + [WORK.format(transactions=" ".join(TRANSACTION.format(i=n, n=n) for n in range(TABLES)))]
)
SUMS = "USE busy;" + "".join(
    f"SELECT COUNT(*), SUM(k), SUM(CRC32(c)), SUM(CRC32(pad)) FROM load{n};" for n in range(TABLES)
) + "SELECT COUNT(*), SUM(loops) FROM finished;"  # fmt: skip

RELAXED = {"innodb_flush_log_at_trx_commit": "2", "sync_binlog": "0"}
#: What may not be left as the migration set it.
WATCHED = {
    "mariadb": (*RELAXED, "slave_parallel_threads", "slave_parallel_mode"),
    "mysql": (*RELAXED, "replica_parallel_workers", "replica_preserve_commit_order"),
}
DEFAULTS = {
    "mariadb": "SET GLOBAL innodb_flush_log_at_trx_commit = 1, sync_binlog = 0, slave_parallel_threads = 0;",
    "mysql": "SET GLOBAL innodb_flush_log_at_trx_commit = 1, sync_binlog = 1, replica_parallel_workers = 4;",
}
#: Last_SQL_Errno before a relay log that cannot be read.
UNREADABLE = {"mariadb": "1594", "mysql": "13121"}


def settings(pair: Pair) -> dict[str, str]:
    """The target's settings now."""
    names = ", ".join(f"'{name}'" for name in WATCHED[pair.client])
    return {name: value for name, value in pair.sql(TARGET, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names});")}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY, and the target's settings of before it."""
    pair = request.getfixturevalue(request.param)
    pair.sql(SOURCE, "\n".join(SCHEMA))
    pair.settings_before = settings(pair)
    pair.migrate().ok()
    yield pair


def part(pair: Pair) -> None:
    """Give each server a processor of its own, as two hosts have: sharing them, what the source writes with the target lacks."""
    hosts = json.loads((ROOT / "build/hosts" / pair.name / "hosts.json").read_text())["hosts"]
    for number, host in enumerate((SOURCE, TARGET)):
        server = f"$(systemctl show --property MainPID --value {pair.client})"
        command = f"taskset --all-tasks --cpu-list --pid {number} {server} > /dev/null && taskset --cpu-list --pid {server}"
        # A host's own root may not, as on a real machine it could.
        told = detect().run("exec", "--privileged", hosts[host]["container"], "sh", "-c", command)
        assert told.split(":")[-1].strip() == str(number), told


@contextmanager
def writers(pair: Pair, seconds: int):
    """Eight sessions that write without a pause."""
    command = f"for i in $(seq {WRITERS}); do {pair.client} busy -e 'CALL work({seconds})' & done; wait"
    process = pair.background(SOURCE, command)
    try:
        yield process
        output, _none = process.communicate(timeout=seconds + 600)
        assert process.returncode == 0, output
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def stop_writers(pair: Pair) -> None:
    """End what the sessions do, between two transactions or in one."""
    rows = pair.sql(SOURCE, "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'busy' AND ID <> CONNECTION_ID();")
    pair.sql(SOURCE, "".join(f"KILL {row[0]};" for row in rows), check=False)


def loops(pair: Pair) -> int:
    """Transactions that the writers have finished so far."""
    return int(pair.value(SOURCE, "SELECT COALESCE(SUM(loops), 0) FROM busy.finished;"))


def caught_up(pair: Pair, seconds: float) -> float:
    """Wait until all that was written so far has arrived; how long it took."""
    began = time.monotonic()
    number = pair.sql(SOURCE, "INSERT INTO busy.mark VALUES (NULL); SELECT LAST_INSERT_ID();")[0][0]
    seen = f"SELECT COUNT(*) FROM busy.mark WHERE id = {number};"
    until("the target has caught up", lambda: pair.value(TARGET, seen) == "1", seconds=seconds)
    return time.monotonic() - began


def equal(pair: Pair) -> None:
    """Both sides hold the same rows."""
    caught_up(pair, 600)
    assert pair.sql(SOURCE, SUMS) == pair.sql(TARGET, SUMS)


def speed(pair: Pair, seconds: int) -> dict[str, float]:
    """What eight writers wrote in that time, and how long the replica takes for it alone."""
    pair.sql(TARGET, "STOP REPLICA SQL_THREAD;")
    before = loops(pair)
    with writers(pair, seconds):
        pass
    written = loops(pair) - before
    pair.sql(TARGET, "START REPLICA SQL_THREAD;")
    drained = caught_up(pair, 900)
    return {"written_per_s": round(written / seconds), "applied_per_s": round(written / drained), "times_real_time": round(seconds / drained, 2)}


def test_a_saturated_source_is_caught_up_with(ready, capsys):
    assert {name: settings(ready)[name] for name in RELAXED} == RELAXED
    ours = settings(ready)
    part(ready)
    figures = {"ours": [], "defaults": []}
    for _round in range(2):
        figures["ours"].append(speed(ready, 6))
        ready.sql(TARGET, "STOP REPLICA SQL_THREAD;" + DEFAULTS[ready.client] + "START REPLICA SQL_THREAD;")
        figures["defaults"].append(speed(ready, 6))
        back = ", ".join(f"{name} = {value if value.isdigit() else repr(value)}" for name, value in ours.items())
        ready.sql(TARGET, f"STOP REPLICA SQL_THREAD; SET GLOBAL {back}; START REPLICA SQL_THREAD;")
    (ready.out / "catchup.json").write_text(json.dumps(figures, indent=1) + "\n")
    with capsys.disabled():
        print(f"\n{ready.flavour}: {json.dumps(figures)}")

    # Behind, and the writers do not stop: READY comes while they write.
    ready.sql(TARGET, "STOP REPLICA SQL_THREAD;")
    with writers(ready, 10):
        pass
    # They stop when it is shown.
    with writers(ready, 900) as load:
        ready.sql(TARGET, "START REPLICA SQL_THREAD;")
        run = ready.migrate().ok()
        assert load.poll() is None, "the writers ended first: nothing was shown"
        assert "READY: " in run.output
        stop_writers(ready)
        load.wait(30)
        load.returncode = 0
    equal(ready)


def test_a_source_under_load_is_not_told_to_lack_what_it_is_committing(ready):
    with ready.socket(SOURCE) as here, ready.socket(TARGET) as there, writers(ready, 30) as load:
        source, target = (open_flavour(connect(Endpoint(unix_socket=socket, user="root"), "root")) for socket in (here, there))
        # A processor less for the source's commits: more of them are between their two moments.
        busy = ready.background(SOURCE, "timeout 25 sh -c 'while :; do :; done'")
        found, looks = [], 0
        while load.poll() is None and looks < 4000:
            found += [extra] if (extra := target.gtid_foreign(source)) else []
            looks += 1
        busy.wait(60)
        stop_writers(ready)
        load.wait(60)
        load.returncode = 0
    assert looks > 100 and not found, (looks, found[:3])
    equal(ready)


def test_a_server_that_is_killed_while_relaxed_has_lost_nothing(ready):
    for _round in range(3):
        with writers(ready, 8):
            time.sleep(4)
            ready.sh(TARGET, f"kill -9 $(systemctl show --property MainPID --value {ready.client})")
            until("the server is down", lambda: ready.sql(TARGET, "SELECT 1;", check=False) != [["1"]], seconds=30, pause=0.02)
            until("the server is up", lambda: ready.sql(TARGET, "SELECT 1;", check=False) == [["1"]], seconds=180)
        # Nothing of ours is in a file.
        assert settings(ready) == ready.settings_before
        run = ready.migrate().ok()
        assert "not trusted" not in run.words and ready.job("seed", "spec")["attempt"] == 1
        equal(ready)
        assert {name: settings(ready)[name] for name in RELAXED} == RELAXED


def test_a_relay_log_that_is_damaged_is_fetched_anew(ready):
    # Not the newest of them: the end of that one both servers mend by themselves when they start.
    ready.sql(TARGET, "STOP REPLICA SQL_THREAD;")
    with writers(ready, 4):
        pass
    # Without LOCAL it is a transaction of the target's own on MySQL, and the copy is not trusted any more.
    ready.sql(TARGET, "FLUSH LOCAL RELAY LOGS;")
    with writers(ready, 2):
        pass
    ready.sh(
        TARGET,
        "file=$(ls -S /var/lib/mysql/*relay-bin.[0-9]* | head -1) && half=$(($(stat -c %s $file) / 2))"
        " && dd if=/dev/zero of=$file bs=1 seek=$half count=4096 conv=notrunc status=none",
    )
    ready.sql(TARGET, "START REPLICA SQL_THREAD;")
    until("the applier stands before it", lambda: UNREADABLE[ready.client] in ready.sql(TARGET, "SHOW REPLICA STATUS;")[0], seconds=60)
    run = ready.migrate().ok()
    assert "READY: " in run.output and ready.job("seed", "spec")["attempt"] == 1
    equal(ready)


def test_a_host_that_went_down_while_relaxed_is_copied_anew(ready):
    # The kernel of the containers is the machine's: the journal is told of another one.
    ready.sh(TARGET, f"sed -i 's/\"boot_id\": \".*\"/\"boot_id\": \"another\"/' {ready.folder}/state.json")
    ready.cutover().failed("this copy is not trusted", "run the playbook migrate again")
    assert ready.sql(SOURCE, "SELECT @@global.read_only;") == [["0"]]
    assert not ready.state().get("cutover", {}).get("begun")
    run = ready.migrate("--check").ok()
    assert "the copy is made again" in run.words
    assert ready.state()["seed"]["status"] == "done"
    run = ready.migrate().ok()
    assert "the copy is made again" in run.words and "READY: " in run.output
    assert ready.job("seed", "spec")["attempt"] == 2
    equal(ready)
    assert ready.migrate().ok().recap()["changed"] == 0


def test_the_settings_after_the_cutover_are_durable_and_as_configured(ready):
    assert {name: settings(ready)[name] for name in RELAXED} == RELAXED
    with writers(ready, 20):
        time.sleep(2)
        ready.cutover("-e", "migration_cutover_budget=8").ok()
        stop_writers(ready)
    # MariaDB's built-in sync_binlog is 0.
    durable = dict.fromkeys(RELAXED, "1")
    assert settings(ready) == {**ready.settings_before, **durable}
    state = ready.state()
    assert state["cutover"]["facts"]["durability"] == durable
    assert state["cutover"]["facts"]["settings_left"] == []
    events = [json.loads(line)["event"] for line in ready.sh(TARGET, f"cat {ready.folder}/events.jsonl").splitlines()]
    last = len(events) - 1 - events[::-1].index("the target's commits wait for the disk again")
    assert last < events.index("cutover: hold begins")
    assert ready.sql(SOURCE, SUMS) == ready.sql(TARGET, SUMS)
