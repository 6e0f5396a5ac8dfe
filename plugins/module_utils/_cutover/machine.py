# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The order of a cutover and what comes next, as pure functions: no servers, no clock, no files.

The commit is the lease's end on the source's host, whatever the journal says of it. Until then every failure undoes what
was begun, the source first; from then on the cutover can only be completed. tests/unit explores all this with every fault at every place.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

#: What a step's failure means: nothing was touched; all that was begun is undone; whether it took place is asked of the source's
#: host, and it is undone or completed by the answer; the same command completes it.
REFUSE, UNDO, ASK, FORWARD = "refuse", "undo", "ask", "forward"
#: How a step's end is journalled: while the work goes on, or on the disk before the next step begins.
BEHIND, SYNCED = "behind", "synced"


@dataclass(frozen=True)
class Step:
    """All that there is to know about a step. The tables are in steps.py; what its functions get is a context.Context.

    :param failure: what its failure means, one of the above
    :param undo: takes back what it may have begun, by whichever process; None where there is nothing to take back
    :param undo_needs: whose connections the undo needs, of C(source), C(watch) and C(target). The source's host alone undoes what was
        done to the source
    :param journalled: its begin is on the disk before its effect
    :param settles: it waits for what was journalled behind, before its effect
    :param done: how its end is journalled; empty where it is not: before the commit, an undo needs only what was begun
    :param needs_source: it is passed over where the source is gone, and that is reported
    """

    name: str
    failure: str
    do: t.Callable[[t.Any], None]
    undo: t.Callable[[t.Any], None] | None = None
    undo_needs: tuple[str, ...] = ()
    journalled: bool = False
    settles: bool = False
    done: str = ""
    needs_source: bool = False


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


def may_have_begun(begun: tuple, order: tuple[Step, ...]) -> tuple:
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


def resume(begun: tuple, done: tuple, order: tuple[Step, ...]) -> State:
    """What a new process knows from the journal of those before it."""
    if "commit" in done:
        return State(begun, done)
    possible = may_have_begun(begun, order)
    return State(possible, failed=bool(possible))


def begin(state: State, step: str) -> State:
    """The step's effect may start."""
    return state if step in state.begun else replace(state, begun=state.begun + (step,))


def after(state: State, action: Action, result: str, order: tuple[Step, ...]) -> State:
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


def next_action(state: State, order: tuple[Step, ...]) -> Action:
    """The next action."""
    if state.failed and not state.committed:
        return _backward(state, order)
    for step in order:
        if step.name not in state.done:
            return Action("do", step.name)
    return Action("finished")


def _backward(state: State, order: tuple[Step, ...]) -> Action:
    if "lease" in state.left and "commit" in state.begun:
        return Action("undecided")
    # In the steps' own order: the source takes writes again before anything else is undone; clients are let go to it then.
    for step in order:
        if step.undo and step.name in state.begun and step.name not in state.undone and step.name not in state.left:
            return Action("undo", step.name)
    return Action("left" if state.left else "undone")


def _to_commit(order: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps up to the commit, and itself."""
    return order[: [step.name for step in order].index("commit") + 1]
