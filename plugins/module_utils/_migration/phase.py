# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How far a migration is, from its journal and jobs."""

from __future__ import annotations

import os

from .._bridge.call import call
from .._errors import MigrationError, Refusal
from .._jobs.record import observe
from .._state.fences import ARMED, COMMITTED, RELEASED
from .._state.files import read_json
from .._state.journal import Damaged, Journal, broken_link
from .._state.paths import directory
from .._state.permission import word

ASK_SECONDS = 15.0
# Placed by the role target before its first change.
PLAN_FILE = "plan.json"
JOBS = ("seed", "catchup", "verify", "cutover", "rollback")


def phase_of(state: dict) -> str:
    """The phase that a journal's state stands for."""
    back = state.get("rollback", {}).get("done", [])
    if "commit" in back:
        return "rolled_back" if "confirm" in back else "rolling_back"
    done = state.get("cutover", {}).get("done", [])
    if "confirm" in done:
        return "done"
    if "commit" in done:
        return "committed"
    if state.get("cutover", {}).get("begun"):
        # It runs, or has died: whether it is committed only the source's host knows then, and the cutover asks it.
        return "cutting_over"
    if "catchup" in state:
        return "ready"
    return {"done": "seeded", "running": "seeding"}.get(state.get("seed", {}).get("status", ""), "new")


def migration_info(params: dict, _check_mode: bool) -> dict:
    """The phase, the journal's state, and each job's."""
    folder = directory(params["migration_id"])
    journal = Journal(folder)
    try:
        state = journal.read()
    except Damaged as error:
        raise Refusal("%s. %s" % (error, _what_the_source_knows(params["migration_id"]))) from None
    jobs = {name: observe(os.path.join(folder, "jobs", name)) for name in JOBS}
    events, warnings = _events(journal)
    return {
        "changed": False,
        "phase": phase_of(state),
        "state": state,
        "jobs": {
            name: {"state": job.state, "attempt": job.attempt, "error": job.error, "progress": _progress(folder, name, job.state)}
            for name, job in jobs.items()
        },
        "events": events,
        "wipe_permission": word(params["migration_id"], state),
        **plan_begun(folder),
        "warnings": warnings,
    }


def read_plan(folder: str) -> dict:
    """What was kept of the plan that a migration was begun by; empty where nothing was, or it is damaged.

    It is a record of what was approved, and must not keep the migration from going on.
    """
    try:
        found = read_json(os.path.join(folder, PLAN_FILE))
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def plan_begun(folder: str) -> dict:
    """The plan's id and forecast; both empty where none was kept."""
    kept = read_plan(folder)
    return {"plan": str(kept.get("plan", "")), "forecast": kept.get("forecast", {})}


def _progress(folder: str, job: str, state: str) -> str:
    """What a job that runs has told last; empty for others."""
    if state != "running":
        return ""
    return str((read_json(os.path.join(folder, "jobs", job, "progress.json")) or {}).get("text", ""))


def _what_the_source_knows(migration_id: str) -> str:
    """How far the migration is by the record on the source's own host, in words."""
    try:
        state = call(migration_id, "decided", {}, ASK_SECONDS)["state"]
    except MigrationError as error:
        return "The source's host could not be asked how far the migration is: %s" % error
    words = {
        COMMITTED: "The source's host says that the migration is CUT OVER: the target is the primary, and the source must stay closed",
        RELEASED: "The source's host says that the migration was rolled back: the source is the primary",
        ARMED: "The source's host says that a cutover runs, or died: the source opens by itself",
    }
    return words.get(state, "The source's host says that the migration is not cut over: the source is the primary")


def _events(journal: Journal) -> tuple[dict, list[str]]:
    """Whether the chain of events holds, and what to say where it does not, or did not once."""
    broken, aside = broken_link(journal.events_path), journal.put_aside()
    warnings = []
    if broken:
        warnings.append(
            "the events in %s were changed or cut at line %d: they are history and decide nothing; the next event begins a new file, and"
            " this one is kept beside it" % (journal.events_path, broken)
        )
    if aside:
        warnings.append("events that were damaged are kept in %s; what is in them proves nothing" % ", ".join(aside))
    return {"chain_holds": not broken, "broken_at": broken, "aside": aside}, warnings
