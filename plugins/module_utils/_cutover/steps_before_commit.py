# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The steps' effects from the lease to the commit, each with its undo. Their order is machine.py's; connections are open before the first."""

from __future__ import annotations

import secrets
import time
import typing as t
from contextlib import suppress

from .._errors import MigrationError, ServerError
from .._replication.health import error_text
from .._replication.heartbeat import NUMBER
from .._replication.status import only_status
from .._replication.trust import foreign_words, look, note, waived
from .._server.base import Flavour
from .._state.fences import COMMITTED
from .._switch.client import Switching
from .._tuning.relax import make_durable, relax, unsafe
from .blockers import in_the_way
from .context import Committed, Context
from .events import enabled_events, scheduler, set_scheduler
from .lease_client import Lease
from .preflight import check_ready, closed_words
from .rehearsal import Rehearsed
from .sessions import Watchdog

# Beyond the lease's own time, how long the source's host is asked how a commit without an answer ended.
DOUBT_SECONDS = 20.0
# How long it may take to open the source, over the connection that armed the lease.
END_SECONDS = 10.0
# A wait for the target's position is asked again after so long.
WAIT_SLICE = 1.0


class StepsBeforeCommit(Context):
    """Each may be undone, the commit until it took place."""

    def do_preflight(self) -> None:
        """Refuse early. What the target applies from here on waits for its disk: after the fence it has no second chance."""
        look(self.servers.source, self.servers.target, self.journal, self.options["migration_id"])
        check_ready(self.servers.source, self.servers.target, self.options, self.ask_hold("holdable")["against"])
        self.switching.check()
        self.warn(closed_words(self.closed_elsewhere()))
        durable = make_durable(self.servers.target, self.journal)
        self.durable, self.relaxed = durable.values, durable.relaxed
        self.facts["durability"] = dict(durable.values)
        self.warn({"durability": durable.notes, "not_trusted": waived(self.journal.read())})

    def warn(self, words: t.Mapping[str, t.Sequence[str]]) -> None:
        """Note by name what the cutover cannot vouch for."""
        told = {name: "; ".join(some) for name, some in words.items() if some}
        if told:
            self.facts["warnings"] = {**self.facts.get("warnings", {}), **told}

    def relax_again(self) -> None:
        """After an undo the target goes on following as quickly as before; where that fails, the next catch-up does it."""
        if self.relaxed:
            with suppress(MigrationError):
                relax(self.servers.target, self.journal)

    def do_lease(self) -> None:
        """Arm the fence's time limit on the source's host. From here on the source reopens by itself, unless the commit ends it.

        It comes before all that it undoes, so it is told now what that will be. The host refuses where another migration has the server.
        """
        source = self.servers.source
        self.remember(
            lease=secrets.token_hex(8),
            source_hold=self.options["source_hold"],
            scheduler=scheduler(source),
            enabled_events=enabled_events(source),
            # The promotion's own mark is lost with a process that dies before it could note it: from here on nobody wrote but the source.
            log_before=dict(zip(("file", "position"), self.servers.target.binlog_position())),
        )
        request = {
            "seconds": self.options["lease"],
            "scheduler": self.facts["scheduler"],
            "promoted": self.servers.target.identity.label,
        }
        self.lease_at = time.monotonic()
        self.lease = self.arm(self._request(**request))
        # For a rollback on a host that has lost its own record of them.
        self.facts["privileges_taken"] = self.lease.accounts

    def undo_lease(self) -> None:
        """First of all: have the source's host open the source, or learn from it that the commit took place.

        :raises Committed: where it took place
        """
        if "lease" not in self.facts:
            return
        answer = self._ended_here() or self._ended_anew()
        if answer["outcome"] == COMMITTED:
            # The session that held the fence is in doubt, too: what was written since is to be fetched.
            self.fence_at = self.lease_at = 0.0
            raise Committed("the source's host has committed this cutover: it can only be completed")
        if not answer["settled"]:
            # It goes on by itself, and would open the source in the middle of the next attempt.
            raise MigrationError("the lease has ended and is still opening the source: wait until its server answers")
        if self.fence_at:
            self.stopped_s = round(time.monotonic() - self.fence_at, 4)

    def _ended_here(self) -> dict | None:
        """By the connection that armed it, which costs no handshake."""
        if self.lease is None:
            return None
        lease, self.lease = self.lease, None
        try:
            return lease.end(END_SECONDS)
        except MigrationError:
            return None
        finally:
            lease.close()

    def _ended_anew(self) -> dict:
        """By a new connection. Where the commit is in doubt it is asked for long: nobody else can say whether there is a primary."""
        deadline = time.monotonic() + self.options["lease"] + DOUBT_SECONDS
        while True:
            try:
                return self.ask_fenced_host("unlease", self._request())
            except MigrationError:
                if not self.facts.get("position") or time.monotonic() > deadline:
                    raise
                time.sleep(1.0)

    def do_events_off(self) -> None:
        """Stop the source's event scheduler."""
        set_scheduler(self.servers.source, "OFF")

    def do_stage(self) -> None:
        """Make the coming fence survive a restart of the source, and take the privileges by which others could write through it."""
        lease = self._lease()
        lease.place_hold(self.options["lease"])
        lease.take_privileges(self.options["lease"])

    def _lease(self) -> Lease:
        if self.lease is None:
            raise MigrationError("the connection that holds the lease is lost")
        return self.lease

    def do_hold(self) -> None:
        """Have new clients wait, where a switch can."""
        if not self.switching.definitions:
            return
        self.remember(switches=self.switching.held)
        self.switching.hold()
        # The lease runs since before the source was prepared, and programs take their time. What is left bounds the waits behind the
        # fence, see remaining(); to close it for nothing is to be spared.
        used = time.monotonic() - self.lease_at
        if used >= self.options["lease"] - self.options["fence_seconds"]:
            raise MigrationError(
                "pausing the clients took %.1f s of the lease of %.1f s: less than the fence's %.1f s is left"
                % (used, self.options["lease"], self.options["fence_seconds"])
            )

    def undo_hold(self) -> None:
        """Let them go on to the old server, whatever the options say now about switches."""
        held = self.facts.get("switches")
        if held is None or held == self.switching.held:
            self.switching.undo()
            return
        # Held by an earlier process, whose definitions are not those of the attempt that follows in this one.
        earlier = Switching({**self.options, "switches": [entry["switch"] for entry in held]})
        earlier.take_up(held)
        try:
            earlier.undo()
        finally:
            earlier.close()

    def do_fence(self) -> None:
        """Stop all writes. The statement is bounded: a watchdog ends our own session's request, never a stranger's."""
        # Ended before the fence, clients learn nothing of it but a lost connection; behind it some would be told that it is read-only.
        self.switching.cut()
        self.facts["fenced_at"] = time.time()
        self._close_fence()
        # They logged in when their accounts could still write through it. The host ends them while the target is waited for.
        self._lease().begin_to_end_sessions()

    def _close_fence(self) -> None:
        source, seconds = self.servers.source, self.options["fence_seconds"]
        source.connection.run("SET SESSION lock_wait_timeout = %d" % max(1, int(seconds)))
        why = "writes could not be stopped within %.1f s, because sessions hold locks or commit" % seconds
        self.fence_at = time.monotonic()
        with Watchdog(self.servers.watch.connection, source.connection.id, seconds) as watchdog:
            try:
                source.close_fence()
            except ServerError as error:
                raise MigrationError("%s: %s%s" % (why, error, in_the_way(self.servers.watch))) from None
        if watchdog.fired:
            # Its KILL may still meet this session's next statement: a fence that closed that late counts as not closed.
            raise MigrationError(why)

    def do_position(self) -> None:
        """Read where the source's history ends: now, and not before the fence."""
        end, heartbeat = self.servers.source.history_end(NUMBER, (self.options["migration_id"],))
        if not end.closed:
            raise MigrationError("the source answers that it is writable although the fence was set")
        self.facts["position"] = {"file": end.file, "position": end.position, "gtid": end.gtid}
        self.heartbeat = int(heartbeat or 0)

    def do_wait(self) -> None:
        """Wait until the target has applied exactly that. Anything but success is a failure.

        In slices: each has its answer within the connection's time limit. A wait that ends early without success is over: the applier
        stands.
        """
        arrived, waiting = False, True
        while waiting and not arrived:
            seconds, began = min(self.remaining(), WAIT_SLICE), time.monotonic()
            arrived = self._arrived(seconds)
            waiting = seconds > 0 and time.monotonic() - began >= seconds / 2
        if not arrived:
            position = self.facts["position"]
            raise MigrationError(
                "the target had not applied the source's last write (%s) within %s%s"
                % (position["gtid"] or "%(file)s:%(position)d" % position, self.limit(), _words(self.servers.target))
            )

    def _arrived(self, seconds: float) -> bool:
        target, position = self.servers.target, self.facts["position"]
        if seconds <= 0:
            return False
        if position["gtid"]:
            return target.wait_for_gtid(position["gtid"], round(seconds, 3))
        return target.wait_for_position(position["file"], position["position"], seconds)

    def do_check(self) -> None:
        """Stop replication cleanly and hold the target against the position. Whether that still stands is for the commit to say."""
        target, position = self.servers.target, self.facts["position"]
        target.connection.run(target.statement("stop_replica"))
        if _words(target):
            raise MigrationError("replication did not stop cleanly%s" % _words(target))
        end, heartbeat = target.history_end(NUMBER, (self.options["migration_id"],))
        if position["gtid"]:
            extra = target.gtid_extra(end.gtid, position["gtid"])
            if extra and self.options["job"] == "cutover":
                # A source that writes on would soon be past it.
                note(self.journal, foreign_words(extra))
            if not target.gtid_includes(end.applied, position["gtid"]) or extra:
                have = end.applied + (", and %s of its own" % extra if extra else "")
                raise MigrationError("the target's transactions are not the source's: it has %s, the source %s" % (have, position["gtid"]))
        if int(heartbeat or 0) != self.heartbeat:
            raise MigrationError("the source's last heartbeat has not arrived on the target")
        lax = unsafe(target, self.durable)
        if lax:
            raise MigrationError("the durability settings of the target were changed meanwhile: %s" % "; ".join(lax))
        if self.remaining() <= 0:
            raise MigrationError("the write stop's budget of %.1f s is used up" % self.options["budget"])

    def undo_check(self) -> None:
        """Replicate again."""
        self.servers.target.connection.run(self.servers.target.statement("start_replica"))

    def do_commit(self) -> None:
        """The point of no return: the session that holds the fence answers, and the fence holds. No answer, no promotion."""
        lease = self._lease()
        # Before the position is looked at once more: from here on nobody is left who could open the source.
        self.facts["sessions_ended"] = lease.sessions_ended(max(0.1, self.remaining()))
        position, (end, _none) = self.facts["position"], self.servers.source.history_end()
        if not end.closed:
            raise MigrationError("the source does not acknowledge the fence")
        if (end.file, end.position, end.gtid) != (position["file"], position["position"], position["gtid"]):
            before = position["gtid"] or "%(file)s:%(position)d" % position
            raise MigrationError(
                "the source wrote behind the fence: its position moved from %s to %s"
                % (before, end.gtid or "%s:%d" % (end.file, end.position))
            )
        if self.options.get("rehearse"):
            raise Rehearsed()
        why = lease.take(self.remaining())
        if why:
            raise MigrationError("the source's host does not commit (the lease is of %.1f s): %s" % (self.options["lease"], why))


def _words(target: Flavour) -> str:
    """The replica's errors, as the end of a sentence."""
    words = error_text(only_status(target))
    return ": %s" % words if words else ""
