# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Events: still on the source before the fence, awake on the target after promotion, and only those that were awake."""

from __future__ import annotations

from .._errors import ServerError
from .._server.base import Flavour
from .._server.events import read_events

ENABLED = "SELECT EVENT_SCHEMA AS s, EVENT_NAME AS n FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'"
ASLEEP = (
    "SELECT EVENT_SCHEMA AS s, EVENT_NAME AS n, DEFINER AS d, SQL_MODE AS m, CHARACTER_SET_CLIENT AS c, COLLATION_CONNECTION AS o,"
    " TIME_ZONE AS z FROM information_schema.EVENTS WHERE STATUS IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED')"
)
# The same of the session that wakes them, which goes on to other work.
SESSION = "SELECT @@SESSION.sql_mode AS m, @@SESSION.time_zone AS z, @@SESSION.character_set_client AS c, @@SESSION.collation_connection AS o"


def scheduler(server: Flavour) -> str:
    """The event scheduler's setting: ON, OFF or DISABLED."""
    return (server.connection.variable("event_scheduler") or "OFF").upper()


def set_scheduler(server: Flavour, value: str) -> None:
    """Set the scheduler; a scheduler that is DISABLED at start cannot be set, and needs not be."""
    if scheduler(server) != "DISABLED" and value in ("ON", "OFF"):
        server.connection.run("SET GLOBAL event_scheduler = %s" % value)


def enabled_events(server: Flavour) -> list[list[str]]:
    """Schema and name of the events that would fire."""
    return [[row["s"], row["n"]] for row in read_events(server.connection, ENABLED)]


def wake_events(target: Flavour, were_enabled: list) -> tuple[int, list[str]]:
    """Enable those events that replication had put to sleep and that were enabled on the source.

    Returns how many, and what the server refused, in words.

    ALTER EVENT takes over the session's definer, character set, SQL mode and time zone: each event's own are set first.
    """
    wanted = {tuple(pair) for pair in were_enabled}
    chosen = [row for row in read_events(target.connection, ASLEEP) if (row["s"], row["n"]) in wanted]
    if not chosen:
        return 0, []
    before, left = target.connection.row(SESSION), []
    try:
        for row in chosen:
            try:
                _wake(target, row)
            except ServerError as error:
                left.append("event %s.%s: %s" % (row["s"], row["n"], error))
    finally:
        _set_session(target, before)
    return len(chosen) - len(left), left


def _wake(target: Flavour, row: dict) -> None:
    user, _at, host = row["d"].rpartition("@")
    _set_session(target, row)
    target.connection.run("ALTER DEFINER = %%s@%%s EVENT %s.%s ENABLE" % (_identifier(row["s"]), _identifier(row["n"])), (user, host))


def _set_session(target: Flavour, row: dict) -> None:
    """What ALTER EVENT takes over, in one statement: each is a round trip within the write stop."""
    target.connection.run(
        "SET SESSION sql_mode = %s, time_zone = %s, character_set_client = %s, collation_connection = %s",
        (row["m"], row["z"], row["c"], row["o"]),
    )


def _identifier(name: str) -> str:
    """A quoted name for a statement that values are bound into: a percent sign is doubled too."""
    return "`%s`" % name.replace("`", "``").replace("%", "%%")
