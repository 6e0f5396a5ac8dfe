# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A cutover's part of the journal: the machine's state, the facts that an undo or a later run needs, and when each is written."""

from __future__ import annotations

import typing as t

from .._state.journal import Journal
from .machine import BEHIND, Action, State, Step, after, begin, resume


class JournalEntry:
    """What is known, in memory and in the journal.

    :param key: cutover or rollback, the journal's key
    :ivar facts: of this attempt; written with the next write, or at once by C(remember)
    """

    def __init__(self, journal: Journal, key: str, order: tuple[Step, ...]) -> None:
        self.journal = journal
        self.key = key
        self.order = order
        entry = journal.read().get(key, {})
        self.state = resume(tuple(entry.get("begun", ())), tuple(entry.get("done", ())), order)
        self.facts: dict = entry.get("facts", {})
        self.attempt: int = entry.get("attempt", 0)

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return self.order[-1].name in self.state.done

    def remember(self, **facts: t.Any) -> None:
        """Journal facts that must outlive this process, before the effect that they describe."""
        self.facts.update(facts)
        self.write("facts")

    def write(self, event: str, state: State | None = None, behind: bool = False) -> None:
        """Journal what is known now.

        :param behind: while the work goes on, see Journal.update_behind
        """
        state = state or self.state
        known = {"begun": list(state.begun), "done": list(state.done), "facts": self.facts, "attempt": self.attempt}
        update = self.journal.update_behind if behind else self.journal.update
        update("%s: %s" % (self.key, event), **{self.key: known})

    def begin(self, step: Step) -> None:
        """Journal that a step's effect may start; where the disk does not take it, it does not. The commit's is the position's record."""
        state = begin(self.state, step.name)
        if step.settles:
            self.journal.settle()
        elif step.journalled:
            self.write("%s begins" % step.name, state)
        self.state = state

    def after(self, step: Step, action: Action, result: str) -> None:
        """Note how an action ended, and journal it as the table says.

        Within the write stop nobody waits for the disk. What whoever carries on after the commit needs is known with the position, and
        journalled while the target is waited for. That the commit is done is the source's host's to know: its record spares the
        asking, and the source may be gone by then.
        """
        self.state = after(self.state, action, result, self.order)
        if result == "committed":
            self.write("found committed")
        elif result == "ok" and action.verb == "do" and step.done:
            self.write("%s done" % step.name, behind=step.done == BEHIND)

    def clear(self) -> None:
        """Everything is undone."""
        self.state = State()
        self.facts = {}
        self.write("undone")
