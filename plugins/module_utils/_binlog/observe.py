# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What is: the server's settings, who follows it, what a restart would cost."""

from __future__ import annotations

import typing as t

from .._optionfiles.persisted import read_persisted
from .._server.base import Flavour
from .._state.files import read_text
from .settings import SETTINGS, canonical, table_of, variable


def running_values(server: Flavour) -> dict:
    """The values now of all settings that this server has, by variable, in the table's order; beside them log_bin_basename."""
    names = [name for name in (variable(setting.key, server.name, server.version) for setting in SETTINGS) if name]
    found = server.connection.variables(*names, "log_bin_basename")
    return {name: found[name] for name in names + ["log_bin_basename"] if name in found}


def machine(server: Flavour) -> str:
    """A text that no other server shares: the machine's id, its name, and the port for several servers on one machine."""
    identity = server.identity
    return "%s/%s/%d" % (read_text("/etc/machine-id").strip(), identity.hostname, identity.port)


def followers(server: Flavour) -> tuple:
    """Who follows this server and whom it follows, in words; empty for nobody."""
    found = []
    replicas = server.connection.rows(server.statement("replicas"))
    if replicas:
        ids = ", ".join(str(_either(row, "Server_Id", "Server_id")) for row in replicas)
        found.append("%d replicas are registered (server_id %s)" % (len(replicas), ids))
    readers = [row for row in server.connection.rows("SHOW PROCESSLIST") if str(row["Command"]).startswith("Binlog Dump")]
    if readers and not replicas:
        found.append("%d clients read its binary log (%s)" % (len(readers), ", ".join(str(row["Host"]) for row in readers)))
    for row in server.replica_rows():
        found.append("it replicates from %s:%s" % (_either(row, "Source_Host", "Master_Host"), _either(row, "Source_Port", "Master_Port")))
    return tuple(found)


def open_sessions(server: Flavour) -> int:
    """Clients' sessions that are open now, our own not counted."""
    rows = server.connection.rows("SHOW PROCESSLIST")
    ours = server.connection.id
    return sum(
        1
        for row in rows
        if int(row["Id"]) != ours
        and row["User"] not in ("system user", "event_scheduler")
        and not str(row["Command"]).startswith(("Binlog Dump", "Daemon"))
    )


def persisted(server: Flavour) -> dict:
    """Our settings among those of SET PERSIST: variable -> canonical value."""
    return read_persisted(server, table_of(server.name, server.version))


def effective(server: t.Any, running: dict) -> dict:
    """The running values in the user's units."""
    by_key = {setting.key: running.get(variable(setting.key, server.name, server.version)) for setting in SETTINGS}
    seconds = server.retention_seconds()
    gtid_mode = by_key["gtid_mode"]
    return {
        "server_id": int(by_key["server_id"] or 0),
        "log_bin": by_key["log_bin"] == "ON",
        "log_basename": running.get("log_bin_basename") or "",
        "binlog_format": by_key["binlog_format"] or "ROW",
        "binlog_row_image": by_key["binlog_row_image"] or "FULL",
        "log_replica_updates": by_key["log_replica_updates"] == "ON",
        "retention_hours": seconds // 3600 if seconds % 3600 == 0 else round(seconds / 3600, 2),
        "max_binlog_size": int(by_key["max_binlog_size"] or 0),
        "gtid": server.gtid_on,
        "gtid_mode": gtid_mode or "",
    }


def restart_cost(server: Flavour) -> dict:
    """Facts that tell what a restart would cost: who is cut off, how long it stops, how cold it comes back."""
    connection = server.connection
    longest = connection.value("SELECT MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())) FROM information_schema.INNODB_TRX")
    values = connection.variables("innodb_buffer_pool_size", "innodb_buffer_pool_dump_at_shutdown", "innodb_fast_shutdown")
    return {
        "connections": open_sessions(server),
        "uptime_s": int(connection.status("Uptime") or 0),
        "longest_transaction_s": int(longest or 0),
        "buffer_pool_bytes": int(values.get("innodb_buffer_pool_size") or 0),
        "buffer_pool_dirty_bytes": int(connection.status("Innodb_buffer_pool_bytes_dirty") or 0),
        "buffer_pool_saved": values.get("innodb_buffer_pool_dump_at_shutdown") == "ON",
        "slow_shutdown": values.get("innodb_fast_shutdown") == "0",
    }


def shown(running: dict) -> str:
    """The running values for a diff."""
    return "".join("%s = %s\n" % (name, value) for name, value in ((n, canonical(n, v)) for n, v in running.items()))


def _either(row: dict, *names: str) -> t.Any:
    return next((row[name] for name in names if name in row), "")
