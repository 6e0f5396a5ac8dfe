# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Facts of setups that a migration meets late: how administrators log in, named time zones, views that cannot be read, who follows, and
the variables that applications notice. Read and never changed."""

from __future__ import annotations

import typing as t

from .._server.base import Flavour
from .._server.events import read_events
from .reader import SYSTEM, Reader
from .variables import COMPARED

# The server says in a view's comment that it cannot be read: a table, a column, a function or its definer's right is gone. MariaDB looks
# at that only where a column is asked for that takes the opening of what the view lies on, as DATA_LENGTH does.
_BROKEN_VIEWS = (
    "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS n FROM information_schema.TABLES WHERE TABLE_TYPE = 'VIEW'"
    " AND DATA_LENGTH IS NULL AND TABLE_COMMENT NOT IN ('', 'VIEW') AND TABLE_SCHEMA NOT IN " + SYSTEM + " ORDER BY 1"
)
_EVENT_ZONES = (
    "SELECT TIME_ZONE AS z, CONCAT(EVENT_SCHEMA, '.', EVENT_NAME) AS n FROM information_schema.EVENTS"
    " WHERE TIME_ZONE <> 'SYSTEM' AND TIME_ZONE NOT RLIKE '^[-+]' ORDER BY 1, 2"
)
# The same zones again, with other leap seconds.
_KNOWN_ZONES = "SELECT Name AS n FROM mysql.time_zone_name WHERE Name NOT LIKE 'posix/%' AND Name NOT LIKE 'right/%' ORDER BY 1"
# How accounts of administrators log in: the first plugin, and MariaDB's others ("IDENTIFIED VIA a OR b").
_LOGINS = {
    "mysql": "SELECT User AS u, Host AS h, plugin AS p, '' AS o FROM mysql.user WHERE Super_priv = 'Y' OR User = 'root'",
    "mariadb": "SELECT g.User AS u, g.Host AS h, JSON_VALUE(g.Priv, '$.plugin') AS p, JSON_EXTRACT(g.Priv, '$.auth_or') AS o"
    " FROM mysql.global_priv g JOIN mysql.user m ON m.User = g.User AND m.Host = g.Host WHERE m.Super_priv = 'Y' OR g.User = 'root'",
}
# By their sessions; SHOW REPLICAS tells hosts only of those that name themselves (report_host).
_FOLLOWERS = "SELECT USER AS u, HOST AS h FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' ORDER BY 1, 2"
# Plugins by which the operating system's user is enough.
SOCKET_PLUGINS = ("unix_socket", "auth_socket")


def read_setups(reader: Reader, flavour: Flavour) -> dict:
    """All of them.

    :returns: broken_views, event_zones (zone to names of events), known_zones, logins (user@host to plugins), followers (user and host
        of each session that reads the binary log), variables (see variables.py)
    """
    zones: dict[str, list] = {}
    for row in reader.ask("tables", lambda: read_events(flavour.connection, _EVENT_ZONES), []):
        zones.setdefault(_text(row["z"]), []).append(_text(row["n"]))
    return {
        "broken_views": [_text(row["n"]) for row in reader.rows("tables", _BROKEN_VIEWS)],
        "event_zones": zones,
        "known_zones": [_text(row["n"]) for row in reader.rows("tables", _KNOWN_ZONES)],
        "logins": logins_of(reader.rows("accounts", _LOGINS[flavour.name])),
        "followers": [{"user": _text(row["u"]), "host": _text(row["h"])} for row in reader.rows("replicas", _FOLLOWERS)],
        "variables": flavour.connection.variables(*COMPARED),
    }


def logins_of(rows: t.Iterable[dict]) -> dict[str, list]:
    """Each account with the plugins by which it logs in, sorted."""
    found = {}
    for row in rows:
        others = [name for name in SOCKET_PLUGINS if '"%s"' % name in _text(row["o"])]
        found["%s@%s" % (_text(row["u"]), _text(row["h"]))] = sorted({_text(row["p"]), *others} - {""})
    return found


def _text(value: t.Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
