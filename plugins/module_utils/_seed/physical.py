# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the physical methods share: what a copy of files requires, and what it brings along that must not live on."""

from __future__ import annotations

import os

from .._server.base import Flavour
from .catalogue import schema_sizes
from .context import Seed

NOT_INNODB = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, ENGINE AS e FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE'"
    " AND ENGINE <> 'InnoDB' AND TABLE_SCHEMA IN %s"
)
ENCRYPTION = ("innodb_encrypt_tables", "innodb_encrypt_log", "default_table_encryption", "innodb_redo_log_encrypt")
# Room beside the copied files: temporary tables, the redo log's growth, the servers' own files.
SPARE = 1 << 30


def data_bytes(source: Flavour) -> int:
    """What the source's tables take."""
    rows = source.connection.rows("SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS n FROM information_schema.TABLES")
    return int(rows[0]["n"])


def files_obstacle(source: Flavour, target: Flavour) -> str:
    """Why the source's files cannot serve the target; empty where they can."""
    sizes = [int(server.connection.variable("innodb_page_size") or 0) for server in (source, target)]
    if sizes[0] != sizes[1]:
        return "innodb_page_size is %d on the source and %d on the target" % tuple(sizes)
    if source.version[:2] != target.version[:2]:
        return "the series differ: %s and %s" % tuple(".".join(map(str, server.version[:2])) for server in (source, target))
    values = source.connection.variables(*ENCRYPTION)
    encrypted = [name for name, value in sorted(values.items()) if value.upper() not in ("OFF", "0", "")]
    if encrypted:
        return "data at rest is encrypted on the source (%s), and its keys do not cross" % ", ".join(encrypted)
    return ""


def room_obstacle(source: Flavour, datadir: str) -> str:
    """Why the target's disk cannot take the files beside the old ones; empty where it can."""
    try:
        free = os.statvfs(datadir).f_bavail * os.statvfs(datadir).f_frsize
    except OSError as error:
        return "the target's data directory %s cannot be seen: %s" % (datadir, error.strerror)
    needed = data_bytes(source) + SPARE
    return "" if free >= needed else "the target has %d MB free and the files need %d MB" % (free // 1000000, needed // 1000000)


def tables_not_innodb(source: Flavour) -> list[str]:
    """Tables that an engine of another kind keeps."""
    schemas = source.user_schemas()
    if not schemas:
        return []
    return ["%(s)s.%(t)s (%(e)s)" % row for row in source.connection.rows(NOT_INNODB, (tuple(schemas),))]


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
    """Remove the migration's accounts from the target: they belong to the source. Last, for one of them may be ours to log in."""
    connection = seed.target.connection
    for row in connection.rows("SELECT User AS u, Host AS h FROM mysql.user WHERE User IN ('nordbridge_repl', 'nordbridge_ctl')"):
        connection.run("DROP USER %s@%s", (row["u"], row["h"]))
