# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from functools import partial

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import machine
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.machine import (
    ASK,
    FORWARD,
    REFUSE,
    UNDO,
    Action,
    State,
    begin,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.steps import (
    CUTOVER_STEPS,
    LOSSY_STEPS,
    NAMES,
    REHEARSAL_STEPS,
    ROLLBACK_STEPS,
)

COMMIT = NAMES.index("commit")
JOURNALLED = tuple(step.name for step in CUTOVER_STEPS if step.journalled)
after, may_have_begun, next_action, resume = (
    partial(function, order=CUTOVER_STEPS) for function in (machine.after, machine.may_have_begun, machine.next_action, machine.resume)
)
UNDOABLE = ("lease", "pause", "check")


def undo(state, results=()):
    """What is undone, and the end, where the named undos end otherwise than well."""
    tried = []
    while True:
        action = next_action(state)
        if action.verb != "undo":
            return tried, action.verb, state
        tried.append(action.step)
        state = after(state, action, dict(results).get(action.step, "ok"))


def test_the_order_is_the_promise():
    names = list(NAMES)
    promised = [
        "preflight", "lease", "events_off", "stage", "pause", "fence", "position", "wait", "check", "commit", "promote", "switch", "forget", "release",
        "events_on", "switched", "confirm",
    ]  # fmt: skip
    assert [name for name in names if name in promised] == promised
    assert tuple(step.name for step in CUTOVER_STEPS if step.undo) == UNDOABLE
    assert names[: COMMIT + 1] == promised[: promised.index("commit") + 1]


@pytest.mark.parametrize("count", range(len(NAMES)))
def test_forward_takes_the_first_step_that_is_not_done(count):
    assert next_action(State(NAMES[: count + 1], NAMES[:count])) == Action("do", NAMES[count])


def test_all_done_is_finished():
    assert next_action(State(NAMES, NAMES)) == Action("finished")
    assert next_action(State(NAMES, NAMES, failed=True)) == Action("finished")


@pytest.mark.parametrize("count", range(COMMIT + 2))
def test_every_failure_before_the_commit_undoes_what_was_begun_the_source_first(count):
    begun = NAMES[:count]
    for done in (NAMES[:count], NAMES[: max(0, count - 1)]):
        if "commit" in done:
            continue
        assert undo(State(begun, done, failed=True))[:2] == ([name for name in UNDOABLE if name in begun], "undone")


@pytest.mark.parametrize("count", range(COMMIT + 1, len(NAMES)))
def test_after_the_commit_there_is_only_forward(count):
    for undone in ((), ("fence",)):
        assert next_action(State(NAMES[:count], NAMES[:count], True, undone)) == Action("do", NAMES[count])
    failed = after(State(NAMES[: count + 1], NAMES[:count]), Action("do", NAMES[count]), "failed")
    assert next_action(failed) == Action("do", NAMES[count])


def test_what_a_failure_means_follows_from_the_commit():
    for table in (CUTOVER_STEPS, REHEARSAL_STEPS, ROLLBACK_STEPS, LOSSY_STEPS):
        assert [step.name for step in table] == list(NAMES)
        assert [step.failure for step in table] == [REFUSE] + [UNDO] * (COMMIT - 1) + [ASK] + [FORWARD] * (len(NAMES) - COMMIT - 1)


def test_only_the_commit_waits_for_what_is_journalled_behind_it():
    assert [step.name for step in CUTOVER_STEPS if step.settles] == ["commit"]


def test_what_cannot_be_undone_any_more_is_journalled():
    assert [bool(step.done) for step in CUTOVER_STEPS] == [step.name == "position" or step.failure in (ASK, FORWARD) for step in CUTOVER_STEPS]
    assert not any(step.undo for step in CUTOVER_STEPS[COMMIT:])


@pytest.mark.parametrize(
    ("table", "others"),
    [
        (REHEARSAL_STEPS, {"commit"}),
        (ROLLBACK_STEPS, {"preflight", "events_on", "confirm"}),
        (LOSSY_STEPS, {"preflight", "wait", "check", "promote", "forget", "events_on", "confirm"}),
    ],
)
def test_the_other_tables_are_the_cutovers_but_for_these(table, others):
    assert {step.name for step, cut in zip(table, CUTOVER_STEPS) if step != cut} == others


def test_a_commit_that_turns_out_to_have_taken_place_is_one():
    tried, _verb, state = undo(State(NAMES[: COMMIT + 1], NAMES[:COMMIT], failed=True), {"lease": "committed"})
    assert tried == ["lease"]
    assert next_action(state) == Action("do", "promote")


def test_a_commit_in_doubt_undoes_nothing_and_does_nothing():
    assert undo(State(NAMES[: COMMIT + 1], NAMES[:COMMIT], failed=True), {"lease": "failed"})[:2] == (["lease"], "undecided")


def test_an_undo_that_fails_does_not_keep_the_rest_from_being_undone():
    tried, verb, _state = undo(State(NAMES[:COMMIT], (), failed=True), {"lease": "failed"})
    assert tried == list(UNDOABLE)
    assert verb == "left"


@pytest.mark.parametrize("count", range(COMMIT + 2))
def test_what_may_have_begun_is_found_from_the_journalled_steps_alone(count):
    begun = NAMES[:count]
    journalled = tuple(name for name in begun if name in JOURNALLED)
    found = may_have_begun(journalled)
    if journalled:
        assert {name for name in begun if name in UNDOABLE} <= set(found)
    assert [name for name in found if name in JOURNALLED] == list(journalled)


def test_once_clients_are_held_replication_may_be_stopped_and_the_cutover_committed():
    assert {"check", "commit"} <= set(may_have_begun(("lease", "pause")))
    assert may_have_begun(("lease",)) == ("lease", "events_off", "stage")
    assert may_have_begun(()) == ()


def test_a_new_process_goes_back_unless_it_reads_of_the_commit():
    assert resume((), ()) == State()
    assert resume(("lease", "pause"), ("preflight", "lease")).failed
    assert resume(NAMES[: COMMIT + 2], NAMES[: COMMIT + 1]).committed
    assert next_action(resume(NAMES[: COMMIT + 2], NAMES[: COMMIT + 1])) == Action("do", NAMES[COMMIT + 1])


def test_beginning_twice_is_beginning():
    assert begin(begin(State(), "lease"), "lease").begun == ("lease",)
