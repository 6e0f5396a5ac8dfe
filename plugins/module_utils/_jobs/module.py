# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the modules that launch jobs share: their options, and the launch."""

from __future__ import annotations

import os

from .._state.paths import directory, job_directory
from .launch import launch
from .runner import Job

# How a launch is reported: attaching and finding it finished change nothing.
CHANGED = {"started": True, "attached": False, "finished": False, "planned": True}


def job_argument_spec() -> dict:
    """The options that every job has."""
    return {
        "migration_id": {"type": "str", "required": True},
        "source_login": {"type": "path"},
        "target_login": {"type": "path"},
    }


def launch_job(job: str, function: Job, params: dict, check_mode: bool, again: bool = False) -> dict:
    """Launch a job with a module's options; in check mode only say so."""
    folder = directory(params["migration_id"])
    options = {
        **params,
        "source_login": params["source_login"] or os.path.join(folder, "source.json"),
        "target_login": params["target_login"] or os.path.join(folder, "target.json"),
    }
    if check_mode:
        return {"changed": True, "launch": "planned", "state": "absent", "result": {}}
    unit = "nordbridge-%s-%s" % (params["migration_id"], job)
    launched, status = launch(job_directory(params["migration_id"], job), unit, function, options, again)
    return {
        "changed": CHANGED[launched],
        "launch": launched,
        "state": status.state,
        "attempt": status.attempt,
        "result": status.result,
        "log": os.path.join(job_directory(params["migration_id"], job), "log"),
    }
