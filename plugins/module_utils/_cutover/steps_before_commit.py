# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the steps from the first look to the commit do, and their undos. Their order is steps.py's; connections are open before the first."""

from __future__ import annotations

import secrets
import time
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
from .preflight import check_ready, closed_words
from .rehearsal import Rehearsed
from .sessions import Watchdog

# Beyond the lease's own time, how long the source's host is asked how a commit without an answer ended.
DOUBT_SECONDS = 20.0
# How long it may take to open the source, over the connection that armed the lease.
END_SECONDS = 10.0
# A wait for the target's position is asked again after so long.
WAIT_SLICE = 1.0


def preflight(c: Context) -> None:
    """Refuse early. What the target applies from here on waits for its disk: after the fence it has no second chance."""
    source, target, journal = c.servers.source, c.servers.target, c.record.journal
    look(source, target, journal, c.options["migration_id"])
    check_ready(source, target, c.options, c.location.ask_fenced_host("holdable", {})["against"])
    c.switching.check()
    c.warn(closed_words(c.location.closed_elsewhere(target)))
    durable = make_durable(target, journal)
    c.durable, c.relaxed = durable.values, durable.relaxed
    c.facts["durability"] = dict(durable.values)
    c.warn({"durability": durable.notes, "not_trusted": waived(journal.read())})


def relax_again(c: Context) -> None:
    """After an undo the target goes on following as quickly as before; where that fails, the next catch-up does it."""
    if c.relaxed:
        with suppress(MigrationError):
            relax(c.servers.target, c.record.journal)


def arm_lease(c: Context) -> None:
    """Arm the fence's time limit on the source's host. From here on the source reopens by itself, unless the commit ends it.

    It comes before all that it undoes, so it is told now what that will be. The host refuses where another migration has the server.
    """
    source = c.servers.source
    c.record.remember(
        lease=secrets.token_hex(8),
        source_hold=c.options["source_hold"],
        scheduler=scheduler(source),
        enabled_events=enabled_events(source),
        # The promotion's own mark is lost with a process that dies before it could note it: from here on nobody wrote but the source.
        log_before=dict(zip(("file", "position"), c.servers.target.binlog_position())),
    )
    request = {
        "seconds": c.options["lease"],
        "scheduler": c.facts["scheduler"],
        "promoted": c.servers.target.identity.label,
    }
    c.lease_at = time.monotonic()
    c.lease = c.location.arm(c.lease_request(**request))
    # For a rollback on a host that has lost its own record of them.
    c.facts["privileges_taken"] = c.lease.accounts


def undo_lease(c: Context) -> None:
    """First of all: have the source's host open the source, or learn from it that the commit took place.

    :raises Committed: where it took place
    """
    if "lease" not in c.facts:
        return
    answer = _ended_here(c) or _ended_by_a_new_connection(c)
    if answer["outcome"] == COMMITTED:
        # The session that held the fence is in doubt, too: what was written since is to be fetched.
        c.fence_at = c.lease_at = 0.0
        raise Committed(c.names.fill("%(fenced)s's host has committed this %(course)s: it can only be completed"))
    if not answer["settled"]:
        # It goes on by itself, and would open the source in the middle of the next attempt.
        raise c.error("the lease has ended and is still opening %(fenced)s: wait until its server answers")
    if c.fence_at:
        c.stopped_s = round(time.monotonic() - c.fence_at, 4)


def _ended_here(c: Context) -> dict | None:
    """By the connection that armed it, which costs no handshake."""
    if c.lease is None:
        return None
    lease, c.lease = c.lease, None
    try:
        return lease.end(END_SECONDS)
    except MigrationError:
        return None
    finally:
        lease.close()


def _ended_by_a_new_connection(c: Context) -> dict:
    """Where the commit is in doubt it is asked for long: nobody else can say whether there is a primary."""
    deadline = time.monotonic() + c.options["lease"] + DOUBT_SECONDS
    while True:
        try:
            return c.location.ask_fenced_host("unlease", c.lease_request())
        except MigrationError:
            if not c.facts.get("position") or time.monotonic() > deadline:
                raise
            time.sleep(1.0)


