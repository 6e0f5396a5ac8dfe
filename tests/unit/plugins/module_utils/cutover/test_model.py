# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real machine keeps its promises in every state of the model, and each known mistake, planted, is found.

CUTOVER_MODEL_FAULTS and CUTOVER_MODEL_WRITES raise the bounds: each fault more takes some ten times as long.
"""

from __future__ import annotations

import os
import time

import cutover_model as model
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import machine
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError

FAULTS = int(os.environ.get("CUTOVER_MODEL_FAULTS", "2"))
WRITES = int(os.environ.get("CUTOVER_MODEL_WRITES", "1"))


def reordered(moved: str, before: str) -> tuple:
    """The machine's order with one step moved before another."""
    step = next(one for one in machine.ORDER if one.name == moved)
    rest = [one for one in machine.ORDER if one is not step]
    at = [one.name for one in rest].index(before)
    return tuple(rest[:at] + [step] + rest[at:])


def changed(name: str, **changes: bool) -> tuple:
    """The machine's order with one step's properties changed."""
    return tuple(machine.replace(one, **changes) if one.name == name else one for one in machine.ORDER)


def through(w):
    """An effect that always succeeds and does nothing."""
    yield "", w, ""


class PositionBeforeFence(model.Rules):
    """The last checks compare with what is there just now, and so would find it: they go, too."""

    order = reordered("position", "fence")

    def compare(self, w):
        yield "", w, ""

    def ask_source_word(self, w):
        for label, seen, result in self.ask_source(w, lambda w: w):
            yield label, seen._replace(end=w.position), result or ("" if w.read_only else model.FAIL)


class PositionBeforeFenceAndChecked(model.Rules):
    order = reordered("position", "fence")


class PromoteOnTimeout(model.Rules):
    """A wait that runs out counts as success, here and in the last check."""

    def wait(self, w):
        yield "", w, ""

    compare = wait


class PromoteWithoutAcknowledgement(model.Rules):
    """The lease is told to end, and whatever it answers, on goes the promotion."""

    def take(self, w):
        for label, seen, _result in super().take(w):
            yield label, seen, ""


class FenceNotPersistent(model.Rules):
    def hold(self, w):
        yield "", w, ""


class LeaseAfterFence(model.Rules):
    order = reordered("lease", "position")

    def hold(self, w):
        # There is no lease yet that could be asked for.
        yield from self.ask_source(w, lambda w: w._replace(hold=True))


class LeaseAfterHold(model.Rules):
    order = reordered("lease", "fence")
    hold = LeaseAfterFence.hold


class UndoAfterCommit(model.Rules):
    def after(self, state, action, result):
        state = super().after(state, action, result)
        begun = tuple(name for name in state.begun if name != "commit")
        return machine.replace(state, begun=begun, done=(), failed=True) if action.verb == "do" and result == "failed" else state


class LateUndoOpensTheSource(model.Rules):
    """A commit in doubt is undone like any other step, and its lock released."""

    order = changed("commit", undoable=False)


class LostAnswerCountsAsCancelled(model.Rules):
    def end_lease(self, w):
        for label, seen, result in super().end_lease(w):
            yield label, seen, "" if result == "failed" else result


class NobodyAsksHowTheCommitEnded(model.Rules):
    """Its begin is not journalled, and who finds the fence begun takes it that it has not begun."""

    def resume(self, begun, done):
        state = super().resume(begun, done)
        return machine.replace(state, begun=tuple(name for name in state.begun if name != "commit"))


class LateRequestsCount(model.Rules):
    """No turns: the source's host does what it is asked, whenever it arrives."""

    def overtaken(self, w, turn):
        return False


class FiredLeaseIsTaken(model.Rules):
    """The lease has no single end: what has fired can still be taken."""

    def host_take(self, w, token):
        return self.lease_at(w, token, "committed"), ""


class HoldBesideTheLease(model.Rules):
    """The hold is placed without a look at the lease that is to remove it."""

    def host_hold(self, w, _token):
        return w._replace(hold=True), ""


class LeaseOpensBeforeItRemovesTheHold(model.Rules):
    def unheld(self, w):
        return self.really_reopened(w)

    def really_reopened(self, w):
        return super().reopened(w)

    def reopened(self, w):
        return w._replace(hold=False)


class UndoDoesNotLookAgain(model.Rules):
    """A restart between opening the fence and removing the hold goes unnoticed, and the lease only ends."""

    def open_again(self, w):
        yield "", w, ""

    def host_end_lease(self, w, token):
        word = self.word(w, token)
        return (w, "committed") if word == "committed" else (self.lease_at(w, token, "over"), "")


class TimerIsLostAtBoot(model.Rules):
    def booted(self, w):
        leases = tuple("over" if word in ("armed", "fired", "opening") else word for word in w.leases)
        return w._replace(flight=(), leases=leases)


class WhatTheTargetLostIsNotFetched(model.Rules):
    """Who carries on after the commit trusts what was applied before."""

    def again_start_replica(self, w):
        yield "", w, ""

    def must_wait(self, w):
        return False


class TargetClosedByARestart(model.Rules):
    def keep_open(self, w):
        yield "", w, ""


