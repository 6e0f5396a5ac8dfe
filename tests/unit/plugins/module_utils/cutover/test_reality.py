# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server takes writes is asked of the servers, and what is wrong is said with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.reality import Seen, wrong_now

NEW = Seen(label="MariaDB on oslo-db1", open=True, server_id=2)
OLD = Seen(label="MariaDB on us-db1", closed=True, server_id=1)
GONE = Seen(error="the old server (127.0.0.1:33061): no answer")


@pytest.mark.parametrize("old", [OLD, GONE])
def test_as_a_cutover_leaves_them_nothing_is_wrong(old):
    assert wrong_now("done", NEW, old) == []


def test_as_a_rollback_leaves_them_nothing_is_wrong():
    assert wrong_now("rolled_back", replace(OLD, label="new"), replace(NEW, label="old")) == []


@pytest.mark.parametrize("phase", ["new", "seeding", "seeded", "ready", "cutting_over", "rolling_back"])
def test_before_and_in_between_nobody_is_judged(phase):
    assert wrong_now(phase, NEW, NEW) == []


@pytest.mark.parametrize(
    "new, old, words",
    [
        (NEW, replace(OLD, open=True, closed=False), ["BOTH servers take writes", "us-db1", "SET GLOBAL super_read_only = ON"]),
        (NEW, replace(OLD, opens=["/etc/x.cnf:3 says read_only = 0"]), ["us-db1) is closed, and its next restart would open it: /etc/x.cnf:3"]),
        (NEW, replace(OLD, closed=False), ["us-db1", "accounts without privileges only"]),
        (replace(NEW, open=False), OLD, ["NO server takes writes", "oslo-db1) is the primary", "SET GLOBAL read_only = OFF"]),
        (replace(NEW, open=False), GONE, ["oslo-db1) is the primary and takes no writes:"]),
        (
            replace(NEW, open=False), replace(OLD, open=True, closed=False),
            ["us-db1) takes writes and is not the primary", "after that SET GLOBAL read_only = OFF"],
        ),
        (Seen(error="no answer"), OLD, ["the new server is the primary and cannot be asked: no answer"]),
        (replace(NEW, replicates=True, source_id=1), OLD, ["is set to replicate from the old server", "RESET REPLICA ALL"]),
        (replace(NEW, replicates=True), OLD, ["is set to replicate from the old server"]),
        (replace(NEW, weak=["sync_binlog = 0"]), OLD, ["may lose commits", "sync_binlog = 0"]),
        (replace(NEW, holds=["/etc/x.cnf"]), OLD, ["closed by its next restart: remove /etc/x.cnf"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_do(new, old, words):
    (told, *more) = wrong_now("done", new, old)
    told = "; ".join([told, *more])
    assert all(word in told for word in words), told
    # After a rollback it is the other way round.
    assert wrong_now("rolled_back", old, new)


def test_a_primary_that_was_given_another_source_since_is_its_owners_affair():
    assert wrong_now("done", replace(NEW, replicates=True, source_id=77), OLD) == []


def test_an_unfinished_cutover_is_judged_by_two_writable_servers_alone():
    assert wrong_now("committed", replace(NEW, open=False, replicates=True), OLD) == []
    assert "BOTH" in wrong_now("committed", NEW, replace(OLD, open=True, closed=False))[0]


def test_no_message_opens_a_server_beside_one_that_is_open():
    told = wrong_now("done", replace(NEW, open=False), replace(OLD, open=True, closed=False))
    assert "SET GLOBAL read_only = OFF" not in told[0] and told[1].index("after that") < told[1].index("SET GLOBAL read_only = OFF")
