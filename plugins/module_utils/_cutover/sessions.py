# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Sessions of the source that must end: a request that takes too long, what a killed run left, who waits behind the fence."""

from __future__ import annotations

import threading
import time

from .._errors import ServerError
from .._server.connection import Connection

OTHERS = (
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
    " AND USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user') AND ID NOT IN %s"
)
OUR_OWN = "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND ID NOT IN %s"
STILL_THERE = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN %s"

# How long sessions that were ended may take to be gone.
ENDING_SECONDS = 5.0
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

    def _fire(self) -> None:
        self.fired = True
        _kill(self.watch, "KILL QUERY %d" % self.session)


def end_dead_runs(connection: Connection, own: tuple[int, ...]) -> None:
    """End sessions of our own account that a killed run left behind: one of them may still hold the lock.

    :param own: the living ones
    """
    for row in connection.rows(OUR_OWN, (own,)):
        _kill(connection, "KILL %d" % int(row["id"]))


def end_others(connection: Connection, own: tuple[int, ...]) -> int:
    """End everybody's sessions but replicas' and our own, and see them gone.

    KILL only asks. A privileged commit that waits for the lock would go through if it got the lock first.

    :returns: how many there were
    """
    found = [int(row["id"]) for row in connection.rows(OTHERS, (own,))]
    ended = [session for session in found if _kill(connection, "KILL %d" % session)]
    deadline = time.monotonic() + ENDING_SECONDS
    while ended and connection.value(STILL_THERE, (ended,)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return len(ended)


def _kill(connection: Connection, statement: str) -> bool:
    """False where it had just ended by itself."""
    try:
        connection.run(statement)
    except ServerError:
        return False
    return True
