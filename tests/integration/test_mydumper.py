# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy by mydumper on real servers: equal under writes, a load that goes on by table, and what it asks of the source's clients."""

from __future__ import annotations

import json
import time

import pytest
from pairs import SOURCE, TARGET, Pair, until
from test_seed_faults import equal, mend, pair_of, prepared, seed  # noqa: F401  # fixtures among them

LISTING = "ls -d /var/lib/mysql/.nordbridge* /var/lib/nordbridge-dump* 2>/dev/null || true"
#: Transactions over several tables, one after another, until the file appears.
WRITER = r"""
rm -f /root/stop
while [ ! -e /root/stop ]; do cat <<'END'
START TRANSACTION;
INSERT INTO orders (note) VALUES ('meanwhile');
UPDATE bulk1 SET pad = RANDOM_BYTES(1000) WHERE id = 1 + FLOOR(RAND() * 10000);
UPDATE bulk3 SET pad = RANDOM_BYTES(500) WHERE id = 1 + FLOOR(RAND() * 10000);
DELETE FROM bulk2 WHERE id = 1 + FLOOR(RAND() * 10000);
INSERT INTO bulk4 (pad) VALUES (RANDOM_BYTES(100));
COMMIT;
DO SLEEP(0.01);
END
done | mariadb shop
"""
SUMS = "".join(f"SELECT COUNT(*), SUM(CRC32(pad)) FROM shop.bulk{number};" for number in (1, 2, 3, 4)) + "SELECT COUNT(*) FROM shop.orders;"
#: What the agent's verb is asked, as the job asks it.
REQUEST = json.dumps({"lock_wait": 5, "seconds": 12})


def log_of(pair: Pair) -> list[str]:
    return pair.sh(TARGET, f"cat {pair.folder}/jobs/seed/log 2>/dev/null || true").splitlines()


def loaded(lines: list[str]) -> list[str]:
    return [line.partition(": ")[2] for line in lines if line.startswith("loaded: shop.bulk")]


def test_a_migration_under_writes_ends_equal(mariadb):
    mariadb.fresh()
    mariadb.load(60_000)
    writer = mariadb.background(SOURCE, WRITER)
    try:
        mariadb.migrate("-e", "migration_target_seed_method=mydumper").wait(900).ok()
    finally:
        mariadb.sh(SOURCE, "touch /root/stop")
        writer.wait(60)
    found = mariadb.state()["seed"]
    assert found["method"] == "mydumper" and found["kept_tables"] == 0 and found["tries"] == 1
    assert 0 < found["held_seconds"] < 5, found
    assert found["not_taken"]["mariadb-backup"] == "mydumper was asked for"
    assert int(mariadb.value(SOURCE, "SELECT COUNT(*) FROM shop.orders;")) > 100
    wanted = mariadb.sql(SOURCE, SUMS)
    until("the target has the last row", lambda: mariadb.sql(TARGET, SUMS) == wanted, seconds=60)
    assert mariadb.sh(TARGET, LISTING) == ""
    assert mariadb.value(TARGET, "SELECT @@read_only;") == "1"
    assert mariadb.migrate("-e", "migration_target_seed_method=mydumper").wait(900).ok().recap()["changed"] == 0


@pytest.fixture
def killed(pair_of):  # noqa: F811
    """A pair whose load was killed when some tables were whole and one was not, and which they are."""

    def make() -> tuple[Pair, list[str]]:
        pair = pair_of("mariadb", slow=False)
        pair.sh(TARGET, LISTING.replace("ls -d", "rm -rf"))
        run = seed(pair, "mydumper", load_streams=2)
        there = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = 'bulk1';"
        until("a table is there", lambda: pair.value(TARGET, there) == "1" or run.process.poll() is not None, seconds=300, pause=0.02)
        # One stream waits with rows of its table loaded, or none; the other one goes on.
        with pair.session(TARGET, "LOCK TABLES shop.bulk1 READ"):
            until("the others are whole", lambda: len(loaded(log_of(pair))) == 3, seconds=120)
            pair.sh(TARGET, f"kill -9 {pair.job('seed', 'started')['pid']}")
            run.failed("it was killed", "run the same command again")
        return pair, loaded(log_of(pair))

    return make


