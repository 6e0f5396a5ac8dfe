# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the steps from the promotion on do. None of them is undone: each may be done again until it holds."""

from __future__ import annotations

import time
import typing as t

from .._errors import MigrationError
from .._replication.heartbeat import beat
from .._replication.status import only_status
from .._tuning.relax import restore_rest
from .access import end_sessions, sessions_left
from .context import Context
from .events import set_scheduler, wake_events
from .history import in_words, look
from .steps_before_commit import close_fence, read_position, wait
from .stragglers import baseline

# How long sessions behind the fence are waited for.
ENDING_SECONDS = 5.0


def promote(c: Context) -> None:
    """Writable. The replica's threads stand since the check; who carries on after a death has them fetch what was written since."""
    promote_with(c, fetch_strays)


def promote_with(c: Context, fetch: t.Callable[[Context], None]) -> None:
    """The same.

    :param fetch: what a process that carries on does first about what was written since the one that died
    """
    target, resumed = c.servers.target, not c.fence_at
    if resumed and not target.read_only():
        # Opened by a process that died before it could note when: how long the stop was, nobody measured.
        c.facts.setdefault("write_stop_server_s", None)
        return
    if resumed and target.replica_rows():
        fetch(c)
        target.connection.run(target.statement("stop_replica"))
    # From here on the target writes on its own account: what a rollback would have to bring back, or lose.
    file, place = target.binlog_position()
    c.facts.setdefault("promoted_position", {"file": file, "position": place})
    c.location.open_promoted(target)
    c.facts["writable_at"] = time.time()
    # A run that carries on after the commit has only the wall clock to compare with.
    stopped = c.facts["writable_at"] - c.facts["fenced_at"] if resumed else time.monotonic() - c.fence_at
    c.facts["write_stop_server_s"] = round(stopped, 4)


def fetch_strays(c: Context) -> None:
    """Close the fence again and fetch what was written on the source since the process died that held its lock.

    The variable alone does not stop everybody: on MariaDB an open session with the privilege writes through it, and
    somebody may have opened the source by hand. And the target may have crashed and lost what it had applied.
    """
    target = c.servers.target
    if c.servers.source is None:
        _check_complete(c)
        return
    close_fence(c)
    read_position(c)
    wanted = c.facts["position"]["gtid"]
    if wanted and target.gtid_includes(target.gtid_applied(), wanted):
        # A target that was killed while it forgot replication could not start it any more (MySQL's error 1872).
        return
    target.connection.run(target.statement("start_replica"))
    wait(c)


def _check_complete(c: Context) -> None:
    """Without the source nothing can be fetched: the target must have all of the position that was journalled with the commit."""
    target, wanted = c.servers.target, c.facts["position"]
    if wanted["gtid"]:
        complete = target.gtid_includes(target.gtid_applied(), wanted["gtid"])
    else:
        status = only_status(target)
        complete = (status.exec_file, status.exec_position) == (wanted["file"], wanted["position"])
    if not complete:
        raise c.error(
            "%(fenced)s is not reachable and %(promoted)s lacks transactions that it had applied before, as after a crash: it is not"
            " promoted; make %(fenced)s reachable and run the same command again"
        )


def switch(c: Context) -> None:
    """Send clients to the target and let go of them. A switch that fails must not keep the rest from happening: see switched."""
    c.switching.take_up(c.facts.get("switches", []))
    c.switching.switch()
    _note_switches(c)


def forget(c: Context) -> None:
    """Forget replication, then let the target stay writable across a restart. Both wait for the disk: clients do not wait for them."""
    forget_with(c, promote)


def forget_with(c: Context, promote_again: t.Callable[[Context], None]) -> None:
    """The same.

    :param promote_again: for a target that is closed after a restart before its hold was removed, and that a crash may have lost writes
    """
    target = c.servers.target
    if target.read_only():
        promote_again(c)
    if target.replica_rows():
        target.connection.run(target.statement("stop_replica"))
        target.connection.run(target.statement("reset_replica"))
    c.location.unhold_promoted()


