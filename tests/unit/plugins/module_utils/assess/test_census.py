# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose sessions, statements and routines are the privileged accounts', as far as a server tells."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import census

ABLE = [("root", "localhost"), ("boss", "10.0.%"), ("dba", "")]


@pytest.mark.parametrize(("user", "client", "able"), [
    ("root", "localhost", True), ("root", "db9:4711", False), ("root", "", True), ("app", "localhost", False),
    ("boss", "10.0.3.4:4711", True), ("boss", "10.1.3.4:4711", False), ("boss", "localhost", False), ("ROOT", "localhost", False),
])  # fmt: skip
def test_a_session_is_an_accounts_by_name_and_host(user, client, able):
    assert census.is_able(user, client, ABLE) is able


@pytest.mark.parametrize(("host", "pattern", "fits"), [
    ("db1.example", "%", True), ("DB1.example", "db_.example", True), ("db10.example", "db_.example", False),
    ("a[b", "a[b", True), ("ab", "a[b", False), ("x*y", "x*y", True), ("xzy", "x*y", False), ("10.0.0.9", "10.0.0.0/255.255.255.0", True),
])  # fmt: skip
def test_hosts_are_patterns(host, pattern, fits):
    assert census.is_able("u", host, [("u", pattern)]) is fits


def test_roles_count_over_any_number_of_roles():
    granted = [(("ann", "%"), ("ops", "")), (("ops", ""), ("dba", "")), (("bob", "%"), ("readers", ""))]
    assert census.with_roles({("dba", "")}, granted) == {("dba", ""), ("ops", ""), ("ann", "%")}


def test_programs_are_told_where_clients_tell():
    rows = [
        {"i": 7, "u": "root", "h": "localhost", "c": "Sleep", "s": 42, "d": None},
        {"i": 8, "u": "boss", "h": "10.0.0.1:1", "c": "Query", "s": None, "d": "shop"},
    ]
    programs = [{"i": 7, "n": "program_name", "v": "cron.py"}, {"i": 7, "n": "_pid", "v": "12"}, {"i": 9, "n": "_pid", "v": "1"}]
    told = census.sessions_of(rows, programs)
    assert told[0] == {
        "session": 7, "user": "root", "host": "localhost", "program": "cron.py", "pid": "12", "state": "idle", "seconds": 42, "schema": "",
    }  # fmt: skip
    assert (told[1]["program"], told[1]["state"], told[1]["seconds"], told[1]["schema"]) == ("", "busy", 0, "shop")


def test_what_was_written_and_lent_by_them():
    rows = [{"u": "root", "h": "localhost", "n": 3}, {"u": "app", "h": "db9", "n": 900}, {"u": "boss", "h": "", "n": 7}]
    assert census.wrote_by(rows, ABLE) == [{"user": "boss", "host": "", "count": 7}, {"user": "root", "host": "localhost", "count": 3}]
    lent = [
        {"n": "shop.a", "k": "procedure", "d": "root@localhost"},
        {"n": "shop.b", "k": "event", "d": "app@%"},
        {"n": "shop.c", "k": "function", "d": "dba@"},
    ]
    assert [one["name"] for one in census.lent_by(lent, ABLE)] == ["shop.a", "shop.c"]
