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
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import access, blockers, events
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import heartbeat
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import Connection
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL

CLASSES = {"mariadb": MariaDB, "mysql": MySQL}
VERSIONS = {"mariadb": (10, 11, 18), "mysql": (9, 7, 4)}
VARIABLES = {
    "mariadb": {"read_only": "OFF", "event_scheduler": "ON", "log_bin": "ON"},
    "mysql": {"read_only": "OFF", "super_read_only": "OFF", "event_scheduler": "ON", "log_bin": "ON", "gtid_mode": "ON"},
}
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#: MariaDB keeps privileges as bits; MySQL's second is a row of its own.
BITS = {"SUPER": 1 << 15, "READ_ONLY ADMIN": 1 << 33}
DYNAMIC = "SYSTEM_VARIABLES_ADMIN"
OWN, ORDINARY, PRIVILEGED = ("nordbridge_ctl", "localhost"), ("app", "%"), ("root", "localhost")
TIME_OVER = {"mariadb": -1, "mysql": 1}


def error(number: int, text: str) -> pymysql.MySQLError:
    """What PyMySQL raises for an error of the server's."""
    return pymysql.err.OperationalError(number, text)


class MemoryServer:
    """A server.

    :ivar log: the statements that were sent, with their values
    :ivar unknown: those that it does not know
    :ivar answers: a statement's template, and its answer: a value, rows, or an exception
    :ivar accounts: user and host, and the privileges by which it could write on a closed server
    :ivar busy: somebody holds a lock that a fence waits for
    :ivar source: whom it follows
    """

    def __init__(self, flavour: str, version: tuple | None = None, hostname: str = "db1") -> None:
        self.flavour, self.version, self.hostname = flavour, version or VERSIONS[flavour], hostname
        self.variables = dict(VARIABLES[flavour])
        self.log: list[str] = []
        self.unknown: list[str] = []
        self.answers: dict[str, Any] = {}
        self.sessions: dict[int, Raw] = {}
        self.opened = 10
        self.locker = 0  # the session that holds the read lock over everything
        self.busy = False
        self.named: dict[str, int] = {}
        self.file, self.position = "binlog.000007", 4711
        self.count = self.heartbeat = 0
        self.gtids = True
        all_of_them = {"mariadb": ["SUPER", "READ_ONLY ADMIN"], "mysql": ["SUPER", DYNAMIC]}[flavour]
        self.accounts: dict[tuple, list[str]] = {OWN: list(all_of_them), ORDINARY: [], PRIVILEGED: list(all_of_them)}
        self.source: MemoryServer | None = None
        self.threads = False
        self.source_id = 1
        self.replica_error = ""
        self.kill_works = True

    # The world around it.

    def open(self, name: str = "source", user: tuple = OWN) -> Connection:
        """A connection."""
        return Connection(Raw(self, user), name)

    def server(self, name: str = "source") -> Any:
        """The real class, over a connection of its own."""
        return self.over(self.open(name))

    def over(self, connection: Connection) -> Any:
        """The real class, over a connection."""
        return CLASSES[self.flavour](connection, self.identity())

    def identity(self) -> Identity:
        """What the server would tell of itself."""
        text = ".".join(map(str, self.version))
        uuid = UUID if self.flavour == "mysql" else ""
        return Identity(self.flavour, self.version, text, "", self.hostname, 3306, 1, uuid, "/var/lib/mysql/", 1000)

    def login(self, user: tuple = ORDINARY) -> Raw:
        """A session, which keeps the privileges that its account has now."""
        return Raw(self, user)

    def write(self, session: Raw | tuple) -> str:
        """What becomes of a write, in a session or a new one: done, refused, waits, or lost."""
        session = session if isinstance(session, Raw) else self.login(session)
        if session.number not in self.sessions:
            return "lost"
        if self.variables.get("super_read_only") == "ON" or self.variables["read_only"] == "ON" and not session.privileged:
            return "refused"
        if self.locker not in (0, session.number):
            return "waits"
        self.count += 1
        self.position += 100
        return "done"

    def gtid(self, count: int) -> str:
        """The position after so many transactions of the source."""
        if not count or not self.gtids:
            return ""
        return "0-1-%d" % count if self.flavour == "mariadb" else "%s:1-%d" % (UUID, count)

    @property
    def written(self) -> str:
        """Where its binary log ends."""
        return self.gtid(self.count)

    def follow(self, source: MemoryServer) -> None:
        """Replicate."""
        self.source, self.threads = source, True

    def apply(self) -> None:
        """What replication does as soon as somebody looks."""
        if self.source and self.threads and not self.replica_error:
            self.count, self.heartbeat = self.source.count, self.source.heartbeat

    # The server itself.

    def do(self, session: int, sql: str, args: Any) -> list[dict]:
        """A statement."""
        self.log.append(sql % tuple(repr(one) for one in args) if args else sql)
        if session not in self.sessions:
            raise error(2013, "Lost connection to MySQL server during query")
        if sql in self.answers:
            return _rows(self.answers[sql])
        for pattern, method in STATEMENTS:
            found = re.fullmatch(pattern, sql, re.DOTALL)
            if found:
                return getattr(self, method)(session, *found.groups(), **({"args": args} if args else {}))
        self.unknown.append(sql)
        raise AssertionError("the server in memory does not know the statement %s" % sql)

    def one_variable(self, _session: int, args: tuple) -> list[dict]:
        known = {**self.variables, "gtid_executed": self.written} if self.flavour == "mysql" else self.variables
        return [{"Variable_name": name, "Value": value} for name, value in known.items() if name == args[0]]

    def some_variables(self, _session: int, args: tuple) -> list[dict]:
        return [{"Variable_name": name, "Value": value} for name, value in self.variables.items() if name in args[0]]

    def set_global(self, session: int, name: str, value: str, args: tuple = ()) -> list[dict]:
        if name not in self.variables:
            raise error(1193, "Unknown system variable '%s'" % name)
        word = str(args[0] if args else value).upper()
        word = {"0": "OFF", "1": "ON"}.get(word, word)
        if name == "super_read_only" and word == "ON":
            self._wait_for_locks(session)
        self.variables[name] = word
        # https://dev.mysql.com/doc/refman/en/server-system-variables.html#sysvar_super_read_only
        if "super_read_only" in self.variables:
            if name == "super_read_only" and word == "ON":
                self.variables["read_only"] = "ON"
            if name == "read_only" and word == "OFF":
                self.variables["super_read_only"] = "OFF"
        return []

    def _wait_for_locks(self, session: int) -> None:
        if self.busy:
            assert int(self.sessions[session].variables.get("lock_wait_timeout", 86400)) < 60, "it waits for a day, for a lock of somebody's"
            raise error(1205, "Lock wait timeout exceeded; try restarting transaction")

    def set_session(self, session: int, name: str, value: str) -> list[dict]:
        self.sessions[session].variables[name] = value
        return []

    def lock_all(self, session: int) -> list[dict]:
        self._wait_for_locks(session)
        self.locker = session
        return []

    def unlock(self, session: int) -> list[dict]:
        self.locker = 0 if self.locker == session else self.locker
        return []

    def end(self, _session: int, also: str = "NULL", args: tuple = ()) -> list[dict]:
        closed = all(self.variables[name] == "ON" for name in ("super_read_only", "read_only")[self.flavour != "mysql" :])
        applied = self.written if self.flavour == "mariadb" else None
        return [{"closed": int(closed), "gtid": self.written, "applied": applied, "also": self.heartbeat if args else None}]

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

    def mariadb_privileges(self, _session: int) -> list[dict]:
        held = sorted(self.accounts.items())
        return [{"u": user, "h": host, "a": sum(BITS[one] for one in able), "v": 101118} for (user, host), able in held]

    def mysql_privileges(self, _session: int) -> list[dict]:
        return [{"u": user, "h": host, "p": one, "g": ""} for (user, host), able in sorted(self.accounts.items()) for one in able]

    def revoke(self, session: int, privileges: str, args: tuple) -> list[dict]:
        assert self.sessions[session].variables.get("sql_log_bin") == "0", "the new server would lose them, too"
        self.accounts[args] = [one for one in self.accounts[args] if one not in privileges.split(", ")]
        return []

    def grant(self, session: int, privileges: str, args: tuple) -> list[dict]:
        assert self.sessions[session].variables.get("sql_log_bin") == "0", "it is the old server's alone"
        if self.variables.get("super_read_only") == "ON":
            raise error(1290, "The MySQL server is running with the --super-read-only option")
        if args not in self.accounts:
            raise error(1133 if self.flavour == "mariadb" else 1410, "Can't find any matching row in the user table")
        self.accounts[args] = sorted({*self.accounts[args], *privileges.split(", ")})
        return []

    def strangers(self, session: int, args: tuple = ()) -> list[dict]:
        own = self.sessions[session].user[0]
        return [{"id": one.number, "user": one.user[0], "own": own} for one in self.sessions.values() if one.number != session]

    def who_am_i(self, session: int) -> list[dict]:
        return [{"x": self.sessions[session].user[0]}]

    def still_there(self, _session: int, args: tuple) -> list[dict]:
        return [{"x": len(set(args[0]) & set(self.sessions))}]

    def kill(self, _session: int, number: str) -> list[dict]:
        if int(number) not in self.sessions:
            raise error(1094, "Unknown thread id: %s" % number)
        if self.kill_works:
            self.sessions[int(number)].close()
        return []

    def status_of_replica(self, _session: int) -> list[dict]:
        if self.source is None:
            return []
        running = "Yes" if self.threads else "No"
        row = {
            "Source_Host": self.source.hostname, "Source_Server_Id": self.source_id, "Replica_IO_Running": running, "Replica_SQL_Running": running,
            "Last_SQL_Errno": 1062 if self.replica_error else 0, "Last_SQL_Error": self.replica_error, "Using_Gtid": "Slave_Pos",
        }  # fmt: skip
        return [row]

    def replica(self, _session: int, verb: str) -> list[dict]:
        self.apply()
        self.threads = verb == "START"
        return []

    def forget_source(self, _session: int) -> list[dict]:
        self.source, self.threads = None, False
        return []

    def wait(self, _session: int, args: tuple) -> list[dict]:
        self.apply()
        arrived = self.count >= int(re.split(r"[-:]", args[0])[-1])
        return [{"x": 0 if arrived else TIME_OVER[self.flavour]}]

    def wait_for_place(self, _session: int, args: tuple) -> list[dict]:
        self.apply()
        return [{"x": 1 if self.source and self.count == self.source.count else -1}]

    def subset(self, _session: int, args: tuple) -> list[dict]:
        return [{"x": int(_last(args[0]) <= _last(args[1]))}]

    def subtract(self, _session: int, args: tuple) -> list[dict]:
        return [{"x": args[0] if _last(args[0]) > _last(args[1]) else ""}]

    def beat(self, session: int, args: tuple) -> list[dict]:
        if self.write(self.sessions[session]) != "done":
            raise error(1290, "The MySQL server is running with the --read-only option")
        self.heartbeat += 1
        return []

    def read_beat(self, _session: int, args: tuple) -> list[dict]:
        self.apply()
        return [{"seq": self.heartbeat, "at": None}]

    def nothing(self, _session: int, args: tuple = ()) -> list[dict]:
        return []

    def at_once(self, _session: int, wanted: str) -> list[dict]:
        told = {name: self.variables[name] for name in re.findall(r"AS (\w+)", wanted)}
        return [{name: {"ON": 1, "OFF": 0}.get(value.upper(), value) for name, value in told.items()}]

    def one(self, _session: int) -> list[dict]:
        return [{"x": 1}]

    def refused(self, _session: int) -> list[dict]:
        return [{"n": 3}]

    def counted(self, _session: int) -> list[dict]:
        return [{"Variable_name": name, "Value": "5"} for name in ("Questions", "Connections", "Aborted_connects", "Aborted_clients", "Threads_connected")]


