# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Sessions that write as before: a change of binlog_format or of the row image reaches new sessions alone.

MySQL tells each session's own values. MariaDB tells them to nobody: there a session is known by its number, for they only grow, and the
change is noted on the server's own host, beforehand, with the number that the next session got.
"""

from __future__ import annotations

import os

from .._server.base import Flavour
from .._state.files import read_json, write_json
from .._state.paths import ROOT

NAMES = ("binlog_format", "binlog_row_image")
RECORD = os.path.join(ROOT, "binlog-sessions.json")
# A start is told from the server's clock and uptime, each to the second.
SAME_START = 2
OLDER = (
    "SELECT ID AS id, USER AS user, HOST AS host FROM information_schema.PROCESSLIST WHERE ID < %s AND ID <> CONNECTION_ID()"
    " AND USER NOT IN ('system user', 'event_scheduler') AND USER NOT LIKE 'nordbridge\\_%%' AND COMMAND NOT LIKE 'Binlog Dump%%'"
    " AND COMMAND <> 'Daemon' ORDER BY ID"
)


def begin(server: Flavour, names: list[str], path: str = "") -> None:
    """Note that these settings are about to change: whatever happens now, somebody may keep the old ones."""
    write_json(path or RECORD, {"started_at": server.identity.started_at, "settings": names, "below": 0})


def complete(number: int, path: str = "") -> dict:
    """Note the number of a session that was opened after the change, where none is noted yet. Returns the record, empty where none is."""
    record = read_json(path or RECORD) or {}
    if record and not record["below"]:
        record["below"] = number
        write_json(path or RECORD, record)
    return record


def old_sessions(server: Flavour, record: dict) -> list[str]:
    """The sessions that keep the old values, in words.

    :param record: see complete
    """
    told = server.row_sessions()
    if told is not None:
        return told
    if not record or abs(server.identity.started_at - record["started_at"]) > SAME_START:
        return []
    rows = server.connection.rows(OLDER, (record["below"],))
    names = " or ".join(record["settings"])
    return ["session %s of %s from %s (open since before %s was changed)" % (row["id"], row["user"], row["host"], names) for row in rows]
