# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Facts of one server, read and never changed. No row values are among them.

A fact that the login may not see is None (or an empty list), and C(unreadable) names its topic: a rule that needs it says
"not checked" and is not silent.
"""

from __future__ import annotations

import os
import socket
import time
import typing as t

from .._cutover.hold import hold_beside
from .._errors import MigrationError, ServerError
from .._host.machine import running_mark
from .._migration.history import told_fence, told_journals
from .._seed.conditions import read_conditions, read_host
from .._seed.context import mark
from .._seed.keep import read_markers
from .._server.connection import Connection
from .._server.flavour import open_flavour
from . import privileges
from .census import read_census
from .contents import read_contents
from .folders import read_folders
from .reader import Reader
from .setups import read_setups

_NO_GRANT_TABLES = 1290  # ER_OPTION_PREVENTS_STATEMENT

_LONGEST = (
    "SELECT MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id <> CONNECTION_ID()"
)
# Replication filters that no SHOW statement lists while no channel is configured.
_FILTERS = {
    "mysql": (
        "SELECT FILTER_NAME AS n, FILTER_RULE AS v FROM performance_schema.replication_applier_global_filters WHERE FILTER_RULE <> ''",
        "SELECT FILTER_NAME AS n, FILTER_RULE AS v FROM performance_schema.replication_applier_filters WHERE FILTER_RULE <> ''",
    ),
    "mariadb": (
        "SELECT VARIABLE_NAME AS n, VARIABLE_VALUE AS v FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_VALUE <> '' AND"
        " VARIABLE_NAME IN ('REPLICATE_DO_DB', 'REPLICATE_IGNORE_DB', 'REPLICATE_DO_TABLE', 'REPLICATE_IGNORE_TABLE',"
        " 'REPLICATE_WILD_DO_TABLE', 'REPLICATE_WILD_IGNORE_TABLE', 'REPLICATE_REWRITE_DB')",
    ),
}
_GROUP_MEMBERS = {
    "mysql": "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE MEMBER_STATE <> 'OFFLINE' AND MEMBER_ID <> ''",
    "mariadb": "SELECT 0",
}
# Whether keys for encrypted tables can be had: a component (MySQL 8.0.24 on), or a plugin.
_KEY_MANAGEMENT = {
    "mysql": (
        "SELECT COUNT(*) FROM performance_schema.keyring_component_status WHERE STATUS_KEY = 'Component_status'"
        " AND STATUS_VALUE = 'Active'",
        "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME LIKE 'keyring%' AND PLUGIN_STATUS = 'ACTIVE'",
    ),
    "mariadb": ("SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'ENCRYPTION' AND PLUGIN_STATUS = 'ACTIVE'",),
}
_TEXT_VARIABLES = (
    "sql_mode", "time_zone", "system_time_zone", "character_set_server", "collation_server", "character_set_collations", "event_scheduler",
    "binlog_format", "binlog_checksum", "gtid_mode", "enforce_gtid_consistency", "tls_version", "init_connect",
)  # fmt: skip
_NUMBER_VARIABLES = (
    "lower_case_table_names", "innodb_page_size", "max_allowed_packet", "gtid_domain_id",
    "sync_binlog", "innodb_flush_log_at_trx_commit",
)  # fmt: skip
_SWITCH_VARIABLES = ("log_bin", "read_only", "super_read_only", "general_log", "wsrep_on", "gtid_strict_mode")
_OTHER_VARIABLES = (
    "binlog_row_image", "have_ssl", "ssl_cert", "ssl_ca", "innodb_encrypt_tables", "default_table_encryption", "binlog_encryption",
    "encrypt_binlog", "rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled", "log_bin_basename",
)  # fmt: skip


def gather(connection: Connection, needs: t.Sequence[str] = (), local: bool = False, service: str = "") -> dict:
    """All facts of one server.

    :param needs: purposes (see privileges.PURPOSES) whose lacking privileges are named
    :param local: whether the server's data directory is on the host where this runs
    :param service: the server's unit; the flavour's usual one where it is empty
    :raises Refusal: for a server that is not supported
    """
    flavour = open_flavour(connection)
    # InnoDB's transaction times are in the operating system's zone; MySQL 8 would answer table sizes from a day-old cache.
    connection.run("SET SESSION time_zone = 'SYSTEM'")
    if connection.variable("information_schema_stats_expiry") is not None:
        connection.run("SET SESSION information_schema_stats_expiry = 0")
    reader = Reader(connection)
    rights, granted = _privileges(reader, flavour, needs)
    if not granted.has("SELECT"):
        reader.note(
            "tables", "the login %s lacks SELECT on all schemas, and the server hides from it what it may not read" % rights["login"]
        )
    facts = _identity(flavour)
    facts.update(_settings(connection, flavour))
    facts.update(_replication(reader, flavour))
    facts.update(_binlogs(reader, local))
    facts.update(read_contents(reader, flavour))
    facts.update(_activity(reader, flavour))
    facts["encryption"] = _encryption(reader, flavour, facts)
    facts["disk"] = disk(flavour.identity.datadir) if local else None
    host = read_host(flavour.name, service, flavour.identity.datadir) if local else None
    facts["copying"] = reader.ask("tables", lambda: read_conditions(flavour, host))
    facts["hold"] = _hold(reader, flavour) if local else None
    # MariaDB has no id of its own, and many hosts are called db1: which of them this is, its machine says.
    facts["machine"] = running_mark() if local else ""
    facts["folders"] = read_folders((facts["hold"] or {}).get("path", "")) if local else []
    facts.update(_history(reader, flavour, local))
    facts["writers"] = read_census(reader, flavour)
    facts["setups"] = read_setups(reader, flavour)
    facts["privileges"] = rights
    facts["skip_grant_tables"] = reader.without_grants
    facts["unreadable"] = reader.unreadable
    return plain(facts)


def _history(reader: Reader, flavour: t.Any, local: bool) -> dict:
    """What was done to the server before: told by itself, and by its own host."""
    told: dict = {"markers": reader.ask("markers", lambda: read_markers(flavour), [])}
    here = socket.gethostname().partition(".")[0]
    if not local and flavour.identity.hostname.partition(".")[0] != here:
        unknown = "it is kept on %s, its own host, and this was asked on %s" % (flavour.identity.hostname, here)
        return {**told, "fence": None, "fence_unknown": unknown, "journals": []}
    return {**told, **told_fence(flavour.identity.datadir), "journals": told_journals(mark(flavour))}


def _privileges(reader: Reader, flavour: t.Any, needs: t.Sequence[str]) -> tuple[dict, privileges.Grants]:
    granted = privileges.parse_grants(_own_grants(reader), flavour.name)
    rights = {
        "login": str(reader.connection.value("SELECT CURRENT_USER()")),
        "granted": sorted(granted.everywhere) + ([privileges.GRANT_OPTION] if granted.grantable else []),
        "schemas": {schema: sorted(names) for schema, names in sorted(granted.schemas.items())},
        "revoked": {schema: sorted(names) for schema, names in sorted(granted.revoked.items())},
        "roles": granted.roles,
        "needs": list(needs),
        "missing": privileges.missing(granted, flavour.name, flavour.version, needs),
    }
    return rights, granted


def _own_grants(reader: Reader) -> list[str]:
    try:
        return [str(next(iter(row.values()))) for row in reader.rows("privileges", "SHOW GRANTS")]
    except ServerError as error:
        if error.errno != _NO_GRANT_TABLES:
            raise
        # Whoever connects may do all, and check P73 says so.
        reader.without_grants = True
        return ["GRANT ALL PRIVILEGES ON *.* TO x@y WITH GRANT OPTION"]


def _identity(flavour: t.Any) -> dict:
    identity = flavour.identity
    names = ("flavour", "version_text", "comment", "hostname", "port", "server_id", "server_uuid", "datadir", "started_at")
    told = {name: getattr(identity, name) for name in names}
    told.update(version=list(identity.version), label=identity.label)
    return {"identity": told}


def _settings(connection: Connection, flavour: t.Any) -> dict:
    values = connection.variables(*(_TEXT_VARIABLES + _NUMBER_VARIABLES + _SWITCH_VARIABLES + _OTHER_VARIABLES))
    facts: dict = {name: values.get(name, "") for name in _TEXT_VARIABLES}
    facts.update({name: int(values[name]) if name in values else None for name in _NUMBER_VARIABLES})
    facts.update({name: _on(values.get(name)) for name in _SWITCH_VARIABLES})
    facts["row_image"] = values.get("binlog_row_image", "")
    facts["retention_seconds"] = flavour.retention_seconds()
    facts["semi_sync"] = _on(values.get("rpl_semi_sync_master_enabled")) or _on(values.get("rpl_semi_sync_source_enabled"))
    expiry = connection.status("Ssl_server_not_after")
    facts["tls"] = {
        # have_ssl is gone since MySQL 8.4; a certificate that the server has loaded has an end.
        "available": values.get("have_ssl", "").upper() == "YES" or bool(expiry),
        "certificate": values.get("ssl_cert", ""),
        # A self-signed certificate is its own authority. A relative name counts from the data directory.
        "authority": _absolute(values.get("ssl_ca") or values.get("ssl_cert") or "", flavour.identity.datadir),
        "certificate_not_after": expiry,
    }
    facts["_variables"] = values
    return facts


def _absolute(path: str, datadir: str) -> str:
    return os.path.join(datadir, path) if path else ""


def _replication(reader: Reader, flavour: t.Any) -> dict:
    """Binary log state, channels, replicas, filters, clusters."""
    status = reader.rows("binlog_status", flavour.statement("binlog_position"))
    first = status[0] if status else {}
    channels = reader.ask("replica_status", flavour.replica_rows, [])
    replicas = reader.rows("replicas", flavour.statement("replicas"))
    filters = [
        {"name": str(row["n"]).lower(), "value": str(row["v"])} for sql in _FILTERS[flavour.name] for row in reader.rows("filters", sql)
    ]
    for row in channels:
        filters += [{"name": key.lower(), "value": str(row[key])} for key in row if key.lower().startswith("replicate_") and row[key]]
    return {
        "binlog_file": str(first.get("File") or ""),
        "binlog_position": int(first.get("Position") or 0),
        "binlog_do_db": _list(first.get("Binlog_Do_DB")),
        "binlog_ignore_db": _list(first.get("Binlog_Ignore_DB")),
        "is_replica": bool(channels),
        "channels": [_channel(row) for row in channels],
        "replicas": [_replica(row) for row in replicas],
        "replication_filters": _unique(filters),
        "gtid": {
            "on": flavour.gtid_on,
            "written": flavour.gtid_written(),
            "applied": flavour.gtid_applied(),
        },
        "group_replication": bool(reader.number("group_replication", _GROUP_MEMBERS[flavour.name])),
    }


def _channel(row: dict) -> dict:
    return {
        "channel": str(_pick(row, "Channel_Name", "Connection_name") or ""),
        "source_host": str(_pick(row, "Source_Host", "Master_Host") or ""),
        "source_port": int(_pick(row, "Source_Port", "Master_Port") or 0),
        "receiver_running": str(_pick(row, "Replica_IO_Running", "Slave_IO_Running") or ""),
        "applier_running": str(_pick(row, "Replica_SQL_Running", "Slave_SQL_Running") or ""),
    }


def _replica(row: dict) -> dict:
    uuid = _pick(row, "Replica_UUID", "Slave_UUID")
    return {
        "server_id": int(row.get("Server_id") or row.get("Server_Id") or 0),
        "host": str(row.get("Host") or ""),
        "uuid": str(uuid or ""),
    }


def _binlogs(reader: Reader, local: bool) -> dict:
    """How much the binary logs hold, and how fast they grow where their files can be looked at."""
    rows = reader.rows("binary_logs", "SHOW BINARY LOGS")
    sizes = [int(row["File_size"]) for row in rows]
    facts: dict = {"files": len(rows), "bytes": sum(sizes), "bytes_per_hour": None}
    base = reader.connection.variable("log_bin_basename")
    if local and base and len(rows) > 1:
        try:
            # The first file was written last when the second was begun: the rest of the logs was written since then.
            seconds = time.time() - os.stat(os.path.join(os.path.dirname(base), str(rows[0]["Log_name"]))).st_mtime
            facts["bytes_per_hour"] = int(sum(sizes[1:]) * 3600 / max(seconds, 60))
        except OSError:
            pass
    return {"binlogs": facts}


def _activity(reader: Reader, flavour: t.Any) -> dict:
    connection = reader.connection
    xa = reader.ask("xa", lambda: len(connection.rows("XA RECOVER")))
    accounts = reader.ask("accounts", lambda: len(flavour.accounts()))
    longest = reader.ask("transactions", lambda: connection.value(_LONGEST) or 0)
    return {
        "xa_prepared": xa,
        "longest_transaction_s": None if longest is None else int(longest),
        "accounts": accounts,
        "login_plugins": reader.ask("accounts", flavour.login_plugins, []),
        "known_login_plugins": reader.ask("accounts", flavour.known_login_plugins, []),
        # This one is not counted.
        "connections": max(0, int(connection.status("Threads_connected") or 1) - 1),
        "uptime_s": int(connection.status("Uptime") or 0),
    }


def _encryption(reader: Reader, flavour: t.Any, facts: dict) -> dict:
    """Encryption of files at rest, as far as the server knows of it; a disk's own encryption it cannot see."""
    values = facts.pop("_variables")
    keys = [reader.number("encryption", sql) for sql in _KEY_MANAGEMENT[flavour.name]]
    default = values.get("innodb_encrypt_tables") or values.get("default_table_encryption") or "OFF"
    return {
        "tables": facts.pop("encrypted_tables"),
        "new_tables": default.upper() not in ("OFF", "0"),
        "binlog": _on(values.get("binlog_encryption") or values.get("encrypt_binlog")),
        "key_management": any(keys),
    }


def disk(path: str) -> dict | None:
    """Free and total bytes of a path's file system, or None where it cannot be looked at."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return {"path": path, "free_bytes": found.f_bavail * found.f_frsize, "total_bytes": found.f_blocks * found.f_frsize}


def plain(value: t.Any) -> t.Any:
    """A value of nothing but what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _on(value: str | None) -> bool:
    """Whether a switch is on. MariaDB 12's read_only has more words than ON."""
    return (value or "OFF").upper() not in ("OFF", "0", "NO", "")


def _pick(row: dict, *names: str) -> t.Any:
    return next((row[name] for name in names if name in row), None)


def _hold(reader: Reader, flavour: t.Any) -> dict | None:
    """Whether the server can be kept closed through a restart, see hold_beside."""
    try:
        return reader.ask("hold", lambda: hold_beside(flavour))
    except ServerError:
        raise
    except MigrationError as error:
        reader.note("hold", str(error))
        return None


def _list(text: t.Any) -> list[str]:
    return [part.strip() for part in str(text or "").split(",") if part.strip()]


def _unique(items: list[dict]) -> list[dict]:
    return [item for place, item in enumerate(items) if item not in items[:place]]
