# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no row: what counts as different, what is another version's spelling, and what a cutover makes of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from plugins.module_utils._seed.accounts import Accounts
from plugins.module_utils._verify import parity, run
from plugins.module_utils._verify.parity import MISSING, ONLY, Parity, behind, differences, unlike_accounts
from plugins.module_utils._verify.record import not_alike_reason, not_verified_reason, warnings_of

COLUMN = {"place": "1", "type": "int", "null": "NO", "default": None, "extra": "", "collation": None}
TRIGGER = {"event": "INSERT", "definition": "SET @a = 1", "definer": "app@%"}


def test_an_object_that_is_not_there_and_one_that_is_too_much():
    found = differences({("trigger", "s.t"): [TRIGGER]}, {("trigger", "s.u"): [TRIGGER]}, True)
    assert found.different == {"trigger s.t": MISSING, "trigger s.u": ONLY}
    # How many there are is the source's number.
    assert found.compared == {"trigger": 1}


def test_what_of_an_object_differs_is_named():
    other = {**TRIGGER, "definer": "root@localhost", "definition": "SET @a = 2"}
    assert differences({("trigger", "s.t"): [TRIGGER]}, {("trigger", "s.t"): [other]}, True).different == {"trigger s.t": "its definer and definition"}
    parts = differences({("index", "s.t.i"): [{"place": "1"}, {"place": "2"}]}, {("index", "s.t.i"): [{"place": "1"}]}, True)
    assert parts.different == {"index s.t.i": "its parts: 2 on the source, 1 on the target"}


def test_a_missing_table_is_told_once_and_not_column_by_column():
    old = {("table", "s.t"): [{}], ("column", "s.t.a"): [COLUMN], ("index", "s.t.PRIMARY"): [{}], ("column", "s.tt.a"): [COLUMN]}
    assert differences(old, {}, True).different == {"table s.t": MISSING, "column s.tt.a": MISSING}


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"type": "int(11)"}, {"type": "int"}),
        ({"type": "bigint(20) unsigned"}, {"type": "bigint unsigned"}),
        ({"collation": "utf8_general_ci"}, {"collation": "utf8mb3_general_ci"}),
        ({"extra": "DEFAULT_GENERATED on update CURRENT_TIMESTAMP"}, {"extra": "on update current_timestamp()"}),
        ({"expression": "_utf8'x'"}, {"expression": "_utf8mb3'x'"}),
        ({"expression": "`a` + 1"}, {"expression": "a + 1"}),
        ({"sql_mode": "STRICT_ALL_TABLES,NO_AUTO_CREATE_USER"}, {"sql_mode": "STRICT_ALL_TABLES"}),
        ({"sql_mode": "NO_AUTO_CREATE_USER,ANSI_QUOTES"}, {"sql_mode": "ANSI_QUOTES"}),
    ],
)
def test_another_versions_words_are_explained_and_within_a_series_they_are_a_difference(here, there):
    old, new = {("column", "s.t.a"): [{**COLUMN, **here}]}, {("column", "s.t.a"): [{**COLUMN, **there}]}
    across = differences(old, new, False)
    assert (across.different, across.explained) == ({}, 1)
    assert differences(old, new, True).different == {"column s.t.a": "its %s" % next(iter(here))}


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"type": "int(11)"}, {"type": "bigint"}), ({"collation": "utf8_general_ci"}, {"collation": "utf8mb4_general_ci"}),
        ({"type": "varchar(10)"}, {"type": "varchar(11)"}), ({"type": "decimal(10,2)"}, {"type": "decimal(102)"}), ({"null": "NO"}, {"null": "YES"}),
    ],
)  # fmt: skip
def test_what_no_version_explains_is_a_difference_across_versions_too(here, there):
    old, new = {("column", "s.t.a"): [{**COLUMN, **here}]}, {("column", "s.t.a"): [{**COLUMN, **there}]}
    assert list(differences(old, new, False).different) == ["column s.t.a"]


def test_what_another_series_may_have_rewritten_is_told_and_is_no_difference():
    view = {"definition": "select cast(1 as char)", "definer": "app@%"}
    for kind, property_, row in (("view", "definition", view), ("column", "default", COLUMN), ("partition", "values", {"values": "1", "method": "LIST"})):
        old, new = {(kind, "s.x"): [row]}, {(kind, "s.x"): [{**row, property_: "other"}]}
        across = differences(old, new, False)
        assert (across.different, across.reworded) == ({}, ["%s s.x" % kind]), kind
        assert differences(old, new, True).different == {"%s s.x" % kind: "its %s" % property_}
    # By another definer it is another view, and the body of a trigger is kept as it was given.
    assert differences({("view", "s.v"): [view]}, {("view", "s.v"): [{**view, "definer": "root@%"}]}, False).different == {"view s.v": "its definer"}
    body = {("trigger", "s.t"): [TRIGGER]}, {("trigger", "s.t"): [{**TRIGGER, "definition": "SET @a = 2"}]}
    assert differences(*body, False).different == {"trigger s.t": "its definition"}


