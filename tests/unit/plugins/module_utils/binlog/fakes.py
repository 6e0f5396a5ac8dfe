# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers like one, and a program that reads option files by its own, simpler rules."""

from __future__ import annotations

import os
import stat
import sys

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.program import Program
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import FLAVOURS
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity

MARIADB = {
    "server_id": "1",
    "log_bin": "OFF",
    "binlog_format": "MIXED",
    "binlog_row_image": "FULL",
    "log_slave_updates": "OFF",
    "binlog_expire_logs_seconds": "864000",
    "expire_logs_days": "10.000000",
    "max_binlog_size": "1073741824",
    "log_bin_basename": "",
}
MYSQL = {
    "server_id": "1",
    "log_bin": "ON",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_value_options": "",
    "log_replica_updates": "ON",
    "log_slave_updates": "ON",
    "binlog_expire_logs_seconds": "2592000",
    "max_binlog_size": "104857600",
    "enforce_gtid_consistency": "OFF",
    "gtid_mode": "OFF",
    "log_bin_basename": "/var/lib/mysql/binlog",
    "log_error_verbosity": "2",
}


class FakeConnection:
    """Variables that can be set, and canned rows for what begins with a known text."""

    name = "server (fake)"
    id = 7

    def __init__(self, variables: dict) -> None:
        self.values = dict(variables)
        self.replies: dict = {}
        self.states: dict = {"Ongoing_anonymous_transaction_count": ["0"], "Uptime": ["60"]}
        self.ran: list = []
        self.refuses: dict = {}

    def rows(self, sql, args=None):
        for start, rows in self.replies.items():
            if sql.startswith(start):
                return rows
        return []

    def value(self, sql, args=None):
        rows = self.rows(sql, args)
        return next(iter(rows[0].values())) if rows else None

    def run(self, sql, args=None):
        name = sql.split()[2]
        if name in self.refuses:
            raise ServerError(self.refuses[name], 1231)
        self.ran.append((name, str(args[0])))
        self.values[name] = str(args[0])

    def variable(self, name):
        return self.values.get(name)

    def variables(self, *names):
        return {name: self.values[name] for name in names if name in self.values}

    def status(self, name):
        states = self.states.get(name, [""])
        return states.pop(0) if len(states) > 1 else states[0]


def make_server(flavour: str, version: tuple, variables: dict, datadir: str = "/var/lib/mysql"):
    """A flavour object over a fake connection."""
    identity = Identity(flavour, version, ".".join(map(str, version)), "", "us-db1", 3306, 1, "", datadir, 0)
    return FLAVOURS[flavour](FakeConnection(variables), identity)


PROGRAM = """#!%s
import os, sys
folder = %r
if "--validate-config" in sys.argv:
    bad = [n for n in sorted(os.listdir(folder)) if "bogus" in open(os.path.join(folder, n)).read()]
    if bad:
        sys.stderr.write("unknown variable in " + bad[0])
    sys.exit(1 if bad else 0)
print("would have been started with the following arguments:")
found = []
for name in sorted(n for n in os.listdir(folder) if n.endswith(".cnf")):
    for line in open(os.path.join(folder, name)):
        if line[0] not in "#[!\\n":
            left, equals, right = line.strip().partition("=")
            found.append("--" + left.strip() + equals + right.strip())
print(" ".join(found))
"""


class Host:
    """A host in a directory: option files, data directory, the server's program."""

    def __init__(self, root) -> None:
        self.folder = str(root / "conf.d")
        self.datadir = str(root / "data")
        os.mkdir(self.folder)
        os.mkdir(self.datadir)
        self.root_file = str(root / "my.cnf")
        with open(self.root_file, "w", encoding="utf-8") as stream:
            stream.write("[client]\nport=1\n!includedir %s/\n" % self.folder)
        program = root / "mysqld"
        program.write_text(PROGRAM % (sys.executable, self.folder))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.program = Program(str(program), defaults=("--defaults-file=" + self.root_file,))

    def put(self, name: str, text: str) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("[mysqld]\n" + text)
        return path

    def files(self) -> dict:
        texts = {}
        for name in sorted(os.listdir(self.folder)):
            with open(os.path.join(self.folder, name), encoding="utf-8") as stream:
                texts[name] = stream.read()
        return texts