def events_off(c: Context) -> None:
    """Stop the source's event scheduler."""
    set_scheduler(c.servers.source, "OFF")


def stage(c: Context) -> None:
    """Make the coming fence survive a restart of the source, and take the privileges by which others could write through it."""
    lease = c.armed_lease()
    lease.place_hold(c.options["lease"])
    lease.take_privileges(c.options["lease"])


def pause_clients(c: Context) -> None:
    """Have new clients wait, where a switch can."""
    if not c.switching.definitions:
        return
    c.record.remember(switches=c.switching.paused)
    c.switching.pause()
    # The lease runs since before the source was prepared, and programs take their time. What is left bounds the waits behind the
    # fence, see remaining(); to close it for nothing is to be spared.
    used = time.monotonic() - c.lease_at
    if used >= c.options["lease"] - c.options["fence_seconds"]:
        raise MigrationError(
            "pausing the clients took %.1f s of the lease of %.1f s: less than the fence's %.1f s is left"
            % (used, c.options["lease"], c.options["fence_seconds"])
        )


def undo_pause(c: Context) -> None:
    """Let them go on to the old server, whatever the options say now about switches."""
    paused = c.facts.get("switches")
    if paused is None or paused == c.switching.paused:
        c.switching.undo()
        return
    # Held by an earlier process, whose definitions are not those of the attempt that follows in this one.
    earlier = Switching({**c.options, "switches": [entry["switch"] for entry in paused]})
    earlier.take_up(paused)
    try:
        earlier.undo()
    finally:
        earlier.close()


def fence(c: Context) -> None:
    """Stop all writes. The statement is bounded: a watchdog ends our own session's request, never a stranger's."""
    # Ended before the fence, clients learn nothing of it but a lost connection; behind it some would be told that it is read-only.
    c.switching.cut()
    c.facts["fenced_at"] = time.time()
    close_fence(c)
    # They logged in when their accounts could still write through it. The host ends them while the target is waited for.
    c.armed_lease().begin_to_end_sessions()


def close_fence(c: Context) -> None:
    """Close it within its time, or not at all."""
    source, seconds = c.servers.source, c.options["fence_seconds"]
    source.connection.run("SET SESSION lock_wait_timeout = %d" % max(1, int(seconds)))
    why = "writes could not be stopped within %.1f s, because sessions hold locks or commit" % seconds
    c.fence_at = time.monotonic()
    with Watchdog(c.servers.watch.connection, source.connection.id, seconds) as watchdog:
        try:
            source.close_fence()
        except ServerError as error:
            raise MigrationError("%s: %s%s" % (why, error, in_the_way(c.servers.watch, c.names))) from None
    if watchdog.fired:
        # Its KILL may still meet this session's next statement: a fence that closed that late counts as not closed.
        raise MigrationError(why)


def read_position(c: Context) -> None:
    """Read where the source's history ends: now, and not before the fence."""
    end, heartbeat = c.servers.source.history_end(NUMBER, (c.options["migration_id"],))
    if not end.closed:
        raise c.error("%(fenced)s answers that it is writable although the fence was set")
    c.facts["position"] = {"file": end.file, "position": end.position, "gtid": end.gtid}
    c.heartbeat = int(heartbeat or 0)


def wait(c: Context) -> None:
    """Wait until the target has applied exactly that. Anything but success is a failure.

    In slices: each has its answer within the connection's time limit. A wait that ends early without success is over: the applier
    stands.
    """
    arrived, waiting = False, True
    while waiting and not arrived:
        seconds, began = min(c.remaining(), WAIT_SLICE), time.monotonic()
        arrived = _arrived(c, seconds)
        waiting = seconds > 0 and time.monotonic() - began >= seconds / 2
    if not arrived:
        position = c.facts["position"]
        raise c.error(
            "%(promoted)s had not applied %(fenced)s's last write (%(position)s) within %(limit)s%(why)s",
            position=position["gtid"] or "%(file)s:%(position)d" % position,
            limit=c.limit(),
            why=_replica_error(c.servers.target),
        )


