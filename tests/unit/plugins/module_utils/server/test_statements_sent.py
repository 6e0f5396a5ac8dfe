# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server classes send, and what they make of each answer: the fence, the waits, the end of a history."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from memory_server import ORDINARY, PRIVILEGED, error

GTID = {"mariadb": "0-1-100", "mysql": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-100"}
#: What the wait answers: the time is over, and nothing to wait with or for.
TIME_OVER = {"mariadb": -1, "mysql": 1}


class TestFence:
    @pytest.mark.parametrize("user", [ORDINARY, PRIVILEGED])
    def test_nobody_writes_behind_it_and_everybody_after_it(self, memory, user):
        server = memory.server()
        assert (memory.write(user), server.read_only()) == ("done", False)
        server.close_fence()
        assert memory.write(user) != "done"
        assert server.read_only()
        server.open_fence()
        assert (memory.write(user), server.read_only()) == ("done", False)

    def test_mariadb_locks_first_and_asks_for_read_only_under_the_lock(self, memory_server):
        """The other way round read_only would answer who commits just then with an error, and a commit in flight would come after it."""
        memory = memory_server("mariadb")
        memory.server().close_fence()
        assert memory.log == ["FLUSH TABLES WITH READ LOCK", "SET GLOBAL read_only = 1"]

    def test_mysql_sets_the_variable_that_holds_for_root(self, memory_server):
        memory = memory_server("mysql")
        memory.server().close_fence()
        assert memory.log == ["SET GLOBAL super_read_only = ON"]

    def test_the_lock_is_given_back_and_read_only_stays(self, memory):
        server = memory.server()
        server.close_fence()
        server.release_lock()
        assert memory.locker == 0 and server.read_only()
        assert memory.write(ORDINARY) == "refused"

    def test_an_opened_fence_holds_no_lock(self, memory):
        server = memory.server()
        server.close_fence()
        server.open_fence()
        assert memory.locker == 0
        assert {name: memory.variables[name] for name in memory.variables if name.endswith("read_only")} == dict.fromkeys(
            [name for name in memory.variables if name.endswith("read_only")], "OFF"
        )

    def test_a_fence_that_is_refused_is_no_fence(self, memory):
        first = {"mariadb": "FLUSH TABLES WITH READ LOCK", "mysql": "SET GLOBAL super_read_only = ON"}[memory.flavour]
        memory.answers[first] = error(1205, "Lock wait timeout exceeded")
        server = memory.server()
        with pytest.raises(ServerError) as caught:
            server.close_fence()
        assert caught.value.errno == 1205
        assert not server.read_only()

    def test_the_loader_may_write_and_nobody_else(self, memory):
        server = memory.server()
        server.set_read_only(True)
        server.admit_loader()
        assert (memory.write(PRIVILEGED), memory.write(ORDINARY)) == ("done", "refused")

    def test_a_target_is_closed_and_promoted(self, memory):
        server = memory.server()
        server.set_read_only(True)
        assert memory.write(ORDINARY) == "refused" and server.read_only()
        server.set_read_only(False)
        assert memory.write(ORDINARY) == "done" and not server.read_only()


class TestClosed:
    """Whether a server is closed is read from the variable that holds for its strongest user, and from nothing like it."""

    @pytest.mark.parametrize(
        ("read_only", "super_read_only", "closed"), [("ON", "ON", True), ("ON", "OFF", False), ("OFF", "ON", False), ("OFF", "OFF", False), ("on", "on", True)]
    )
    def test_mysql(self, memory_server, read_only, super_read_only, closed):
        memory = memory_server("mysql")
        memory.variables.update(read_only=read_only, super_read_only=super_read_only)
        assert memory.server().read_only() is closed

    # MariaDB 12 has more values than two: NO_LOCK, NO_LOCK_NO_ADMIN.
    @pytest.mark.parametrize(
        ("value", "closed"), [("ON", True), ("1", True), ("NO_LOCK_NO_ADMIN", True), ("OFF", False), ("off", False), ("0", False)]
    )
    def test_mariadb(self, memory_server, value, closed):
        memory = memory_server("mariadb")
        memory.variables["read_only"] = value
        assert memory.server().read_only() is closed


class TestGtidWait:
    def wait(self, memory, answer, gtid=None):
        server = memory.server()
        memory.answers[server.statement("wait_for_gtid")] = answer
        return server.wait_for_gtid(GTID[memory.flavour] if gtid is None else gtid, 1.5)

    @pytest.mark.parametrize("answer", [None, "", 1, -1, 2, "0.5"])
    def test_nothing_but_0_is_an_arrival(self, memory, answer):
        assert self.wait(memory, answer) is False

    def test_0_is(self, memory):
        assert self.wait(memory, 0) is True
        words = {"mariadb": "SELECT MASTER_GTID_WAIT(%r, 1.5)", "mysql": "SELECT WAIT_FOR_EXECUTED_GTID_SET(%r, 1.5)"}[memory.flavour]
        assert memory.log == [words % GTID[memory.flavour]]

    def test_the_time_is_over(self, memory):
        assert self.wait(memory, TIME_OVER[memory.flavour]) is False

    def test_no_row_is_no_arrival(self, memory):
        assert self.wait(memory, []) is False

    def test_nobody_waits_for_an_empty_position(self, memory):
        """MASTER_GTID_WAIT('') is 0 at once."""
        assert self.wait(memory, 0, "") is False
        assert memory.log == []

    def test_an_error_is_an_error(self, memory):
        with pytest.raises(ServerError):
            self.wait(memory, error(1774, "Malformed GTID set specification"))


class TestPositionWait:
    def wait(self, memory, answer, seconds=7.9):
        server = memory.server()
        memory.answers[server.statement("wait_for_position")] = answer
        return server.wait_for_position("binlog.000007", 4711, seconds)

    @pytest.mark.parametrize("answer", [0, 1, 17, "3"])
    def test_0_and_more_events_are_an_arrival(self, memory, answer):
        assert self.wait(memory, answer) is True

    @pytest.mark.parametrize("answer", [None, -1, "-1", -2])
    def test_nothing_less_is(self, memory, answer):
        assert self.wait(memory, answer) is False

    def test_no_row_is_no_arrival(self, memory):
        assert self.wait(memory, []) is False

    @pytest.mark.parametrize(("seconds", "sent"), [(7.9, 7), (1.0, 1), (0.4, 1), (-3.0, 1)])
    def test_0_would_wait_for_ever_and_is_never_sent(self, memory, seconds, sent):
        self.wait(memory, 0, seconds)
        assert "_POS_WAIT(" in memory.log[-1] and memory.log[-1].endswith("('binlog.000007', 4711, %d)" % sent)


class TestHistoryEnd:
    def end(self, memory, **row):
        server = memory.server()
        sql = "SELECT %s, NULL AS also" % server.end_variables
        memory.answers[sql] = [{"closed": 1, "gtid": GTID[memory.flavour], "applied": None, "also": None, **row}]
        return server.history_end()[0]

    @pytest.mark.parametrize(("told", "closed"), [(1, True), ("1", True), ("ON", True), (0, False), ("0", False), ("OFF", False), (None, False), ("", False)])
    def test_closed(self, memory, told, closed):
        assert self.end(memory, closed=told).closed is closed

    def test_it_is_asked_of_the_variable_that_holds_for_root(self, memory):
        server = memory.server()
        assert server.history_end()[0].closed is False
        memory.variables["read_only"] = "ON"
        assert server.history_end()[0].closed is (memory.flavour == "mariadb")
        server.close_fence()
        assert server.history_end()[0].closed is True

    def test_the_coordinates_are_those_of_servers_without_gtids(self, memory):
        end = self.end(memory)
        assert (end.file, end.position, end.gtid, end.applied) == ("", 0, GTID[memory.flavour], GTID[memory.flavour])
        end = self.end(memory, gtid="", applied="")
        assert (end.file, end.position, end.gtid, end.applied) == ("binlog.000007", 4711, "", "")

    @pytest.mark.parametrize("empty", [None, ""])
    def test_a_server_that_tells_no_gtid_has_none(self, memory, empty):
        end = self.end(memory, gtid=empty)
        assert (end.gtid, end.file) == ("", "binlog.000007")

    def test_what_was_applied_is_told_apart_from_what_was_written(self, memory):
        assert self.end(memory, applied="0-1-90").applied == "0-1-90"
        assert self.end(memory, applied="").applied == ""

    def test_a_long_set_comes_in_lines(self, memory):
        assert self.end(memory, gtid="a:1-5,\nb:1").gtid == "a:1-5,b:1"

    def test_no_binary_log_has_no_position(self, memory):
        memory.answers[memory.server().statement("binlog_position")] = []
        assert memory.server().binlog_position() == ("", 0)


class TestPrivileges:
    """What lets a session write on a closed server, or open it, is taken and given back, of accounts and of roles."""

    TAKEN = {
        "mariadb": ("REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM %s@%s", ["SUPER", "READ_ONLY ADMIN"]),
        "mysql": ("REVOKE SUPER, SYSTEM_VARIABLES_ADMIN ON *.* FROM %s@%s", ["SUPER", "SYSTEM_VARIABLES_ADMIN"]),
    }

    def test_taken(self, memory):
        sql, privileges = self.TAKEN[memory.flavour]
        memory.answers[sql] = []
        memory.server().take_privileges("o'brien", "%", privileges)
        assert memory.log == [sql % (repr("o'brien"), repr("%"))]

    def test_all_of_an_accounts_are_found_and_none_is_left(self, memory):
        server = memory.server()
        server.connection.run("SET SESSION sql_log_bin = 0")
        for user, host, privileges, _grantable in server.privileged_accounts():
            server.take_privileges(user, host, privileges)
        assert server.privileged_accounts() == []
        server.give_privileges("root", "localhost", self.TAKEN[memory.flavour][1], [])
        assert [(entry[:2], sorted(entry[2])) for entry in server.privileged_accounts()] == [
            (["root", "localhost"], sorted(self.TAKEN[memory.flavour][1]))
        ]

    def test_an_account_that_is_gone_is_not_made_by_giving(self, memory):
        server = memory.server()
        server.connection.run("SET SESSION sql_log_bin = 0")
        with pytest.raises(ServerError) as caught:
            server.give_privileges("gone", "%", ["SUPER"], [])
        assert caught.value.errno in server.no_such_account
        assert ("NO_AUTO_CREATE_USER" in "".join(memory.log)) is (memory.flavour == "mariadb")


class TestCoordinates:
    """A dump's file and position and its GTIDs belong together, or one of them is not trusted."""

    @pytest.mark.parametrize(("told", "agrees"), [("0-1-100", True), (None, True), ("0-1-99", False), ("0-1-101", False), ("1-1-100", False)])
    def test_mariadb(self, memory_server, told, agrees):
        memory = memory_server("mariadb")
        memory.answers["SELECT BINLOG_GTID_POS(%s, %s)"] = told
        assert (memory.server().coordinates_agree("binlog.000007", 4711, "0-1-100") == "") is agrees

    @pytest.mark.parametrize(
        ("rows", "held", "agrees"),
        [
            ([], 1, True),
            ([{"Info": "SET @@SESSION.GTID_NEXT= 'a:101'"}], 0, True),
            ([{"Info": "SET @@SESSION.GTID_NEXT= 'a:100'"}], 1, False),
            ([{"Info": "BEGIN"}], 1, True),
        ],
    )
    def test_mysql(self, memory_server, rows, held, agrees):
        memory = memory_server("mysql")
        memory.answers["SHOW BINLOG EVENTS IN %s FROM %s LIMIT 1"] = rows
        memory.answers["SELECT GTID_SUBSET(%s, %s)"] = held
        assert (memory.server().coordinates_agree("binlog.000007", 4711, "a:1-100") == "") is agrees
        if rows and "GTID" in rows[0]["Info"]:
            assert memory.log[-1].startswith("SELECT GTID_SUBSET('a:10"), "whether the set holds the next one, not the other way round"
