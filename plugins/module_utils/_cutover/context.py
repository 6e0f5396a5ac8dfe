# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the steps of a cutover share: the servers, the journal, the clock, and the ways to each server's own host."""

from __future__ import annotations

import time
import typing as t

from .._errors import MigrationError
from .._server.base import Flavour
from .._switch.client import Switching
from .journal_entry import JournalEntry
from .lease_client import Lease
from .location import Location
from .names import Names


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
    """What one process knows of its cutover. What an undo or a later run needs is in the record, which is journalled.

    :param location: where each server's own host is
    """

    def __init__(self, servers: Servers, options: dict, record: JournalEntry, names: Names, location: Location) -> None:
        self.servers = servers
        self.options = options
        self.record = record
        self.names = names
        self.location = location
        self.durable: dict = {}  # what decides about a commit's survival on the target, as this process set it before the fence
        self.relaxed = False  # whether it was set otherwise until then
        self.lease: Lease | None = None
        self.lease_at = 0.0  # by the monotonic clock; 0 where this process armed none
        self.switching = Switching(options)
        self.fence_at = 0.0  # by the monotonic clock; 0 where this process closed no fence
        self.stopped_s: float | None = None  # how long writes were stopped by an attempt that was undone
        self.heartbeat = 0  # the source's newest, behind the fence

    @property
    def facts(self) -> dict:
        """What the record holds. See JournalEntry.remember for what must be journalled before its effect."""
        return self.record.facts

    def error(self, text: str, **facts: t.Any) -> MigrationError:
        """See Names.error."""
        return self.names.error(text, **facts)

    def warn(self, words: t.Mapping[str, t.Sequence[str]]) -> None:
        """Note by name what the cutover cannot vouch for."""
        told = {name: "; ".join(some) for name, some in words.items() if some}
        if told:
            self.facts["warnings"] = {**self.facts.get("warnings", {}), **told}

    def close(self) -> None:
        """The end of this process's part: the switches' guards end, and with them a pause that nobody ended."""
        self.switching.close()

    def armed_lease(self) -> Lease:
        """The connection that armed the lease.

        :raises MigrationError: where it is lost
        """
        if self.lease is None:
            raise MigrationError("the connection that holds the lease is lost")
        return self.lease

    def lease_request(self, **more: t.Any) -> dict:
        """A request to the fenced server's host about this attempt's lease: once it has ended, nothing is done by it any more."""
        return {"token": self.facts.get("lease", ""), **more}

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
