# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration is done, and its journal is gone: what its two hosts still know keeps everybody from losing the new primary.

The tests of a flavour share one migration, in this order: each follows what was printed, and more, and the rows are there.
"""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from pairs import ROOT, SOURCE, TARGET, Pair, until

TIMES = ("-e", json.dumps({
    "migration_cutover_budget": 15, "migration_cutover_fence_seconds": 5, "migration_cutover_lease": 25, "migration_cutover_max_lag": 10,
}))
#: Words that would open the old server or erase the new one.
DEADLY = re.compile(r"SET GLOBAL (super_)?read_only = (OFF|0)|-e wipe_target|WILL BE ERASED|data directory again", re.IGNORECASE)
CLOSED = "SELECT @@global.read_only;"


#: A fence's record as another migration would have left it, on the host of the server with this data directory.
RECORD = (
    "mkdir -p /var/lib/mysql_migration/fences; cat > /var/lib/mysql_migration/fences/%s.1.t0.committed <<'END'\n%s\nEND"
    % (
        hashlib.sha256(b"/var/lib/mysql").hexdigest()[:12],
        json.dumps({"migration_id": "earlier", "token": "t0", "server": "/var/lib/mysql/", "number": 1, "promoted": "db7", "at": 1.0}),
    )
)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request) -> Pair:
    """A pair that is READY."""
    pair = request.getfixturevalue(request.param)
    pair.load(200)
    pair.migrate().ok()
    return pair


def test_the_process_that_erases_asks_the_sources_host(ready):
    """Past all checks of the plan, with the permission."""
    ready.sh(SOURCE, RECORD)
    ready.sh(TARGET, f"mv {ready.folder}/state.json /root/state.json")
    try:
        options = {"seed": {"method": "dump", "wipe": ready.name}}
        run = ready.start("-e", json.dumps(options), playbook=str(ROOT / "tests/integration/seed.yml"))
        run.failed("must not be erased, and nothing was touched", "cut over by migration earlier", "to db7")
        assert ready.value(TARGET, "SELECT COUNT(*) FROM shop.orders;") != "0"
        # The plan says the same before.
        run = ready.migrate("-e", f"wipe_target={ready.name}")
        run.failed("P80", "AND TAKES WRITES", "cut over by migration earlier", "Migrate from there")
        assert not DEADLY.search(told(run))
    finally:
        ready.sh(TARGET, f"rm -f {ready.folder}/state.json; mv /root/state.json {ready.folder}/state.json")
        ready.sh(SOURCE, "rm /var/lib/mysql_migration/fences/*.t0.committed")


@pytest.fixture(scope="module")
def moved(ready) -> Pair:
    """A pair that was cut over, wrote on the new server since, and lost its journal, with keys and logins."""
    ready.migrate("-e", f"cutover={ready.name}", *TIMES).ok()
    ready.sql(TARGET, "INSERT INTO shop.orders (note) VALUES ('after the cutover');")
    ready.sh(TARGET, f"rm -rf {ready.folder}")
    return ready


@pytest.fixture
def alive(moved: Pair):
    """Afterwards the new primary takes writes and has all rows, and the old one is closed."""
    yield moved
    assert moved.value(TARGET, "SELECT COUNT(*) FROM shop.orders WHERE note = 'after the cutover';") == "1"
    assert moved.value(TARGET, CLOSED) == "0"
    moved.sql(TARGET, "INSERT INTO shop.orders (note) VALUES ('still');")
    until("the old server is closed", lambda: moved.value(SOURCE, CLOSED) == "1", seconds=20)


def told(run) -> str:
    """What a run said, without its own command line."""
    return run.words.replace(run.command, "")


def test_the_same_command_says_that_it_is_done(alive):
    for gate in ((), ("-e", f"cutover={alive.name}"), ("--check", "--diff")):
        run = alive.migrate(*gate).ok()
        assert run.recap()["changed"] == 0
        assert "the migration is DONE" in told(run) and "Open and erase nothing" in told(run)
        assert f"by migration {alive.name}" in told(run) and "to oslo-db1" in told(run)
        assert not DEADLY.search(told(run)), DEADLY.search(told(run))


def test_no_permission_erases_it(alive):
    run = alive.migrate("-e", f"wipe_target={alive.name}")
    run.failed("P42", "nothing here may be erased", "the source was cut over", "take wipe_target away", "P80")
    assert not DEADLY.search(told(run))
    run = alive.migrate("-e", f"cutover={alive.name}", "-e", f"wipe_target={alive.name}").failed("nothing here may be erased")
    assert not DEADLY.search(told(run))


def test_no_other_migration_takes_the_old_server_for_a_source(alive):
    for also in ((), ("-e", "wipe_target=second")):
        run = alive.migrate("-e", "migration_id=second", *also)
        run.failed("P80", f"cut over by migration {alive.name}", "to oslo-db1", "Migrate from there", "must not be erased")
        assert not DEADLY.search(told(run))


def test_opening_the_old_server_by_hand_leads_nowhere(alive):
    refused = alive.sql(SOURCE, "SET GLOBAL read_only = OFF;", check=False)
    assert "Access denied" in str(refused), "root has lost the privilege on the closed server"
    run = alive.migrate("-e", f"wipe_target={alive.name}").failed("nothing here may be erased")
    assert not DEADLY.search(told(run))


def test_a_record_that_cannot_be_read_is_no_permission(alive):
    record = alive.sh(SOURCE, "ls /var/lib/mysql_migration/fences/*.committed").strip()
    alive.sh(SOURCE, f"cp -p {record} /root/record; echo '{{' > {record}")
    try:
        for also in ((), ("-e", f"wipe_target={alive.name}")):
            run = alive.migrate(*also).failed("P80", "whether the source was cut over is not known", record, "restore the file")
            assert not DEADLY.search(told(run))
    finally:
        alive.sh(SOURCE, f"cp -p /root/record {record}")


def test_what_both_servers_are_decides_where_no_record_is_left_either(alive):
    alive.sh(SOURCE, "mv /var/lib/mysql_migration/fences /root/fences")
    try:
        for also in ((), ("-e", f"wipe_target={alive.name}")):
            run = alive.migrate(*also)
            run.failed("P25", "P41", "the target takes writes, and holds data of migration", "open and erase nothing before it is known")
            assert not DEADLY.search(told(run))
    finally:
        alive.sh(SOURCE, "mv /root/fences /var/lib/mysql_migration/fences")


def test_a_target_that_is_closed_is_not_opened_by_guesses(moved):
    moved.sql(TARGET, f"SET GLOBAL {'super_read_only' if moved.client == 'mysql' else 'read_only'} = ON;")
    try:
        run = moved.migrate("-e", f"cutover={moved.name}")
        run.failed("the target takes no writes", "its journal", "does not know of the cutover", "from a backup", "it goes forward")
        assert not DEADLY.search(told(run))
    finally:
        moved.sql(TARGET, "SET GLOBAL read_only = OFF;")
