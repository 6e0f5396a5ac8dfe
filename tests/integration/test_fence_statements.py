# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server does with the statements that the server classes send: who can write behind the fence, and what the waits answer.

The units hold the classes against a server in memory (tests/unit/plugins/module_utils/memory_server.py); here is where it is from.
The classes run here, over the server's own socket; one host a flavour, and no migration.
"""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import access
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour
from pairs import SOURCE

PASSWORD = "Fence-Test-1"
OBJECTS = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.wrote (id INT AUTO_INCREMENT PRIMARY KEY, who VARCHAR(20)) ENGINE=InnoDB",
    f"CREATE USER app@localhost IDENTIFIED BY '{PASSWORD}'",
    "GRANT SELECT, INSERT, EXECUTE ON shop.* TO app@localhost",
    "CREATE DEFINER = root@localhost PROCEDURE shop.note() SQL SECURITY DEFINER INSERT INTO shop.wrote (who) VALUES ('definer')",
    f"CREATE USER nordbridge_test@localhost IDENTIFIED BY '{PASSWORD}'",
    "GRANT ALL ON *.* TO nordbridge_test@localhost WITH GRANT OPTION",
)
#: Whose session, and what it sends.
WRITES = {
    "app": ("app", "INSERT INTO shop.wrote (who) VALUES ('app')"),
    "root": ("root", "INSERT INTO shop.wrote (who) VALUES ('root')"),
    "definer": ("app", "CALL shop.note()"),
}
OUTCOMES = {1205: "waits", 1290: "refused", 1836: "refused", 2006: "lost", 2013: "lost"}
ALL_OF_THEM = dict.fromkeys(WRITES, "done")
FENCED = {
    # The lock has everybody wait whom read_only does not refuse; read_only alone lets privileges through, a definer's too.
    "mariadb": {"app": "refused", "root": "waits", "definer": "waits"},
    "mysql": dict.fromkeys(WRITES, "refused"),
}
UNLOCKED = {
    "mariadb": {"app": "refused", "root": "done", "definer": "done"},
    "mysql": dict.fromkeys(WRITES, "refused"),
}
NOT_THERE = {"mariadb": "7-7-7", "mysql": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7"}
#: An applier that runs and has nothing to apply.
IDLE_APPLIER = {
    "mariadb": "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_LOG_FILE = 'binlog.000001', MASTER_LOG_POS = 4, MASTER_USE_GTID = NO",
    "mysql": "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_LOG_FILE = 'binlog.000001', SOURCE_LOG_POS = 4",
}


class Host:
    """A host's server, over a way to its socket."""

    def __init__(self, pair, socket: str) -> None:
        self.flavour, self.socket = pair.client, socket

    def open(self, user: str = "root"):
        """The server class over a connection of its own."""
        password = "" if user == "root" else PASSWORD
        return open_flavour(connect(Endpoint(unix_socket=self.socket, user=user, password=password), user, read_timeout=30))

    def write(self, who: str, server=None) -> str:
        """What becomes of a write, in a session or a new one."""
        user, sql = WRITES[who]
        server = server or self.open(user)
        try:
            server.connection.run("SET SESSION lock_wait_timeout = 1")
            server.connection.run(sql)
        except ServerError as error:
            return OUTCOMES.get(error.errno, str(error))
        return "done"

    def writes(self) -> dict[str, str]:
        """Each, in new sessions."""
        return {who: self.write(who) for who in WRITES}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def host(request):
    """An untouched server, with somebody who writes on it."""
    pair = request.getfixturevalue(request.param)
    with pair.socket(SOURCE) as socket:
        host = Host(pair, socket)
        root = host.open()
        for sql in OBJECTS:
            root.connection.run(sql)
        yield host


@pytest.fixture
def fence(host):
    """The migration's own session, and a server that is open before and after."""
    server = host.open("nordbridge_test")
    taken = server.privileged_accounts()
    yield server
    last = host.open("nordbridge_test")
    for number in access.our_others(last.connection):
        access.end_session(last.connection, number)
    last.open_fence()
    access.give_privileges(last, [entry for entry in taken if entry[0] != "nordbridge_test"])
    assert host.writes() == ALL_OF_THEM


