# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The order of a cutover, as a pure function: no servers, no clock, no files.

Before the step "commit" is done every failure undoes what was begun, in reverse. After it there is only forward.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step's name, whether beginning it leaves something to undo, and whether its begin is journalled before its effect."""

    name: str
    undoable: bool = False
    journalled: bool = False


ORDER = (
    Step("preflight"),
    Step("events_off", undoable=True, journalled=True),
    Step("stage", undoable=True, journalled=True),
    Step("lease", undoable=True, journalled=True),
    Step("fence", undoable=True, journalled=True),
    Step("position"),
    Step("wait"),
    # Not journalled: that would be two more waits for the disk within the write stop. See may_have_begun.
    Step("check", undoable=True),
    Step("commit"),
    Step("promote"),
    Step("release"),
    Step("events_on"),
    Step("confirm"),
)
NAMES = tuple(step.name for step in ORDER)
JOURNALLED = tuple(step.name for step in ORDER if step.journalled)
COMMIT = NAMES.index("commit")


@dataclass(frozen=True)
class Action:
    """What comes next: do or undo a step, or the end ("finished", "undone")."""

    verb: str
    step: str = ""


def may_have_begun(begun: tuple) -> tuple:
    """The steps that a process which died may have begun, from those that it journalled, in order.

    A step whose begin is not journalled may have begun as soon as the last journalled one before it has.
    """
    found: list[str] = []
    reached = False
    for step in ORDER[:COMMIT]:
        reached = step.name in begun or (reached and not step.journalled)
        if reached:
            found.append(step.name)
    return tuple(found)


def next_action(begun: tuple, done: tuple, failed: bool, undone: tuple) -> Action:
    """The next action.

    :param begun: steps whose effect may have started, in order; a step is begun before it is done
    :param done: steps that are known to be complete
    :param failed: a step failed, or the process that did them died
    :param undone: steps that were undone after that
    """
    if "commit" not in done and failed:
        for step in reversed(ORDER[:COMMIT]):
            if step.undoable and step.name in begun and step.name not in undone:
                return Action("undo", step.name)
        return Action("undone")
    for step in ORDER:
        if step.name not in done:
            return Action("do", step.name)
    return Action("finished")
