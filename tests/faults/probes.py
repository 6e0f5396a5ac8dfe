# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two probes: on each server somebody who tries a real write again and again, whatever the migration thinks.

A server is writable when it takes a write, and no variable's value says more. The rows are numbered, and those that were
acknowledged must be on the new primary like the ledger's.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Iterable, NamedTuple

import pymysql
from ledger_files import Dialer, Failure, read_login

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger.probes (server VARCHAR(64) NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (server, n)) ENGINE=InnoDB",
)
#: Between two tries, in seconds: 25 a second.
EVERY_S = 0.04
#: A server that answers nothing for so long is tried again.
PATIENCE_S = 1.0


class Taken(NamedTuple):
    """A write that was acknowledged; times in seconds of the monotonic clock."""

    began: float
    ended: float
    number: int


class Probe:
    """Tries to write on one server until it is stopped."""

    def __init__(self, endpoint: Path, server: str, every_s: float = EVERY_S) -> None:
        self.endpoint = endpoint
        self.server = server
        self.every_s = every_s
        self.taken: list[Taken] = []
        self.tries = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the last try's end."""
        self._end.set()
        self._thread.join(3 * PATIENCE_S)

    @property
    def number(self) -> int:
        """The row that is tried next, or soon."""
        return self.tries + 1

    def _run(self) -> None:
        connection: Any = None
        dialer = Dialer(PATIENCE_S, PATIENCE_S)
        login = read_login(self.endpoint)
        while not self._end.wait(self.every_s):
            self.tries += 1
            try:
                if connection is None:
                    connection = dialer.open(login, autocommit=True)
                began = time.monotonic()
                connection.query("INSERT INTO ledger.probes VALUES ('%s', %d)" % (self.server, self.tries))
                self.taken.append(Taken(began, time.monotonic(), self.tries))
            except pymysql.err.MySQLError as error:
                if not 1000 <= int(error.args[0] or 0) < 2000:
                    connection = _close(connection)
            except (Failure, OSError, AttributeError, ValueError):
                connection = _close(connection)
        _close(connection)


def _close(connection: Any) -> Any:
    """Close, whatever the connection says to it; the answer is that there is none any more."""
    try:
        if connection is not None:
            connection._force_close()
    except Exception:  # nothing is left to be lost
        pass
    return None


def two_writable(source: Iterable[Taken], target: Iterable[Taken]) -> bool:
    """Whether the source took a write that began after the target had taken one: for a time both took them."""
    first = min((write.ended for write in target), default=None)
    return first is not None and any(write.began > first for write in source)


def longest_stop(source: Iterable[Taken], target: Iterable[Taken], since: float) -> tuple[float, str]:
    """The longest time in which neither server took a write, from a moment on, and who took the one that ended it.

    :param since: a moment at which writes were taken
    """
    last, longest, by = since, 0.0, ""
    both = [(write.ended, "source") for write in source] + [(write.ended, "target") for write in target]
    for at, who in sorted(both):
        if at <= since:
            continue
        if at - last > longest:
            longest, by = at - last, who
        last = at
    return longest, by


def missing(taken: Iterable[Taken], server: str, held: set[tuple[str, int]]) -> list[int]:
    """The acknowledged rows of a probe that the new primary does not hold."""
    return [write.number for write in taken if (server, write.number) not in held]


def held_rows(endpoint: Path) -> set[tuple[str, int]]:
    """The probes' rows on a server."""
    connection = Dialer(5.0, 30.0).open(read_login(endpoint), autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT server, n FROM ledger.probes")
        rows = {(row[0], int(row[1])) for row in cursor.fetchall()}
    connection.close()
    return rows
