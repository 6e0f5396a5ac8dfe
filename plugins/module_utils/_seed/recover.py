# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""After a physical copy that died without a word: the target's old files go back, and its server runs again.

The copy itself does this where it fails; a killed job or a restarted host could not.
"""

from __future__ import annotations

import os
import shutil

from .._errors import Refusal
from .._jobs.pulse import end, hanging
from .._jobs.record import observe
from .._migration.guard import exclusive
from .._migration.phase import migration_info
from .._replication.trust import settle
from .._sandbox.run import stop_units
from .._state.journal import Journal
from .._state.paths import directory, job_directory
from .._tuning.relax import distrust
from .methods.mariadb_backup.swap import NEW, OLD, restore
from .methods.mariadb_backup.upgrade import return_programs
from .service import start_server, stop_server

# The methods that take the server down or let it restart.
PHYSICAL = ("mariadb-backup", "clone")


def recover_and_tell(params: dict, check_mode: bool) -> dict:
    """Put back what a dead copy left, if there is one, and tell how far the migration is then.

    :param params: migration_id; wipe and waive, by which the operator decides about a target that is not trusted
    :returns: changed, restored, and what migration_info returns
    :raises Refusal: where the journal is damaged, with what the source's own host knows, or the migration was retired
    """
    # A damaged journal is refused here, before anything reads it in order to act.
    if migration_info(params, check_mode)["state"].get("retired"):
        raise Refusal("migration %s was retired: its accounts and keys are gone. Take another migration_id for a new one" % params["migration_id"])
    found = recover(params, check_mode)
    known = migration_info(params, check_mode)
    return {**known, **found, "warnings": [*found["warnings"], *known["warnings"]]}


def recover(params: dict, check_mode: bool) -> dict:
    """Put back what a dead copy left, if there is one.

    :param params: see recover_and_tell
    """
    _end_hanging(params["migration_id"], check_mode)
    # Where there is nothing to be done, nobody is waited for: a copy holds the lock for hours.
    found = _recover(params, True)
    if check_mode or not found.pop("due"):
        return found
    with exclusive(directory(params["migration_id"]), "migration_recover"):
        found = _recover(params, False)
    found.pop("due")
    return found


def _end_hanging(migration_id: str, check_mode: bool) -> None:
    """A copy's process that hangs is ended, as if it had been killed: nobody would ever get past it."""
    folder = job_directory(migration_id, "seed")
    if not check_mode and observe(folder).state == "running":
        suspect = hanging(folder)
        if suspect is not None:
            end(folder, suspect)


def _recover(params: dict, check_mode: bool) -> dict:
    """See recover; due says whether there is anything to be done."""
    journal = Journal(directory(params["migration_id"]))
    warnings = [words for words in (distrust(journal, check_mode),) if words]
    warnings += settle(journal, params["migration_id"], params.get("wipe") or "", params.get("waive") or [], check_mode)
    entry = journal.read().get("seed", {})
    running = observe(job_directory(params["migration_id"], "seed")).state == "running"
    if running or entry.get("status") != "running" or entry.get("method") not in PHYSICAL:
        return {"changed": bool(warnings), "restored": False, "warnings": warnings, "due": bool(warnings)}
    datadir, flavour, unit = entry["datadir"], entry["flavour"], entry["service"]
    left = [name for name in (NEW, OLD) if os.path.isdir(os.path.join(datadir, name))]
    if left and not check_mode:
        # Of a job that was killed the programs may live on for a moment; they must not meet the old files.
        stop_units(params["migration_id"])
        stop_server(flavour, unit)
        restore(datadir)
        shutil.rmtree(os.path.join(datadir, NEW), ignore_errors=True)
    if not check_mode:
        return_programs(params["migration_id"])
        start_server(flavour, unit)
    return {"changed": bool(left or warnings), "restored": OLD in left, "warnings": warnings, "due": True}