STATEMENTS = [
    (r"SELECT 1", "one"),
    (r"SELECT (@@global\.\w+ AS \w+(?:, @@global\.\w+ AS \w+)*)", "at_once"),
    (r"SHOW GLOBAL VARIABLES WHERE Variable_name = %s", "one_variable"),
    (r"SHOW GLOBAL VARIABLES WHERE Variable_name IN %s", "some_variables"),
    (r"SET GLOBAL (\w+) = ([\w%]+)", "set_global"),
    (r"SET SESSION (\w+) = (\w+)", "set_session"),
    (re.escape("SET SESSION sql_mode = CONCAT_WS(',', @@SESSION.sql_mode, 'NO_AUTO_CREATE_USER')"), "nothing"),
    (r"FLUSH TABLES WITH READ LOCK", "lock_all"),
    (r"UNLOCK TABLES", "unlock"),
    (re.escape("SELECT " + MariaDB.end_variables) + r", (.*) AS also", "end"),
    (re.escape("SELECT " + MySQL.end_variables) + r", (.*) AS also", "end"),
    (r"SHOW (?:BINLOG|MASTER|BINARY LOG) STATUS", "binlog"),
    (r"SELECT GET_LOCK\(%s, 0\)", "get_lock"),
    (r"SELECT IS_USED_LOCK\(%s\)", "used_lock"),
    (r"SELECT RELEASE_LOCK\(%s\)", "free_lock"),
    (r"SELECT User AS u, Host AS h, CAST\(.* FROM mysql\.global_priv ORDER BY User, Host", "mariadb_privileges"),
    (r"SELECT User AS u, Host AS h, 'SUPER' AS p, .* WHERE PRIV = 'SYSTEM_VARIABLES_ADMIN'", "mysql_privileges"),
    (r"REVOKE (.+) ON \*\.\* FROM %s@%s", "revoke"),
    (r"GRANT (.+?) ON \*\.\* TO %s@%s", "grant"),
    (re.escape(access.STRANGERS), "strangers"),
    (re.escape(access.WHO_AM_I), "who_am_i"),
    (re.escape(access.OTHERS), "strangers"),
    (re.escape(access.STILL_THERE), "still_there"),
    (r"KILL (\d+)", "kill"),
    (r"SHOW (?:ALL REPLICAS|REPLICA) STATUS", "status_of_replica"),
    (r"(START|STOP) REPLICA", "replica"),
    (r"RESET REPLICA ALL", "forget_source"),
    (r"SELECT (?:MASTER_GTID_WAIT|WAIT_FOR_EXECUTED_GTID_SET)\(%s, %s\)", "wait"),
    (r"SELECT (?:MASTER_POS_WAIT|SOURCE_POS_WAIT)\(%s, %s, %s\)", "wait_for_place"),
    (r"SELECT GTID_SUBSET\(%s, %s\)", "subset"),
    (r"SELECT GTID_SUBTRACT\(%s, %s\)", "subtract"),
    (re.escape(heartbeat.BEAT), "beat"),
    (re.escape(heartbeat.READ), "read_beat"),
    (r"SHOW OPEN TABLES WHERE In_use > 0|SELECT CONCAT\(m\.OBJECT_SCHEMA.*", "nothing"),
    (re.escape(blockers.SEMI_SYNC), "nothing"),
    (re.escape(events.ENABLED), "nothing"),
    (re.escape(events.ASLEEP), "nothing"),
    (r"SELECT SUM\(SUM_ERROR_RAISED\) AS n FROM .*", "refused"),
    (r"SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com.*", "counted"),
]


def _last(gtid: str) -> int:
    return int(re.split(r"[-:]", gtid)[-1]) if gtid else 0


def _rows(answer: Any) -> list[dict]:
    if isinstance(answer, BaseException):
        raise answer
    if callable(answer):
        return _rows(answer())
    return answer if isinstance(answer, list) else [{"x": answer}]


class Raw:
    """PyMySQL's connection, as far as ours uses it."""

    def __init__(self, server: MemoryServer, user: tuple) -> None:
        self.server, self.user = server, user
        server.opened += 1
        self.number = server.opened
        self.privileged = bool(server.accounts[user])
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