def _arrived(c: Context, seconds: float) -> bool:
    target, position = c.servers.target, c.facts["position"]
    if seconds <= 0:
        return False
    if position["gtid"]:
        return target.wait_for_gtid(position["gtid"], round(seconds, 3))
    return target.wait_for_position(position["file"], position["position"], seconds)


def check(c: Context) -> None:
    """Stop replication cleanly and hold the target against the position. Whether that still stands is for the commit to say."""
    target, position = c.servers.target, c.facts["position"]
    target.connection.run(target.statement("stop_replica"))
    if _replica_error(target):
        raise MigrationError("replication did not stop cleanly%s" % _replica_error(target))
    end, heartbeat = target.history_end(NUMBER, (c.options["migration_id"],))
    if position["gtid"]:
        extra = target.gtid_extra(end.gtid, position["gtid"])
        if extra and c.names.course == "cutover":
            # A source that writes on would soon be past it.
            note(c.record.journal, foreign_words(extra))
        if not target.gtid_includes(end.applied, position["gtid"]) or extra:
            have = end.applied + (", and %s of its own" % extra if extra else "")
            raise c.error(
                "%(promoted)s's transactions are not %(fenced)s's: it has %(have)s, %(fenced)s %(wanted)s", have=have, wanted=position["gtid"]
            )
    if int(heartbeat or 0) != c.heartbeat:
        raise c.error("%(fenced)s's last heartbeat has not arrived on %(promoted)s")
    lax = unsafe(target, c.durable)
    if lax:
        raise c.error("the durability settings of %(promoted)s were changed meanwhile: %(lax)s", lax="; ".join(lax))
    check_budget_left(c)


def check_budget_left(c: Context) -> None:
    """Refuse to commit where the write stop has taken its time."""
    if c.remaining() <= 0:
        raise MigrationError("the write stop's budget of %.1f s is used up" % c.options["budget"])


def undo_check(c: Context) -> None:
    """Replicate again."""
    c.servers.target.connection.run(c.servers.target.statement("start_replica"))


def commit(c: Context) -> None:
    """The point of no return: the session that holds the fence answers, and the fence holds. No answer, no promotion."""
    check_fence_holds(c)
    why = c.armed_lease().take(c.remaining())
    if why:
        raise c.error("%(fenced)s's host does not commit (the lease is of %(lease).1f s): %(why)s", lease=c.options["lease"], why=why)


def rehearse(c: Context) -> None:
    """In the commit's place: all that comes before it, and then the undo that every failure has.

    :raises Rehearsed: where the commit would have been asked for
    """
    check_fence_holds(c)
    raise Rehearsed()


def check_fence_holds(c: Context) -> None:
    """See all sessions gone that logged in before the fence, and the position where it was."""
    # Before the position is looked at once more: from here on nobody is left who could open the source.
    c.facts["sessions_ended"] = c.armed_lease().sessions_ended(max(0.1, c.remaining()))
    position, (end, _none) = c.facts["position"], c.servers.source.history_end()
    if not end.closed:
        raise c.error("%(fenced)s does not acknowledge the fence")
    if (end.file, end.position, end.gtid) != (position["file"], position["position"], position["gtid"]):
        before = position["gtid"] or "%(file)s:%(position)d" % position
        raise c.error(
            "%(fenced)s wrote behind the fence: its position moved from %(before)s to %(now)s",
            before=before, now=end.gtid or "%s:%d" % (end.file, end.position),
        )  # fmt: skip


def _replica_error(target: Flavour) -> str:
    """The replica's errors, as the end of a sentence."""
    words = error_text(only_status(target))
    return ": %s" % words if words else ""
