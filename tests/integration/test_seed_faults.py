# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What befalls a copy: it starts over by itself where that helps, and else stops early, with the reason and both hosts as they were."""

from __future__ import annotations

import json

import pytest
from pairs import ROOT, SOURCE, TARGET, Pair, Run, until

SLOW = "tc qdisc replace dev eth0 root tbf rate 24mbit burst 64k latency 100ms"
FAST = "tc qdisc del dev eth0 root 2>/dev/null || true"
SUMS = "".join(f"SELECT COUNT(*), SUM(CRC32(pad)) FROM shop.bulk{number};" for number in (1, 2, 3, 4)) + "SELECT COUNT(*) FROM shop.orders;"
#: The target's data on a small disk of memory, behind a symbolic link.
SMALL = r"""
set -eu
systemctl stop CLIENT
rm -rf /small/* /srv/data
mkdir /small/mysql
cp -a /var/lib/mysql/. /small/mysql
chown mysql:mysql /small/mysql
chmod 700 /small/mysql
ln -s /small/mysql /srv/data
printf '[mysqld]\ndatadir = /srv/data\n' > CONFIG
systemctl start CLIENT
"""
FILL = "fallocate -l $(($(df --output=avail -B1 /small | tail -n 1) - %d)) /small/ballast"
CONFIG = {"mariadb": "/etc/mysql/mariadb.conf.d/zz-small.cnf", "mysql": "/etc/mysql/mysql.conf.d/zz-small.cnf"}


#: As before the first copy: the target's own directory, and nothing of an earlier copy in it.
EMPTY = r"""
set -eu
if [ -e CONFIG ]; then
    systemctl stop CLIENT
    rm -rf CONFIG /srv/data /small/*
    systemctl start CLIENT
fi
rm -rf /small/* FOLDER/state.json FOLDER/events.jsonl FOLDER/jobs
CLIENT -f <<'END'
SET GLOBAL read_only = 0;
STOP REPLICA;
RESET REPLICA ALL;
DROP DATABASE IF EXISTS shop;
DROP DATABASE IF EXISTS nordbridge_migration;
RESETLOGS;
END
"""
RESETLOGS = {"mariadb": "RESET MASTER", "mysql": "RESET BINARY LOGS AND GTIDS"}


def prepare(pair: Pair) -> None:
    """Accounts, keys, agent and tunnel as a migration makes them; of what a test has left before nothing stays."""
    pair.fresh()
    pair.load(400)
    pair.migrate("-e", "migration_target_seed_method=dump").wait(1200).ok()


@pytest.fixture(scope="module")
def prepared(request):
    """Pairs that have been prepared, by flavour."""
    pairs: dict[str, Pair] = {}

    def make(flavour: str) -> Pair:
        if flavour not in pairs:
            pair = request.getfixturevalue(flavour)
            prepare(pair)
            pairs[flavour] = pair
        return pairs[flavour]

    make.pairs = pairs
    return make


@pytest.fixture
def pair_of(prepared):
    """A prepared pair with an empty target, and 60 MB of data that crosses at 3 MB/s."""

    def make(flavour: str, rows: int = 60_000, slow: bool = True) -> Pair:
        pair = prepared(flavour)
        mend(pair)
        pair.sh(TARGET, filled(EMPTY, pair))
        pair.sql(SOURCE, "DROP DATABASE shop;")
        pair.load(rows)
        pair.sh(SOURCE, SLOW if slow else "true")
        return pair

    yield make
    for pair in prepared.pairs.values():
        mend(pair)


def mend(pair: Pair) -> None:
    """The source's network as it was, and no job that still runs."""
    for run in pair.runs:
        if run.process.poll() is None:
            run.kill()
    pair.sh(SOURCE, FAST + "; iptables -F")
    pair.sh(TARGET, "systemctl stop 'nordbridge-*-seed-*' 2>/dev/null || true")


def filled(script: str, pair: Pair) -> str:
    """A script with what differs between the pairs."""
    words = {"RESETLOGS": RESETLOGS[pair.client], "CONFIG": CONFIG[pair.client], "CLIENT": pair.client, "FOLDER": pair.folder}
    for word, value in words.items():
        script = script.replace(word, value)
    return script


