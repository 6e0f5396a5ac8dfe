# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of a method and the physical copies, on real servers: equal data, and what a kill leaves."""

from __future__ import annotations

import pytest
from pairs import SOURCE, TARGET, until

METHOD = {"mariadb": "mariadb-backup", "mysql": "clone"}
SLOW = "tc qdisc replace dev eth0 root tbf rate 24mbit burst 64k latency 100ms"
FAST = "tc qdisc del dev eth0 root 2>/dev/null || true"
SUMS = "".join(f"SELECT COUNT(*), SUM(CRC32(pad)) FROM shop.bulk{number};" for number in (1, 2, 3, 4)) + "SELECT COUNT(*) FROM shop.orders;"


def arrived(pair) -> None:
    """Both sides hold the same, also what was written since; nothing of the source's lives on that must not."""
    pair.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('while replicating');")
    wanted = pair.sql(SOURCE, SUMS)
    until("the target has the last row", lambda: pair.sql(TARGET, SUMS) == wanted, seconds=10)
    assert pair.value(TARGET, "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'nordbridge%';") == "0"
    assert pair.value(TARGET, "SELECT @@read_only;") == "1"
    assert pair.value(TARGET, "SELECT @@event_scheduler;") in ("OFF", "DISABLED")
    assert pair.value(SOURCE, "SELECT @@server_id;") != pair.value(TARGET, "SELECT @@server_id;")
    assert pair.sh(TARGET, "ls -a /var/lib/mysql | grep nordbridge- || true") == ""


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_auto_copies_the_files(flavour, request):
    pair = request.getfixturevalue(flavour)
    pair.fresh()
    pair.load(60_000)
    run = pair.migrate("-e", "migration_target_seed_method=auto").ok()
    assert "READY: " in run.output
    assert pair.state()["seed"]["method"] == METHOD[flavour]
    arrived(pair)
    assert pair.migrate("-e", "migration_target_seed_method=auto").ok().recap()["changed"] == 0


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_a_killed_copy_of_files_is_put_back_and_done_again(flavour, request):
    pair = request.getfixturevalue(flavour)
    pair.fresh()
    pair.load(60_000)
    pair.sh(SOURCE, SLOW)
    run = pair.migrate("-e", "migration_target_seed_method=auto")

    def under_way() -> bool:
        return pair.job("seed", "progress").get("done", 0) > 2_000_000

    until("the copy is under way", under_way, seconds=120)
    pair.sh(TARGET, f"kill -9 {pair.job('seed', 'started')['pid']}")
    run.failed("it was killed", "run the same command again")
    pair.sh(SOURCE, FAST)
    pair.migrate("-e", "migration_target_seed_method=auto").ok()
    assert pair.state()["seed"]["method"] == METHOD[flavour]
    arrived(pair)


def test_a_method_that_cannot_serve_is_refused_with_the_target_as_it_was(mariadb):
    mariadb.fresh()
    mariadb.load(1_000)
    mariadb.migrate("-e", "migration_target_seed_method=clone").failed("the method clone cannot serve this pair", "CLONE is MySQL's")
    assert mariadb.value(TARGET, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE schema_name = 'shop';") == "0"
    assert "seed" not in mariadb.state()
