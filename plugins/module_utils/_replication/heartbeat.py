# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The heartbeat: a row on the source whose age on the target is the lag, told by one clock, the source's own."""
from __future__ import annotations

import time

from .._errors import MigrationError
from .._server.background import BackgroundTask
from .._server.connection import Connection, connect
from .._server.endpoint import Endpoint
from .._state.paths import SCHEMA

CREATE = (
    "CREATE DATABASE IF NOT EXISTS `%s`" % SCHEMA,
    "CREATE TABLE IF NOT EXISTS `%s`.marker (migration_id VARCHAR(64) NOT NULL PRIMARY KEY, role VARCHAR(16) NOT NULL,"
    " created_at DATETIME(6) NOT NULL) ENGINE=InnoDB" % SCHEMA,
    "CREATE TABLE IF NOT EXISTS `%s`.heartbeat (migration_id VARCHAR(64) NOT NULL PRIMARY KEY, seq BIGINT NOT NULL,"
    " at DATETIME(6) NOT NULL) ENGINE=InnoDB" % SCHEMA,
)
MARK = "INSERT IGNORE INTO `%s`.marker VALUES (%%s, 'source', UTC_TIMESTAMP(6))" % SCHEMA
BEAT = (
    "INSERT INTO `%s`.heartbeat VALUES (%%s, 1, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE seq = seq + 1, at = UTC_TIMESTAMP(6)" % SCHEMA
)
#: The number of the newest, as an expression.
NUMBER = "(SELECT seq FROM `%s`.heartbeat WHERE migration_id = %%s)" % SCHEMA
READ = "SELECT seq, at FROM `%s`.heartbeat WHERE migration_id = %%s" % SCHEMA


def beat(source: Connection, migration_id: str) -> int:
    """Write the next heartbeat; returns its number."""
    source.run(BEAT, (migration_id,))
    return int(source.row(READ, (migration_id,))["seq"])


class Beater(BackgroundTask):
    """Beats in the background while the copy runs, so that the history to be replayed tells its age from its first second on."""

    def __init__(self, login: Endpoint, migration_id: str, interval: float = 1.0) -> None:
        super().__init__()
        self.login = login
        self.migration_id = migration_id
        self.interval = interval

    def in_background(self) -> None:
        while not self.ended.is_set():
            try:
                with connect(self.login, "source", read_timeout=30) as connection:
                    while not self.ended.wait(self.interval):
                        beat(connection, self.migration_id)
            except MigrationError:
                # A beat that fails is the copy's trouble, and the copy tells it; this only tries again.
                self.ended.wait(self.interval)


def seen(target: Connection, migration_id: str) -> int:
    """The number of the newest heartbeat that has arrived; 0 for none."""
    return int(target.row(READ, (migration_id,)).get("seq") or 0)


def arrives(source: Connection, target: Connection, migration_id: str, seconds: float) -> bool:
    """Whether a heartbeat written now is on the target within that time."""
    number, deadline = beat(source, migration_id), time.monotonic() + seconds
    while seen(target, migration_id) < number:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def lag(source: Connection, target: Connection, migration_id: str) -> float | None:
    """Seconds between now and the newest heartbeat that the target has applied, both by the source's clock.

    None where no heartbeat has arrived. Never Seconds_Behind: it is 0 while the link is slow, and NULL or 0 at a restart.
    """
    at = target.row(READ, (migration_id,)).get("at")
    if at is None:
        return None
    now = source.value("SELECT UTC_TIMESTAMP(6)")
    return max(0.0, (now - at).total_seconds())
