# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How far a migration is, from its journal and jobs."""

from __future__ import annotations

import os

from .._jobs.record import observe
from .journal import Journal
from .paths import directory

JOBS = ("seed", "catchup", "cutover", "rollback")


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
    state = Journal(folder).read()
    jobs = {name: observe(os.path.join(folder, "jobs", name)) for name in JOBS}
    return {
        "changed": False,
        "phase": phase_of(state),
        "state": state,
        "jobs": {name: {"state": job.state, "attempt": job.attempt, "error": job.error} for name, job in jobs.items()},
    }
