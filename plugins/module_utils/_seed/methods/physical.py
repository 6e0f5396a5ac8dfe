# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the physical methods share: what a copy of files requires, and what it brings along that must not live on."""

from __future__ import annotations

from ..._errors import ServerError
from ..._server.connection import Connection
from ..catalogue import schema_sizes
from ..context import Seed
from ..places import tables_obstacle

# Room beside the copied files: temporary tables, the redo log's growth, the servers' own files.
SPARE = 1 << 30
LOCK_WAIT_TIMEOUT = 1205  # ER_LOCK_WAIT_TIMEOUT
GIVE_WAY_SECONDS, TRIES = 3, 20
# Until 10.7 these were built in; from then on they are plugins of their own, which a server may lack.
PROVIDED = ("lz4", "lzo", "lzma", "bzip2", "snappy")


def host_obstacle(target: dict) -> str:
    """Why the target's host cannot take files; empty where it can."""
    host = target["host"]
    return host["manager"] if host else "the target's host was not looked at"


def files_obstacle(source: dict, target: dict) -> str:
    """Why the source's files cannot serve the target, whatever their series; empty where they can.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    for name in ("innodb_page_size", "innodb_data_file_path"):
        one, other = source["values"].get(name), target["values"].get(name)
        if one != other:
            return "%s is %s on the source and %s on the target" % (name, one, other)
    if source["encrypted"]:
        return "data at rest is encrypted on the source (%s), and its keys do not cross" % ", ".join(source["encrypted"])
    return tables_obstacle(source)


def series_obstacle(source: dict, target: dict) -> str:
    """Why files of another series cannot serve; empty where both are of one."""
    return "" if series(source) == series(target) else "the series differ: %s and %s" % (series(source), series(target))


def series(server: dict) -> str:
    """10.11 of 10.11.18."""
    return ".".join(map(str, server["version"][:2]))


def free_space_obstacle(source: dict, target: dict) -> str:
    """Why the target's disk cannot take the files beside the old ones; empty where it can."""
    free = target["host"]["free_bytes"]
    if free is None:
        return "the target's data directory cannot be seen"
    needed = source["bytes"] + SPARE
    return "" if free >= needed else "the target has %d MB free and the files need %d MB" % (free // 1000000, needed // 1000000)


def settle(seed: Seed) -> dict:
    """Quieten what came along with the files, and tell what is there.

    The source's own replication settings, this migration's accounts, and a scheduler that runs must not live on here.
    """
    target = seed.target
    connection = target.connection
    target.admit_loader()
    connection.run("SET SESSION sql_log_bin = 0")
    if target.scheduler_runs():
        connection.run("SET GLOBAL event_scheduler = OFF")
    if target.replica_rows():
        connection.run(target.statement("stop_replica"))
        connection.run(target.statement("reset_replica"))
    schemas = target.user_schemas()
    tables = schema_sizes(connection, schemas)
    return {"schemas": schemas, "tables": len(tables), "bytes": sum(size for _schema, _table, size in tables)}


def drop_own_accounts(seed: Seed) -> None:
    """Remove the migration's accounts from the target: they belong to the source. Last, for one of them may be ours to log in.

    A package's start script may upgrade the system's tables just then, as Debian's does. MariaDB does not see that its ALTER TABLE
    and our statement wait for each other (seen on 10.11: for ever): ours gives way after a short time, and is tried again.
    """
    connection = seed.target.connection
    connection.run("SET SESSION lock_wait_timeout = %d" % GIVE_WAY_SECONDS)
    for row in connection.rows("SELECT User AS u, Host AS h FROM mysql.user WHERE User RLIKE '^nordbridge_(repl|ctl|keep)'"):
        _drop(connection, row["u"], row["h"])


def _drop(connection: Connection, user: str, host: str) -> None:
    for left in reversed(range(TRIES)):
        try:
            connection.run("DROP USER IF EXISTS %s@%s", (user, host))
            return
        except ServerError as error:
            if error.errno != LOCK_WAIT_TIMEOUT or not left:
                raise
