# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a source's restart means for its replica."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import lives
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.lives import (
    CLEAN,
    NONE,
    ROTATED,
    STOPPED,
    TORN,
    UNCLEAN,
    UNSEEN,
    Life,
)

LAX = Life(started_at=1000, boot="kernel-1/9", log="bin.000004", sync_binlog=0, flush=1)
REBOOTED = replace(LAX, started_at=2000, boot="kernel-2/9", log="bin.000006")


@pytest.mark.parametrize(
    ("ends", "how"),
    [
        ([STOPPED], CLEAN),
        ([ROTATED, ROTATED, STOPPED, ROTATED], CLEAN),
        ([TORN], UNCLEAN),
        # It was shut down once, and died another time.
        ([STOPPED, TORN], UNCLEAN),
        ([TORN, STOPPED], UNCLEAN),
        (None, UNSEEN),
        # The clock was set: no file ended with the server.
        ([ROTATED], NONE),
        ([], NONE),
    ],
)
def test_how_it_was_restarted(ends, how):
    assert lives.restarts(LAX, REBOOTED, ends) == how


@pytest.mark.parametrize("seconds", [-2, 0, 2])
def test_one_start_is_told_twice_with_a_second_between(seconds):
    assert lives.restarts(LAX, replace(LAX, started_at=1000 + seconds), [TORN]) == NONE
    assert lives.restarts(LAX, replace(LAX, started_at=1003), [TORN]) == UNCLEAN


@pytest.mark.parametrize("ends", [[TORN], None])
def test_a_host_that_died_under_commits_that_do_not_wait_may_have_lost_what_the_target_has(ends):
    assert "may have lost what the target has" in lives.lost(LAX, REBOOTED, ends)
    assert "sync_binlog=0, innodb_flush_log_at_trx_commit=1" in lives.lost(LAX, REBOOTED, ends)


@pytest.mark.parametrize("ends", [[STOPPED], [ROTATED], []])
def test_a_server_that_was_shut_down_lost_nothing(ends):
    assert lives.lost(LAX, REBOOTED, ends) == ""


@pytest.mark.parametrize(
    ("sync_binlog", "flush", "durable"),
    [(1, 1, True), (1, 3, True), (0, 1, False), (1, 2, False), (1, 0, False), (2, 1, False), (1000, 1, False)],
)
def test_durable_is_each_commit_of_both(sync_binlog, flush, durable):
    assert replace(LAX, sync_binlog=sync_binlog, flush=flush).durable is durable
    was, now = (replace(one, sync_binlog=sync_binlog, flush=flush) for one in (LAX, REBOOTED))
    assert (lives.lost(was, now, [TORN]) == "") is durable


def test_what_was_set_at_run_time_is_gone_with_the_first_restart_and_a_second_one_may_have_been_lax():
    durable = replace(LAX, sync_binlog=1)
    assert "sync_binlog=0" in lives.lost(durable, REBOOTED, [TORN])
    assert "sync_binlog=0" in lives.lost(LAX, replace(REBOOTED, sync_binlog=1), [TORN])


def test_a_server_that_died_alone_had_handed_all_to_the_operating_system():
    alone = replace(REBOOTED, boot=LAX.boot)
    assert lives.lost(LAX, alone, [TORN]) == "" == lives.lost(LAX, alone, None)
    # InnoDB keeps its log for a second to itself.
    assert lives.lost(replace(LAX, flush=0), alone, [TORN])
    assert lives.lost(LAX, replace(alone, flush=0), [TORN])


def test_a_host_that_nobody_can_ask_may_have_died():
    assert lives.lost(replace(LAX, boot=""), replace(REBOOTED, boot=""), [TORN])
    assert lives.lost(LAX, replace(REBOOTED, boot=""), [TORN])


def test_the_journals_form_is_read_again_with_what_else_it_holds():
    assert Life.from_dict({**LAX.as_dict(), "at": 7.0}) == LAX


MARIADB = (
    "Got fatal error 1236 from master when reading data from binary log: 'Error: connecting slave requested to start from GTID 0-1-105, "
    "which is not in the master's binlog'"
)
MYSQL = (
    "Got fatal error 1236 from source when reading data from binary log: 'Replica has more GTIDs than the source has, using the source's "
    "SERVER_UUID. This may indicate that the end of the binary log was truncated or that the last binary log file was lost'"
)
OLD = "Got fatal error 1236 from master: 'Client requested master to start replication from position > file size'"
PURGED = "Got fatal error 1236 from source: 'Cannot replicate because the source purged required binary logs.'"


@pytest.mark.parametrize(
    ("errno", "text", "told"),
    [
        (1236, MARIADB, True),
        (13114, MYSQL, True),
        (1236, MYSQL.replace("Replica", "Slave"), True),
        (1236, OLD, True),
        (1236, "Client requested master to start replication from impossible position", True),
        (1236, PURGED, False),
        (2003, MARIADB, False),
        (0, "", False),
    ],
)
def test_a_source_that_refuses_because_the_replica_is_ahead(errno, text, told):
    assert lives.told_ahead(errno, text) is told


def test_past_the_end_of_a_file_that_the_source_still_has():
    assert lives.past_end("bin.000004", 330, {"bin.000004": 329, "bin.000005": 900})
    assert not lives.past_end("bin.000004", 329, {"bin.000004": 329})
    assert not lives.past_end("bin.000003", 329, {"bin.000004": 100})
