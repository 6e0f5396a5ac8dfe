# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of servers without a fault, as mysql_server_info describes them (from two servers, MariaDB 10.11.18)."""

from __future__ import annotations

import copy

GIB = 1 << 30

SERVER: dict = {
    "identity": {
        "flavour": "mariadb",
        "version": [10, 11, 18],
        "version_text": "10.11.18-MariaDB-0+deb12u1",
        "comment": "Debian 12",
        "hostname": "us-db1",
        "port": 3306,
        "server_id": 1,
        "server_uuid": "",
        "datadir": "/var/lib/mysql/",
        "started_at": 1795328520,
        "label": "us-db1 (mariadb 10.11.18)",
    },
    "log_bin": True,
    "binlog_format": "ROW",
    "row_image": "FULL",
    "binlog_do_db": [],
    "binlog_ignore_db": [],
    "binlogs": {"files": 2, "bytes": 1000, "bytes_per_hour": None},
    "retention_seconds": 864000,
    "is_replica": False,
    "channels": [],
    "replicas": [],
    "replication_filters": [],
    "gtid": {"on": True, "written": "", "applied": ""},
    "group_replication": False,
    "wsrep_on": False,
    "semi_sync": False,
    "read_only": False,
    "super_read_only": False,
    "general_log": False,
    "event_scheduler": "OFF",
    "sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
    "time_zone": "SYSTEM",
    "system_time_zone": "UTC",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_general_ci",
    "max_allowed_packet": 16777216,
    "sync_binlog": 1,
    "innodb_flush_log_at_trx_commit": 1,
    "lower_case_table_names": 0,
    "innodb_page_size": 16384,
    "tls": {"available": True, "certificate": "server-cert.pem", "certificate_not_after": "Nov 19 06:23:14 2036 GMT"},
    "hold": {"path": "/etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf", "against": [], "closed": []},
    "holds_data": ["shop"],
    "schemas": [{"name": "shop", "tables": 3, "views": 0, "bytes": 10 * GIB}],
    "bytes": 10 * GIB,
    "tables": 3,
    "events": 0,
    "rows_estimate": 1000,
    "not_innodb": [],
    "not_innodb_count": 0,
    "without_primary_key": [],
    "without_primary_key_count": 0,
    "versioned_tables": [],
    "unreadable_tables": [],
    "xa_prepared": 0,
    "longest_transaction_s": 0,
    "accounts": 0,
    "connections": 0,
    "encryption": {"tables": 0, "new_tables": False, "binlog": False, "key_management": False},
    "disk": {"path": "/var/lib/mysql/", "free_bytes": 100 * GIB, "total_bytes": 200 * GIB},
    "copying": {
        "flavour": "mariadb",
        "version": [10, 11, 18],
        "values": {"innodb_page_size": "16384", "innodb_data_file_path": "ibdata1:12M:autoextend"},
        "encrypted": [],
        "not_innodb": [],
        "rows": "",
        "places": {"outside": [], "directories": {}, "known": [], "general": []},
        "bytes": 10 * GIB,
        "tablespaces": 3,
        "host": {
            "machine": "x86_64",
            "open_files": 1024,
            "programs": {"mariadb-backup": "10.11.18", "mbstream": "?", "mariadb-upgrade": "?", "mariadbd": "10.11.18", "ldd": "?"},
            "manager": "",
            "restarts": True,
            "free_bytes": 100 * GIB,
            "mydumper": {"found": False, "lacks": []},
            "stashed": 0,
        },
    },
    "folders": [{"path": "/var/lib/mysql_migration", "needs_mb": 100, "free_mb": 9000, "free_inodes": 90000, "read_only": False}],
    "fence": None,
    "fence_unknown": "",
    "markers": [],
    "writers": {"accounts": [["root", "localhost"]], "sessions": [], "wrote": [], "lent": []},
    "setups": {
        "broken_views": [],
        "event_zones": {},
        "known_zones": [],
        "logins": {"root@localhost": ["mysql_native_password", "unix_socket"]},
        "followers": [],
        "variables": {"max_connections": "151", "group_concat_max_len": "1048576", "local_infile": "ON"},
    },
    "skip_grant_tables": False,
    "init_connect": "",
    "journals": [],
    "character_set_collations": "",
    "login_plugins": ["mysql_native_password"],
    "known_login_plugins": ["mysql_native_password", "unix_socket"],
    "privileges": {"login": "root@localhost", "granted": ["ALL PRIVILEGES"], "missing": []},
    "unreadable": [],
}
EMPTY = {"holds_data": [], "schemas": [], "bytes": 0, "tables": 0}


def server(**changes: object) -> dict:
    """A server's facts; C(identity) is merged, the rest replaced."""
    facts = copy.deepcopy(SERVER)
    # The module adds it: facts know of no login options.
    facts["login"] = {"account": "root@localhost", "socket": True, "password": False}
    facts["identity"].update(changes.pop("identity", {}))  # type: ignore[arg-type]
    facts.update(changes)
    return facts


def source(**changes: object) -> dict:
    """The source's facts."""
    return server(**changes)


def target(**changes: object) -> dict:
    """The target's facts: another machine, with nothing on it."""
    identity = {"hostname": "oslo-db1", "server_id": 2, "started_at": 1795328999, "label": "oslo-db1 (mariadb 10.11.18)"}
    identity.update(changes.pop("identity", {}))  # type: ignore[arg-type]
    return server(identity=identity, **{**copy.deepcopy(EMPTY), **changes})


MYSQL = {"flavour": "mysql", "version": [9, 7, 4], "version_text": "9.7.4", "comment": "(Debian)"}
