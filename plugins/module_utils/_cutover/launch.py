# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""From the module to the cutover's job and back: the gate, the budget's sense, and the wait for the outcome."""

from __future__ import annotations

import typing as t

from .._errors import MigrationError, Refusal
from .._jobs.launch import Hangs, wait
from .._jobs.module import launch_job
from .._jobs.pulse import end, ended_words
from .._jobs.record import JobStatus
from .._state.journal import Journal
from .._state.paths import directory, job_directory
from .._switch.registry import read_switches
from .._verify.record import VERIFICATION, not_verified_reason
from . import run
from .names import CUTOVER_NAMES
from .outcome import COMMITTED, RUNNING, UNDECIDED, Ended
from .rehearsal import REHEARSAL, not_rehearsed_reason
from .times import wrong_times

# Beyond the budget: opening connections, the agent's two calls, and an undo.
OVERHEAD_SECONDS = 180.0
# How often one command ends a job that hangs.
HANGS = 3


def check_gate(gate: str, migration_id: str) -> None:
    """Refuse a gate that was opened for another migration, or for none."""
    if gate != migration_id:
        raise Refusal(
            "the gate is %s and this migration is %r: to cut over, run again with -e cutover=%s"
            % (repr(gate) if gate else "not given", migration_id, migration_id)
        )


def check_budget(params: dict) -> None:
    """Refuse times that cannot work."""
    wrong = wrong_times(params["budget"], params["fence_seconds"], params["lease"])
    if wrong:
        raise Refusal(wrong)


def check_verified(params: dict) -> None:
    """Refuse a target whose rows were not compared with the source's, or too long ago. A cutover that has begun is carried on with.

    :param params: verify_max_age in hours; 0 where nobody asks
    """
    state = Journal(directory(params["migration_id"])).read()
    words = not_verified_reason(state.get(VERIFICATION), params["verify_max_age"] * 3600)
    # A target without a copy is refused for that.
    copied = state.get("seed", {}).get("status") == "done"
    if params["verify_max_age"] and words and copied and not state.get("cutover", {}).get("begun"):
        raise Refusal(
            "the rows of source and target do not count as compared: %s. Run the playbook verify, or waive it: -e waive=P64" % words
        )


def check_rehearsed(params: dict) -> None:
    """Refuse a cutover that was not rehearsed, where that is asked for. One that has begun is carried on with.

    :param params: rehearsal_max_age in hours; 0 where nobody asks
    """
    state = Journal(directory(params["migration_id"])).read()
    words = not_rehearsed_reason(state.get(REHEARSAL), params["rehearsal_max_age"] * 3600)
    if words and not state.get("cutover", {}).get("begun"):
        raise Refusal("%s: run the playbook cutover with -e rehearse=%s" % (words, params["migration_id"]))


def died(status: JobStatus, params: dict, job: str, who: str) -> MigrationError:
    """What to say of a job that ended without a word.

    :param who: the server that opens by itself, where nothing is committed
    """
    entry = Journal(directory(params["migration_id"])).read().get(job, {})
    if "commit" in entry.get("done", []):
        return Ended("%s; the %s is committed, and goes forward only" % (status.error, job), COMMITTED)
    if "position" in entry.get("facts", {}):
        # The commit's end is the fenced server's host's to know, and the next run asks.
        text = "%s; it may be committed, and goes forward only then; else %s opens again when its lease of %s s ends"
        return Ended(text % (status.error, who, params["lease"]), UNDECIDED)
    return Ended("%s; %s opens again when its lease of %s s ends" % (status.error, who, params["lease"]), UNDECIDED)


def await_end(params: dict, job: str, who: str, again: t.Callable[[], object]) -> tuple[JobStatus, list[str]]:
    """Wait for a job's success; one that hangs is ended and started again, and goes on from what it had written.

    :param again: starts the job
    :returns: its status, and what else is to be told
    :raises Ended: where it has another end, or none in time
    """
    folder = job_directory(params["migration_id"], job)
    told: list[str] = []
    while True:
        try:
            status = wait(folder, params["budget"] + OVERHEAD_SECONDS)
            break
        except Hangs as error:
            if len(told) >= HANGS:
                raise Ended("%s, for the %dth time; see what stops it" % (error, HANGS + 1), RUNNING) from None
            if end(folder, error.suspect):
                told.append(ended_words(folder, error.suspect))
            again()
        except MigrationError as error:
            raise Ended(str(error), RUNNING) from None
    if status.state == "lost":
        raise died(status, params, job, who)
    if status.state != "succeeded":
        raise Ended("; ".join([*told, status.error]), status.facts.get("outcome", UNDECIDED))
    return status, told


def launch_cutover(params: dict, check_mode: bool) -> dict:
    """Start the cutover's job, or attach to it, and wait for its end."""
    check_gate(params["gate"], params["migration_id"])
    check_budget(params)
    if not params["rehearse"]:
        check_verified(params)
        check_rehearsed(params)
    switches = read_switches(params["switches"], params["migration_id"], params["old_address"] or "", params["new_address"] or "")
    if not check_mode:
        # Here too: a refusal leaves no job behind, on a host that nobody has touched yet.
        run.check_seeded(Journal(directory(params["migration_id"])), params["migration_id"])
    unneeded = ("gate", "old_address", "new_address", "verify_max_age", "rehearsal_max_age")
    options = {**{name: value for name, value in params.items() if name not in unneeded}, "switches": switches}
    # A rehearsal is one each time.
    result = launch_job("cutover", run.run, options, check_mode, again=params["rehearse"])
    if check_mode or result["state"] == "succeeded":
        return result
    status, told = await_end(params, "cutover", CUTOVER_NAMES.fenced, lambda: launch_job("cutover", run.run, options, False))
    return {**result, "state": status.state, "result": status.result, "warnings": told}
