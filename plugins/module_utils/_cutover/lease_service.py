# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The lease's service on the fenced server's host: it opens the server when the lease ends, and keeps it closed once it is committed.

It has its connection from the arming on, and needs to write nothing at its end: a full disk, a file system that is read-only, or a
server without a free connection must not keep the source closed. Whatever fails is tried again.
"""

# Run by systemd, not in a module: it talks to the host's journal.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import sys
import time
import typing as t
from contextlib import ExitStack, suppress

from .._errors import MigrationError
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.fences import ARMED, COMMITTED, FIRED, fence_lock
from .._state.files import open_lock, read_json, take_lock
from .access import close_again
from .lease import DONE, decide, decide_state, is_over, lease_path, lock_path, work

# How often it looks: at the decision; whether its connection lives; whether a committed server is closed; after a failure.
LOOK_SECONDS = 0.05
ALIVE_SECONDS = 1.0
CLOSED_SECONDS = 0.5
AGAIN_SECONDS = 0.3
SQL_SECONDS = 5
LOCK_SECONDS = 1.0


class Service:
    """One lease's life."""

    def __init__(self, kept: dict) -> None:
        self.kept = kept
        self.server: Flavour | None = None
        self.asked = 0.0
        self.opened = False

    def connected(self) -> Flavour:
        """The connection, reopened where it is lost.

        :raises MigrationError: where the server does not answer
        """
        if self.server is not None and time.monotonic() - self.asked > ALIVE_SECONDS:
            try:
                self.server.connection.value("SELECT 1")
            except MigrationError:
                self.drop()
        if self.server is None:
            self.server = open_flavour(connect(Endpoint(**self.kept["login"]), "the fenced server, from its own host", SQL_SECONDS))
        self.asked = time.monotonic()
        return self.server

    def drop(self) -> None:
        """A connection that has failed is of no use any more."""
        if self.server is not None:
            self.server.connection.close()
        self.server = None

    def step(self) -> float | None:
        """Look, and do what is to be done now; the seconds until the next look, None at the end."""
        state = decide_state(self.kept)
        if state == COMMITTED:
            self.keep_closed()
            return CLOSED_SECONDS
        if state == ARMED and not is_over(self.kept):
            self.connected()
            return LOOK_SECONDS
        if state in (ARMED, FIRED):
            return self.open(state)
        # Released, or another fence has come since: nothing here is this lease's any more.
        return None

    def open(self, state: str) -> float | None:
        """Its time is over: decide, and open the server. A decision that the disk does not take is made by the clock: see is_over."""
        if state == ARMED:
            try:
                state = decide(self.kept["server"], self.kept["token"], FIRED)
            except OSError as error:
                say("the end of the lease cannot be recorded (%s); the server is opened all the same" % error.strerror)
            if state not in (ARMED, FIRED):
                return 0.0
        server = self.connected()
        # Once it is open, only what is left is tried again: opening it ends sessions of the migration's own.
        self.opened = self.opened and not server.read_only()
        with ExitStack() as stack:
            # Not beside the taking of privileges. One who holds the lock and hangs must not keep the server closed.
            with suppress(MigrationError, OSError):
                stack.enter_context(fence_lock(self.kept["server"], seconds=LOCK_SECONDS))
            done = work(self.kept, server, self.opened)
        self.opened = True
        return None if done and state == FIRED else AGAIN_SECONDS

    def keep_closed(self) -> None:
        """Close it again where somebody has opened it: who takes writes is another server. A rollback releases it under the same lock."""
        server = self.connected()
        if server.read_only() and not server.scheduler_runs():
            return
        with fence_lock(self.kept["server"]):
            if decide_state(self.kept) == COMMITTED and close_again(server):
                say("somebody had opened this server: it is closed again, for migration %s has cut it over" % self.kept["migration_id"])


def say(words: str) -> None:
    """For the host's journal."""
    print(words, file=sys.stderr, flush=True)


def serve(service: Service) -> None:
    """Until its end, whatever fails."""
    pause: float | None = 0.0
    said = ""
    while pause is not None:
        time.sleep(pause)
        try:
            pause = service.step()
        except Exception as error:  # pylint: disable=broad-except  # nobody else would open the server
            words = str(error) if isinstance(error, (MigrationError, OSError)) else "unexpected %s" % type(error).__name__
            if words != said:
                say(words)
            said, pause = words, AGAIN_SECONDS if words != said else 2 * AGAIN_SECONDS
            service.drop()


def main() -> None:
    """Started at the arming and at each boot: BOOT passes the pack first, then the folder and the token."""
    run(*sys.argv[2:4])
    sys.exit(DONE)


def run(folder: str, token: str) -> None:
    """Serve a lease, if it has not ended yet."""
    kept: t.Any = read_json(lease_path(folder, token))
    if kept is None:
        return
    service = Service(kept)
    with suppress(MigrationError):
        service.connected()
    # Whoever waits for this lock knows that the connection stands, or that the server is down.
    with open_lock(lock_path(folder, token)) as lock:
        take_lock(lock, None)
        # Somebody may have done its work while it waited.
        if read_json(lease_path(folder, token)) is not None:
            serve(service)
