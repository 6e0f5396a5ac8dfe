# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.machine import (
    COMMIT,
    JOURNALLED,
    NAMES,
    ORDER,
    Action,
    may_have_begun,
    next_action,
)

UNDOABLE = ("events_off", "stage", "lease", "fence", "check")


def test_the_order_is_the_promise():
    assert NAMES == (
        "preflight", "events_off", "stage", "lease", "fence", "position", "wait", "check", "commit", "promote", "release", "events_on", "confirm",
    )  # fmt: skip
    assert tuple(step.name for step in ORDER if step.undoable) == UNDOABLE


@pytest.mark.parametrize("count", range(len(NAMES)))
def test_forward_takes_the_first_step_that_is_not_done(count):
    assert next_action(NAMES[: count + 1], NAMES[:count], False, ()) == Action("do", NAMES[count])


def test_all_done_is_finished():
    assert next_action(NAMES, NAMES, False, ()) == Action("finished")
    assert next_action(NAMES, NAMES, True, ()) == Action("finished")


@pytest.mark.parametrize("count", range(COMMIT + 2))
def test_every_failure_before_the_commit_undoes_what_was_begun_in_reverse(count):
    begun = NAMES[:count]
    for done in (NAMES[:count], NAMES[: max(0, count - 1)]):
        if "commit" in done:
            continue
        undone: list[str] = []
        while True:
            action = next_action(begun, done, True, tuple(undone))
            if action.verb == "undone":
                break
            assert action.verb == "undo"
            undone.append(action.step)
        assert undone == [name for name in reversed(UNDOABLE) if name in begun]


@pytest.mark.parametrize("count", range(COMMIT + 1, len(NAMES)))
def test_after_the_commit_there_is_only_forward(count):
    for undone in ((), ("fence",)):
        assert next_action(NAMES[:count], NAMES[:count], True, undone) == Action("do", NAMES[count])


def test_commit_begun_and_not_done_is_undone():
    assert next_action(NAMES[: COMMIT + 1], NAMES[:COMMIT], True, ()) == Action("undo", "check")


@pytest.mark.parametrize("count", range(COMMIT + 1))
def test_what_may_have_begun_is_found_from_the_journalled_steps_alone(count):
    begun = NAMES[:count]
    journalled = tuple(name for name in begun if name in JOURNALLED)
    found = may_have_begun(journalled)
    really = [name for name in begun if name in UNDOABLE]
    if journalled:
        assert set(really) <= set(found)
    assert [name for name in found if name in JOURNALLED] == list(journalled)


def test_a_fence_that_was_begun_may_have_stopped_replication():
    assert "check" in may_have_begun(("events_off", "stage", "fence"))
    assert "check" not in may_have_begun(("events_off", "stage"))
    assert may_have_begun(()) == ()


def test_undo_looks_at_nothing_but_its_arguments():
    for failed, undone in itertools.product((True, False), ((), ("fence",))):
        assert next_action(("fence",), (), failed, undone) == next_action(("fence",), (), failed, undone)
