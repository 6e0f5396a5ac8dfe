# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever dies during the copy, the same command again goes on: with what still runs, or from its own half copy again."""

from __future__ import annotations

import json
import re

from pairs import SOURCE, TARGET, until

#: The copy's speed, so that there is a middle to break it in, and a second run can meet the first one's job.
SLOW = "tc qdisc replace dev eth0 root tbf rate 24mbit burst 64k latency 100ms"
FAST = "tc qdisc del dev eth0 root"
SUMS = "".join(f"SELECT COUNT(*), SUM(CRC32(pad)) FROM shop.bulk{number};" for number in (1, 2, 3, 4)) + "SELECT COUNT(*) FROM shop.orders;"


def mid_copy(pair, attempt: int) -> int:
    """Wait until this attempt's data arrives on the target; the job's process."""

    def arrives() -> bool:
        crossed = pair.job("seed", "started").get("attempt") == attempt and pair.job("seed", "progress").get("crossed", 0) > 3_000_000
        return crossed and pair.sql(TARGET, "SELECT 1 FROM shop.bulk1 LIMIT 1;", check=False) == [["1"]]

    until("the copy is under way", arrives, seconds=120)
    return int(pair.job("seed", "started")["pid"])


def equal(pair) -> None:
    """Both sides hold the same rows, also those that were written since."""
    pair.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('while replicating');")
    wanted = pair.sql(SOURCE, SUMS)
    until("the target has the last row", lambda: pair.sql(TARGET, SUMS) == wanted, seconds=10)


def test_a_killed_playbook_finds_its_copy_again(mariadb):
    mariadb.load(200_000)
    mariadb.sh(SOURCE, SLOW)
    first = mariadb.migrate()
    job = mid_copy(mariadb, 1)
    first.kill()
    second = mariadb.migrate()
    until("the second run watches the copy", lambda: "] seed: " in second.output or second.process.poll() is not None, seconds=120)
    assert (mariadb.job("seed", "started")["pid"], mariadb.job("seed", "spec")["attempt"]) == (job, 1), second.tail
    mariadb.sh(SOURCE, FAST)
    second.ok()
    assert "READY: " in second.output
    assert (mariadb.job("seed", "started")["pid"], mariadb.job("seed", "spec")["attempt"]) == (job, 1)
    equal(mariadb)

    third = mariadb.migrate().ok()
    assert third.recap()["changed"] == 0, third.output
    assert "READY: " in third.output
    equal(mariadb)


def test_each_broken_copy_is_told_and_the_next_run_starts_anew(mariadb):
    mariadb.fresh()
    mariadb.load(60_000)
    mariadb.sh(SOURCE, SLOW)

    # The job itself dies, without a word.
    run = mariadb.migrate()
    job = mid_copy(mariadb, 1)
    mariadb.sh(TARGET, f"kill -9 {job}")
    run.failed("it was killed", "run the same command again")
    assert mariadb.sh(TARGET, "pgrep -x zstd || true") == "", "what the job had started goes on"
    assert mariadb.value(TARGET, "SELECT @@read_only;") == "1", "half a copy must not take writes"
    assert mariadb.state()["seed"]["status"] != "done"

    # A definition changes under the copy.
    run = mariadb.migrate()
    mid_copy(mariadb, 2)
    erased = json.loads(mariadb.sh(TARGET, f"grep '\"seed started\"' {mariadb.folder}/events.jsonl | tail -n 1"))
    assert "shop" in json.dumps(erased), "the second attempt did not erase the first one's half"
    mariadb.sql(SOURCE, "ALTER TABLE shop.bulk4 ADD COLUMN late INT;")
    mariadb.sh(SOURCE, FAST)
    run.failed("bulk4", "run the same command again")
    mariadb.sh(SOURCE, SLOW)

    # The bridge breaks.
    run = mariadb.migrate()
    mid_copy(mariadb, 3)
    mariadb.sh(TARGET, "pkill -KILL -f 'ssh_config agent [d]ump'")
    run.failed("the copy broke: the dump on the source was killed by signal 9")
    # The server's client prints the statement that was cut off, and with it rows.
    assert "bulk1` VALUES" not in run.output and not re.search(r"[0-9A-F]{60}", run.output), run.tail
    assert mariadb.state()["seed"]["status"] != "done"
    assert mariadb.sql(TARGET, "SHOW SLAVE STATUS;") == [], "half a copy must not replicate"

    # Nothing happens.
    mariadb.sh(SOURCE, FAST)
    mariadb.migrate().ok()
    assert mariadb.job("seed", "spec")["attempt"] == 4
    equal(mariadb)
