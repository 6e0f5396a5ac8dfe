# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A rehearsal: the whole cutover up to its commit, which is never asked for, and the undo that every failure has."""

from __future__ import annotations

import time
import typing as t

from .._errors import MigrationError, Refusal

#: The journal's key of the last one.
REHEARSAL = "rehearsal"
KEPT = ("position", "step_s", "sessions_ended", "switches_s", "privileges_taken", "durability")


class Rehearsed(MigrationError):
    """All steps before the commit have succeeded: what is left of a rehearsal is to undo them."""

    def __init__(self) -> None:
        super().__init__("this is a rehearsal")


def check_possible(state: dict) -> None:
    """Refuse where nothing can be rehearsed any more. What a rehearsal or a cutover left that died is undone first, as by a cutover.

    :raises Refusal: once a cutover was committed
    """
    if "commit" in state.get("cutover", {}).get("done", ()):
        raise Refusal("this migration was cut over: there is nothing to rehearse; the playbook status tells how it stands")


def record_of(facts: dict, stopped: float | None, fence_to_check: float, began: float) -> dict:
    """What a rehearsal leaves in the journal.

    :param stopped: seconds from the fence's first statement until the source was open again
    :param fence_to_check: seconds from the fence's first statement until all was ready for the commit
    :param began: Unix seconds
    """
    kept: dict[str, t.Any] = {name: facts[name] for name in KEPT if name in facts}
    return {**kept, "at": began, "ended": time.time(), "write_stop_s": stopped, "to_commit_s": round(fence_to_check, 4)}


def not_rehearsed_reason(record: dict | None, max_age: float, now: float | None = None) -> str:
    """Why no rehearsal counts; empty where one does, or none is asked for.

    :param max_age: seconds; 0 where nobody asks
    """
    if not max_age:
        return ""
    if not record:
        return "the cutover was never rehearsed"
    age = (time.time() if now is None else now) - record["ended"]
    return "the last rehearsal was %.1f h ago; the limit is %.1f h" % (age / 3600, max_age / 3600) if age > max_age else ""
