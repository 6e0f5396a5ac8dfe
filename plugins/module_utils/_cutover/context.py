# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the steps of a cutover share: the servers, the journal's facts, the clock, and the way to each server's own host."""

from __future__ import annotations

import time
import typing as t

from .._bridge.call import call
from .._errors import MigrationError
from .._server.base import Flavour
from .._state.journal import Journal
from .._switch.client import Switching
from .hold import opened_by_nobody, remove_hold
from .lease_client import Lease
from .lease_client import Lease as open_lease


class Committed(MigrationError):
    """The cutover turned out to be committed."""


class Servers:
    """The open connections of a cutover.

    :param source: holds the fence
    :param watch: a second connection to the source: ends a fence that does not close, and strangers' sessions after the commit
    """

    def __init__(self, source: Flavour, watch: Flavour, target: Flavour) -> None:
        self.source = source
        self.watch = watch
        self.target = target


class Context:
    """What an undo or a later run needs to know goes through C(note), which journals it before the effect."""

    def __init__(self, servers: Servers, options: dict, facts: dict, note: t.Callable[[dict], None], journal: Journal) -> None:
        self.servers = servers
        self.options = options
        self.facts = facts
        self.note = note
        self.journal = journal
        self.durable: dict = {}  # what decides about a commit's survival on the target, as this process set it before the fence
        self.relaxed = False  # whether it was set otherwise until then
        self.lease: Lease | None = None
        self.lease_at = 0.0  # by the monotonic clock; 0 where this process armed none
        self.switching = Switching(options)
        self.fence_at = 0.0  # by the monotonic clock; 0 where this process closed no fence
        self.stopped_s: float | None = None  # how long writes were stopped by an attempt that was undone
        self.heartbeat = 0  # the source's newest, behind the fence

    def remember(self, **facts: t.Any) -> None:
        """Journal facts that must outlive this process, before the effect that they describe."""
        self.facts.update(facts)
        self.note(self.facts)

    def close(self) -> None:
        """The end of this process's part: the switches' guards end, and with them a hold that nobody ended."""
        self.switching.close()

    def remaining(self) -> float:
        """Seconds left of the write stop's budget, and of the lease where that ends sooner: all it waits for then is lost."""
        now = time.monotonic()
        left = self.options["budget"] - (now - self.fence_at)
        return min(left, self.options["lease"] - (now - self.lease_at)) if self.lease_at else left

    def limit(self) -> str:
        """What bounds the write stop, in words: the budget, or the lease where the steps before the fence have used up most of it."""
        before = self.fence_at - self.lease_at if self.lease_at else 0.0
        if self.lease_at and self.options["lease"] - before < self.options["budget"]:
            return "what was left of the lease: the steps before the fence took %.1f s of its %.1f s" % (before, self.options["lease"])
        return "the write stop's budget of %.1f s" % self.options["budget"]

    def _request(self, **more: t.Any) -> dict:
        """A request to the fenced server's host about this attempt's lease: once it has ended, nothing is done by it any more."""
        return {"token": self.facts.get("lease", ""), **more}

    # Where each server's own host is: a rollback has the two the other way round.

    def ask_fenced_host(self, verb: str, request: dict) -> dict:
        """The agent on the source's host."""
        return call(self.options["migration_id"], verb, request)

    def ask_hold(self, verb: str) -> dict:
        """What the fenced server's host says about its hold: holdable or held, see the agent's verbs."""
        return self.ask_fenced_host(verb, {})

    def arm(self, request: dict) -> Lease:
        """A lease that the source's host keeps."""
        return open_lease(self.options["migration_id"], request)

    def closed_elsewhere(self) -> list[str]:
        """What would close the promoted server at its next restart, beside its hold."""
        return opened_by_nobody(self.servers.target, self.options["target_hold"])

    def unhold_promoted(self) -> None:
        """Let the target stay writable across a restart."""
        remove_hold(self.options["target_hold"])