def seed(pair: Pair, method: str, **options) -> Run:
    """The copy, watched, with looks as often as the test can wait for."""
    given = {"method": method, "watch_seconds": 1, **options}
    # What an earlier copy had told is no sign that this one is under way.
    told = f"{pair.folder}/jobs/seed/progress.json"
    pair.sh(TARGET, f"[ ! -e {told} ] || echo '{{}}' > {told}")
    return pair.start("-e", json.dumps({"seed": given}), playbook=str(ROOT / "tests/integration/seed.yml"))


def under_way(pair: Pair, least: int = 5_000_000) -> None:
    """Wait until data of the copy has crossed."""

    def moving() -> bool:
        seen = pair.job("seed", "progress")
        return seen.get("phase") == "seed" and max(seen.get("crossed", 0), seen.get("done", 0)) > least

    until("the copy is under way", moving, seconds=300, pause=0.5)


def starts_over(run: Run) -> None:
    """Wait until the watcher has told that it does, or the playbook has ended."""
    until("it starts over", lambda: "] again: " in run.output or run.process.poll() is not None, seconds=300)


def equal(pair: Pair) -> None:
    """Both sides hold the same rows."""
    assert pair.sql(TARGET, SUMS) == pair.sql(SOURCE, SUMS)
    assert pair.state()["seed"]["status"] == "done"


