# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target's commits wait for the disk before the source is fenced, or the source is not fenced."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import run as cutover
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import steps_after_commit, steps_before_commit
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning.relax import Durable

WAS = {"sync_binlog": "1"}


@pytest.fixture
def relaxed(world, monkeypatch):
    """A target whose commits do not wait for its disk."""

    def make_durable(_target, _journal):
        world.effect("make durable")
        return Durable(WAS, ["sync_binlog is fleeting"], True)

    def unsafe(_target, values):
        assert values == WAS
        world.effect("read back")
        return world.lax

    world.lax = []
    monkeypatch.setattr(steps_before_commit, "unsafe", unsafe)
    monkeypatch.setattr(steps_before_commit, "make_durable", make_durable)
    monkeypatch.setattr(steps_before_commit, "look", lambda *_args: world.effect("look"))
    monkeypatch.setattr(steps_before_commit, "relax", lambda _target, _journal: world.effect("relax"))
    monkeypatch.setattr(steps_after_commit, "restore_rest", lambda _target, _journal: world.effect("restore rest") or ["a: refused"])
    return world


def test_durable_before_the_fence_and_the_rest_after_promotion(relaxed, cut):
    result = cut()
    log = relaxed.log
    assert log.index("look") < log.index("preflight") < log.index("make durable") < log.index("hold") < log.index("close fence")
    assert log.index("close fence") < log.index("read back") < log.index("take")
    assert log.index("promote target") < log.index("release lock") < log.index("restore rest")
    assert "relax" not in log
    assert (result["durability"], result["settings_left"]) == (WAS, ["a: refused"])
    assert result["warnings"]["durability"] == "sync_binlog is fleeting"
    assert "data_not_compared" in result["warnings"]


def test_a_target_that_is_not_trusted_freezes_nothing(relaxed, cut):
    relaxed.failing["look"] = Refusal("the target is not trusted any more")
    assert "not trusted any more" in str(cut())
    assert not {"make durable", "hold", "close fence", "arm"} & set(relaxed.log)


def test_what_the_target_has_alone_at_the_fence_is_never_forgotten(relaxed, cut, monkeypatch):
    monkeypatch.setattr(type(cutover.open_flavour(relaxed.connection(relaxed, "target"))), "gtid_extra", lambda *_args: "0-2-9")
    assert "0-2-9 of its own" in str(cut())
    assert [one["what"] for one in relaxed.journal.read()["distrust"]["reasons"]] == [
        "the target holds transactions that the source does not have: 0-2-9"
    ]


def test_what_was_waived_is_told_with_the_result(relaxed, cut):
    relaxed.journal.update("seen", distrust={"reasons": [{"what": "0-1-7 was seen", "waived": True}, {"what": "x"}]})
    assert cut()["warnings"]["not_trusted"] == "0-1-7 was seen"


def test_where_it_cannot_be_made_durable_nothing_is_frozen(relaxed, cut):
    relaxed.failing["make durable"] = Refusal("settings did not take effect")
    assert "settings did not take effect" in str(cut())
    assert not {"hold", "close fence", "set source scheduler"} & set(relaxed.log)
    assert relaxed.source == {"read_only": False, "locked": False, "hold": False, "scheduler": "ON", "accounts": set(), "heartbeat": 7}


def test_an_undo_opens_the_source_first_and_then_relaxes_again(relaxed, cut):
    relaxed.arriving, relaxed.written = False, 200
    assert "undone" in str(cut())
    assert relaxed.log.index("end") < relaxed.log.index("relax")


def test_a_target_that_cannot_be_relaxed_again_keeps_no_undo_from_its_end(relaxed, cut):
    relaxed.arriving, relaxed.written = False, 200
    relaxed.failing["relax"] = MigrationError("gone")
    words = str(cut())
    assert "the source is writable again" in words and "incomplete" not in words


def test_what_somebody_relaxes_behind_the_fence_is_not_committed(relaxed, cut):
    relaxed.lax = ["sync_binlog is 0 and should be 1"]
    words = str(cut())
    assert "undone" in words and "sync_binlog is 0 and should be 1" in words
    assert "take" not in relaxed.log and not relaxed.source["read_only"] and relaxed.target["read_only"]


def test_a_target_that_was_not_relaxed_is_not_relaxed_by_an_undo(relaxed, cut, monkeypatch):
    monkeypatch.setattr(steps_before_commit, "make_durable", lambda _target, _journal: Durable(WAS, [], False))
    relaxed.arriving, relaxed.written = False, 200
    assert "undone" in str(cut())
    assert "relax" not in relaxed.log
