# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A promoted server's commits wait for its disk, whatever an earlier migration left on it."""

from __future__ import annotations

import pytest
from pairs import SOURCE, TARGET

NAMES = ("innodb_flush_log_at_trx_commit", "sync_binlog", "max_allowed_packet")
THREADS = {"mariadb": "slave_parallel_threads", "mysql": "replica_parallel_workers"}


def settings(pair):
    """The target's settings now."""
    names = ", ".join(f"'{name}'" for name in (*NAMES, THREADS[pair.client]))
    return dict(pair.sql(TARGET, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names});"))


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_the_traces_of_a_migration_whose_journal_is_gone_are_not_taken_for_the_users_wish(request, flavour):
    pair = request.getfixturevalue(flavour)
    pair.fresh()
    before = settings(pair)
    pair.load(40)
    pair.migrate("-e", "migration_target_applier_threads=7").ok()
    relaxed = {"innodb_flush_log_at_trx_commit": "2", "sync_binlog": "0", "max_allowed_packet": "1073741824", THREADS[flavour]: "7"}
    assert settings(pair) == relaxed
    pair.sql(TARGET, "STOP REPLICA; RESET REPLICA ALL;")
    # The source takes its reader for alive until it has something to tell it.
    for number, *_rest in pair.sql(SOURCE, "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%';"):
        pair.sql(SOURCE, f"KILL {number};", check=False)
    pair.sh(TARGET, f"systemctl stop 'nordbridge*'; rm -rf {pair.folder}")
    pair.migrate("-e", f"wipe_target={pair.name}", "-e", "migration_target_applier_threads=7").ok()
    assert settings(pair) == relaxed
    run = pair.cutover().ok()
    assert settings(pair) == {**before, "innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1"}
    fleeting = "sync_binlog is 1 on the new primary and stands in no configuration"
    assert (fleeting in run.words) == (flavour == "mariadb"), "only MariaDB's built-in value is 0"
    assert pair.state()["cutover"]["facts"]["settings_left"] == []
