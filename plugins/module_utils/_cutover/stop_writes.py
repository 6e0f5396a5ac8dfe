# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The steps' effects from the lease to the commit, each with its undo. Their order is machine.py's; connections are open before the first."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress

from .._errors import MigrationError, ServerError
from .._replication.health import error_text
from .._replication.heartbeat import NUMBER
from .._replication.status import only_status
from .._server.base import Flavour
from .._switch.client import Switching
from .._tuning.relax import make_durable, relax, unsafe
from .blockers import in_the_way
from .context import Committed, Context
from .events import enabled_events, scheduler, set_scheduler
from .lease import COMMITTED, open_account
from .preflight import check_ready
from .sessions import Watchdog, end_dead_runs

# Beyond the lease's own time, how long the source's host is asked how a commit without an answer ended.
DOUBT_SECONDS = 20.0


class StopWrites(Context):
    """Each may be undone, the commit until it took place."""

    def do_preflight(self) -> None:
        """Refuse early. What the target applies from here on waits for its disk: after the fence it has no second chance."""
        check_ready(self.servers.source, self.servers.target, self.options)
        self.switching.check()
        durable = make_durable(self.servers.target, self.journal)
        self.durable, self.relaxed = durable.values, durable.relaxed
        self.facts["durability"] = dict(durable.values)
        if durable.notes:
            self.facts["warnings"] = {**self.facts.get("warnings", {}), "durability": "; ".join(durable.notes)}

    def relax_again(self) -> None:
        """After an undo the target goes on following as quickly as before; where that fails, the next catch-up does it."""
        if self.relaxed:
            with suppress(MigrationError):
                relax(self.servers.target, self.journal)

    def do_lease(self) -> None:
        """Arm the fence's time limit on the source's host. From here on the source reopens by itself, unless the commit ends it.

        It comes before all that it undoes, so it is told now what that will be.
        """
        source = self.servers.source
        accounts = [pair for pair in source.bypassing_accounts() if not pair[0].startswith("nordbridge_")]
        self.remember(
            lease=secrets.token_hex(8),
            source_hold=self.options["source_hold"],
            scheduler=scheduler(source),
            enabled_events=enabled_events(source),
            locked_accounts=[list(pair) for pair in accounts],
        )
        request = {
            "seconds": self.options["lease"],
            "login": self.options["source_local"],
            "hold": self.facts["source_hold"],
            "accounts": self.facts["locked_accounts"],
            "scheduler": self.facts["scheduler"],
        }
        self.lease_at = time.monotonic()
        self.lease = self.arm(self._request(**request))

    def undo_lease(self) -> None:
        """End it by its own work, most of which the other undos have done before."""
        if self.lease is not None:
            self.lease.close()
        self._end_lease()

    def _end_lease(self) -> None:
        """Have the source's host do the lease's work now.

        :raises Committed: where the commit has ended it
        """
        if "lease" not in self.facts:
            return
        answer = self.ask_fenced_host("unlease", self._request())
        if answer["outcome"] == COMMITTED:
            raise Committed("the source's host has committed this cutover: there is only forward")
        if not answer["settled"]:
            # It goes on by itself, and would open the source in the middle of the next attempt.
            raise MigrationError("the lease has ended and is still opening the source: wait until its server answers")

    def do_events_off(self) -> None:
        """Stop the source's event scheduler."""
        set_scheduler(self.servers.source, "OFF")

    def undo_events_off(self) -> None:
        """Start it again if it ran; nothing is known, and nothing was done, where the process died before it looked."""
        if "scheduler" in self.facts:
            set_scheduler(self.servers.source, self.facts["scheduler"])

    def do_stage(self) -> None:
        """Make the coming fence survive a restart of the source, and close the accounts that could write through it."""
        source = self.servers.source
        settings = [list(pair) for pair in source.hold_settings]
        self._hold("hold", group=source.option_group, settings=settings)
        source.connection.run("SET SESSION sql_log_bin = 0")
        for user, host in self.facts["locked_accounts"]:
            source.lock_account(user, host, True)
        source.connection.run("SET SESSION sql_log_bin = 1")

    def undo_stage(self) -> None:
        """Open the accounts and remove the configuration, and see that no restart since the fence was opened has closed it by that."""
        source = self.servers.source
        source.connection.run("SET SESSION sql_log_bin = 0")
        for user, host in self.facts.get("locked_accounts", []):
            open_account(source, user, host)
        source.connection.run("SET SESSION sql_log_bin = 1")
        self._hold("unhold")
        if source.read_only():
            source.open_fence()

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
                "holding the clients took until %.1f s after the lease of %.1f s began: not even the fence's %.1f s are left of it"
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

    def undo_fence(self) -> None:
        """Open the source again, and have it say so."""
        source = self.servers.source
        end_dead_runs(source.connection, (source.connection.id, self.servers.watch.connection.id))
        source.open_fence()
        if source.read_only():
            raise MigrationError("the source still answers that it is read-only")
        self.facts["reopened_at"] = time.time()

    def do_position(self) -> None:
        """Read where the source's history ends: now, and not before the fence."""
        end, heartbeat = self.servers.source.history_end(NUMBER, (self.options["migration_id"],))
        if not end.closed:
            raise MigrationError("the source answers that it is writable although the fence was set")
        self.facts["position"] = {"file": end.file, "position": end.position, "gtid": end.gtid}
        self.heartbeat = int(heartbeat or 0)

    def do_wait(self) -> None:
        """Wait until the target has applied exactly that. Anything but success is a failure."""
        target, position = self.servers.target, self.facts["position"]
        seconds = self.remaining()
        if seconds <= 0:
            arrived = False
        elif position["gtid"]:
            arrived = target.wait_for_gtid(position["gtid"], round(seconds, 3))
        else:
            arrived = target.wait_for_position(position["file"], position["position"], seconds)
        if not arrived:
            raise MigrationError(
                "the target had not applied the source's last write (%s) within the write stop's budget of %.1f s%s"
                % (position["gtid"] or "%(file)s:%(position)d" % position, self.options["budget"], _words(target))
            )

    def do_check(self) -> None:
        """Stop replication cleanly and hold the target against the position. Whether that still stands is for the commit to say."""
        target, position = self.servers.target, self.facts["position"]
        target.connection.run(target.statement("stop_replica"))
        if _words(target):
            raise MigrationError("replication did not stop cleanly%s" % _words(target))
        end, heartbeat = target.history_end(NUMBER, (self.options["migration_id"],))
        if position["gtid"]:
            extra = target.gtid_extra(end.gtid, position["gtid"])
            if not target.gtid_includes(end.applied, position["gtid"]) or extra:
                have = end.applied + (", and %s of its own" % extra if extra else "")
                raise MigrationError("the target's transactions are not the source's: it has %s, the source %s" % (have, position["gtid"]))
        if int(heartbeat or 0) != self.heartbeat:
            raise MigrationError("the source's last heartbeat has not arrived on the target")
        lax = unsafe(target, self.durable)
        if lax:
            raise MigrationError("somebody changed what decides about a commit's survival on the target: %s" % "; ".join(lax))
        if self.remaining() <= 0:
            raise MigrationError("the write stop's budget of %.1f s is used up" % self.options["budget"])

    def undo_check(self) -> None:
        """Replicate again."""
        self.servers.target.connection.run(self.servers.target.statement("start_replica"))

    def do_commit(self) -> None:
        """The point of no return: the session that holds the fence answers, and the fence holds. No answer, no promotion."""
        position, (end, _none) = self.facts["position"], self.servers.source.history_end()
        if not end.closed:
            raise MigrationError("the source does not acknowledge the fence")
        if (end.file, end.position, end.gtid) != (position["file"], position["position"], position["gtid"]):
            before = position["gtid"] or "%(file)s:%(position)d" % position
            raise MigrationError(
                "the source wrote behind the fence: its position moved from %s to %s"
                % (before, end.gtid or "%s:%d" % (end.file, end.position))
            )
        if self.lease is None or not self.lease.take(self.remaining()):
            raise MigrationError("the lease of %.1f s has ended, and the source has opened itself again" % self.options["lease"])

    def undo_commit(self) -> None:
        """Learn from the source's host whether the commit took place, and have it open the source where it did not.

        Asked for long: what is at stake is whether there is a primary at all, and nobody else can end the doubt.

        :raises Committed: where it took place
        """
        deadline = time.monotonic() + self.options["lease"] + DOUBT_SECONDS
        while True:
            try:
                self._end_lease()
                return
            except Committed:
                # The session that held the fence is in doubt, too: what was written since is to be fetched.
                self.fence_at = self.lease_at = 0.0
                raise
            except MigrationError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)


def _words(target: Flavour) -> str:
    """The replica's errors, as the end of a sentence."""
    words = error_text(only_status(target))
    return ": %s" % words if words else ""
