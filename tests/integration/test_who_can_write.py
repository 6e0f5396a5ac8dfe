# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may write on the old server behind the fence: nobody, whatever their privileges, and whatever dies.

The tests of a flavour share one migration, in this order; the last ones cut over.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from contextlib import contextmanager

import instrument
import pytest
from engine import PREFIX, detect
from pairs import ROOT, SOURCE, TARGET, Pair, until
from test_cutover import blocked_applier

LEASE = 20.0
TIMES = ("-e", json.dumps({
    "migration_cutover_budget": 15, "migration_cutover_fence_seconds": 5, "migration_cutover_lease": LEASE, "migration_cutover_max_lag": 10,
}))
READ_ONLY = "SELECT @@global.read_only;"
HOLD = "ls /etc/mysql/*/zz-nordbridge-hold.cnf 2>/dev/null || true"
TABLES = (
    "CREATE TABLE shop.wrote (id INT AUTO_INCREMENT PRIMARY KEY, who VARCHAR(20), n INT);"
    "CREATE USER boss@localhost IDENTIFIED BY 'Boss-Pass-1'; GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION;"
    "CREATE USER app@localhost IDENTIFIED BY 'App-Pass-1'; GRANT SELECT, INSERT, EXECUTE ON shop.* TO app@localhost;"
    "CREATE DEFINER = root@localhost PROCEDURE shop.note(n INT) SQL SECURITY DEFINER INSERT INTO shop.wrote (who, n) VALUES ('definer', n);"
)
#: A client a row, or one client that stays; each number that was acknowledged goes to a file.
WRITERS = {
    "cron": "CLIENT -e \"INSERT INTO shop.wrote (who, n) VALUES ('cron', $n)\"",
    "definer": "CLIENT -uapp -pApp-Pass-1 -e \"CALL shop.note($n)\"",
}
LOOP = "n=0; while [ ! -e /root/rest ]; do n=$((n+1)); WRITE 2>/dev/null && echo $n >> /root/told.WHO; sleep 0.02; done"
STAYS = (
    "(n=0; while [ ! -e /root/rest ]; do n=$((n+1)); echo \"INSERT INTO shop.wrote (who, n) VALUES ('boss', $n); SELECT $n;\"; sleep 0.02; done)"
    " | CLIENT -uboss -pBoss-Pass-1 -NB --unbuffered >> /root/told.boss 2>/dev/null"
)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY, and jobs that stand still where a test says so."""
    pair = request.getfixturevalue(request.param)
    usual = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(instrument.copy(ROOT, pair.out / "collections"))
    try:
        pair.load(200)
        pair.sql(SOURCE, TABLES)
        pair.migrate().ok()
        yield pair
    finally:
        pair.sh(SOURCE, "touch /root/rest", check=False)
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = usual


def stop_at(pair: Pair, step: str) -> None:
    """The next cutover's job stands still where this step begins."""
    folder = instrument.FOLDER
    pair.sh(TARGET, f"rm -rf {folder}; mkdir {folder}; mkfifo {folder}/pid; echo 'cutover {step}' > {folder}/stop")


def stopped(pair: Pair) -> str:
    """The process that stands still, once it does."""
    found = pair.sh(TARGET, f"timeout 150 cat {instrument.FOLDER}/pid").strip()
    assert found.isdigit(), "it never came there"
    return found


@contextmanager
def privileged(pair: Pair):
    """root by the socket with a client a row, an account with ALL in a session that stays, and a routine of root's that anybody calls."""
    pair.sh(SOURCE, "rm -f /root/rest /root/told.*")
    client = pair.client
    scripts = [LOOP.replace("WRITE", text.replace("CLIENT", client)).replace("WHO", who) for who, text in WRITERS.items()]
    running = [pair.background(SOURCE, script) for script in [*scripts, STAYS.replace("CLIENT", client)]]
    until("all of them write", lambda: min(told(pair).values()) > 3, seconds=30)
    try:
        yield
    finally:
        pair.sh(SOURCE, "touch /root/rest")
        for process in running:
            process.wait(30)


