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

from .._bridge.call import call
from .._bridge.local import local_command, place_local, place_policy
from .._bridge.prepared_call import PreparedCall
from .._errors import MigrationError, Refusal
from .._jobs.module import launch_job
from .._jobs.progress import Progress
from .._migration.phase import phase_of
from .._replication.status import only_status
from .._reverse.accounts import FENCE_FILE
from .._reverse.follow import open_pair
from .._reverse.rules import why_not
from .._seed.target_checks import check_two
from .._server.base import Flavour
from .._server.endpoint import read_login_file
from .._state.journal import Journal
from .._state.paths import directory
from .._switch.registry import read_switches, switches_back
from .launch import await_end, check_budget
from .lease_client import Lease
from .lost import in_words, lost_writes
from .preflight import closed_words, hold_reasons, replication_reasons, session_reasons
from .run import RESULT, Direction, run_steps
from .steps_after_commit import CutoverSteps

PHRASES = (
    ("the source is writable again and the target replicates", "the new server is writable again, and nothing has moved"),
    ("the agent on the source", "the agent on the old server's host"),
    ("the source's", "the new server's"),
    ("the target's", "the old server's"),
    ("the source", "the new server"),
    ("the target", "the old server"),
    # How connections are called.
    ("source: ", "the new server: "),
    ("watch: ", "the new server: "),
    ("target: ", "the old server: "),
)


def tell(text: str) -> str:
    """A message of the cutover's steps, in words that stay right when the roles are exchanged."""
    for words, instead in PHRASES:
        text = text.replace(words, instead)
    return text


def follows(old: Flavour, new: Flavour) -> bool:
    """Whether the old server replicates from the new one, so that it can be waited for."""
    status = only_status(old)
    return status.configured and status.source_server_id in (0, new.identity.server_id)


class RollbackSteps(CutoverSteps):
    """See CutoverSteps. What is lost, and whether anything may be, is in C(options)."""

    standby: PreparedCall | None = None
    released = False

    @property
    def lossy(self) -> bool:
        """Whether the old server does not follow and takes over all the same."""
        return bool(self.options["lossy"])

    def ask_fenced_host(self, verb: str, request: dict) -> dict:
        """The fenced server's host is this one."""
        migration_id = self.options["migration_id"]
        return call(migration_id, verb, request, command=local_command(migration_id, verb))

    def arm(self, request: dict) -> Lease:
        """The lease is kept here, for the server that is here."""
        migration_id = self.options["migration_id"]
        return Lease(migration_id, request, local_command(migration_id, "lease"))

    def open_promoted(self) -> None:
        """The old server's own host opens it, for it is the one that keeps it closed."""
        old = self.servers.target
        if self.lossy and old.replica_rows():
            # An applier that comes back by itself would mix what is given up under the new writes.
            old.connection.run(old.statement("stop_replica"))
        self._release()
        super().open_promoted()

    def closed_elsewhere(self) -> list[str]:
        """What would close the old server at its next restart, by its own host's word."""
        return call(self.options["migration_id"], "held", {})["closed"]

    def unhold_promoted(self) -> None:
        """It stays writable across a restart since its host has opened it."""
        if not self.released:
            self._release()

    def _release(self) -> None:
        facts = self.options["cutover"]
        request = {
            "token": facts.get("lease", ""),
            "accounts": facts.get("privileges_taken", []),
            "scheduler": "OFF",
        }
        standby, self.standby = self.standby, None
        if standby is not None:
            try:
                standby.ask(request)
                self.released = True
                return
            except MigrationError:
                pass  # a connection that was lost meanwhile: a new one may do
        call(self.options["migration_id"], "release", request)
        self.released = True

    def ask_promoted_history(self, request: dict) -> dict:
        """The old server's host reads its own logs."""
        return call(self.options["migration_id"], "written", request)

    def known_before(self) -> str:
        """What the old server wrote as the primary that it was."""
        return str(self.options["cutover"]["position"]["gtid"])

    def check_history(self) -> None:
        """See CutoverSteps.check_history. Where writes are given up, two histories are what was asked for."""
        if not self.lossy:
            super().check_history()

    def do_preflight(self) -> None:
        """Refuse early."""
        reasons = check_back(self.servers.source, self.servers.target, self.options)
        reasons = [tell(text) for text in reasons + hold_reasons(self.ask_hold("holdable")["against"])]
        if reasons:
            if not self.lossy:
                word = "-e lose_writes=%s goes back without waiting, where replication has stopped for good"
                reasons.append(word % self.options["migration_id"])
            raise Refusal("not rolled back, and nothing was frozen: %s" % "; ".join(reasons))
        self.switching.check()
        self.warn(closed_words(self.closed_elsewhere()))
        # What comes after the commit must not fail over a bridge that was down all along, nor cost a handshake then.
        call(self.options["migration_id"], "probe", {})
        self.standby = PreparedCall(self.options["migration_id"], "release")

    def restore_settings(self) -> None:
        """Nothing: the old server's settings were left alone, and the journal's are the other server's."""

    def do_wait(self) -> None:
        """Wait for the last write; where nobody follows, note exactly what is given up, behind the fence."""
        if not self.lossy:
            super().do_wait()
            return
        # Rows are not counted here: that takes seconds, and writes stand still.
        self.remember(lost=lost_writes(self.servers.source, self.servers.target, self.options["cutover"], rows=False))

    def do_check(self) -> None:
        """See CutoverSteps.do_check. An old server that does not follow has nothing to be compared."""
        if not self.lossy:
            super().do_check()
            return
        if self.remaining() <= 0:
            raise MigrationError("the write stop's budget of %.1f s is used up" % self.options["budget"])

    def undo_check(self) -> None:
        """Replicate again, where it did."""
        if not self.lossy:
            super().undo_check()

    def _fetch_strays(self) -> None:
        """Close the fence again; where nobody follows there is nothing to fetch."""
        if self.lossy:
            if self.servers.source is not None:
                self._close_fence()
                self.do_position()
            return
        super()._fetch_strays()


def check_back(new: Flavour, old: Flavour, options: dict) -> list[str]:
    """Why a rollback would stall, lose, or meet surprises."""
    check_two(new, old)
    reasons = session_reasons(new, options)
    if not options["lossy"]:
        reasons += [text for text in [why_not(new.identity, old.identity)] if text] + replication_reasons(new, old, options)
        # What lies before the cutover's position is history that both share, whoever wrote it.
        foreign = old.gtid_foreign(new)
        foreign = old.gtid_extra(foreign, options["cutover"]["position"]["gtid"]) if foreign else ""
        if foreign:
            reasons.append("the target holds transactions that did not come from the source: %s" % foreign)
    if new.read_only():
        reasons.append("the source is read-only already")
    if not old.read_only():
        reasons.append("the target is writable before it is promoted: set read_only on it and find out who wrote")
    return reasons


def check_cut_over(journal: Journal, migration_id: str) -> None:
    """Refuse where there is nothing to roll back."""
    phase = phase_of(journal.read())
    if phase == "committed":
        raise Refusal("the cutover of %s is committed and not finished: run the playbook cutover again first" % migration_id)
    if phase not in ("done", "rolling_back"):
        raise Refusal("there is nothing to roll back: migration %s is in phase %s, and was not cut over" % (migration_id, phase))


ROLLBACK = Direction("rollback", RollbackSteps, "source_hold", check_cut_over, tell)


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
    return run_steps(exchanged, progress, ROLLBACK)


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
    status, told = await_end(params, "rollback", "the new server", lambda: launch_job("rollback", run, options, False))
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
