# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What every switch can do, and in which order the cutover asks for it."""

from __future__ import annotations

import typing as t

from .._errors import Refusal

#: The verbs, in the order of a cutover, and whether the first failure ends the verb: what undoes or goes forward does all it can.
#: check: before anything is frozen. pause: new connections wait, just before the fence. cut: old sessions end, at the fence.
#: switch: to the new server, after its promotion, and release with it, also where the switch failed: connections go on. undo: they go
#: on, to the old server.
VERBS = {"check": False, "pause": True, "cut": True, "switch": False, "release": False, "undo": False}


class Switch:
    """One switch. Every verb may be asked again after it was done, or half done by a process that died."""

    #: The options that it knows, each with its type, and those that must be given.
    options: t.ClassVar[dict[str, type]] = {}
    required: t.ClassVar[tuple[str, ...]] = ()
    #: Whose host may drive it: the target's own, or the source's by way of the agent.
    places: t.ClassVar[tuple[str, ...]] = ("target",)
    #: Whether the others' turn to the new server waits for its own.
    leads: t.ClassVar[bool] = False

    def __init__(self, given: dict) -> None:
        self.given = given

    @property
    def name(self) -> str:
        """For messages and the record."""
        raise NotImplementedError

    @property
    def limit(self) -> float:
        """Seconds that one verb may take."""
        raise NotImplementedError

    def validate(self) -> None:
        """Refuse options that do not fit together."""

    def check(self) -> dict:
        """See that all the rest will work, change nothing, and return what an undo must know.

        :raises Refusal: with what is wrong and what to do
        """
        raise NotImplementedError

    def pause(self, facts: dict) -> None:
        """Have new connections wait."""
        raise NotImplementedError

    def cut(self, facts: dict) -> None:
        """End the sessions that are open on the old server: they come back as new ones."""
        raise NotImplementedError

    def switch(self, facts: dict) -> None:
        """Send clients to the new server."""
        raise NotImplementedError

    def release(self, facts: dict) -> None:
        """End the pause after the switch."""
        raise NotImplementedError

    def undo(self, facts: dict) -> None:
        """End the pause without a switch."""
        raise NotImplementedError

    def back(self, facts: dict) -> dict:
        """The definition of the switch that leads back. Each says "old" of where clients come from, and "new" of where they go.

        :param facts: what its check had found before the cutover
        :raises Refusal: where it is not known where to
        """
        raise NotImplementedError


def check_options(kind: str, known: dict[str, type], required: tuple[str, ...], given: dict) -> None:
    """Refuse unknown, missing and mistyped options."""
    unknown = sorted(set(given) - set(known))
    missing = [name for name in required if given.get(name) in (None, "", [])]
    wrong = [name for name, kind_of in known.items() if name in given and not _is(given[name], kind_of)]
    reasons = ["%s is not one of its options (%s)" % (name, ", ".join(sorted(known))) for name in unknown]
    reasons += ["%s is missing" % name for name in missing] + ["%s must be %s" % (name, WORDS[known[name]]) for name in wrong]
    if reasons:
        raise Refusal("a switch of type %s: %s" % (kind, "; ".join(reasons)))


WORDS: dict[type, str] = {str: "a text", int: "a whole number", float: "a number", list: "a list of texts"}


def _is(value: t.Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and not isinstance(value, bool)