def told(pair: Pair) -> dict[str, int]:
    """How many rows each was told of."""
    return {who: int(pair.sh(SOURCE, f"cat /root/told.{who} 2>/dev/null | wc -l").strip()) for who in (*WRITERS, "boss")}


def rows(pair: Pair, host: str) -> int:
    """The rows that a server has of them."""
    return int(pair.value(host, "SELECT COUNT(*) FROM shop.wrote;"))


def writes(pair: Pair, client: str) -> str:
    """What a client is told that tries to write on the source."""
    return pair.sh(SOURCE, f"{client} -e \"INSERT INTO shop.wrote (who, n) VALUES ('late', 0)\" 2>&1", check=False)


def test_an_undo_gives_everything_back_and_the_source_first(ready):
    before = {who: ready.sql(SOURCE, f"SHOW GRANTS FOR {who};") for who in ("root@localhost", "boss@localhost")}
    with blocked_applier(ready):
        run = ready.cutover("-e", "migration_cutover_budget=2", "-e", "migration_cutover_lease=20", "-e", "migration_cutover_max_lag=10")
        run.failed("undone", "writes were stopped for", '"outcome": "undone"')
    after = {who: ready.sql(SOURCE, f"SHOW GRANTS FOR {who};") for who in before}
    was, now = ({who: set(" ".join(row[0] for row in grants[who]).replace(",", " ").split()) for who in grants} for grants in (before, after))
    # MariaDB prints an account that has all again as one that has all.
    assert now == was or ready.client == "mariadb" and all({"SUPER", "ALL"} & now[who] for who in now), now
    assert ready.value(SOURCE, READ_ONLY) == "0" and ready.sh(SOURCE, HOLD) == ""


