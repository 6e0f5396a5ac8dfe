# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a plan."""
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import apply as replication
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.apply import apply
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.plan import make_plan
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import ReplicaStatus, only_status
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal


@pytest.fixture
def prepared(kit):
    def prepare(row, **given):
        server = kit.Server("mysql", (9, 7, 4), row)
        desired = kit.wanted(server, **given)
        return server, make_plan(server.flavour, only_status(server.flavour, settings=True), desired)

    return prepare


def test_steps_run_in_order_with_their_values(kit, prepared):
    server, plan = prepared(kit.MYSQL_ROW, update_password="always", applier_threads=8)
    apply(server.flavour, plan)
    assert [sql.split(" SET")[0][:12] for sql, _args in server.ran] == ["STOP REPLICA", "SET GLOBAL r", "CHANGE REPLI", "START REPLIC"]
    assert server.ran[0][1] is None and kit.PASSWORD in server.ran[2][1]


def test_a_failed_step_leaves_a_running_replica_running(kit, prepared):
    server, plan = prepared(kit.MYSQL_ROW, connect_retry=7)
    server.fails = {"CHANGE": 3021}
    with pytest.raises(ServerError, match=r"\[3021\].*in the meantime.*started again") as error:
        apply(server.flavour, plan)
    assert [sql for sql, _args in server.ran] == ["STOP REPLICA IO_THREAD", "START REPLICA"]
    assert error.value.facts == {"changed": True, "statements": ["STOP REPLICA IO_THREAD", "START REPLICA"]}


def test_a_replica_that_stays_down_is_said(kit, prepared):
    server, plan = prepared(kit.MYSQL_ROW, connect_retry=7)
    server.fails = {"CHANGE": 1201, "START": 1872}
    with pytest.raises(ServerError, match=r"\[1201\].*stopped and could not be started again.*\[1872\]"):
        apply(server.flavour, plan)


def test_a_new_replica_that_fails_is_not_started(kit, prepared):
    server, plan = prepared(None, gtid="")
    server.fails = {"CHANGE": 1201}
    with pytest.raises(ServerError) as error:
        apply(server.flavour, plan)
    assert server.ran == [] and error.value.facts == {"changed": False, "statements": []}
    assert kit.PASSWORD not in str(error.value)


REFUSED = {"source_host": "s", "last_io_errno": 1236, "last_io_error": "requested to start from GTID 0-1-5, which is not in the master's binlog"}


@pytest.mark.parametrize(
    ("migration_id", "fields", "noted"),
    [("shop", REFUSED, True), ("", REFUSED, False), ("shop", {**REFUSED, "last_io_error": "purged"}, False)],
)
def test_a_source_that_refuses_as_being_behind_is_journalled_where_there_is_a_migration(tmp_path, monkeypatch, migration_id, fields, noted):
    monkeypatch.setattr(replication, "directory", lambda name: str(tmp_path / name))
    error = ServerError("replica: the receiver has stopped: [1236]", 1236)
    told = replication._distrusted(error, ReplicaStatus(**fields), migration_id)
    assert told.errno == 1236 and ("-e wipe_target=shop" in str(told)) is noted
    assert bool(Journal(str(tmp_path / "shop")).read().get("distrust")) is noted
