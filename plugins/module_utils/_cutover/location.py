# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Where each server's own host is: in a cutover the fenced one is across the bridge and the promoted one here; in a rollback the reverse."""

from __future__ import annotations

import typing as t

from .._bridge.call import call
from .._bridge.local import local_command
from .._bridge.prepared_call import PreparedCall
from .._errors import MigrationError
from .._server.base import Flavour
from .history import answer
from .hold import opened_by_nobody, remove_hold
from .lease_client import Lease
from .names import ROLLBACK_NAMES


class Location(t.Protocol):
    """The ways to the two hosts."""

    def ask_fenced_host(self, verb: str, request: dict) -> dict:
        """The agent on the fenced server's host."""

    def arm(self, request: dict) -> Lease:
        """A lease that the fenced server's host keeps."""

    def prepare(self) -> None:
        """Open before the fence what would cost the write stop a handshake, and see that it can be opened."""

    def closed_elsewhere(self, promoted: Flavour) -> list[str]:
        """What would close the promoted server at its next restart, beside its hold."""

    def open_promoted(self, promoted: Flavour) -> None:
        """Make the promoted server writable."""

    def unhold_promoted(self) -> None:
        """Let the promoted server stay writable across a restart."""

    def ask_promoted_history(self, promoted: Flavour, request: dict) -> dict:
        """What the promoted server's binary logs hold, by its own host. See history.answer."""


class FencedAcrossTheBridge:
    """A cutover's: the job runs on the target's host."""

    def __init__(self, options: dict) -> None:
        self._id = options["migration_id"]
        self._hold = options["target_hold"]

    def ask_fenced_host(self, verb: str, request: dict) -> dict:
        """See Location."""
        return call(self._id, verb, request)

    def arm(self, request: dict) -> Lease:
        """See Location."""
        return Lease(self._id, request)

    def prepare(self) -> None:
        """Nothing: what comes after the commit is done on this host."""

    def closed_elsewhere(self, promoted: Flavour) -> list[str]:
        """See Location."""
        return opened_by_nobody(promoted, self._hold)

    def open_promoted(self, promoted: Flavour) -> None:
        """See Location."""
        promoted.set_read_only(False)

    def unhold_promoted(self) -> None:
        """See Location."""
        remove_hold(self._hold)

    def ask_promoted_history(self, promoted: Flavour, request: dict) -> dict:
        """See Location."""
        return answer(promoted, request)


class FencedHere:
    """A rollback's: the job runs on the new server's host, beside the journal; the old server is across the bridge.

    The old server's own host opens it, for it is the one that keeps it closed.
    """

    def __init__(self, options: dict) -> None:
        self._id = options["migration_id"]
        cut = options["cutover"]
        self._release_request = {"token": cut.get("lease", ""), "accounts": cut.get("privileges_taken", []), "scheduler": "OFF"}
        self._prepared: PreparedCall | None = None
        self._released = False

    def _ask_old_host(self, verb: str, request: dict) -> dict:
        return call(self._id, verb, request, who=ROLLBACK_NAMES.promoted_agent)

    def ask_fenced_host(self, verb: str, request: dict) -> dict:
        """See Location."""
        return call(self._id, verb, request, command=local_command(self._id, verb))

    def arm(self, request: dict) -> Lease:
        """See Location."""
        return Lease(self._id, request, ROLLBACK_NAMES.fenced, local_command(self._id, "lease"))

    def prepare(self) -> None:
        """What comes after the commit must not fail over a bridge that was down all along, nor cost a handshake then."""
        self._ask_old_host("probe", {})
        self._prepared = PreparedCall(self._id, "release", ROLLBACK_NAMES.promoted_agent)

    def closed_elsewhere(self, promoted: Flavour) -> list[str]:
        """See Location."""
        return self._ask_old_host("held", {})["closed"]

    def open_promoted(self, promoted: Flavour) -> None:
        """See Location."""
        self._release()
        promoted.set_read_only(False)

    def unhold_promoted(self) -> None:
        """It stays writable across a restart since its host has opened it."""
        if not self._released:
            self._release()

    def _release(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            try:
                prepared.ask(self._release_request)
                self._released = True
                return
            except MigrationError:
                pass  # a connection that was lost meanwhile: a new one may do
        self._ask_old_host("release", self._release_request)
        self._released = True

    def ask_promoted_history(self, promoted: Flavour, request: dict) -> dict:
        """See Location."""
        return self._ask_old_host("written", request)
