# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The steps' effects from the promotion on; with those that come before, all of a cutover's."""

from __future__ import annotations

import time

from .._errors import MigrationError
from .._replication.heartbeat import beat
from .._replication.status import only_status
from .._tuning.relax import restore_rest
from .access import end_sessions, sessions_left
from .events import set_scheduler, wake_events
from .history import answer, in_words, look
from .steps_before_commit import StepsBeforeCommit
from .stragglers import baseline

# How long sessions behind the fence are waited for.
ENDING_SECONDS = 5.0


class CutoverSteps(StepsBeforeCommit):
    """None of them is undone: each may be done again until it holds."""

    def do_promote(self) -> None:
        """Writable. The replica's threads stand since the check; who carries on after a death has them fetch what was written since."""
        target, resumed = self.servers.target, not self.fence_at
        if resumed and not target.read_only():
            # Opened by a process that died before it could note when: how long the stop was, nobody measured.
            self.facts.setdefault("write_stop_server_s", None)
            return
        if resumed and target.replica_rows():
            self._fetch_strays()
            target.connection.run(target.statement("stop_replica"))
        # From here on the target writes on its own account: what a rollback would have to bring back, or lose.
        file, place = target.binlog_position()
        self.facts.setdefault("promoted_position", {"file": file, "position": place})
        self.open_promoted()
        self.facts["writable_at"] = time.time()
        # A run that carries on after the commit has only the wall clock to compare with.
        stopped = self.facts["writable_at"] - self.facts["fenced_at"] if resumed else time.monotonic() - self.fence_at
        self.facts["write_stop_server_s"] = round(stopped, 4)

    def open_promoted(self) -> None:
        """Writable; in a rollback by the other host."""
        self.servers.target.set_read_only(False)

    def do_switch(self) -> None:
        """Send clients to the target and let go of them. A switch that fails must not keep the rest from happening: see do_switched."""
        self.switching.take_up(self.facts.get("switches", []))
        self.switching.switch()
        self._note_switches()

    def do_forget(self) -> None:
        """Forget replication, then let the target stay writable across a restart. Both wait for the disk: clients do not wait for them.

        A restart before that leaves a target that is closed, and that a crash may have lost writes: it is promoted once more.
        """
        target = self.servers.target
        if target.read_only():
            self.do_promote()
        if target.replica_rows():
            target.connection.run(target.statement("stop_replica"))
            target.connection.run(target.statement("reset_replica"))
        self.unhold_promoted()

    def do_switched(self) -> None:
        """Try again what failed at the switches, and say so where it still does."""
        if self.facts.get("switch_errors"):
            self.switching.take_up(self.facts.get("switches", []))
            self.switching.switch()
            self._note_switches()
        if self.switching.errors:
            raise MigrationError("clients are not switched: %s" % "; ".join(self.switching.errors))

    def _note_switches(self) -> None:
        self.facts["switch_errors"] = self.switching.errors
        # All that was driven, by a run with other definitions, too: a rollback has to drive it back.
        held = self.switching.held
        known = [entry["switch"] for entry in held]
        self.facts["switches"] = held + [entry for entry in self.facts.get("switches", []) if entry["switch"] not in known]
        if self.switching.definitions:
            self.facts["switches_s"] = self.switching.report()
        if self.switching.held_at:
            self.facts["clients_held_s"] = round(time.monotonic() - self.switching.held_at, 4)

    def _fetch_strays(self) -> None:
        """Close the fence again and fetch what was written on the source since the process died that held its lock.

        The variable alone does not stop everybody: on MariaDB an open session with the privilege writes through it, and
        somebody may have opened the source by hand. And the target may have crashed and lost what it had applied.
        """
        target = self.servers.target
        if self.servers.source is None:
            self._check_complete()
            return
        self._close_fence()
        self.do_position()
        wanted = self.facts["position"]["gtid"]
        if wanted and target.gtid_includes(target.gtid_applied(), wanted):
            # A target that was killed while it forgot replication could not start it any more (MySQL's error 1872).
            return
        target.connection.run(target.statement("start_replica"))
        self.do_wait()

    def _check_complete(self) -> None:
        """Without the source nothing can be fetched: the target must have all of the position that was journalled with the commit."""
        target, wanted = self.servers.target, self.facts["position"]
        if wanted["gtid"]:
            complete = target.gtid_includes(target.gtid_applied(), wanted["gtid"])
        else:
            status = only_status(target)
            complete = (status.exec_file, status.exec_position) == (wanted["file"], wanted["position"])
        if not complete:
            raise MigrationError(
                "the source is not reachable and the target lacks transactions that it had applied before, as after a crash: it is not"
                " promoted; make the source reachable and run the same command again"
            )

    def do_release(self) -> None:
        """End the sessions that wait behind the fence, then give the lock back: the old server stays read-only."""
        source, watch = self.servers.source, self.servers.watch
        if not source.read_only():
            source.set_read_only(True)
        ended = end_sessions(watch.connection)
        # A commit that waits for the lock would go through if it got the lock before its session's end.
        sessions_left(watch.connection, ended, ENDING_SECONDS)
        self.facts["sessions_ended"] = self.facts.get("sessions_ended", 0) + len(ended)
        if not self.facts["position"]["file"]:
            # The fence stands still: these are the coordinates that belong to the GTIDs, for the record.
            self.facts["position"]["file"], self.facts["position"]["position"] = source.binlog_position()
        # Behind the fence and without those that met it: who is refused from here on is late.
        self.facts["late_base"] = baseline(source)
        source.release_lock()

    def do_events_on(self) -> None:
        """Wake the events that were awake on the source."""
        target = self.servers.target
        # An event that cannot be woken must not keep the others, and the end of the cutover, from happening: it is reported.
        self.facts["events_woken"], self.facts["events_left"] = wake_events(target, self.facts.get("enabled_events", []))
        set_scheduler(target, self.facts.get("scheduler", "OFF"))
        self.restore_settings()

    def restore_settings(self) -> None:
        """Set back what the copy and the replication had set on the target."""
        self.facts["settings_left"] = restore_rest(self.servers.target, self.journal)

    def do_confirm(self) -> None:
        """A real write on the new primary, which a restart may have closed again while its hold was still there; then the proof."""
        if self.servers.target.read_only():
            self.servers.target.set_read_only(False)
        self.facts["confirmed_heartbeat"] = beat(self.servers.target.connection, self.options["migration_id"])
        self._confirm_closed()
        self.check_history()

    def check_history(self) -> None:
        """See in both binary logs that nobody wrote on two servers.

        :raises MigrationError: with the transactions and tables, each time until somebody says that they are known
        """
        identity = self.servers.target.identity
        other = {"server_id": identity.server_id, "server_uuid": identity.server_uuid}
        mark = self.facts.get("promoted_position") or self.facts.get("log_before")
        facts = {**self.facts, "promoted_position": mark}
        proof = look(self.ask_fenced_history, self.ask_promoted_history, facts, self.known_before(), other)
        self.facts["history"] = {**proof, "words": in_words(proof)}
        if proof["two_writable"] and self.options.get("accept_late_writes", "") != self.options["migration_id"]:
            raise MigrationError(
                "%s. What only the old server has was acknowledged there and is not on the new one: bring it over by hand, from the old"
                " server's binary log; then -e accept_late_writes=%s ends the cutover" % (self.facts["history"]["words"], self.options["migration_id"])
            )

    def ask_fenced_history(self, request: dict) -> dict:
        """The source's host reads its own logs."""
        return self.ask_fenced_host("written", request)

    def ask_promoted_history(self, request: dict) -> dict:
        """The target's are here."""
        return answer(self.servers.target, request)

    def known_before(self) -> str:
        """What the target has of its own from before: the seed's."""
        return str(self.journal.read().get("seed", {}).get("coordinates", {}).get("gtid", ""))

    def _confirm_closed(self) -> None:
        """The old server stays closed through its next restart: as its own program will read it, not as it was written."""
        if self.servers.source is None:
            return
        against = self.ask_hold("held")["against"]
        if against:
            raise MigrationError(
                "the target takes writes, and the source is not closed for good, so that both could after a restart: %s" % "; ".join(against)
            )
