# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The watchdog over our own session: a request that takes too long is ended."""

from __future__ import annotations

import threading

from .._errors import ServerError
from .._server.connection import Connection

FIRING_SECONDS = 2.0


class Watchdog:
    """Ends our own session's statement when it takes too long, and nothing after it: left, it is done or has fired.

    :param watch: another connection to the same server
    :param session: the watched session's number
    """

    def __init__(self, watch: Connection, session: int, seconds: float) -> None:
        self.watch = watch
        self.session = session
        self.fired = False
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._timer.cancel()
        # The connection is this thread's again only when the timer's is through with it.
        self._timer.join(FIRING_SECONDS)
        if self._timer.is_alive():
            # It waits for an answer on it: whoever needs the connection next opens a new one.
            self.watch.close()

    def _fire(self) -> None:
        self.fired = True
        _kill(self.watch, "KILL QUERY %d" % self.session)


def _kill(connection: Connection, statement: str) -> bool:
    """False where it had just ended by itself."""
    try:
        connection.run(statement)
    except ServerError:
        return False
    return True
