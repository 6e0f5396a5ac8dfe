# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may write on a fenced server: what is taken and given back, whose sessions end, and that opening comes first."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import access
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, ServerError

BOSS = ["boss", "%", ["SUPER", "READ_ONLY ADMIN"], []]
OWN = ["nordbridge_ctl_0123abcd", "localhost", ["SUPER"], []]


class Server:
    """Notes what it is told."""

    no_such_account = (1133,)
    name = "the fenced server"

    def __init__(self, sessions=(), own=(), failing=None):
        self.connection, self.done = self, []
        self.sessions, self.own, self.failing = list(sessions), list(own), failing or {}
        self.closed, self.events, self.accounts = True, True, [BOSS, OWN]
        self.users = {}

    def privileged_accounts(self):
        return self.accounts

    def _note(self, what):
        self.done.append(what)
        for word, error in self.failing.items():
            if word in what:
                raise error

    def rows(self, sql, args=None):
        if sql == access.OTHERS:
            return [{"id": one, "user": self.users.get(one, OWN[0]), "own": OWN[0]} for one in self.own]
        return [{"id": one, "user": self.users.get(one, "boss"), "own": OWN[0]} for one in self.sessions]

    def value(self, sql, args=None):
        if sql == access.WHO_AM_I:
            return OWN[0]
        return len(set(args[0]) & set(self.sessions))

    def run(self, sql, args=None):
        self._note(sql)
        if sql.startswith("KILL"):
            self.sessions = [one for one in self.sessions if one != int(sql.split()[1])]

    def variable(self, _name):
        return "ON"

    def take_privileges(self, user, host, privileges):
        self._note("take %s of %s" % (",".join(privileges), user))

    def give_privileges(self, user, host, privileges, grantable):
        self._note("give %s to %s" % (",".join(privileges), user))

    def open_fence(self):
        self._note("open")
        self.closed = False

    def set_read_only(self, on):
        self._note("close" if on else "open")
        self.closed = on

    def read_only(self):
        return self.closed

    def scheduler_runs(self):
        return self.events


@pytest.fixture
def request_(tmp_path):
    hold = tmp_path / "zz-nordbridge-hold.cnf"
    hold.write_text("[mysqld]\n")
    return {"hold": str(hold), "accounts": [BOSS], "scheduler": "ON"}


def test_the_migrations_own_accounts_keep_theirs():
    assert access.strangers_privileges(Server()) == [BOSS]


def test_another_migrations_accounts_are_strangers():
    server, other = Server([7, 8, 9, 10]), ["nordbridge_ctl_deadbeef", "localhost", ["SUPER"], []]
    server.accounts = [BOSS, OWN, other, ["nordbridge_back", "localhost", ["SUPER"], []]]
    assert access.strangers_privileges(server) == [BOSS, other]
    server.users = {7: OWN[0], 8: other[0], 9: "nordbridge_repl_0123abcd", 10: "nordbridge_back"}
    assert access.end_sessions(server) == [8]


def test_privileges_are_taken_without_a_word_in_the_binary_log():
    server = Server()
    access.take_privileges(server, [BOSS])
    assert server.done == ["SET SESSION sql_log_bin = 0", "take SUPER,READ_ONLY ADMIN of boss"]


def test_each_gets_its_privileges_back_and_who_is_gone_needs_none():
    server = Server(failing={"to gone": ServerError("no such account", 1133), "to bad": ServerError("refused", 1)})
    with pytest.raises(MigrationError, match="could not be given back: SUPER to bad@%: refused$"):
        access.give_privileges(server, [["gone", "%", ["SUPER"], []], ["bad", "%", ["SUPER"], []], BOSS])
    assert server.done[-1] == "give SUPER,READ_ONLY ADMIN to boss"


def test_sessions_are_asked_to_end_and_one_that_has_just_ended_is_no_error():
    server = Server(sessions=[7, 8], failing={"KILL 7": ServerError("gone", 1094)})
    assert access.end_sessions(server) == [7, 8]
    assert server.done == ["KILL 7", "KILL 8"]
    server.failing = {"KILL": ServerError("lost", 2013)}
    server.sessions = [9]
    with pytest.raises(ServerError):
        access.end_sessions(server)


def test_sessions_are_counted_until_they_are_gone_or_the_time_is_over():
    server = Server(sessions=[7])
    assert access.sessions_left(server, [7, 8], 0.03) == 1
    assert access.sessions_left(server, [8], 0.03) == 0
    assert access.sessions_left(server, []) == 0


def test_whose_sessions_end():
    assert "'Binlog Dump'" in access.STRANGERS
    assert access.is_stranger("boss", OWN[0]) and not access.is_stranger(OWN[0], OWN[0])
    assert "unauthenticated" not in access.STRANGERS, "who logs in just now may have been given its privileges already"


def test_the_hold_goes_before_the_server_is_open_and_all_else_after_it(request_):
    server = Server(own=[3])
    seen = []
    server.open_fence = lambda: (seen.append(os.path.exists(request_["hold"])), Server.open_fence(server))
    assert access.open_server(server, request_) == []
    assert seen == [False]
    assert server.done == [
        "KILL 3", "open", "SET SESSION sql_log_bin = 0", "give SUPER,READ_ONLY ADMIN to boss", "SET GLOBAL event_scheduler = ON",
    ]  # fmt: skip


def test_whichever_of_our_accounts_holds_the_lock_its_session_ends_and_no_replicas():
    server = Server(own=[3, 4, 5, 6, 7])
    digits = OWN[0].rpartition("_")[2]
    server.users = {4: "nordbridge_keep_" + digits, 5: "nordbridge_repl_" + digits, 6: "nordbridge_keep_00000000", 7: "boss"}
    assert access.our_others(server) == [3, 4]


def test_a_file_that_cannot_be_removed_does_not_keep_it_closed(request_, monkeypatch):
    def unlink(path):
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(access.os, "unlink", unlink)
    server = Server()
    (left,) = access.open_server(server, request_)
    assert not server.closed
    assert request_["hold"] in left and "Read-only file system" in left and "next restart" in left


def test_privileges_that_cannot_be_given_back_are_left_and_told(request_):
    server = Server(failing={"give": ServerError("disk full", 1021)})
    (left,) = access.open_server(server, request_)
    assert "disk full" in left and not server.closed and server.done[-1] == "SET GLOBAL event_scheduler = ON"


def test_what_is_left_is_tried_without_ending_sessions_once_more(request_):
    server = Server(own=[3])
    server.closed = False
    access.open_server(server, request_, opened=True)
    assert "KILL 3" not in server.done and "open" not in server.done and "give SUPER,READ_ONLY ADMIN to boss" in server.done


def test_a_release_leaves_the_jobs_own_session(request_):
    server = Server(own=[3])
    access.open_server(server, request_, end_own=False)
    assert server.done[0] == "open"


def test_a_server_that_stays_read_only_is_a_failure(request_):
    server = Server()
    server.open_fence = lambda: None
    with pytest.raises(MigrationError, match="still answers that it is read-only"):
        access.open_server(server, request_)


def test_a_server_that_somebody_opened_is_closed_again_and_its_writers_end():
    server = Server(sessions=[7])
    server.closed = False
    assert access.close_again(server) is True
    assert server.done == ["close", "KILL 7", "SET GLOBAL event_scheduler = OFF"]
    server.events, server.done = False, []
    assert access.close_again(server) is False
    assert server.done == []