MISTAKES = {
    PositionBeforeFence: "an acknowledged write is missing",
    PromoteOnTimeout: "an acknowledged write is missing",
    PromoteWithoutAcknowledgement: ("promoted without a commit", "two writable servers"),
    FenceNotPersistent: ("the source is writable after the commit", "two writable servers"),
    LeaseAfterFence: "does not open without help",
    LeaseAfterHold: "does not open without help",
    UndoAfterCommit: ("the source is writable after the commit", "neither READY nor DONE", "never ends"),
    LateUndoOpensTheSource: ("the source is writable after the commit", "neither READY nor DONE", "never ends"),
    LostAnswerCountsAsCancelled: ("the source is writable after the commit", "does not open without help", "neither READY nor DONE"),
    NobodyAsksHowTheCommitEnded: ("the source is writable after the commit", "neither READY nor DONE", "never ends"),
    LateRequestsCount: ("does not open without help", "the source is writable after the commit", "neither READY nor DONE"),
    FiredLeaseIsTaken: ("the source is writable after the commit", "two writable servers"),
    HoldBesideTheLease: "does not open without help",
    LeaseOpensBeforeItRemovesTheHold: "does not open without help",
    UndoDoesNotLookAgain: "does not open without help",
    TimerIsLostAtBoot: "does not open without help",
    WhatTheTargetLostIsNotFetched: "an acknowledged write is missing",
    TargetClosedByARestart: ("neither READY nor DONE", "never ends"),
}  # fmt: skip


def told(finding: model.Finding) -> str:
    """A finding in words."""
    return "%s, %d states, by:\n  %s" % (finding.broken or "all is well", finding.states, "\n  ".join(finding.trace))


@pytest.mark.parametrize(("faults", "writes"), [(1, 2), (FAULTS, WRITES)])
def test_the_machine_keeps_its_promises_in_every_state(capsys, faults, writes):
    began = time.monotonic()
    finding = model.explore(model.Rules(), model.World(faults=faults, writes=writes))
    with capsys.disabled():
        seconds = time.monotonic() - began
        print("\ncutover model: %d states with %d faults and %d writes in %.0f s" % (finding.states, faults, writes, seconds))
    assert not finding.broken, told(finding)
    assert finding.states > 3000, "the exploration did not get far"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__)
def test_a_planted_mistake_is_found(mistake):
    for faults, ends_well in ((0, False), (1, False), (1, True), (2, False)):
        finding = model.explore(mistake(), model.World(faults=faults, writes=1), ends_well)
        if finding.broken:
            break
    words = MISTAKES[mistake]
    assert finding.broken, "not found in %d states" % finding.states
    assert any(one in finding.broken for one in ([words] if isinstance(words, str) else words)), told(finding)
    assert finding.trace


def test_the_last_check_makes_up_for_a_position_that_was_read_too_early():
    """Two guards, each of which is enough where the other one fails: the reason why the planted mistake above removes both."""
    assert not model.explore(PositionBeforeFenceAndChecked(), model.World(faults=0, writes=2)).broken


def test_the_model_ends_well_by_itself():
    """Without a fault the first run ends in DONE: what holds of nothing but failures is not shown by this test."""
    rules = model.Rules()
    w = model.World(faults=0, writes=0)
    for _step in range(200):
        following = model.calm(rules, w)
        if w.outcome or following is None:
            break
        w = following
    assert model.settled(w) in ("READY", "DONE")


#: What the model's effects are called by the servers in memory that the real steps run against, where they differ.
LOGGED = {
    "token": [],
    "events off": ["set source scheduler"],
    "hold clients": [],
    "let clients go": [],
    "switch clients": [],
    "position": ["history end"],
    "ask source": ["history end"],
    "again: close fence": [],
    "again: position": [],
    "again: start replica": [],
    "again: wait": [],
    "again: stop replica": [],
    "again: open target": ["ask target"],
    "reset replica": ["reset replica all"],
    "open target": ["position", "promote target"],
    "unhold target": ["remove hold"],
    "keep closed": ["ask source"],
    "release lock": ["position", "release lock"],
    "keep open": ["ask target"],
    "open fence": ["open fence", "ask source"],
    "open again": ["ask source"],
    "events on": ["set source scheduler"],
    "end lease": ["unlease"],
}  # fmt: skip
#: What the model leaves out: it changes neither who may write nor what is known.
LEFT_OUT = {"ask scheduler", "lock boss", "unlock boss", "set target scheduler"}


def logged(verb: str, names: list) -> list:
    """The model's effects of these steps, in the words of the servers in memory."""
    effects = [effect for name in names for effect in model.EFFECTS.get((verb, name), ())]
    return [word for effect in effects for word in LOGGED.get(effect, [effect])]


def test_the_models_effects_are_those_of_the_real_steps(world, cut):
    cut()
    assert [word for word in world.log if word not in LEFT_OUT] == logged("do", [step.name for step in machine.ORDER])


def test_the_models_undo_is_that_of_the_real_steps(world, cut, monkeypatch):
    world.failing["history end"] = None
    real = world.effect

    def effect(name):
        world.failing.clear()
        if name == "take":
            raise MigrationError("no answer")
        real(name)

    monkeypatch.setattr(world, "effect", effect)
    assert "undone" in str(cut())
    begun = [step.name for step in reversed(machine.ORDER[: machine.COMMIT + 1]) if step.undoable]
    undone = [word for word in world.log[len(logged("do", list(machine.NAMES[: machine.COMMIT]))) :] if word not in LEFT_OUT]
    assert undone[-len(logged("undo", begun)) :] == logged("undo", begun)