def release(c: Context) -> None:
    """End the sessions that wait behind the fence, then give the lock back: the old server stays read-only."""
    source, watch = c.servers.source, c.servers.watch
    if not source.read_only():
        source.set_read_only(True)
    ended = end_sessions(watch.connection)
    # A commit that waits for the lock would go through if it got the lock before its session's end.
    sessions_left(watch.connection, ended, ENDING_SECONDS)
    c.facts["sessions_ended"] = c.facts.get("sessions_ended", 0) + len(ended)
    if not c.facts["position"]["file"]:
        # The fence stands still: these are the coordinates that belong to the GTIDs, for the record.
        c.facts["position"]["file"], c.facts["position"]["position"] = source.binlog_position()
    # Behind the fence and without those that met it: who is refused from here on is late.
    c.facts["late_base"] = baseline(source)
    source.release_lock()


def events_on(c: Context) -> None:
    """Wake the events that were awake on the source, and set back what the copy and the replication had set on the target."""
    wake(c)
    c.facts["settings_left"] = restore_rest(c.servers.target, c.record.journal)


def wake(c: Context) -> None:
    """Wake the events that were awake on the source."""
    target = c.servers.target
    # An event that cannot be woken must not keep the others, and the end of the cutover, from happening: it is reported.
    c.facts["events_woken"], c.facts["events_left"] = wake_events(target, c.facts.get("enabled_events", []))
    set_scheduler(target, c.facts.get("scheduler", "OFF"))


def switched(c: Context) -> None:
    """Try again what failed at the switches, and say so where it still does."""
    if c.facts.get("switch_errors"):
        c.switching.take_up(c.facts.get("switches", []))
        c.switching.switch()
        _note_switches(c)
    if c.switching.errors:
        raise MigrationError("clients are not switched: %s" % "; ".join(c.switching.errors))


def _note_switches(c: Context) -> None:
    c.facts["switch_errors"] = c.switching.errors
    # All that was driven, by a run with other definitions, too: a rollback has to drive it back.
    paused = c.switching.paused
    known = [entry["switch"] for entry in paused]
    c.facts["switches"] = paused + [entry for entry in c.facts.get("switches", []) if entry["switch"] not in known]
    if c.switching.definitions:
        c.facts["switches_s"] = c.switching.report()
    if c.switching.paused_at:
        c.facts["clients_paused_s"] = round(time.monotonic() - c.switching.paused_at, 4)


def confirm(c: Context) -> None:
    """A real write on the new primary, which a restart may have closed again while its hold was still there; then the proof."""
    confirm_writable(c)
    # What the target has of its own from before: the seed's.
    check_history(c, str(c.record.journal.read().get("seed", {}).get("coordinates", {}).get("gtid", "")))


def confirm_writable(c: Context) -> None:
    """The new primary takes a write, and the old server stays closed."""
    if c.servers.target.read_only():
        c.servers.target.set_read_only(False)
    c.facts["confirmed_heartbeat"] = beat(c.servers.target.connection, c.options["migration_id"])
    _confirm_closed(c)


def _confirm_closed(c: Context) -> None:
    """The old server stays closed through its next restart: as its own program will read it, not as it was written."""
    if c.servers.source is None:
        return
    against = c.location.ask_fenced_host("held", {})["against"]
    if against:
        raise c.error(
            "%(promoted)s takes writes, and %(fenced)s is not closed for good, so that both could after a restart: %(against)s",
            against="; ".join(against),
        )


def check_history(c: Context, known_before: str) -> None:
    """See in both binary logs that nobody wrote on two servers.

    :param known_before: the GTIDs of what the promoted server has written itself, rightly, before its promotion
    :raises MigrationError: with the transactions and tables, each time until somebody says that they are known
    """
    target = c.servers.target
    other = {"server_id": target.identity.server_id, "server_uuid": target.identity.server_uuid}
    mark = c.facts.get("promoted_position") or c.facts.get("log_before")
    facts = {**c.facts, "promoted_position": mark}
    proof = look(
        lambda request: c.location.ask_fenced_host("written", request),
        lambda request: c.location.ask_promoted_history(target, request),
        facts,
        known_before,
        other,
    )
    c.facts["history"] = {**proof, "words": in_words(proof)}
    if proof["two_writable"] and c.options.get("accept_late_writes", "") != c.options["migration_id"]:
        raise MigrationError(
            "%s. What only the old server has was acknowledged there and is not on the new one: bring it over by hand, from the old"
            " server's binary log; then -e accept_late_writes=%s ends the cutover" % (c.facts["history"]["words"], c.options["migration_id"])
        )
