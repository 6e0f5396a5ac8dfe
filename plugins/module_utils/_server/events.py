# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Events, read from where the server tells of them.

A MariaDB that was started with event_scheduler=DISABLED answers neither SHOW EVENTS nor information_schema.EVENTS (error 1577), and takes
no statement about events: the reading of its own table is all that is left; so it is with MySQL 5.7. MySQL from 8.0 on has no such table,
and both tells of events and makes them (seen on 9.7).
https://mariadb.com/kb/en/event-scheduler/ , https://dev.mysql.com/doc/refman/8.4/en/events-configuration.html
"""

from __future__ import annotations

import typing as t

from .._errors import ServerError
from .connection import Connection

DISABLED = 1577  # ER_EVENTS_DB_ERROR
TABLE = "information_schema.EVENTS"

# Column of information_schema.EVENTS -> what it is of mysql.event.
_COLUMNS = {
    "EVENT_SCHEMA": "db",
    "EVENT_NAME": "name",
    "STATUS": "status",
    "DEFINER": "definer",
    "TIME_ZONE": "time_zone",
    "SQL_MODE": "sql_mode",
    "CHARACTER_SET_CLIENT": "character_set_client",
    "COLLATION_CONNECTION": "collation_connection",
    "EVENT_DEFINITION": "body_utf8",
    "EVENT_TYPE": "IF(execute_at IS NULL, 'RECURRING', 'ONE TIME')",
    "EXECUTE_AT": "execute_at",
    "INTERVAL_VALUE": "interval_value",
    "INTERVAL_FIELD": "interval_field",
}
_OWN_TABLE = "(SELECT %s FROM mysql.event) AS EVENTS" % ", ".join("%s AS %s" % (told, name) for name, told in _COLUMNS.items())


def read_events(connection: Connection, sql: str, args: t.Any = None) -> list[dict]:
    """The rows of a statement over C(information_schema.EVENTS), whether that can be read or not.

    :raises ServerError: for any error but the one that means DISABLED
    """
    try:
        return connection.rows(sql, args)
    except ServerError as error:
        if error.errno != DISABLED:
            raise
    return connection.rows(sql.replace(TABLE, _OWN_TABLE), args)


def is_disabled(connection: Connection) -> bool:
    """Whether the scheduler cannot be set at run time, and needs not be: it never runs."""
    return (connection.variable("event_scheduler") or "OFF").upper() == "DISABLED"


def hides_events(flavour: str, version: t.Sequence[int], scheduler: str) -> bool:
    """Whether a server takes no statement about events until it is started with another setting.

    :param scheduler: its event_scheduler
    """
    return scheduler.upper() == "DISABLED" and (flavour == "mariadb" or tuple(version) < (8, 0))
