# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row is compared while eight writers write: what differs is found, and nothing else is.

The tests of a flavour share one migration, in this order.
"""

from __future__ import annotations

import json
import time

import application
import pytest
from pairs import SOURCE, TARGET, until
from planted import PLANTED, changes_sql, schema_sql

VERIFY = "nordbridge.mysql_migration.verify"
RATE = 500.0
CLEAN_RUNS = 5
OPEN = {"mariadb": "SELECT 1;", "mysql": "SET GLOBAL super_read_only = OFF;"}
CLOSE = {"mariadb": "SELECT 1;", "mysql": "SET GLOBAL super_read_only = ON;"}


def verify(pair, *arguments: str):
    """The playbook, from the beginning each time."""
    return pair.start(*arguments, "-e", "migration_verify_keep_hours=0", playbook=VERIFY)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request):
    """A migration that is READY, under writes."""
    pair = request.getfixturevalue(request.param)
    folder = pair.out / "application"
    pair.sql(SOURCE, schema_sql())
    pair.load(60_000, tables=2)
    application.start(pair.name, folder, 2)
    try:
        pair.migrate().ok()
        application.stop(folder)
        # Nobody writes: the applier meets no event behind the place.
        verify(pair).ok()
        for path in (folder / "ledger").glob("*"):
            path.unlink()
        application.write(folder, rate=RATE)
        yield pair
    finally:
        application.stop(folder)


def record(pair) -> dict:
    """The journal's."""
    return pair.state()["verification"]


def running(pair) -> bool:
    """Whether what is written arrives."""
    count = "SELECT COUNT(*) FROM ledger.entries;"
    before = pair.value(TARGET, count)
    return until("replication goes on", lambda: pair.value(TARGET, count) != before)


@pytest.mark.parametrize("strength", ["sha", "crc"])
def test_equal_servers_are_found_equal_while_they_are_written_to(ready, strength, capsys):
    stood, seconds = [], []
    for _round in range(CLEAN_RUNS):
        run = verify(ready, "-e", f"migration_verify_strength={strength}").ok()
        assert "VERIFIED: " in run.output
        found = record(ready)
        assert found["unequal"] == {} and found["unequal_tables"] == 0 and found["strength"] == strength
        assert found["tables"] >= len(PLANTED) and found["rows"] > 60_000
        stood.append(found["applier_stood_seconds"])
        seconds.append(found["seconds"])
        assert running(ready)
    with capsys.disabled():
        print(f"\n{ready.flavour} {strength}: {seconds} s, the applier stood still for at most {max(stood)} s")


def test_a_job_that_is_killed_carries_on(ready):
    run = ready.start("-e", "migration_verify_sessions=1", playbook=VERIFY)
    job = f"{ready.folder}/jobs/verify"
    ready.sh(
        TARGET,
        f"rm -f {job}/verified.json; until grep -qs '\"done\": true' {job}/verified.json; do sleep 0.01; done;"
        f" kill -9 $(sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p' {job}/started.json)",
    )
    run.wait(120)
    kept = {one["name"]: one["since"] for one in ready.job("verify", "verified")["tables"] if one["done"]}
    assert kept and run.process.returncode
    ready.start("-e", "migration_verify_sessions=1", playbook=VERIFY).ok()
    after = {one["name"]: one["since"] for one in ready.job("verify", "verified")["tables"]}
    assert {name: after[name] for name in kept} == kept
    # A place in a table is a row's value.
    assert all(one["at"] is None for one in ready.job("verify", "verified")["tables"])
    assert running(ready)


def test_a_table_that_changes_under_it_is_compared_all_the_same(ready):
    run = ready.start("-e", "migration_verify_keep_hours=0", "-e", "migration_verify_sessions=1", playbook=VERIFY)
    until("it compares", lambda: "verify" in ready.job("verify", "progress").get("phase", ""))
    for number in range(4):
        ready.sql(SOURCE, f"ALTER TABLE shop.bulk1 ADD COLUMN c{number} INT; TRUNCATE TABLE shop.bulk2; CREATE TABLE shop.t{number} (id INT);")
        time.sleep(0.5)
    run.ok()
    assert record(ready)["unequal"] == {}


def test_all_that_is_planted_is_found_and_nothing_else(ready):
    ready.sql(TARGET, OPEN[ready.client] + changes_sql() + CLOSE[ready.client])
    for strength in ("sha", "crc"):
        run = verify(ready, "-e", f"migration_verify_strength={strength}").failed("tables differ between source and target")
        found = record(ready)["unequal"]
        assert sorted(found) == sorted("planted." + name for name in PLANTED), strength
        assert found["planted.changed"] == "1 row changed" and found["planted.missing"] == "1 row missing on the target"
        assert found["planted.added"] == "1 row only on the target" and found["planted.gone"] == "it is missing on the target"
        assert found["planted.pair_lost"] == "2 rows missing on the target"
        assert found["planted.column_added"] == "its columns differ: extra"
        # Which rows, nobody is told.
        assert "90" not in json.dumps(found)
        assert "%d of " % len(PLANTED) in run.words
    assert running(ready)
