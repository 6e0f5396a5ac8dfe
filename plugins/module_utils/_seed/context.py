# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What every method of copying works with: both servers, how to reach them again, and whom to tell."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._errors import MigrationError, Refusal, ServerError
from .._jobs.progress import Progress
from .._server.base import Flavour
from .._server.connection import LONG_SECONDS, connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._server.identity import described, same_place

START_SECONDS = 300.0
THROTTLE = ("bandwidth", "nice", "ionice")


def mark(server: Flavour) -> str:
    """What a server is known by in the journal."""
    identity = server.identity
    return identity.server_uuid or "%s:%s" % (identity.hostname, identity.datadir)


@dataclass
class Seed:
    """A copy: from where to where, and how.

    :param options: of the seed job (see run.py)
    :param erase: schemas on the target that the copy replaces, with permission
    :param watch: the watch over the copy (see watch.py); a method arms it around what may be ended
    :param clone_loaded: whether the target's plugin clone was loaded for this copy, whichever of its tries did that
    """

    source: Flavour
    target: Flavour
    source_login: Endpoint
    target_login: Endpoint
    options: dict
    progress: Progress
    erase: list
    watch: t.Any = None
    clone_loaded: bool = False

    def throttle(self) -> dict:
        """What the agent's programs are told of staying out of the source's clients' way (see throttle.py)."""
        return {name: self.options[name] for name in THROTTLE}

    def reopen_source(self) -> None:
        """Connect to the source again.

        :raises ServerError: where it does not answer
        :raises Refusal: where another server does
        """
        self.source.connection.close()
        before, self.source = self.source.identity, open_flavour(connect(self.source_login, "source", LONG_SECONDS))
        if not same_place(before, self.source.identity):
            raise Refusal(
                "the source's address leads to %s now, and led to %s when the copy began: give one server's own address"
                % (described(self.source.identity), described(before))
            )

    def look_again(self) -> None:
        """Open again what does not answer any more, before it is used after a long pause. Neither connection holds a lock or a snapshot:
        those are held by connections of their own, which must fail where they are lost.

        :raises ServerError: where a server does not answer at all
        """
        if not self.source.connection.answers():
            self.reopen_source()
        if not self.target.connection.answers():
            self.reopen_target()

    def reopen_target(self, seconds: float = START_SECONDS) -> None:
        """Connect to the target again after its server was started.

        The accounts are the source's now: where the administrator's login is another one there, the migration's own
        account, which came with the data, still opens the door from the same socket.
        """
        self.target.connection.close()
        own = Endpoint(unix_socket=self.target_login.unix_socket, user=self.source_login.user, password=self.source_login.password)
        deadline, error = time.monotonic() + seconds, MigrationError("the target's server did not start")
        while time.monotonic() < deadline:
            for login in (self.target_login, own) if own.unix_socket else (self.target_login,):
                try:
                    self.target = open_flavour(connect(login, "target", LONG_SECONDS))
                    return
                except ServerError as failure:
                    error = failure
            time.sleep(0.3)
        raise MigrationError("the target's server does not answer %d s after its start: %s" % (seconds, error))


def tell_lost(seed: Seed, lost: list[str]) -> None:
    """Tell what of the sandbox this host does not apply."""
    if lost:
        text = "programs that touch the source's data run as the server's user, but this host does not apply: %s" % ", ".join(lost)
        seed.progress.say("sandbox", text)
        seed.watch.notes.append(text)
