# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsals under writes, half of them killed at random: the source takes writes again, nothing is lost, and nothing else has changed.

REHEARSALS says how many; the last test cuts over.
"""

from __future__ import annotations

import json
import os
import random
import time

import application
import pytest
from ledger_files import switch
from pairs import CUTOVER, SOURCE, TARGET, until

NUMBER = int(os.environ.get("REHEARSALS", "6"))
RATE = 500.0
LEASE = 20.0
TIMES = ("-e", json.dumps({
    "migration_cutover_budget": 8, "migration_cutover_lease": LEASE, "migration_cutover_max_lag": 10,
    "migration_cutover_max_transaction_seconds": 60,
}))  # fmt: skip
#: What a rehearsal must leave as it was: variables, accounts with their rights, files of configuration, units.
ACCOUNTS = {
    "mariadb": (
        # Giving a right writes the numbers of all rights as this version counts them.
        "SELECT User, Host, JSON_VALUE(Priv, '$.access') & 549755813887,"
        " JSON_COMPACT(JSON_REMOVE(Priv, '$.authentication_string', '$.access', '$.version_id')) FROM mysql.global_priv ORDER BY 1, 2;"
    ),
    "mysql": "SELECT User, Host, Super_priv, account_locked FROM mysql.user ORDER BY 1, 2; SELECT * FROM mysql.global_grants ORDER BY 1, 2, 3;",
}
FILES = "find /etc/mysql -type f | sort | xargs cksum; ls /etc/systemd/system"
SETTINGS = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'event_scheduler', 'sync_binlog',"
    " 'innodb_flush_log_at_trx_commit', 'max_connections', 'init_connect', 'offline_mode', 'lock_wait_timeout');"
)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY, under writes, with an account that could write through the fence."""
    pair = request.getfixturevalue(request.param)
    folder = pair.out / "application"
    pair.sh(SOURCE, "printf '[mysqld]\nevent_scheduler = ON\n' > /etc/mysql/conf.d/application.cnf; systemctl restart " + pair.client)
    pair.sql(SOURCE, "CREATE USER boss@localhost IDENTIFIED BY 'Not-used-1'; GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION;")
    application.start(pair.name, folder, 2)
    try:
        pair.migrate("-e", "migration_source_allow_restart=true").ok()
        application.stop(folder)
        for path in (folder / "ledger").glob("*"):
            path.unlink()
        application.write(folder, rate=RATE)
        yield pair
    finally:
        application.stop(folder)


def seen(pair) -> dict:
    """What must be as before, on both hosts."""
    return {
        host: (pair.sql(host, SETTINGS), pair.sql(host, ACCOUNTS[pair.client]), pair.sh(host, FILES)) for host in (SOURCE, TARGET)
    }  # fmt: skip


def what_differs(changed: dict) -> str:
    """What differs, a line each."""
    lines = []
    for host, pairs in changed.items():
        for old, new in pairs:
            one, other = (set(side.splitlines()) if isinstance(side, str) else {"\t".join(row) for row in side} for side in (old, new))
            lines += [f"{host} - {line}" for line in sorted(one - other)] + [f"{host} + {line}" for line in sorted(other - one)]
    return "\n".join(lines)


def writes(pair) -> bool:
    """Whether the source takes writes of the application."""
    count = "SELECT COUNT(*) FROM ledger.entries;"
    before = pair.value(SOURCE, count)
    return until("the source takes writes", lambda: pair.value(SOURCE, count) != before, seconds=LEASE + 15)


def test_rehearsals_leave_everything_as_it_was(ready, capsys):
    before, draw, stops = seen(ready), random.Random(12), []
    rehearse = ("-e", f"rehearse={ready.name}", *TIMES)
    for number in range(NUMBER):
        run = ready.start(*rehearse, playbook=CUTOVER)
        if number % 2:
            job = f"{ready.folder}/jobs/cutover"
            ready.sh(
                TARGET,
                f"for i in $(seq 3000); do grep -qs '\"phase\": \"cutover\"' {job}/progress.json && break; sleep 0.02; done;"
                f" sleep {draw.random() * 1.5:.2f};"
                f" kill -9 $(sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p' {job}/started.json) 2>/dev/null || true",
            )
            run.wait()
        else:
            run.ok()
            assert "REHEARSED: " in run.output
            record = ready.state()["rehearsal"]
            stops.append((record["to_commit_s"], record["write_stop_s"]))
        assert writes(ready)
        assert "commit" not in ready.state().get("cutover", {}).get("done", [])
        assert ready.value(TARGET, "SELECT @@global.read_only;") == "1"
    # What a killed one left, the same command undoes first.
    ready.start(*rehearse, playbook=CUTOVER).ok()
    until("the source's host has nothing left to do", lambda: "lease" not in ready.sh(SOURCE, "systemctl list-units --plain --no-legend 'nordbridge*lease*'"))
    time.sleep(1)
    after = seen(ready)
    changed = {host: [(old, new) for old, new in zip(before[host], after[host]) if old != new] for host in before}
    assert not any(changed.values()), what_differs(changed)
    with capsys.disabled():
        print(f"\n{ready.flavour}: ready for the commit after, and open again after: {stops} s")


def test_the_cutover_after_them_loses_nothing(ready):
    ready.cutover(*TIMES, "-e", "cutover_rehearsal_max_age=1").ok()
    folder = ready.out / "application"
    switch(folder / "endpoint.json", ready.address(TARGET), 3306)
    time.sleep(2)
    application.stop(folder)
    ledger = application.judge(folder)["ledger"]
    assert ledger["lost"] == 0 and ledger["only_on_source"] == 0 and ledger["acknowledged"] > 1000
    ready.start("-e", f"rehearse={ready.name}", playbook=CUTOVER).failed("nothing to rehearse")
