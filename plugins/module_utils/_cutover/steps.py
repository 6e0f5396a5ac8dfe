# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The steps of a cutover, of its rehearsal and of a rollback, in their order: all that there is to know about each, once.

A new step is a line here and a function in one of the three files that it comes from. The model in tests/unit reads these tables.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from . import steps_after_commit as after
from . import steps_before_commit as before
from . import steps_of_rollback as back
from .context import Context
from .machine import ASK, BEHIND, FORWARD, REFUSE, SYNCED, UNDO, Step

CUTOVER_STEPS: tuple[Step, ...] = (
    Step("preflight", REFUSE, before.preflight),
    # Before all that the lease undoes: whoever dies from here on leaves a source that opens by itself, and stays open.
    # Its undo is that of all that is done to the source, on the source's own host; and it tells whether the commit took place.
    Step("lease", UNDO, before.arm_lease, before.undo_lease, journalled=True),
    Step("events_off", UNDO, before.events_off),
    Step("stage", UNDO, before.stage),
    Step("pause", UNDO, before.pause_clients, before.undo_pause, journalled=True),
    Step("fence", UNDO, before.fence),
    # What whoever carries on after the commit needs is journalled while the target is waited for.
    Step("position", UNDO, before.read_position, done=BEHIND),
    Step("wait", UNDO, before.wait),
    # Not journalled: that would be a wait for the disk within the write stop. See machine.may_have_begun.
    Step("check", UNDO, before.check, before.undo_check, undo_needs=("target",)),
    # Not journalled either: who finds the lease begun must ask the source's host how it ended.
    Step("commit", ASK, before.commit, settles=True, done=BEHIND),
    # Clients wait until the switch has turned them.
    Step("promote", FORWARD, after.promote, done=BEHIND),
    Step("switch", FORWARD, after.switch, done=SYNCED),
    Step("forget", FORWARD, after.forget, done=SYNCED),
    Step("release", FORWARD, after.release, done=SYNCED, needs_source=True),
    Step("events_on", FORWARD, after.events_on, done=SYNCED),
    Step("switched", FORWARD, after.switched, done=SYNCED),
    Step("confirm", FORWARD, after.confirm, done=SYNCED),
)
NAMES = tuple(step.name for step in CUTOVER_STEPS)


def otherwise(steps: tuple[Step, ...], **functions: t.Callable[[Context], None]) -> tuple[Step, ...]:
    """A table with what some of its steps do replaced, by their names."""
    return tuple(replace(step, do=functions[step.name]) if step.name in functions else step for step in steps)


REHEARSAL_STEPS = otherwise(CUTOVER_STEPS, commit=before.rehearse)
ROLLBACK_STEPS = otherwise(CUTOVER_STEPS, preflight=back.preflight, events_on=after.wake, confirm=back.confirm)
# Nobody follows the new server: there is nothing to wait for, to hold against a position, and to replicate again.
LOSSY_STEPS = tuple(
    replace(step, undo=None) if step.name == "check" else step
    for step in otherwise(
        ROLLBACK_STEPS,
        preflight=back.preflight_lossy,
        wait=back.note_lost,
        check=before.check_budget_left,
        promote=back.promote_lossy,
        forget=back.forget_lossy,
        confirm=after.confirm_writable,
    )
)