def as_it_was(pair: Pair, begun: bool = True) -> None:
    """The source takes writes, and what a physical copy had begun is gone from the target, whose server runs.

    :param begun: a copy had begun, and with it the target was closed; a refusal leaves it as it found it
    """
    pair.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('meanwhile');")
    assert pair.value(TARGET, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop';") == "0"
    assert pair.sh(TARGET, "ls -d /var/lib/mysql/.nordbridge* /small/mysql/.nordbridge* 2>/dev/null || true") == ""
    assert not begun or pair.value(TARGET, "SELECT @@read_only;") == "1"


# --- disks ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mariadb-backup", "dump"])
def test_a_disk_that_fills_during_the_copy_ends_it_early_and_the_next_run_copies_through_a_link(method, pair_of):
    pair = pair_of("mariadb")
    pair.sh(TARGET, filled(SMALL, pair))
    run = seed(pair, method, target_reserve_mb=40)
    under_way(pair)
    pair.sh(TARGET, FILL % 90_000_000)
    run.failed("the target's disk would fill", "are still to come", "40 MB must stay free (migration_target_reserve_mb)", "run the same command again")
    # Long before the end, and not by the programs' own failure.
    assert "no space left" not in run.words.lower()
    assert pair.job("seed", "outcome")["ok"] is False
    assert pair.state()["seed"]["status"] == "running", "half a copy that the next run may erase"
    assert [one["cause"] for one in pair.state()["seed"]["tried"]] == ["not one that starting over can help"]
    assert pair.value(TARGET, "SELECT @@read_only;") == "1"
    if method != "dump":
        as_it_was(pair)

    # The same command while nothing has changed: it ends before anything is copied.
    pair.sh(SOURCE, FAST)
    seed(pair, method, target_reserve_mb=40).failed("free", "MB")
    pair.sh(TARGET, "rm /small/ballast")
    seed(pair, method, target_reserve_mb=40).ok()
    equal(pair)
    assert pair.sh(TARGET, "readlink /srv/data").strip() == "/small/mysql"


def test_a_source_whose_disk_is_nearly_full_is_not_copied(pair_of):
    pair = pair_of("mariadb", rows=400, slow=False)
    free = int(pair.sh(SOURCE, "df --output=avail -B1000000 /var/lib/mysql | tail -n 1"))
    seed(pair, "mariadb-backup", source_reserve_mb=free * 2).failed(
        "the source's disk is nearly full", "in us-db1:/var/lib/mysql", "migration_target_source_reserve_mb", "nothing was copied"
    )
    assert "seed" not in pair.state()
    as_it_was(pair, begun=False)


# --- the source ------------------------------------------------------------------


def test_a_restarted_source_is_copied_anew_by_itself(pair_of):
    pair = pair_of("mariadb")
    run = seed(pair, "mariadb-backup")
    under_way(pair)
    pair.sh(SOURCE, "systemctl restart mariadb")
    starts_over(run)
    pair.sh(SOURCE, FAST)
    run.ok()
    found = pair.state()["seed"]
    assert found["tries"] == 2
    assert "restarted" in found["tried"][0]["cause"], found["tried"]
    assert pair.job("seed", "spec")["attempt"] == 1, "it was another job and not another try"
    equal(pair)


def test_binary_logs_that_are_purged_during_a_dump_end_it(pair_of):
    pair = pair_of("mariadb")
    run = seed(pair, "dump")
    under_way(pair)
    pair.sql(SOURCE, "FLUSH BINARY LOGS;")
    last = pair.sql(SOURCE, "SHOW BINARY LOGS;")[-1][0]
    pair.sql(SOURCE, f"PURGE BINARY LOGS TO '{last}';")
    run.failed("is gone (the oldest now: " + last, "migration_source_retention_hours", "run the same command again")
    pair.sh(SOURCE, FAST)
    seed(pair, "dump").ok()
    equal(pair)


def test_others_do_not_wait_for_long_for_a_table_that_is_being_read(pair_of):
    pair = pair_of("mariadb", rows=120_000)
    run = seed(pair, "dump", lock_seconds=3)
    under_way(pair)
    # The definition waits for the dump's reading, and every other statement on the table behind that.
    reading = "SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT /*%FROM `bulk%';"
    table = until("a table is read", lambda: pair.sql(SOURCE, reading))[0][0].split("FROM `")[1].split("`")[0]
    waiter = pair.background(SOURCE, f"mariadb -e 'ALTER TABLE shop.{table} ADD COLUMN late INT'")
    run.failed("wait for a lock that the copy may hold", "Waiting for table metadata lock", "migration_target_lock_seconds")
    assert waiter.wait(30) == 0, "the definition still waits after the copy ended"
    pair.sh(SOURCE, FAST)
    seed(pair, "dump").ok()
    equal(pair)


def test_a_transaction_that_is_open_for_hours_is_named_and_no_dump_begins(pair_of):
    pair = pair_of("mariadb", rows=400, slow=False)
    with pair.session(SOURCE, "START TRANSACTION; INSERT INTO shop.orders (note) VALUES ('open')") as number:
        pair.sh(SOURCE, "sleep 4")
        seed(pair, "dump", max_transaction_seconds=2).failed(
            f"session {number} of root", "older than 2 s are open", "wait for their end"
        )
        assert pair.value(TARGET, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'shop';") == "0"
        alive = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {number};"
        assert pair.sql(SOURCE, alive) == [["1"]], "a stranger was ended"
    seed(pair, "dump").ok()
    equal(pair)


# --- the way ---------------------------------------------------------------------


def test_a_cut_connection_and_a_killed_program_are_tried_again_within_the_limit(pair_of):
    pair = pair_of("mariadb")
    run = seed(pair, "mariadb-backup", tries=2)
    under_way(pair)
    # Packets vanish, and nobody says so.
    target = pair.address(TARGET)
    pair.sh(SOURCE, f"iptables -A INPUT -s {target} -j DROP; iptables -A OUTPUT -d {target} -j DROP")
    starts_over(run)
    pair.sh(SOURCE, "iptables -F")
    assert "try 1 of 2 failed, the connection was cut" in run.words, run.tail
    until("the second try begins", lambda: pair.job("seed", "progress").get("phase") == "seed", seconds=300, pause=0.5)
    under_way(pair)
    pair.sh(SOURCE, "pkill -KILL -x mariadb-backup || pkill -KILL -x mariabackup")
    run.failed("try 2 of 2", "ended with -9")
    as_it_was(pair)
    assert [one["cause"] for one in pair.state()["seed"]["tried"]] == ["the connection was cut", "a program was killed"]
    pair.sh(SOURCE, FAST)
    seed(pair, "mariadb-backup").ok()
    equal(pair)


def test_programs_that_are_missing_are_named_with_their_package_and_host(pair_of):
    pair = pair_of("mariadb", rows=400, slow=False)
    for host, program, package, method in (
        (SOURCE, "pv", "pv", "mariadb-backup"), (SOURCE, "zstd", "zstd", "dump"), (TARGET, "mbstream", "mariadb-backup", "mariadb-backup"),
    ):  # fmt: skip
        side = {SOURCE: "source", TARGET: "target"}[host]
        pair.sh(host, f"mv /usr/bin/{program} /root/{program}")
        try:
            seed(pair, method, bandwidth=100).failed(side, program, f"package {package}")
            assert "again: " not in pair.runs[-1].output
            as_it_was(pair, begun=False)
        finally:
            pair.sh(host, f"mv /root/{program} /usr/bin/{program}")


def test_the_bandwidth_is_kept(pair_of):
    pair = pair_of("mariadb", slow=False)
    seed(pair, "mariadb-backup", bandwidth=40, nice=19, ionice="idle").ok()
    found = pair.state()["seed"]
    # 40 Mbit/s are 5 MB/s; the pipes between the programs hold a little.
    assert found["seconds"] > found["crossed"] / 5e6 * 0.9, found
    assert found["crossed"] > 40_000_000
    equal(pair)


# --- MySQL -----------------------------------------------------------------------


def test_clone_is_limited_stopped_early_and_tried_again(pair_of):
    pair = pair_of("mysql", slow=False)
    pair.sh(TARGET, filled(SMALL, pair))
    run = seed(pair, "clone", target_reserve_mb=20, bandwidth=24, clone_compression="never")
    under_way(pair)
    pair.sh(TARGET, FILL % 40_000_000)
    run.failed("the target's disk would fill", "migration_target_reserve_mb", "run the same command again")
    assert pair.value(TARGET, "SELECT @@clone_max_network_bandwidth;") == "0"
    assert pair.sql(TARGET, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'CLONE%';") == [["0"]]
    as_it_was(pair)
    pair.sh(TARGET, "rm /small/ballast")

    run = seed(pair, "clone", target_reserve_mb=20, bandwidth=24, clone_compression="never")
    under_way(pair)
    pair.sh(SOURCE, "systemctl restart mysql")
    run.ok()
    found = pair.state()["seed"]
    # CLONE tries by itself, too, for some minutes; either way it started over.
    assert found["tries"] == 2 or found["crossed"] > 2 * found["bytes"], found
    assert found["seconds"] > found["crossed"] / 3.2e6 * 0.8, found
    equal(pair)


def test_clone_compresses_where_it_is_told_to_and_where_the_way_is_narrow(pair_of):
    crossed = {}
    for wish, slow in (("never", False), ("always", False), ("auto", True)):
        pair = pair_of("mysql", slow=slow)
        pair.sql(
            SOURCE,
            "CREATE TABLE shop.said (id INT AUTO_INCREMENT PRIMARY KEY, words TEXT);"
            " INSERT INTO shop.said (words) SELECT REPEAT('what was said ', 500) FROM shop.bulk1 LIMIT 12000;",
        )
        seed(pair, "clone", clone_compression=wish).ok()
        found = pair.state()["seed"]
        assert found["compressed"] is (wish != "never")
        assert (wish if not slow else "the way from the source carries about 3 MB/s") in found["wire"]
        crossed[wish] = found["crossed"]
        equal(pair)
        assert pair.value(TARGET, "SELECT @@clone_enable_compression;") == "0"
    assert max(crossed["always"], crossed["auto"]) < 0.8 * crossed["never"], crossed


# --- many --------------------------------------------------------------------------


def test_two_pairs_copy_at_once_with_one_fork(pair_of):
    pairs = [pair_of("mariadb", rows=40_000), pair_of("mysql", rows=40_000)]
    hosts = {}
    for pair in pairs:
        hosts["oslo-" + pair.client] = {
            "ansible_host": TARGET, "ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3", "migration_id": pair.name,
            "ansible_ssh_common_args": "-F " + pair.ssh(SOURCE)[2], "ansible_control_path_dir": "/tmp/nordbridge-" + pair.name,
        }  # fmt: skip
    inventory = pairs[0].out / "two.json"
    inventory.write_text(json.dumps({"migration_targets": {"hosts": hosts}}))
    arguments = ("-i", str(inventory), "--limit", ",".join(hosts), "--forks", "1", "-e", json.dumps({"seed": {"method": "dump"}}))
    pairs[0].start(*arguments, playbook=str(ROOT / "tests/integration/seed.yml")).ok()
    spans = [(pair.job("seed", "started")["at"], pair.job("seed", "outcome")["ended"]) for pair in pairs]
    together = min(end for _start, end in spans) - max(start for start, _end in spans)
    assert together > 5, (spans, "one copy waited for the other")
    for pair in pairs:
        equal(pair)