def test_a_killed_load_goes_on_with_the_tables_that_are_not_whole(killed):
    pair, whole = killed()
    before = len(log_of(pair))
    pair.sql(SOURCE, "UPDATE shop.bulk1 SET pad = 'after the dump' WHERE id < 5;")
    seed(pair, "mydumper").ok()
    said = log_of(pair)[before:]
    kept = [line.partition(": ")[2] for line in said if line.startswith("not loaded again: shop.bulk")]
    assert sorted(kept) == sorted(whole), said
    assert sorted(loaded(said) + kept) == [f"shop.bulk{number}" for number in (1, 2, 3, 4)]
    assert [line for line in said if line.startswith("emptied: shop.bulk")] == ["emptied: shop.bulk1"], said
    assert not [line for line in said if line.startswith("dump: ")], "it was dumped again"
    found = pair.state()["seed"]
    assert found["status"] == "done" and found["kept_tables"] >= len(whole), found
    # What was written since is replication's; all else is there, once.
    rows = "".join(f"SELECT COUNT(*), SUM(CRC32(pad)) FROM shop.bulk{number} WHERE id >= 5;" for number in (1, 2, 3, 4))
    assert pair.sql(TARGET, rows) == pair.sql(SOURCE, rows)
    assert pair.value(TARGET, "SELECT COUNT(*) FROM shop.bulk1 WHERE pad = 'after the dump';") == "0"
    assert pair.sh(TARGET, LISTING) == ""


def test_a_dump_whose_history_is_gone_is_made_anew(killed):
    pair, _whole = killed()
    before = len(log_of(pair))
    pair.sql(SOURCE, "FLUSH BINARY LOGS;")
    last = pair.sql(SOURCE, "SHOW BINARY LOGS;")[-1][0]
    pair.sql(SOURCE, f"PURGE BINARY LOGS TO '{last}';")
    seed(pair, "mydumper").ok()
    said = "\n".join(log_of(pair)[before:])
    assert "is not gone on with: the source's binary log" in said and "not loaded again" not in said
    equal(pair)
    assert pair.sh(TARGET, LISTING) == ""


def test_another_method_removes_what_is_left(killed):
    pair, _whole = killed()
    assert pair.sh(TARGET, LISTING) != ""
    seed(pair, "mariadb-backup").ok()
    equal(pair)
    assert pair.sh(TARGET, LISTING) == ""


def test_commits_go_on_by_themselves_where_the_network_dies_while_they_are_held_up(pair_of):  # noqa: F811
    pair = pair_of("mariadb", rows=400, slow=False)
    asking = f"(echo '{REQUEST}'; sleep 60) | ssh -F {pair.folder}/ssh_config agent freeze"
    other = pair.background(TARGET, asking)
    began = time.monotonic()
    try:
        # A commit waits, and reading does not.
        waiting = pair.background(SOURCE, "sleep 1; mariadb -e \"INSERT INTO shop.orders (note) VALUES ('held up')\"; date +%s.%N")
        stuck = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for backup lock%';"
        until("a commit waits", lambda: pair.value(SOURCE, stuck) == "1", seconds=10)
        target = pair.address(TARGET)
        pair.sh(SOURCE, f"iptables -A INPUT -s {target} -j DROP; iptables -A OUTPUT -d {target} -j DROP")
        assert waiting.wait(30) == 0
        assert time.monotonic() - began < 25, "its own time limit did not end it"
    finally:
        mend(pair)
        other.kill()
        other.wait(10)


def test_what_it_cannot_do_is_refused_with_the_reason(pair_of):  # noqa: F811
    pair = pair_of("mariadb", rows=400, slow=False)
    seed(pair, "mydumper", bandwidth=100).failed("mydumper cannot be limited (migration_target_seed_bandwidth)", "use another method")
    seed(pair, "mydumper", hold_seconds=0.1).failed("would hold up the source's commits for about", "migration_target_seed_hold_seconds")
    pair.sql(SOURCE, "CREATE TABLE shop.ids (id UUID PRIMARY KEY, secret INT INVISIBLE);")
    seed(pair, "mydumper").failed("shop.ids.id is of type uuid", "shop.ids.secret is invisible, and would be left out")
    pair.sql(SOURCE, "DROP TABLE shop.ids;")
    pair.sh(TARGET, "mv /usr/bin/mydumper /root/mydumper")
    try:
        seed(pair, "mydumper").failed("the target lacks mydumper (package mydumper)")
        assert pair.value(TARGET, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop';") == "0"
    finally:
        pair.sh(TARGET, "mv /root/mydumper /usr/bin/mydumper")


def test_mysql_is_refused_beforehand_for_what_its_server_does_not_understand(mysql):
    mysql.fresh()
    mysql.load(400)
    mysql.migrate("-e", "migration_target_seed_method=mydumper").failed(
        "the method mydumper cannot serve this pair", "SHOW MASTER STATUS, which this server does not understand"
    )
    assert "seed" not in mysql.state()
