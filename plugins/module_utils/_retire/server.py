# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a migration leaves in a server: accounts, its rows of the marker's schema, replication of its own, the plugin that it loaded."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from dataclasses import dataclass

from .._accounts.logins import BACK, CONTROL, KEEP, REPLICATION, account
from .._cutover.access import is_stranger
from .._errors import Refusal
from .._replication.status import only_status
from .._server.base import Flavour
from .._server.clone_plugin import clone_is_active
from .._state.paths import SCHEMA

# By which accounts the two servers follow each other.
FOLLOWS = {"source": BACK, "target": REPLICATION}
TABLES = ("marker", "heartbeat")


@dataclass(frozen=True)
class Part:
    """Something of the migration's in a server, and the statement that removes it.

    :param logged: the statement goes to the binary log where the server is open: what it removes came through the log
    """

    words: str
    sql: str
    args: tuple = ()
    logged: bool = False


def own_accounts(server: Flavour, migration_id: str, keeper: str) -> list[Part]:
    """The migration's accounts.

    :param keeper: by which this host keeps the server closed: it stays; empty where the server is open
    """
    names = tuple(account(kind, migration_id) for kind in (REPLICATION, CONTROL, BACK, KEEP))
    rows = server.connection.rows("SELECT User AS u, Host AS h FROM mysql.user WHERE User IN %s ORDER BY User, Host", (names,))
    found = [(_text(row["u"]), _text(row["h"])) for row in rows]
    return [
        Part("account %s@%s" % login, "DROP USER IF EXISTS %s@%s", login)
        for login in found
        if login != (keeper, "localhost")
    ]


def own_rows(server: Flavour, migration_id: str) -> list[Part]:
    """The marker's schema, or this migration's rows where others have theirs in it."""
    if SCHEMA not in server.user_schemas():
        return []
    connection = server.connection
    counts = {
        table: connection.row(
            "SELECT COALESCE(SUM(migration_id = %%s), 0) AS own, COALESCE(SUM(migration_id <> %%s), 0) AS others FROM `%s`.%s" % (SCHEMA, table),
            (migration_id, migration_id),
        )
        for table in TABLES
    }
    if not any(int(count["others"]) for count in counts.values()):
        return [Part("schema %s" % SCHEMA, "DROP DATABASE IF EXISTS `%s`" % SCHEMA, logged=True)]
    return [
        Part("rows in %s.%s" % (SCHEMA, table), "DELETE FROM `%s`.%s WHERE migration_id = %%s" % (SCHEMA, table), (migration_id,), logged=True)
        for table in TABLES
        if int(counts[table]["own"])
    ]


def own_plugin(server: Flavour, installed: bool) -> list[Part]:
    """The plugin clone, where the copy loaded it."""
    return [Part("plugin clone", "UNINSTALL PLUGIN clone")] if installed and clone_is_active(server) else []


def own_replication(server: Flavour, side: str, migration_id: str) -> list[Part]:
    """The replication by the migration's own account."""
    try:
        status = only_status(server)
    except Refusal:
        # Named channels are none of ours.
        return []
    if status.source_user != account(FOLLOWS[side], migration_id):
        return []
    words = "replication from %s:%d" % (status.source_host, status.source_port)
    return [Part(words, server.statement(name)) for name in ("stop_replica", "reset_replica")]


def admins(server: Flavour) -> list[str]:
    """Who could write while a MySQL is open for administrators alone: others than the migration's and the installation's own."""
    own = server.connection.value("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")
    rows = server.connection.rows(
        "SELECT u.User AS u, u.Host AS h FROM mysql.user u WHERE u.account_locked = 'N' AND (u.Super_priv = 'Y'"
        " OR EXISTS (SELECT 1 FROM mysql.global_grants g WHERE g.USER = u.User AND g.HOST = u.Host AND g.PRIV = 'CONNECTION_ADMIN'))"
    )
    found = [(_text(row["u"]), _text(row["h"])) for row in rows]
    return ["%s@%s" % login for login in found if is_stranger(login[0], str(own)) and login not in server.system_accounts]


@contextmanager
def changeable(server: Flavour) -> t.Iterator[bool]:
    """Let administrators write on a server that is closed; gives whether it is."""
    closed = server.read_only()
    if not closed:
        yield False
        return
    server.admit_loader()
    try:
        yield True
    finally:
        server.set_read_only(True)


def remove_parts(worker: Flavour, parts: list[Part], closed: bool) -> None:
    """Run their statements. Accounts were made without the binary log, and go without it.

    :param closed: the server takes no writes of others: nothing of this is for its own replicas
    """
    for part in parts:
        worker.connection.run("SET SESSION sql_log_bin = %d" % (part.logged and not closed))
        worker.connection.run(part.sql, part.args or None)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
