# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server in memory below PyMySQL: the real server classes talk to it, and a statement that it does not know fails the test.

What it does with a write is what real servers do, see tests/integration/test_fence_statements.py.
"""

from __future__ import annotations

import re
from typing import Any

import pymysql
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import Connection
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL

CLASSES = {"mariadb": MariaDB, "mysql": MySQL}
VERSIONS = {"mariadb": (10, 11, 18), "mysql": (9, 7, 4)}
VARIABLES = {
    "mariadb": {"read_only": "OFF", "event_scheduler": "ON", "log_bin": "ON"},
    "mysql": {
        "read_only": "OFF", "super_read_only": "OFF", "event_scheduler": "ON", "log_bin": "ON", "gtid_mode": "ON", "gtid_executed": "",
    },
}  # fmt: skip
POSITION = {"mariadb": "SHOW BINLOG STATUS", "mysql": "SHOW BINARY LOG STATUS"}
# What a user may do beside writing: nothing, or what lets it write while read_only is set.
ORDINARY, PRIVILEGED = "app", "root"


def error(number: int, text: str) -> pymysql.MySQLError:
    """What PyMySQL raises for an error of the server's."""
    return pymysql.err.OperationalError(number, text)


class MemoryServer:
    """A server.

    :ivar log: the statements that were sent, with their values
    :ivar unknown: those that it does not know
    :ivar answers: a statement's template, and its answer: a value, rows, or an exception
    """

    def __init__(self, flavour: str, version: tuple | None = None) -> None:
        self.flavour = flavour
        self.version = version or VERSIONS[flavour]
        self.variables = dict(VARIABLES[flavour])
        self.log: list[str] = []
        self.unknown: list[str] = []
        self.answers: dict[str, Any] = {}
        self.sessions: dict[int, Raw] = {}
        self.locker = 0  # the session that holds the read lock over everything
        self.named: dict[str, int] = {}
        self.file, self.position = "binlog.000007", 4711
        self.written = self.applied = ""

    def open(self, name: str = "source") -> Connection:
        """A connection."""
        return Connection(Raw(self), name)

    def server(self, name: str = "source") -> Any:
        """The real class, over a connection of its own."""
        return CLASSES[self.flavour](self.open(name), self.identity())

    def identity(self, hostname: str = "db1") -> Identity:
        """What the server would tell of itself."""
        text = ".".join(map(str, self.version))
        return Identity(self.flavour, self.version, text, "", hostname, 3306, 1, "", "/var/lib/mysql/", 1000)

    def write(self, user: str) -> str:
        """What becomes of a write in another session: done, refused, or waits."""
        if self.variables.get("super_read_only") == "ON":
            return "refused"
        if self.variables["read_only"] == "ON" and user != PRIVILEGED:
            return "refused"
        return "waits" if self.locker else "done"

    def do(self, session: int, sql: str, args: Any) -> list[dict]:
        """A statement."""
        self.log.append(sql % tuple(repr(one) for one in args) if args else sql)
        if sql in self.answers:
            return _rows(self.answers[sql])
        for pattern, method in STATEMENTS:
            found = re.fullmatch(pattern, sql)
            if found:
                return getattr(self, method)(session, *found.groups(), **({"args": args} if args else {}))
        self.unknown.append(sql)
        raise AssertionError("the server in memory does not know the statement %s" % sql)

    def one_variable(self, _session: int, args: tuple) -> list[dict]:
        return [{"Variable_name": name, "Value": value} for name, value in self.variables.items() if name == args[0]]

    def some_variables(self, _session: int, args: tuple) -> list[dict]:
        return [{"Variable_name": name, "Value": value} for name, value in self.variables.items() if name in args[0]]

    def set_global(self, _session: int, name: str, value: str, args: tuple = ()) -> list[dict]:
        if name not in self.variables:
            raise error(1193, "Unknown system variable '%s'" % name)
        word = str(args[0] if args else value).upper()
        self.variables[name] = {"0": "OFF", "1": "ON"}.get(word, word)
        # https://dev.mysql.com/doc/refman/en/server-system-variables.html#sysvar_super_read_only
        if "super_read_only" in self.variables:
            if name == "super_read_only" and self.variables[name] == "ON":
                self.variables["read_only"] = "ON"
            if name == "read_only" and self.variables[name] == "OFF":
                self.variables["super_read_only"] = "OFF"
        return []

    def set_session(self, session: int, name: str, value: str) -> list[dict]:
        self.sessions[session].variables[name] = value
        return []

    def lock_all(self, session: int) -> list[dict]:
        self.locker = session
        return []

    def unlock(self, session: int) -> list[dict]:
        self.locker = 0 if self.locker == session else self.locker
        return []

    def end(self, session: int, also: str = "NULL", args: tuple = ()) -> list[dict]:
        closed = self.variables["super_read_only" if self.flavour == "mysql" else "read_only"] == "ON"
        applied = self.applied if self.flavour == "mariadb" else None
        return [{"closed": int(closed), "gtid": self.written, "applied": applied, "also": None}]

    def binlog(self, _session: int) -> list[dict]:
        return [{"File": self.file, "Position": self.position}]

    def get_lock(self, session: int, args: tuple) -> list[dict]:
        return [{"x": int(self.named.setdefault(args[0], session) == session)}]

    def used_lock(self, _session: int, args: tuple) -> list[dict]:
        return [{"x": self.named.get(args[0])}]

    def free_lock(self, session: int, args: tuple) -> list[dict]:
        held = self.named.get(args[0]) == session
        if held:
            del self.named[args[0]]
        return [{"x": int(held)}]

    def nothing(self, _session: int, args: tuple = ()) -> list[dict]:
        return []


STATEMENTS = [
    (r"SHOW GLOBAL VARIABLES WHERE Variable_name = %s", "one_variable"),
    (r"SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", "some_variables"),
    (r"SET GLOBAL (\w+) = ([\w%]+)", "set_global"),
    (r"SET SESSION (\w+) = (\w+)", "set_session"),
    (r"FLUSH TABLES WITH READ LOCK", "lock_all"),
    (r"UNLOCK TABLES", "unlock"),
    (re.escape("SELECT " + MariaDB.end_variables) + r", (.*) AS also", "end"),
    (re.escape("SELECT " + MySQL.end_variables) + r", (.*) AS also", "end"),
    (r"SHOW (?:BINLOG|MASTER|BINARY LOG) STATUS", "binlog"),
    (r"SELECT GET_LOCK\(%s, 0\)", "get_lock"),
    (r"SELECT IS_USED_LOCK\(%s\)", "used_lock"),
    (r"SELECT RELEASE_LOCK\(%s\)", "free_lock"),
]


def _rows(answer: Any) -> list[dict]:
    if isinstance(answer, BaseException):
        raise answer
    if callable(answer):
        return _rows(answer())
    return answer if isinstance(answer, list) else [{"x": answer}]


class Raw:
    """PyMySQL's connection, as far as ours uses it."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server
        self.number = max(server.sessions, default=10) + 1
        self.variables: dict[str, str] = {}
        self.found: list[dict] = []
        server.sessions[self.number] = self

    def cursor(self, *_kind: Any) -> Raw:
        return self

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def execute(self, sql: str, args: Any = None) -> None:
        self.found = self.server.do(self.number, sql, args)

    def fetchall(self) -> list[dict]:
        return self.found

    def mogrify(self, sql: str, args: Any) -> str:
        return sql % tuple("'%s'" % one for one in args)

    def thread_id(self) -> int:
        return self.number

    def close(self) -> None:
        self.server.sessions.pop(self.number, None)
        self.server.unlock(self.number)
