# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches' places in the cutover: who waits when, and who is let go to which server by every way that it can end."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal

SWITCH = {"type": "haproxy", "frontend": "mysql"}


@pytest.fixture
def through(clients, cut):
    """A cutover with a switch."""
    return lambda **options: cut(switches=[SWITCH], **options)


def test_clients_wait_from_just_before_the_fence_to_just_after_the_promotion(clients, through):
    result = through()
    log = clients.log
    assert "arm" in log[: log.index("pause clients")], "a pause that outlives the job ends with the lease"
    assert log[log.index("pause clients") :][:3] == ["pause clients", "cut", "close fence"]
    assert log[log.index("promote target") :][:2] == ["promote target", "switch"]
    assert clients.clients == "new" and result["switches_s"] == [{"switch": "haproxy mysql"}]


def test_a_switch_that_cannot_work_freezes_nothing(clients, through):
    clients.failing["check switches"] = Refusal("no backend")
    assert str(through()) == "no backend"
    assert clients.log == ["holdable", "preflight", "check switches", "ask source"]


@pytest.mark.parametrize("effect", ["pause clients", "cut", "close fence", "wait", "stop replica", "take"])
def test_what_fails_before_the_commit_lets_clients_go_on_to_the_source(clients, through, effect):
    clients.failing[effect] = MigrationError("no")
    assert "undone" in str(through())
    assert clients.clients == "old" and not clients.source["read_only"]


def test_the_source_is_open_before_clients_are_let_go(clients, through):
    clients.arriving, clients.written = False, 101
    through()
    assert clients.log.index("end") < clients.log.index("undo clients")


def test_clients_are_let_go_although_the_source_is_gone(clients, through, monkeypatch):
    real = clients.after

    def vanish(name):
        real(name)
        clients.source_gone = clients.source_gone or name == "wait"

    monkeypatch.setattr(clients, "after", vanish)
    answer = through()
    assert "nothing is left of this attempt" in str(answer) and answer.facts == {"outcome": "closed"}, "nobody may be led to it"
    assert clients.clients == "old"


@pytest.mark.parametrize("effect", ["pause clients", "cut", "close fence", "wait"])
def test_killed_while_they_wait_the_next_run_lets_them_go_first(clients, through, cut, effect):
    clients.killing = effect
    assert isinstance(through(), clients.Dead)
    clients.revive()
    clients.failing["preflight"] = MigrationError("not now")
    # The options may have changed: what was held counts.
    assert str(cut()) == "not now"
    assert clients.clients == "old"
    assert clients.taken_up == [{"switch": SWITCH, "facts": {"maxconn": 200}}]


def test_after_an_earlier_hold_is_undone_the_options_count_again(clients, through, cut):
    clients.killing = "wait"
    assert isinstance(through(), clients.Dead)
    clients.revive()
    result = cut()
    assert clients.clients == "old", "let go, and neither held nor switched by what is not in the options any more"
    assert "switches_s" not in result and not clients.target["read_only"]


@pytest.mark.parametrize("effect", ["promote target", "switch", "release lock"])
def test_killed_after_the_commit_the_next_run_switches(clients, through, effect):
    clients.killing = effect
    through()
    assert clients.dead
    clients.revive()
    through()
    assert clients.clients == "new" and "undo clients" not in clients.log
    assert clients.taken_up == [{"switch": SWITCH, "facts": {"maxconn": 200}}]


def test_a_switch_that_fails_after_the_commit_is_told_after_all_the_rest(clients, through):
    clients.failing["switch"] = MigrationError("socket")
    answer = str(through())
    assert "committed" in answer and "clients are not switched: socket" in answer
    assert clients.log.count("switch") == 2 and "release lock" in clients.log
    assert clients.target["scheduler"] == "ON" and not clients.target["read_only"]
    clients.revive()
    result = through()
    assert clients.clients == "new" and result["switch_errors"] == []


def test_all_that_was_driven_is_kept_for_a_rollback(clients, through, cut):
    clients.failing["switch"] = MigrationError("socket")
    through()
    clients.revive()
    another = {**SWITCH, "frontend": "elsewhere"}
    cut(switches=[another])
    assert [entry["switch"] for entry in clients.journal.read()["cutover"]["facts"]["switches"]] == [another, SWITCH]


def test_a_hold_that_uses_up_the_lease_is_given_up(clients, through):
    assert "less than the fence's 2.0 s is left" in str(through(lease=2.0))
    assert clients.clients == "old" and "close fence" not in clients.log
