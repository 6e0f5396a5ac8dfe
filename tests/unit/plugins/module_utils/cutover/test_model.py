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
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.steps import CUTOVER_STEPS, NAMES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError

FAULTS = int(os.environ.get("CUTOVER_MODEL_FAULTS", "2"))
WRITES = int(os.environ.get("CUTOVER_MODEL_WRITES", "1"))


def reordered(moved: str, before: str) -> tuple:
    """The machine's order with one step moved before another."""
    step = next(one for one in CUTOVER_STEPS if one.name == moved)
    rest = [one for one in CUTOVER_STEPS if one is not step]
    at = [one.name for one in rest].index(before)
    return tuple(rest[:at] + [step] + rest[at:])


def changed(name: str, **changes: object) -> tuple:
    """The machine's order with one step's properties changed."""
    return tuple(machine.replace(one, **changes) if one.name == name else one for one in CUTOVER_STEPS)


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


def without_a_lease(effect):
    """As on the source itself, where there is no lease yet that could be asked for."""

    def changed_there(self, w):
        yield from self.ask_source(w, lambda w: w._replace(**effect))

    return changed_there


class LeaseAfterFence(model.Rules):
    order = reordered("lease", "position")
    hold = without_a_lease({"hold": True})
    take_privileges = without_a_lease({"privileges": False})
    end_sessions = without_a_lease({"boss": False})


class LeaseAfterHold(model.Rules):
    order = reordered("lease", "fence")
    hold = LeaseAfterFence.hold
    take_privileges = LeaseAfterFence.take_privileges


class TheLeasesEndIsNotAskedFor(model.Rules):
    """An undo that does not begin with the source's host."""

    order = changed("lease", undo=None)


class LostAnswerCountsAsCancelled(model.Rules):
    def end_lease(self, w):
        for label, seen, result in super().end_lease(w):
            yield label, seen, "" if result == "failed" else result


class FiredLeaseIsTaken(model.Rules):
    """The lease has no single end: what has fired can still be taken."""

    def host_take(self, w, token):
        return self.lease_at(w, token, "committed"), ""


class TheClockIsNotAsked(model.Rules):
    """A lease that ended while the disk did not take its word is taken as one that stands."""

    def host_take(self, w, token):
        if self.word(w, token) == "unrecorded":
            return self.lease_at(w, token, "committed"), ""
        return super().host_take(w, token)


class HoldBesideTheLease(model.Rules):
    """The hold is placed without a look at the lease that is to remove it."""

    def host_hold(self, w, _token):
        return w._replace(hold=True), ""


class PrivilegesBesideTheLease(model.Rules):
    """They are taken without a look at the lease that is to give them back."""

    def host_take_privileges(self, w, _token):
        return w._replace(privileges=False), ""


class LeaseOpensBeforeItRemovesTheHold(model.Rules):
    def unheld(self, w):
        return self.really_reopened(w)

    def really_reopened(self, w):
        return super().reopened(w)

    def reopened(self, w):
        return w._replace(hold=False)


class TheServiceEndsWithTheHost(model.Rules):
    def booted(self, w):
        leases = tuple("over" if word in model.PENDING else word for word in w.leases)
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


class PrivilegesStay(model.Rules):
    def take_privileges(self, w):
        yield "", w, ""


class SessionsStay(model.Rules):
    """Those who logged in before the fence stay, and the commit does not ask for them."""

    def end_sessions(self, w):
        yield "", w, ""

    @staticmethod
    def is_closed(w):
        return w.read_only


class NobodyLooksWhetherItIsStillClosed(model.Rules):
    """Somebody sets read-only back before the commit; neither session nor host looks, and the position has not moved yet."""

    @staticmethod
    def is_closed(_w):
        return True

    def ask_source_word(self, w):
        for label, seen, result in self.ask_source(w, lambda w: w):
            yield label, seen._replace(end=w.position), result or ("" if w.written == w.position else model.FAIL)


class HoldIsNotProven(model.Rules):
    """What was written counts, and not what a restart would follow."""

    def host_hold(self, w, token):
        return (w._replace(hold=True), "") if self.word(w, token) == "armed" else (w, model.FAIL)


class TwoFencesOfOneServer(model.Rules):
    def is_free(self, w):
        return True


class AnUndoOpensWhateverIsClosed(model.Rules):
    """It looks at the source, and not whose fence it is."""

    def host_end_lease(self, w, token):
        if self.word(w, token) == "committed":
            return w, "committed"
        return self.lease_at(self.reopened(self.unheld(w)), token, "over"), ""


class EvidenceHeals(model.Rules):
    """A target that was ahead is trusted as soon as its position looks right."""

    @staticmethod
    def trusted(w):
        return True