def test_a_definition_that_neither_server_shows_is_not_taken_for_equal():
    hidden = {("routine", "s.PROCEDURE.p"): [{"definition": None, "definer": "a"}]}
    assert differences(hidden, hidden, True).unread == ["routine s.PROCEDURE.p"]


def test_a_sequence_may_be_ahead_and_never_behind():
    old = {"s.up": (100, 1), "s.down": (-100, -1), "s.gone": (1, 1)}
    assert behind(old, {"s.up": (101, 1), "s.down": (-101, -1), "s.gone": (1, 1)}) == {}
    found = behind(old, {"s.up": (99, 1), "s.down": (-99, -1), "s.new": (1, 1)})
    assert found == {
        "sequence s.up": "it stands at 99, and at 100 on the source", "sequence s.down": "it stands at -99, and at -100 on the source",
        "sequence s.gone": MISSING, "sequence s.new": ONLY,
    }  # fmt: skip


def looked(monkeypatch, *answers):
    """compare(), with what each look finds."""
    told = iter(answers)
    monkeypatch.setattr(parity, "_once", lambda *_args: Parity(different=dict(next(told))))
    found = parity.compare(SimpleNamespace(), SimpleNamespace(), ["s"])
    return found.different, len(list(told))


def test_what_differs_counts_if_it_differs_each_time(monkeypatch):
    assert looked(monkeypatch, {}, {"a": "x"}) == ({}, 1)
    # Changed on the source in between: it was on its way.
    assert looked(monkeypatch, {"a": "x"}, {}, {"a": "x"}) == ({}, 1)
    assert looked(monkeypatch, {"a": "x", "b": "y"}, {"a": "x", "c": "z"}, {"a": "x"}) == ({"a": "x"}, 0)


def test_accounts_of_two_series_are_compared_by_name_and_of_one_by_all(monkeypatch):
    mine = Accounts(create=[["app", "%", ["IDENTIFIED BY x"]], ["kept", "%", []], ["gone", "%", []]], finish=[["kept@%", ["changed on monday"]]])
    theirs = Accounts(create=[["app", "%", ["IDENTIFIED BY y"]], ["kept", "%", []], ["monitor", "%", []]], finish=[["kept@%", ["on friday"]]])
    for name, value in {"read_objects": {}, "read_sequences": {}, "settle": None, "differing_settings": {}}.items():
        monkeypatch.setattr(parity, name, lambda *_args, value=value: value)
    monkeypatch.setattr(parity, "read_accounts", lambda server: server.accounts)
    source, near = SimpleNamespace(version=(10, 11, 2), accounts=mine), SimpleNamespace(version=(10, 11, 9), accounts=theirs)
    far = SimpleNamespace(version=(11, 8, 1), accounts=theirs)
    found = parity.compare(source, near, [])
    # An account of the target's own is no loss, and told.
    assert found.different == {"account app@%": "its login or its rights", "account gone@%": MISSING} and found.extra == ["monitor@%"]
    assert parity.compare(source, far, []).different == {"account gone@%": MISSING}


def test_the_installations_own_accounts_may_have_more_rights_and_not_fewer():
    def root(*grants):
        return Accounts(shared=[["root", "localhost", list(grants)]])

    assert unlike_accounts(root("a"), root("a", "b"), True) == {}
    assert unlike_accounts(root("a", "b"), root("a"), True) == {"account root@localhost": "its login or its rights"}


def test_the_record_leaves_out_what_was_to_be_left_out_and_counts_all():
    different = {"view s.v%d" % number: MISSING for number in range(150)}
    kept = run.parity_of(Parity(different={**different, "account app@%": "x", "foreign key t.x.fk": "y"}), ["app@*", "t.*"])
    assert kept["different_count"] == 150 and len(kept["different"]) == run.MOST_NAMED and "account app@%" not in kept["different"]
    assert not_alike_reason({"parity": kept}).endswith("; 150 in all")


def test_a_cutover_is_refused_for_what_differs_and_warned_of_what_nobody_could_read():
    record = {"since": 0, "parity": {"different": {"trigger s.t": MISSING}, "different_count": 1}}
    words = "these differ between source and target: trigger s.t (missing on the target)"
    assert not_verified_reason(record, 0) == not_alike_reason(record) == words
    assert not_verified_reason({"since": 0, "parity": {"different": {}}}, 0) == not_verified_reason({"since": 0}, 0) == ""
    unread = {"since": 0, "parity": {"different": {}, "unread": ["routine s.p"]}}
    assert warnings_of({"verification": unread}) == {"data_not_compared": "the verification could not read all definitions: routine s.p"}
