# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Stragglers: clients that still write on the old server after the promotion. It refuses them, and counts."""

from __future__ import annotations

import os
import time

from .._errors import MigrationError
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._state.journal import Journal
from .._state.paths import directory

APPLICATIONS = (
    "SELECT USER AS user, SUBSTRING_INDEX(HOST, ':', 1) AS host, COUNT(*) AS n FROM information_schema.PROCESSLIST"
    " WHERE COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID') AND ID <> CONNECTION_ID()"
    " AND USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user') AND USER NOT LIKE 'nordbridge\\_%%'"
    " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 20"
)


def baseline(source: Flavour) -> dict:
    """The count at the promotion: what was refused before is the write stop's, not stragglers'.

    Empty where the server does not tell: this lies behind the commit, where nothing may stop for a count.
    """
    try:
        count, _basis = source.refused_writes()
    except MigrationError:
        return {}
    return {"count": count, "at": time.time()}


def late_writes(source: Flavour, base: dict) -> dict:
    """The writes refused since the promotion. A restart begins the count again, which is told."""
    count, basis = source.refused_writes()
    restarted = time.time() - int(source.connection.status("Uptime")) > base["at"] + 1
    return {"count": count if restarted else max(0, count - base["count"]), "basis": basis, "since_restart": restarted}


def stragglers(params: dict, _check_mode: bool) -> dict:
    """What the old server knows of late clients, for the module: the count, and who is connected now.

    :param params: migration_id
    """
    folder = directory(params["migration_id"])
    base = Journal(folder).read().get("cutover", {}).get("facts", {}).get("late_base")
    if not base:
        return {"changed": False, "known": False, "why": "nothing was counted: this migration has not been cut over, or without its source"}
    try:
        with connect(read_login_file(os.path.join(folder, "source.json")), "source", read_timeout=30) as connection:
            source = open_flavour(connection)
            sessions = [{"user": row["user"], "host": row["host"], "count": int(row["n"])} for row in connection.rows(APPLICATIONS, ())]
            found = _late_or_why(source, base)
    except MigrationError as error:
        # An old server that is gone is what a migration is for: no failure.
        return {"changed": False, "known": False, "why": str(error)}
    return {"changed": False, "known": "late_writes" in found, **found, "sessions": sessions}


def _late_or_why(source: Flavour, base: dict) -> dict:
    """The count; or why there is none, which is no reason not to tell who is connected."""
    try:
        return {"late_writes": late_writes(source, base)}
    except MigrationError as error:
        return {"why": str(error)}
