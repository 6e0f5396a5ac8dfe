# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task launches the copy and waits for it, so that C(throttle) counts copies."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.action import mysql_seed

STARTED = {"changed": True, "launch": "started", "state": "running", "result": {}, "log": "/x/log"}
DONE = {"changed": False, "state": "succeeded", "result": {"method": "dump"}}


@pytest.fixture
def seed(monkeypatch):
    """The action, with a module and a job that answer."""

    def run(launched, seen=None, check_mode=False, **args):
        watched = []
        monkeypatch.setattr(mysql_seed.ActionBase, "run", lambda _self, _tmp, _vars: {})
        action = mysql_seed.ActionModule.__new__(mysql_seed.ActionModule)
        action._task = SimpleNamespace(args={"migration_id": "shop", **args}, check_mode=check_mode)
        action._execute_module = lambda task_vars: dict(launched)
        action.watch = lambda migration_id, job, task_vars: watched.append((migration_id, job)) or dict(seen or DONE)
        return action.run(None, {}), watched

    return run


def test_it_waits_and_the_copy_counts_as_a_change(seed):
    result, watched = seed(STARTED, wait=True)
    assert watched == [("shop", "seed")]
    assert (result["changed"], result["state"], result["result"], result["log"]) == (True, "succeeded", {"method": "dump"}, "/x/log")


def test_a_copy_that_was_there_is_no_change(seed):
    assert seed({**STARTED, "changed": False, "launch": "attached"}, wait="yes")[0]["changed"] is False


@pytest.mark.parametrize("given", [{}, {"wait": False}, {"wait": True, "check_mode": True}])
def test_it_waits_only_where_it_is_told_to_and_never_in_check_mode(seed, given):
    result, watched = seed(STARTED, **given)
    assert result == STARTED and watched == []


def test_a_launch_that_failed_is_not_waited_for(seed):
    failed = {"failed": True, "msg": "refused"}
    assert seed(failed, wait=True) == (failed, [])


def test_a_copy_that_failed_fails_the_task(seed):
    result, _watched = seed(STARTED, {"failed": True, "msg": "try 3 of 3", "state": "failed"}, wait=True)
    assert result["failed"] and result["msg"] == "try 3 of 3" and result["changed"]