def as_the_machine(pair: Pair, script: str) -> None:
    """A script on the source's host with rights that its root has not: mounts."""
    container = f"{PREFIX}{pair.name}-{SOURCE}"
    done = subprocess.run(detect().command("exec", "--privileged", container, "sh", "-c", script), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def small_disk(pair: Pair):
    """The migration's files on the source lie on a file system of their own, of two megabytes."""
    kept = "cp -a /var/lib/mysql_migration/. /root/kept/"
    as_the_machine(pair, f"rm -rf /root/kept; mkdir /root/kept; {kept}; mount -t tmpfs -o size=2m tmpfs /var/lib/mysql_migration")
    as_the_machine(pair, "cp -a /root/kept/. /var/lib/mysql_migration/")
    try:
        yield
    finally:
        as_the_machine(pair, f"rm -f /var/lib/mysql_migration/filler; rm -rf /root/kept/*; {kept}; umount -l /var/lib/mysql_migration")
        as_the_machine(pair, "cp -a /root/kept/. /var/lib/mysql_migration/")


FULL = "cat /dev/zero > /var/lib/mysql_migration/filler; true"
CLOSED_OFF = "mount -o remount,ro /var/lib/mysql_migration; mount --bind /etc /etc; mount -o remount,ro,bind /etc"
OPENED_UP = "mount -o remount,rw /var/lib/mysql_migration; umount -l /etc"
CROWD = "for i in $(seq 60); do (CLIENT -uapp -pApp-Pass-1 -e 'SELECT SLEEP(60)' >/dev/null 2>&1 &) ; done"


@pytest.mark.parametrize(
    ("strike", "heal"),
    [(FULL, "rm -f /var/lib/mysql_migration/filler"), (CLOSED_OFF, OPENED_UP), ("pkill -KILL -f '[l]ease_service'", "true")],
    ids=["disk full", "read-only", "killed service"],
)
def test_the_source_opens_by_itself_whatever_its_host_lacks(ready, strike, heal):
    """The job dies behind the fence; the lease opens the source without anything that was not there at its arming."""
    with small_disk(ready):
        stop_at(ready, "position")
        run = ready.cutover(*TIMES)
        pid = stopped(ready)
        assert ready.value(SOURCE, READ_ONLY) == "1"
        as_the_machine(ready, strike)
        try:
            ready.sh(TARGET, f"kill -9 {pid}")
            until("the source is open", lambda: ready.value(SOURCE, READ_ONLY) == "0", seconds=LEASE + 10)
        finally:
            as_the_machine(ready, heal)
        run.failed("was killed")
        settled(ready)


def test_the_source_opens_by_itself_although_its_server_has_no_connection_left(ready):
    most = ready.value(SOURCE, "SELECT @@global.max_connections;")
    stop_at(ready, "position")
    run = ready.cutover(*TIMES)
    pid = stopped(ready)
    login = json.loads(ready.sh(TARGET, f"cat {ready.folder}/source.json"))
    ready.sh(SOURCE, f"MYSQL_PWD='{login['password']}' {ready.client} -u{login['user']} -e 'SET GLOBAL max_connections = 10'")
    ready.sh(SOURCE, CROWD.replace("CLIENT", ready.client))
    ready.sh(TARGET, f"kill -9 {pid}")
    run.failed("was killed")
    try:
        time.sleep(LEASE + 5)
    finally:
        ready.sh(SOURCE, "pkill -f '[S]LEEP(60)'; true")
    until("the source is open", lambda: ready.sql(SOURCE, READ_ONLY, check=False) == [["0"]], seconds=5)
    ready.sql(SOURCE, f"SET GLOBAL max_connections = {most};")
    settled(ready)


def settled(pair: Pair) -> None:
    """As if nobody had tried: nothing of the lease is left on the source's host."""
    until("the source takes writes for good", lambda: pair.value(SOURCE, READ_ONLY) == "0" and pair.sh(SOURCE, HOLD) == "", seconds=40)
    left = f"ls /run/systemd/transient/nordbridge-*-lease-*.service {pair.folder}/lease-*.json 2>/dev/null || true"
    until("its lease is over", lambda: not pair.sh(SOURCE, left), seconds=40)
    assert "SUPER" in " ".join(row[0] for row in pair.sql(SOURCE, "SHOW GRANTS FOR root@localhost;")).replace("ALL PRIVILEGES", "SUPER")


#: What another migration's commit leaves on the source's host, by its own code.
ANOTHERS = """
import sys; sys.path.insert(0, sys.argv[1])
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import fences
fence = fences.place_fence(fences.Fence("armed", "other", "b1", "/var/lib/mysql", promoted="oslo-db2"))
print(fences.decide_fence(fence, "committed"))
"""


def test_another_migrations_source_is_neither_opened_nor_cut_over(ready):
    """This one's job dies behind the fence, its lease opens the source, another cuts it over, and the command is given again."""
    stop_at(ready, "position")
    run = ready.cutover(*TIMES)
    ready.sh(TARGET, f"kill -9 {stopped(ready)}")
    run.failed("was killed")
    until("its lease has opened the source", lambda: ready.value(SOURCE, READ_ONLY) == "0", seconds=LEASE + 15)
    settled(ready)
    assert ready.sh(SOURCE, f"python3 -c {shlex.quote(ANOTHERS)} {ready.folder}/agent.zip").strip() == "committed"
    close = {"mysql": "super_read_only"}.get(ready.client, "read_only")
    ready.sql(SOURCE, f"SET GLOBAL {close} = ON;")
    try:
        undo = ready.out / "undo.yml"
        undo.write_text("- ansible.builtin.file: {path: /root/undone, state: touch, mode: '0600'}\n")
        run = ready.cutover(*TIMES, "-e", json.dumps({"migration_cutover_undo": [str(undo)]}))
        run.failed("read-only already")
        assert '"outcome": "closed"' in run.words
        assert ready.sh(TARGET, "ls /root/undone 2>/dev/null || true") == "", "clients were led to a server that is closed"
        assert ready.value(SOURCE, READ_ONLY) == "1" and ready.value(TARGET, READ_ONLY) == "1"
        # Found writable by an accident, it is no more this one's.
        ready.sql(SOURCE, "SET GLOBAL read_only = OFF;")
        ready.cutover(*TIMES).failed("cut over by migration other to oslo-db2", "must not be opened")
        assert ready.value(TARGET, READ_ONLY) == "1"
    finally:
        ready.sql(SOURCE, "SET GLOBAL read_only = OFF;")
        ready.sh(SOURCE, "rm -rf /var/lib/mysql_migration/fences")


def test_nobody_writes_behind_the_fence_although_the_job_dies_after_the_commit(ready):
    stop_at(ready, "switch")
    with privileged(ready):
        undo = ready.out / "undo.yml"
        undo.write_text("- ansible.builtin.file: {path: /root/undone, state: touch, mode: '0600'}\n")
        run = ready.cutover(*TIMES, "-e", json.dumps({"migration_cutover_undo": [str(undo)]}))
        pid = stopped(ready)
        at_switch = told(ready)
        ready.sh(TARGET, f"kill -9 {pid}")
        run.failed("committed")
        assert ready.sh(TARGET, "ls /root/undone 2>/dev/null || true") == "", "a failure was taken for an undo"
        # What a configuration tool does, each second.
        for _second in range(3):
            ready.sh(SOURCE, f"{ready.client} -e 'SET GLOBAL read_only = 0' 2>&1; {ready.client} -e 'SET GLOBAL super_read_only = 0' 2>&1", check=False)
            time.sleep(1)
        assert told(ready) == at_switch, "the old server acknowledged rows behind the commit"
        done = ready.cutover(*TIMES).ok()
        assert told(ready) == at_switch
    assert rows(ready, SOURCE) == rows(ready, TARGET)
    assert "not known" in done.words or "writes were stopped for" in done.words
    assert sum(at_switch.values()) <= rows(ready, SOURCE)


def test_the_old_server_stays_closed_and_root_may_look(ready):
    before = rows(ready, SOURCE)
    for client in (ready.client, f"{ready.client} -uboss -pBoss-Pass-1"):
        assert "read-only" in writes(ready, client).lower() or "read_only" in writes(ready, client)
        refused = ready.sh(SOURCE, f"{client} -e 'SET GLOBAL read_only = 0' 2>&1", check=False)
        assert "ERROR 1227" in refused, refused
    refused = ready.sh(SOURCE, f"{ready.client} -uapp -pApp-Pass-1 -e 'CALL shop.note(1)' 2>&1", check=False)
    assert "ERROR" in refused and rows(ready, SOURCE) == before


def test_one_that_is_opened_by_the_migrations_own_account_is_closed_again_within_a_second_or_two(ready):
    """Nobody else can; whoever has its password, or the host's root with another configuration, is closed out again."""
    login = json.loads(ready.sh(TARGET, f"cat {ready.folder}/source.json"))
    word = "SET GLOBAL read_only = 0"
    ready.sh(SOURCE, f"MYSQL_PWD='{login['password']}' {ready.client} -u{login['user']} -e '{word}'")
    until("it is closed again", lambda: ready.value(SOURCE, READ_ONLY) == "1", seconds=3, pause=0.05)


def test_it_stays_closed_through_a_restart_and_a_second_run_changes_nothing(ready):
    ready.sh(SOURCE, f"systemctl restart {ready.client}")
    until("the server is up", lambda: ready.sql(SOURCE, "SELECT 1;", check=False) == [["1"]])
    assert ready.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["1", "OFF"]]
    assert "ERROR" in writes(ready, ready.client)
    assert ready.cutover(*TIMES).ok().recap()["changed"] == 0
