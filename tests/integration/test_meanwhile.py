# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens between the reading of a phase and the act: a play that was stopped goes on after somebody else has cut over.

The tests of a flavour share one migration, in this order.
"""

from __future__ import annotations

import json
import os
import signal
import time

import instrument
import pytest
from pairs import ROOT, SOURCE, TARGET, Pair, Run, until

READ_ONLY = "SELECT @@global.read_only;"
DURABLE = "SELECT @@global.innodb_flush_log_at_trx_commit, @@global.sync_binlog;"
STATUS = "nordbridge.mysql_migration.status"
# From the job's end of life to its next step, on a machine that does much else: 10 s to notice, and a start.
RESUMED_SECONDS = 20.0
# The machine does much else.
TIMES = ("-e", "migration_cutover_budget=30", "-e", "migration_cutover_lease=90")
HOLD = "ls /etc/mysql/*/zz-nordbridge-hold.cnf 2>/dev/null || true"


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request) -> Pair:
    """A migration that is READY, by a copy of the collection whose jobs can be told to stand still."""
    pair = request.getfixturevalue(request.param)
    usual = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(instrument.copy(ROOT, pair.out / "collections"))
    try:
        pair.load(1000)
        pair.migrate().ok()
        yield pair
    finally:
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = usual


def stopped_at(run: Run, task: str) -> Run:
    """A play that stands still since it began a task: its controller is stopped."""
    until(f"the play is at {task}", lambda: task in run.output or run.process.poll() is not None, pause=0.01, seconds=300)
    os.kill(run.process.pid, signal.SIGSTOP)
    assert run.process.poll() is None, run.tail
    return run


def go_on(run: Run) -> Run:
    """Let it run again."""
    os.kill(run.process.pid, signal.SIGCONT)
    return run


def check_cut_over(pair: Pair) -> None:
    """The target is the primary and stays it, the source is closed."""
    assert pair.value(TARGET, READ_ONLY) == "0"
    assert pair.value(SOURCE, READ_ONLY) == "1"
    assert pair.sh(TARGET, HOLD) == "", "the new primary would be closed by its next restart"
    assert pair.sql(TARGET, DURABLE) == [["1", "1"]]
    assert pair.sql(TARGET, "SHOW REPLICA STATUS;") == []


def check_hang_behind_the_commit(pair: Pair) -> None:
    """Cut over by a job that stops behind the commit and never goes on: the same command, still waiting, ends it and carries on."""
    folder = instrument.FOLDER
    pair.sh(TARGET, f"rm -rf {folder}; mkdir {folder}; mkfifo {folder}/pid; touch {folder}/hangs; echo 'cutover switch' > {folder}/stop")
    run = pair.cutover(*TIMES)
    pid = pair.sh(TARGET, f"timeout 150 cat {folder}/pid").strip()
    began = time.monotonic()
    until("another job carries on", lambda: pair.job("cutover", "started").get("attempt") == 2, seconds=RESUMED_SECONDS)
    print(f"{pair.name}: the job was started again {time.monotonic() - began:.1f} s after it had stopped")
    run.ok()
    assert f"hung: its process {pid} of the unit nordbridge-{pair.name}-cutover-1 had not moved for 10 s, and was ended" in run.words
    assert pair.job("cutover", "spec")["attempt"] == 2


def test_plays_that_go_on_after_a_cutover_change_nothing(ready):
    plays = [
        stopped_at(ready.migrate(), "TASK [Prepare the target]"),
        stopped_at(ready.migrate(), "TASK [nordbridge.mysql_migration.target : Read the coordinates"),
    ]
    check_hang_behind_the_commit(ready)
    check_cut_over(ready)
    events = ready.sh(TARGET, f"cat {ready.folder}/events.jsonl")
    for play, task in zip(plays, ("mysql_binlog_config", "mysql_replica_setup")):
        words = (f"{task} is not done, and nothing was changed", f"migration {ready.name} was cut over at", "is the primary now")
        go_on(play).failed(*words)
        check_cut_over(ready)
    assert ready.sh(TARGET, f"cat {ready.folder}/events.jsonl") == events


def test_what_prepares_a_source_leaves_one_that_was_cut_over_alone(ready):
    for module in ("mysql_restart", "mysql_binlog_config"):
        run = ready.start(playbook=write_play(ready, module))
        run.failed(f"was cut over by migration {ready.name}", "is closed for good")
        assert run.recap(SOURCE)["changed"] == 0


def test_done_looks_at_both_servers(ready):
    assert ready.migrate().ok().recap()["changed"] == 0
    told = ready.start(playbook=STATUS).ok()
    assert "wrong     nothing that is known" in told.output
    if ready.client == "mysql":
        closed, opened = "SET GLOBAL super_read_only = ON;", "SET GLOBAL read_only = OFF;"
    else:
        closed, opened = "SET GLOBAL read_only = ON;", "SET GLOBAL read_only = OFF;"
    plays = [ready.migrate, lambda: ready.migrate("-e", f"cutover={ready.name}"), ready.cutover, lambda: ready.start(playbook=STATUS)]
    try:
        ready.sql(TARGET, closed)
        for play in plays:
            play().failed("NO server takes writes", "is the primary and takes no writes")
        on_source(ready, opened)
        plays[0]().failed("takes writes and is not the primary", "after that SET GLOBAL read_only = OFF")
        ready.sql(TARGET, opened)
        plays[2]().failed("BOTH servers take writes")
        ready.sql(TARGET, "SET GLOBAL innodb_flush_log_at_trx_commit = 2;")
    finally:
        ready.sql(TARGET, opened)
        on_source(ready, closed)
    plays[0]().failed("may lose commits", "innodb_flush_log_at_trx_commit = 2")
    ready.sql(TARGET, "SET GLOBAL innodb_flush_log_at_trx_commit = 1;")
    ready.sh(TARGET, "touch /etc/mysql/conf.d/zz-nordbridge-hold.cnf")
    plays[0]().failed("closed by its next restart: remove /etc/mysql/conf.d/zz-nordbridge-hold.cnf")
    ready.sh(TARGET, "rm /etc/mysql/conf.d/zz-nordbridge-hold.cnf")
    assert plays[0]().ok().recap()["changed"] == 0


def on_source(pair: Pair, statement: str) -> None:
    """By the migration's own account, for no other may set it; its lease's service would close the server again, and is stopped."""
    login = json.loads(pair.sh(TARGET, f"cat {pair.folder}/source.json"))
    client = f"MYSQL_PWD='{login['password']}' {pair.client} -u{login['user']}"
    pair.sh(SOURCE, f"systemctl stop 'nordbridge-{pair.name}-lease-*' 'nordbridge-{pair.name}-boot-*'; {client} -e '{statement}'")


def test_a_damaged_journal_is_told_and_there_is_a_way_on(ready):
    events, state = f"{ready.folder}/events.jsonl", f"{ready.folder}/state.json"
    kept = ready.sh(TARGET, f"cp -a {ready.folder} /root/kept; cat {state}")
    # A byte of an event.
    ready.sh(TARGET, f"printf '\\377' | dd of={events} bs=1 seek=40 conv=notrunc 2>/dev/null")
    told = ready.start(playbook=STATUS).ok()
    assert "WRONG     the journal's events were changed or cut at line 1" in told.output
    ready.migrate().ok()
    # A state that a full disk left empty.
    ready.sh(TARGET, f": > {state}")
    for play in (ready.migrate, lambda: ready.start(playbook=STATUS)):
        run = play().failed("is damaged", "cp -p state.json.previous state.json", "The source's host says that the migration is CUT OVER")
        assert "wipe_target" not in run.output and "read_only = OFF" not in run.output
    ready.sh(TARGET, f"cd {ready.folder} && mv state.json state.json.damaged && cp -p state.json.previous state.json")
    ready.cutover().ok()
    assert f"{SOURCE} -> {TARGET}  DONE" in ready.start(playbook=STATUS).ok().output
    # What has been written since began a new chain that names the old one.
    if ready.state() != json.loads(kept):
        assert "events.jsonl.damaged-1" in ready.sh(TARGET, f"ls {ready.folder}; head -1 {events}")
    check_cut_over(ready)


def write_play(pair: Pair, module: str) -> str:
    """A playbook of one task."""
    path = pair.out / f"{module}.yml"
    path.write_text(
        f"- hosts: {SOURCE}\n  gather_facts: false\n  become: true\n  tasks:\n    - nordbridge.mysql_migration.{module}:\n", encoding="utf-8"
    )
    return str(path)
