# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of either flavour that answers from tables, for the rules of replication."""
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.desired import argument_spec, from_options
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import FLAVOURS
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity

SOURCE_UUID = "c3d80e66-e63d-11f1-8c94-def0dd317c3b"
TARGET_UUID = "c5949c66-e63d-11f1-938b-126e7df0d42d"
PASSWORD = "s3'cr\\\"et \\\\ø b"

MARIADB_ROW = {
    "Connection_name": "", "Slave_SQL_State": "Slave has read all relay log; waiting for more updates",
    "Slave_IO_State": "Waiting for master to send event", "Master_Host": "us-db1", "Master_User": "repl", "Master_Port": 3306,
    "Connect_Retry": 10, "Master_Log_File": "mysqld-bin.000001", "Read_Master_Log_Pos": 1400, "Relay_Log_File": "mysqld-relay-bin.000002",
    "Relay_Log_Pos": 555, "Relay_Master_Log_File": "mysqld-bin.000001", "Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes",
    "Last_Errno": 0, "Last_Error": "", "Skip_Counter": 0, "Exec_Master_Log_Pos": 1328, "Relay_Log_Space": 256,
    "Master_SSL_Allowed": "No", "Master_SSL_CA_File": "", "Master_SSL_CA_Path": "", "Master_SSL_Cert": "", "Master_SSL_Cipher": "",
    "Master_SSL_Key": "", "Seconds_Behind_Master": 3, "Master_SSL_Verify_Server_Cert": "No", "Last_IO_Errno": 0, "Last_IO_Error": "",
    "Last_SQL_Errno": 0, "Last_SQL_Error": "", "Master_Server_Id": 101, "Master_SSL_Crl": "", "Master_SSL_Crlpath": "",
    "Using_Gtid": "Slave_Pos", "Gtid_IO_Pos": "0-101-7", "Parallel_Mode": "optimistic", "SQL_Delay": 0, "SQL_Remaining_Delay": None,
    "Slave_SQL_Running_State": "waiting", "Slave_heartbeat_period": "10.000", "Gtid_Slave_Pos": "0-101-6",
}  # fmt: skip
MYSQL_ROW = {
    "Replica_IO_State": "Waiting for source to send event", "Source_Host": "us-db1", "Source_User": "repl", "Source_Port": 3306,
    "Connect_Retry": 10, "Source_Log_File": "binlog.000002", "Read_Source_Log_Pos": 1700, "Relay_Log_File": "oslo-db1-relay-bin.000002",
    "Relay_Log_Pos": 4, "Relay_Source_Log_File": "binlog.000002", "Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes",
    "Last_Errno": 0, "Last_Error": "", "Exec_Source_Log_Pos": 1601, "Relay_Log_Space": 158, "Source_SSL_Allowed": "No",
    "Source_SSL_CA_File": "", "Source_SSL_CA_Path": "", "Source_SSL_Cert": "", "Source_SSL_Cipher": "", "Source_SSL_Key": "",
    "Seconds_Behind_Source": None, "Source_SSL_Verify_Server_Cert": "No", "Last_IO_Errno": 0, "Last_IO_Error": "", "Last_SQL_Errno": 0,
    "Last_SQL_Error": "", "Source_Server_Id": 101, "Source_UUID": SOURCE_UUID, "SQL_Delay": 0, "SQL_Remaining_Delay": None,
    "Replica_SQL_Running_State": "waiting", "Source_Retry_Count": 0, "Source_SSL_Crl": "", "Source_SSL_Crlpath": "",
    "Retrieved_Gtid_Set": SOURCE_UUID + ":1-7,\n" + TARGET_UUID + ":1", "Executed_Gtid_Set": SOURCE_UUID + ":1-6", "Auto_Position": 1,
    "Channel_Name": "", "Source_public_key_path": "", "Get_Source_public_key": 1,
}  # fmt: skip
# The same replica as MySQL 5.7 shows it.
MYSQL57_ROW = {
    name.replace("Source", "Master").replace("Replica", "Slave"): value
    for name, value in MYSQL_ROW.items()
    if name != "Get_Source_public_key"
}

VARIABLES = {
    "mariadb": {
        "slave_parallel_threads": "0", "slave_parallel_mode": "optimistic", "slave_net_timeout": "60", "log_bin": "ON",
        "gtid_binlog_state": "", "slave_parallel_workers": "0",
    },
    "mysql": {
        "replica_parallel_workers": "4", "replica_preserve_commit_order": "ON", "replica_net_timeout": "60", "gtid_mode": "ON",
        "gtid_executed": "", "log_slave_updates": "ON",
    },
}  # fmt: skip


class Server:
    """Answers like Connection; keeps what was run."""

    name = "replica oslo-db1"

    def __init__(self, flavour, version, row=None, **variables):
        self.rows_of_status = [] if row is None else ([row] if isinstance(row, dict) else list(row))
        self.known = dict(VARIABLES[flavour], max_allowed_packet="16777216", **variables)
        self.values = {}  # part of a statement -> its single value
        self.fails = {}  # part of a statement -> error number
        self.ran = []
        server_uuid = TARGET_UUID if flavour == "mysql" else ""
        text = ".".join(map(str, version))
        identity = Identity(flavour, version, text, "", "oslo-db1", 3306, 102, server_uuid, "/var/lib/mysql/", 0)
        self.flavour = FLAVOURS[flavour](self, identity)

    def rows(self, sql, args=None):
        if sql.startswith("SHOW"):
            return self.rows_of_status
        if "HEARTBEAT_INTERVAL" in sql:
            return [{"heartbeat_period": "10.000"}]
        return [{"value": value} for part, value in self.values.items() if part in sql]

    def row(self, sql, args=None):
        return next(iter(self.rows(sql, args)), {})

    def value(self, sql, args=None):
        found = [value for part, value in self.values.items() if part in sql]
        return found[0](*(args or ())) if found and callable(found[0]) else (found[0] if found else None)

    def run(self, sql, args=None):
        for part, number in self.fails.items():
            if part in sql:
                raise ServerError("%s: [%d] failed" % (self.name, number), number)
        if not sql.startswith("SET SESSION"):  # what hides a statement, see server/test_unlogged.py
            self.ran.append((sql, args))

    def variable(self, name):
        return self.known.get(name)

    def variables(self, *names):
        return {name: self.known[name] for name in names if name in self.known}

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        pass


def options(**given):
    """The module's options with their defaults."""
    found = {name: spec.get("default") for name, spec in argument_spec().items()}
    return dict(found, **given)


def wanted(server, **given):
    """The usual replica of these tests, with changes."""
    base = {"source_host": "us-db1", "source_user": "repl", "source_password": PASSWORD, "tls": "off"}
    return from_options(options(**dict(base, **given)), server.flavour)


@pytest.fixture
def kit():
    """All of the above, for tests: test folders are not packages."""

    class Kit:
        pass

    for name in ("Server", "options", "wanted", "MARIADB_ROW", "MYSQL_ROW", "MYSQL57_ROW", "PASSWORD", "SOURCE_UUID", "TARGET_UUID"):
        setattr(Kit, name, staticmethod(globals()[name]) if callable(globals()[name]) else globals()[name])
    return Kit