def test_behind_the_fence_nobody_writes(host, fence):
    assert host.writes() == ALL_OF_THEM
    fence.close_fence()
    assert fence.read_only() and host.open("root").read_only()
    assert fence.history_end()[0].closed
    assert host.writes() == FENCED[host.flavour]
    rows = "SELECT COUNT(*) FROM shop.wrote"
    assert fence.connection.value(rows) == fence.connection.value(rows)
    fence.open_fence()
    assert not fence.read_only() and not fence.history_end()[0].closed


def test_the_lock_given_back_the_variable_stays_and_privileges_write_through_it_on_mariadb(host, fence):
    fence.close_fence()
    fence.release_lock()
    assert fence.read_only()
    assert host.writes() == UNLOCKED[host.flavour]


def test_without_privileges_nobody_writes_whatever_becomes_of_the_lock(host, fence):
    """What the stage takes, and the end of the sessions that logged in before; without a word in the binary log."""
    sessions = {who: host.open(WRITES[who][0]) for who in WRITES}
    assert {who: host.write(who, sessions[who]) for who in sessions} == ALL_OF_THEM
    access.take_privileges(fence, access.strangers_privileges(fence))
    assert access.strangers_privileges(fence) == []
    fence.close_fence()
    ended = access.end_sessions(fence.connection)
    assert len(ended) >= len(sessions) and access.sessions_left(fence.connection, ended, 10.0) == 0
    assert {who: host.write(who, sessions[who]) for who in sessions} == dict.fromkeys(WRITES, "lost")
    fence.release_lock()
    assert host.writes() == dict.fromkeys(WRITES, "refused")
    with pytest.raises(ServerError) as caught:
        host.open("root").set_read_only(False)
    assert caught.value.errno == 1227
    assert fence.read_only()


def test_an_account_that_is_gone_is_not_made_by_giving_it_privileges(host, fence):
    with pytest.raises(ServerError) as caught:
        fence.give_privileges("gone", "localhost", [fence.fence_privileges[0]], [])
    assert caught.value.errno in fence.no_such_account
    assert ("gone", "localhost") not in fence.accounts()


def test_the_fence_waits_for_a_lock_no_longer_than_the_session_says(host, fence):
    other = host.open("root")
    other.connection.run("LOCK TABLES shop.wrote WRITE")
    fence.connection.run("SET SESSION lock_wait_timeout = 1")
    with pytest.raises(ServerError) as caught:
        fence.close_fence()
    assert caught.value.errno == 1205
    other.connection.run("UNLOCK TABLES")
    fence.open_fence()


def test_a_loader_is_admitted_and_nobody_else(host, fence):
    fence.set_read_only(True)
    fence.admit_loader()
    assert (host.write("root"), host.write("app")) == ("done", "refused")


def test_a_gtid_that_is_not_there_is_no_arrival(host, fence):
    wait = fence.statement("wait_for_gtid")
    assert fence.wait_for_gtid(NOT_THERE[host.flavour], 0.2) is False
    assert fence.connection.value(wait, (NOT_THERE[host.flavour], 0.2)) == {"mariadb": -1, "mysql": 1}[host.flavour]
    # An empty position has always been reached: the server says so, and the class does not ask.
    assert fence.connection.value(wait, ("", 0.2)) == 0
    assert fence.wait_for_gtid("", 0.2) is False
    assert refused_or_null(fence, wait, (None, 0.2))
    assert refused_or_null(fence, wait, ("no gtid", 0.2))


def refused_or_null(server, sql: str, args: tuple) -> bool:
    """Whether a wait answers with an error or with NULL, and so with no arrival."""
    try:
        return server.connection.value(sql, args) is None
    except ServerError:
        return True


def test_a_place_in_the_log_that_is_not_there_is_no_arrival(host, fence):
    wait = fence.statement("wait_for_position")
    assert fence.connection.value(wait, ("binlog.000001", 4, 1)) is None, "nothing is applied here"
    assert fence.wait_for_position("binlog.000001", 4, 1.0) is False
    try:
        fence.connection.run(IDLE_APPLIER[host.flavour])
        fence.connection.run("START REPLICA SQL_THREAD")
        assert fence.connection.value(wait, ("binlog.000001", 9999, 1)) == -1
        assert fence.wait_for_position("binlog.000001", 9999, 1.0) is False
        assert fence.wait_for_position("", 0, 1.0) is False
    finally:
        fence.connection.run(fence.statement("stop_replica"))
        fence.connection.run(fence.statement("reset_replica"))
