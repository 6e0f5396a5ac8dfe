# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The rollback: the cutover's machine with the roles exchanged. The old server takes over again, and nothing is lost.

Here the source is the new server, which is fenced, beside the journal; the target is the old one, at the other end of the
bridge. Without reverse replication the old server has nothing to wait for, and what it never got is lost, by permission only.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from .._bridge.local import place_local, place_policy
from .._errors import Refusal
from .._jobs.module import launch_job
from .._jobs.progress import Progress
from .._migration.phase import phase_of
from .._replication.status import only_status
from .._reverse.accounts import FENCE_FILE
from .._reverse.follow import open_pair
from .._server.base import Flavour
from .._server.endpoint import read_login_file
from .._state.journal import Journal
from .._state.paths import directory
from .._switch.registry import read_switches, switches_back
from .launch import await_end, check_budget
from .location import FencedHere
from .lost import in_words, lost_writes
from .names import ROLLBACK_NAMES
from .run import RESULT, Direction, run_steps
from .steps import LOSSY_STEPS, ROLLBACK_STEPS
from .steps_of_rollback import follows


def check_cut_over(journal: Journal, migration_id: str) -> None:
    """Refuse where there is nothing to roll back."""
    phase = phase_of(journal.read())
    if phase == "committed":
        raise Refusal("the cutover of %s is committed and not finished: run the playbook cutover again first" % migration_id)
    if phase not in ("done", "rolling_back"):
        raise Refusal("there is nothing to roll back: migration %s is in phase %s, and was not cut over" % (migration_id, phase))


ROLLBACK = Direction(ROLLBACK_NAMES, ROLLBACK_STEPS, FencedHere, "source_hold", check_cut_over)
LOSSY = replace(ROLLBACK, steps=LOSSY_STEPS)


def run(options: dict, progress: Progress) -> dict:
    """Roll back, or carry on where an earlier run stopped.

    :param options: migration_id, new_hold, old_hold, new_socket (paths), lossy, budget, lease, fence_seconds, max_lag,
        max_transaction_seconds (seconds), switches (definitions that lead back)
    """
    folder = directory(options["migration_id"])
    login = read_login_file(os.path.join(folder, FENCE_FILE))
    own = {"user": login.user, "password": login.password, "unix_socket": options["new_socket"]}
    place_policy(options["migration_id"], {"migration_id": options["migration_id"], "login": own, "hold": options["new_hold"]})
    exchanged = {
        **options,
        "source_login": os.path.join(folder, FENCE_FILE),
        "target_login": os.path.join(folder, "source.json"),
        "source_hold": options["new_hold"],
        "target_hold": options["old_hold"],
        "cutover": Journal(folder).read().get("cutover", {}).get("facts", {}),
    }
    return run_steps(exchanged, progress, LOSSY if options["lossy"] else ROLLBACK)


def check_gate(gate: str, migration_id: str) -> None:
    """Refuse a gate that was opened for another migration, or for none."""
    if gate != migration_id:
        raise Refusal(
            "the gate is %s and this migration is %r: to roll back, run again with -e rollback=%s"
            % (repr(gate) if gate else "not given", migration_id, migration_id)
        )


def launch_rollback(params: dict, check_mode: bool, agent: t.Callable[[], t.Any]) -> dict:
    """Start the rollback's job, or attach to it, and wait for its end; the module's one function."""
    migration_id = params["migration_id"]
    check_gate(params["gate"], migration_id)
    check_budget(params)
    journal = Journal(directory(migration_id))
    state = journal.read()
    if phase_of(state) == "rolled_back":
        known = {name: value for name, value in state["rollback"]["facts"].items() if name in RESULT}
        return {"changed": False, "launch": "finished", "state": "succeeded", "result": known, "lossy": "lost" in known}
    check_cut_over(journal, migration_id)
    switches = switches_of(params, state["cutover"]["facts"].get("switches", []))
    lossy, lost = _permitted(params, state)
    # Which logins it takes is the rollback's own affair: see run().
    unneeded = ("gate", "lose_writes", "drive_switches", "old_address", "new_address")
    options = {name: value for name, value in params.items() if name not in unneeded}
    options.update(lossy=lossy, switches=switches, source_login="", target_login="")
    if not check_mode:
        place_local(migration_id, agent)
    result = {**launch_job("rollback", run, options, check_mode), "lossy": lossy, "lost": lost}
    if check_mode or result["state"] == "succeeded":
        return result
    status, told = await_end(params, "rollback", ROLLBACK_NAMES.fenced, lambda: launch_job("rollback", run, options, False))
    return {**result, "state": status.state, "result": status.result, "warnings": told}


def switches_of(params: dict, driven: list[dict]) -> list[dict]:
    """The switches' definitions for the way back.

    :param params: switches (in the cutover's words, instead of what it drove), drive_switches, migration_id, old_address, new_address
    :param driven: what the cutover drove, from its journal
    :raises Refusal: with every switch of which it is not known where to
    """
    told = read_switches(params["switches"], params["migration_id"], params["old_address"] or "", params["new_address"] or "")
    chosen = driven
    if told or not params["drive_switches"]:
        told = told if params["drive_switches"] else []
        facts: list[dict] = [next((entry["facts"] for entry in driven if entry["switch"] == one), {}) for one in told]
        # Whatever is to be driven: a forwarder that stayed would send the old server's clients to one that is fenced.
        stays = [entry for entry in driven if entry["switch"]["type"] == "forwarder" and entry["switch"] not in told]
        chosen = [{"switch": one, "facts": found} for one, found in zip(told, facts)] + stays
    try:
        return switches_back(chosen)
    except Refusal as error:
        raise Refusal("not rolled back, and nothing was touched: %s (migration_rollback_switches)" % error) from None


def _permitted(params: dict, state: dict) -> tuple[bool, dict]:
    """Whether writes are given up, and which.

    :raises Refusal: with the list, where they would be and nobody said so
    """
    migration_id, word, back = params["migration_id"], params["lose_writes"], state.get("rollback", {})
    if word and word != migration_id:
        raise Refusal("lose_writes is %r and this migration is %r: no write is given up; to allow it, give this migration's id" % (word, migration_id))
    if "commit" in back.get("done", []):
        return "lost" in back.get("facts", {}), back.get("facts", {}).get("lost", {})
    with open_pair(migration_id) as (old, new):
        if follows(old, new) and not (word and _broken(old)):
            return False, {}
        lost = lost_writes(new, old, state["cutover"]["facts"])
        if word:
            return True, lost
        hours = new.retention_seconds() // 3600
        kept = "They would stay readable in the binary logs of %s from %s on%s. " % (
            new.identity.hostname, lost["kept_in"] or "the cutover", ", for %d hours" % hours if hours else "",
        )  # fmt: skip
        raise Refusal(
            "not rolled back, and nothing was touched: the old server does not follow the new one, and a rollback now would LOSE what was "
            "written on %s since the cutover: %s. %sTo do it all the same, run again with -e lose_writes=%s"
            % (new.identity.hostname, in_words(lost), kept, migration_id)
        )


def _broken(old: Flavour) -> bool:
    """Whether the replica has stopped: one that runs is waited for, whatever was permitted."""
    return not only_status(old).running
