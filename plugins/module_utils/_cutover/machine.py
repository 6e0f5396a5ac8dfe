# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The order of a cutover and what comes next, as pure functions: no servers, no clock, no files.

The commit is the lease's end on the source's host, whatever the journal says of it. Until then every failure undoes what
was begun, the source first; from then on the cutover can only be completed. tests/unit explores all this with every fault at every place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Step:
    """A step's name, whether beginning it leaves something to undo, and whether its begin is journalled before its effect."""

    name: str
    undoable: bool = False
    journalled: bool = False


ORDER = (
    Step("preflight"),
    # Before all that the lease undoes: whoever dies from here on leaves a source that opens by itself, and stays open.
    # Its undo is that of all that is done to the source, on the source's own host; and it tells whether the commit took place.
    Step("lease", undoable=True, journalled=True),
    Step("events_off"),
    Step("stage"),
    Step("hold", undoable=True, journalled=True),
    Step("fence"),
    Step("position"),
    Step("wait"),
    # Not journalled: that would be a wait for the disk within the write stop. See may_have_begun.
    Step("check", undoable=True),
    # Not journalled either: who finds the lease begun must ask the source's host how it ended.
    Step("commit"),
    Step("promote"),
    Step("switch"),
    Step("forget"),
    Step("release"),
    Step("events_on"),
    Step("switched"),
    Step("confirm"),
)
NAMES = tuple(step.name for step in ORDER)
JOURNALLED = tuple(step.name for step in ORDER if step.journalled)
COMMIT = NAMES.index("commit")
# The source takes writes again before anything else is undone; clients are let go to it then.
UNDO = ("lease", "hold", "check")


@dataclass(frozen=True)
class Action:
    """What comes next: do or undo a step, or an end.

    The ends: "finished"; "undone", all of it; "left", some of it failed to be undone; "undecided", nobody knows whether the
    cutover is committed, and so nothing may be done.
    """

    verb: str
    step: str = ""


@dataclass(frozen=True)
class State:
    """What is known.

    :param begun: steps whose effect may have started, in order; journalled
    :param done: steps that are known to be complete; journalled
    :param failed: a step failed, or the process that did them died
    :param undone: steps that were undone after that
    :param left: steps whose undo failed
    """

    begun: tuple = ()
    done: tuple = ()
    failed: bool = False
    undone: tuple = ()
    left: tuple = ()

    @property
    def committed(self) -> bool:
        """Whether the point of no return is known to lie behind."""
        return "commit" in self.done


def may_have_begun(begun: tuple, order: tuple = ORDER) -> tuple:
    """The steps that a process which died may have begun, from those that it journalled, in order.

    A step whose begin is not journalled may have begun as soon as the last journalled one before it has.
    """
    found: list[str] = []
    reached = False
    for step in _to_commit(order):
        reached = step.name in begun or (reached and not step.journalled)
        if reached:
            found.append(step.name)
    return tuple(found)


def resume(begun: tuple, done: tuple, order: tuple = ORDER) -> State:
    """What a new process knows from the journal of those before it."""
    if "commit" in done:
        return State(begun, done)
    possible = may_have_begun(begun, order)
    return State(possible, failed=bool(possible))


def begin(state: State, step: str) -> State:
    """The step's effect may start."""
    return state if step in state.begun else replace(state, begun=state.begun + (step,))


def after(state: State, action: Action, result: str, order: tuple = ORDER) -> State:
    """What is known once an action has ended.

    :param result: "ok"; "failed"; "committed" where the undo of the lease learnt that the commit had taken place
    """
    if result == "committed":
        behind = tuple(step.name for step in _to_commit(order))
        return State(behind, behind)
    if action.verb == "undo":
        field = "undone" if result == "ok" else "left"
        return replace(state, **{field: getattr(state, field) + (action.step,)})
    if result == "ok":
        return replace(state, done=state.done + (action.step,))
    return state if state.committed else replace(state, failed=True)


def next_action(state: State, order: tuple = ORDER, undo: tuple = UNDO) -> Action:
    """The next action."""
    if state.failed and not state.committed:
        return _backward(state, undo)
    for step in order:
        if step.name not in state.done:
            return Action("do", step.name)
    return Action("finished")


def _backward(state: State, undo: tuple) -> Action:
    if "lease" in state.left and "commit" in state.begun:
        return Action("undecided")
    for name in undo:
        if name in state.begun and name not in state.undone and name not in state.left:
            return Action("undo", name)
    return Action("left" if state.left else "undone")


def _to_commit(order: tuple) -> tuple:
    """The steps up to the commit, and itself."""
    return order[: [step.name for step in order].index("commit") + 1]
