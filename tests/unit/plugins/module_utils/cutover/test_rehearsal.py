# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal does all that a cutover does before its commit, never asks for that, and leaves nothing."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import launch
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.rehearsal import not_rehearsed_reason
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from test_cutover_run import BEFORE_COMMIT, moved, reopened

GATED = {"migration_id": "shop", "verify_max_age": 24.0, "rehearsal_max_age": 2.0}


def test_all_before_the_commit_is_done_and_undone(world, cut):
    before = world.journal.read()
    result = cut(rehearse=True)
    assert world.log[: len(BEFORE_COMMIT)] == BEFORE_COMMIT
    assert "take" not in world.log and "promote target" not in world.log
    assert reopened(world) and not moved(world)
    assert result["rehearsed"] and 0 <= result["to_commit_s"] <= result["write_stop_s"] < 5
    assert result["position"]["gtid"] == "0-1-100" and result["privileges_taken"] and result["sessions_ended"] == 3
    after = world.journal.read()
    assert after["rehearsal"]["write_stop_s"] == result["write_stop_s"] and not after["cutover"]["begun"] and not after["cutover"]["done"]
    assert {name: value for name, value in after.items() if name not in ("rehearsal", "cutover", "updated")} == {
        name: value for name, value in before.items() if name not in ("rehearsal", "cutover", "updated")
    }


def test_it_may_be_repeated_and_the_cutover_follows(world, cut):
    assert cut(rehearse=True)["rehearsed"] and cut(rehearse=True)["rehearsed"]
    assert "rehearsed" not in cut() and moved(world)
    assert "nothing to rehearse" in str(cut(rehearse=True)) and moved(world)


@pytest.mark.parametrize("effect", ["hold", "take privileges", "arm", "close fence", "wait", "stop replica"])
def test_killed_anywhere_the_same_command_undoes_and_rehearses_anew(world, cut, effect):
    world.killing = effect
    assert isinstance(cut(rehearse=True), world.Dead)
    world.revive()
    assert cut(rehearse=True)["rehearsed"]
    assert reopened(world) and "promote target" not in world.log


@pytest.mark.parametrize("effect", ["close fence", "wait", "compare"])
def test_what_fails_in_a_rehearsal_is_told_and_undone(world, cut, effect):
    world.failing[effect] = MigrationError("it broke")
    answer = cut(rehearse=True)
    assert "it broke" in str(answer) and answer.facts == {"outcome": "undone"} and reopened(world)
    assert "rehearsal" not in world.journal.read()


def test_a_source_that_stays_closed_is_no_rehearsal(world, cut, monkeypatch):
    monkeypatch.setattr(world, "after", lambda name: world.source.update(read_only=True) if name == "end" else None)
    answer = cut(rehearse=True)
    assert isinstance(answer, MigrationError) and answer.facts["outcome"] == "closed"
    assert "rehearsal" not in world.journal.read()


def test_a_commit_that_was_found_is_carried_on_with(world, cut):
    world.killing = "take"
    cut()
    world.revive()
    cut(rehearse=True)
    assert moved(world), "it can only be completed"


@pytest.mark.parametrize(
    ("record", "words"),
    [(None, "never rehearsed"), ({"ended": 1000.0}, ""), ({"ended": 1000.0 - 3 * 3600}, "3.0 h ago; the limit is 2.0 h")],
)
def test_a_cutover_may_ask_for_one(record, words):
    assert words in not_rehearsed_reason(record, 7200, now=1000.0) and bool(words) == bool(not_rehearsed_reason(record, 7200, now=1000.0))
    assert not_rehearsed_reason(record, 0) == ""


@pytest.mark.parametrize("check", ["check_verified", "check_rehearsed"])
def test_what_has_begun_is_not_refused_for_it(world, monkeypatch, check):
    monkeypatch.setattr(launch, "directory", lambda _id: world.journal.directory)
    world.journal.update("x", seed={"status": "done"})
    with pytest.raises(Refusal, match="playbook verify.*waive=P64" if check == "check_verified" else "-e rehearse=shop"):
        getattr(launch, check)(GATED)
    getattr(launch, check)({**GATED, "verify_max_age": 0, "rehearsal_max_age": 0})
    world.journal.update("x", cutover={"begun": ["lease"]})
    getattr(launch, check)(GATED)