#: What acts beside the migration in a world, and how much may go wrong there.
BESIDE = {
    "nobody": {},
    "a privileged client": {"with_boss": True, "boss": True},
    "another migration": {"with_other": True},
    "a source that loses power": {"with_loss": True},
    "another option file": {"with_override": True},
}
MISTAKES = {
    PositionBeforeFence: "an acknowledged write is missing",
    PromoteOnTimeout: "an acknowledged write is missing",
    PromoteWithoutAcknowledgement: ("promoted without a commit", "two writable servers"),
    FenceNotPersistent: ("the source is writable after the commit", "two writable servers"),
    LeaseAfterFence: "does not open without help",
    LeaseAfterHold: "does not open without help",
    TheLeasesEndIsNotAskedFor: ("neither READY nor DONE", "never ends", "does not open without help"),
    LostAnswerCountsAsCancelled: ("the source is writable after the commit", "does not open without help", "neither READY nor DONE", "never ends"),
    FiredLeaseIsTaken: ("the source is writable after the commit", "two writable servers"),
    TheClockIsNotAsked: ("the source is writable after the commit", "two writable servers"),
    HoldBesideTheLease: "does not open without help",
    PrivilegesBesideTheLease: "an undo has left accounts without their privileges",
    LeaseOpensBeforeItRemovesTheHold: ("does not open without help", "never ends"),
    TheServiceEndsWithTheHost: "does not open without help",
    WhatTheTargetLostIsNotFetched: "an acknowledged write is missing",
    TargetClosedByARestart: ("neither READY nor DONE", "never ends"),
    PrivilegesStay: ("an acknowledged write is missing", "neither READY nor DONE"),
    SessionsStay: ("an acknowledged write is missing", "the source is writable after the commit", "two writable servers"),
    NobodyLooksWhetherItIsStillClosed: ("the source is writable after the commit", "two writable servers"),
    HoldIsNotProven: ("the source is writable after the commit", "two writable servers"),
    TwoFencesOfOneServer: ("another migration's source is opened", "two servers promoted"),
    AnUndoOpensWhateverIsClosed: "another migration's source is opened",
    EvidenceHeals: "has other rows than its source",
}  # fmt: skip
#: Where nobody else acts a mistake shows by itself.
WHERE = {
    PrivilegesStay: "a privileged client",
    SessionsStay: "a privileged client",
    NobodyLooksWhetherItIsStillClosed: "a privileged client",
    HoldIsNotProven: "another option file",
    TwoFencesOfOneServer: "another migration",
    AnUndoOpensWhateverIsClosed: "another migration",
    EvidenceHeals: "a source that loses power",
}


def told(finding: model.Finding) -> str:
    """A finding in words."""
    return "%s, %d states, by:\n  %s" % (finding.broken or "all is well", finding.states, "\n  ".join(finding.trace))


@pytest.mark.parametrize(
    ("beside", "faults", "writes"),
    [("nobody", 1, 2), ("nobody", FAULTS, WRITES), *((name, FAULTS, WRITES) for name in BESIDE if name != "nobody")],
)
def test_the_machine_keeps_its_promises_in_every_state(capsys, beside, faults, writes):
    began = time.monotonic()
    finding = model.explore(model.Rules(), model.World(faults=faults, writes=writes, **BESIDE[beside]))
    with capsys.disabled():
        seconds = time.monotonic() - began
        print("\ncutover model, beside it %s: %d states with %d faults and %d writes in %.0f s" % (beside, finding.states, faults, writes, seconds))
    assert not finding.broken, told(finding)
    assert finding.states > 1000, "the exploration did not get far"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__)
def test_a_planted_mistake_is_found(mistake):
    beside = BESIDE[WHERE.get(mistake, "nobody")]
    for faults, ends_well in ((0, False), (1, False), (1, True), (2, False), (2, True)):
        finding = model.explore(mistake(), model.World(faults=faults, writes=1, **beside), ends_well)
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
    "ask hold": ["holdable"],
    "prove hold": ["held"],
    "token": ["position"],
    "events off": ["set source scheduler"],
    "pause clients": [],
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
    "end lease": ["end"],
}  # fmt: skip
#: What the model leaves out: it changes neither who may write nor what is known.
LEFT_OUT = {"ask scheduler", "set target scheduler", "look"}


def logged(verb: str, names: list) -> list:
    """The model's effects of these steps, in the words of the servers in memory."""
    effects = [effect for name in names for effect in model.EFFECTS.get((verb, name), ())]
    return [word for effect in effects for word in LOGGED.get(effect, [effect])]


def test_the_models_effects_are_those_of_the_real_steps(world, cut):
    cut()
    assert [word for word in world.log if word not in LEFT_OUT] == logged("do", list(NAMES))


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
    undone = [word for word in world.log if word not in LEFT_OUT]
    # What the last step began with, the undo, and the look whether the source takes writes.
    undone = undone[undone.index("sessions ended") :]
    assert undone[:2] == ["sessions ended", "history end"]
    assert [word for word in undone[2:] if word != "ask source"] == logged("undo", ["lease", "pause", "check"])
