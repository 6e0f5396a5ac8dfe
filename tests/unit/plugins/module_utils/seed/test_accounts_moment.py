# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts as statements, and the two readings that must be one moment's."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.accounts import (
    MADE,
    Accounts,
    check_settings,
    create_accounts,
    differing,
    grant_rights,
    reverse,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods import logical
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.dump.dump import Copy
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source.moment import AccountsMoved, Moment
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import bare_grant

SECRET = "CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*HASH'"


class Target:
    """A server that notes what is run on it.

    :param failing: part of a statement to the error that it ends with
    :param held: what PUBLIC has
    :param own: the roles of the login, and whether with ADMIN OPTION
    """

    system_accounts = (("root", "localhost"), ("mysql.sys", "localhost"), ("", ""))

    def __init__(self, failing=None, held=(), own=None, login="root@localhost"):
        self.failing, self.held, self.own, self.login, self.ran = failing or {}, list(held), own or {}, login, []
        self.connection = SimpleNamespace(name="target", run=self.run, value=lambda _sql: self.login, rows=self.rows)

    def run(self, sql, args=None):
        for part, errno in self.failing.items():
            if part in sql:
                raise ServerError("boom in %s" % sql, errno)
        self.ran.append(sql % tuple("'%s'" % value for value in args) if args else sql)

    def rows(self, _sql):
        return [{"u": "root", "h": "localhost"}, {"u": b"mysql.sys", "h": b"localhost"}]

    def public_grants(self):
        return self.held

    def system_grants(self, _user, _host):
        return []

    def own_role_grants(self, _user, _host):
        return self.own


class TestMaking:
    def test_what_is_here_is_dropped_first_and_statements_are_run_as_they_are(self, tmp_path):
        target = Target()
        create_accounts(target, Accounts(roles=["r`1"], create=[["a", "%", [SECRET]]]), str(tmp_path))
        assert target.ran == [
            "SET SESSION sql_log_bin = 0",
            "DROP ROLE IF EXISTS `r``1`",
            "CREATE ROLE IF NOT EXISTS `r``1`",
            "DROP USER IF EXISTS 'a'@'%'",
            SECRET,
        ]
        assert "HASH" not in (tmp_path / MADE).read_text()

    def test_our_own_login_is_not_dropped(self, tmp_path):
        target = Target(login="a@%")
        create_accounts(target, Accounts(create=[["a", "%", [SECRET]]]), str(tmp_path))
        create_accounts(target, Accounts(), str(tmp_path))
        assert not [text for text in target.ran if text.startswith("DROP")]

    def test_what_an_earlier_try_made_goes_and_what_the_target_had_stays(self, tmp_path):
        target = Target(held=["GRANT USAGE ON *.* TO PUBLIC"])
        first = Accounts(roles=["r"], create=[["gone", "%", []]], shared=[["PUBLIC", "", ["GRANT SELECT ON `s`.* TO PUBLIC"]]])
        create_accounts(target, first, str(tmp_path))
        target.held.append("GRANT SELECT ON `s`.* TO PUBLIC")
        target.ran.clear()
        create_accounts(target, Accounts(), str(tmp_path))
        assert target.ran[1:] == ["DROP USER IF EXISTS 'gone'@'%'", "REVOKE SELECT ON `s`.* FROM PUBLIC", "DROP ROLE IF EXISTS `r`"]

    def test_a_refused_account_is_named_and_its_statement_is_not(self, tmp_path):
        with pytest.raises(ServerError) as told:
            create_accounts(Target(failing={"CREATE USER": 1827}), Accounts(create=[["a", "%", [SECRET]]]), str(tmp_path))
        assert str(told.value) == "account a@%: CREATE USER is refused by the target: error 1827"
        assert told.value.__suppress_context__

    def test_one_that_cannot_be_dropped_is_altered(self, tmp_path):
        made = Accounts(create=[["a", "%", [SECRET, "ALTER USER a"]]])
        target = Target(failing={"DROP USER": 3628})
        create_accounts(target, made, str(tmp_path))
        assert target.ran[-2:] == [SECRET, "ALTER USER a"]
        target = Target()
        create_accounts(target, made, str(tmp_path))
        assert target.ran[-1] == SECRET
        with pytest.raises(ServerError):
            create_accounts(Target(failing={"DROP USER": 2013}), Accounts(create=[["a", "%", []]]), str(tmp_path))


class TestRights:
    def test_a_refused_right_is_reported_and_the_others_are_given(self):
        target = Target(failing={"GRANT OLD": 1064})
        refused = grant_rights(target, Accounts(grants=[["a@%", ["GRANT OLD ON *.* TO a", "GRANT SELECT ON *.* TO a"]]]))
        assert refused == ["account a@%: GRANT OLD is refused by the target: error 1064"]
        assert target.ran[-2:] == ["GRANT SELECT ON *.* TO a", "FLUSH PRIVILEGES"]

    def test_a_refused_restriction_fails(self):
        with pytest.raises(ServerError, match="REVOKE SELECT is refused"):
            grant_rights(Target(failing={"REVOKE": 1141}), Accounts(grants=[["a@%", ["REVOKE SELECT ON `s`.* FROM `a`@`%`"]]]))

    def test_everybodys_and_the_installations_own_come_and_an_installation_that_is_not_here_is_left_out(self):
        target = Target()
        shared = [["PUBLIC", "", ["GRANT 1"]], ["root", "localhost", ["GRANT 2"]], ["debian-sys-maint", "localhost", ["GRANT 3"]]]
        grant_rights(target, Accounts(shared=shared, finish=[["a@%", ["UPDATE 4"]]]))
        assert target.ran[1:] == ["GRANT 1", "GRANT 2", "UPDATE 4", "FLUSH PRIVILEGES"]

    @pytest.mark.parametrize(
        ("held", "wanted", "ran"),
        [
            ({"r": True}, [], ["REVOKE `r` FROM 'root'@'localhost'"]),
            ({"r": True}, ["GRANT `r` TO `root`@`localhost`"], ["REVOKE ADMIN OPTION FOR `r` FROM 'root'@'localhost'"]),
            ({"r": True}, ["GRANT `r` TO `root`@`localhost` WITH ADMIN OPTION"], []),
            ({"r": False}, ["GRANT `r` TO `root`@`localhost`"], []),
            ({"theirs": True}, [], []),
        ],
    )
    def test_who_makes_a_role_keeps_it_only_where_the_source_says_so(self, held, wanted, ran):
        target = Target(own=held)
        grant_rights(target, Accounts(roles=["r"], shared=[["root", "localhost", wanted]]))
        assert target.ran[1 + len(wanted) : -1] == ran


@pytest.mark.parametrize(
    ("grant", "taken_back"),
    [
        ("GRANT SELECT ON `s`.* TO PUBLIC", "REVOKE SELECT ON `s`.* FROM PUBLIC"),
        ("GRANT SELECT (`a TO b`) ON `s`.`t` TO PUBLIC", "REVOKE SELECT (`a TO b`) ON `s`.`t` FROM PUBLIC"),
        ("GRANT SELECT ON `s`.* TO `u`@`h` WITH GRANT OPTION", "REVOKE SELECT, GRANT OPTION ON `s`.* FROM `u`@`h`"),
        ("GRANT `r` TO `root`@`localhost` WITH ADMIN OPTION", "REVOKE `r` FROM `root`@`localhost`"),
        ("GRANT PROXY ON 'a'@'%' TO 'root'@'localhost' WITH GRANT OPTION", "REVOKE PROXY ON 'a'@'%' FROM 'root'@'localhost'"),
        ("SET DEFAULT ROLE `r`", ""),
    ],
)
def test_a_grant_is_taken_back(grant, taken_back):
    assert reverse(grant) == taken_back


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*H' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5", "GRANT USAGE ON *.* TO `a`@`%`"),
        ("GRANT ALL ON *.* TO `a`@`%` REQUIRE SSL WITH GRANT OPTION MAX_X 5", "GRANT ALL ON *.* TO `a`@`%` WITH GRANT OPTION"),
        ("GRANT USAGE ON *.* TO `a`@`%` REQUIRE ISSUER ' WITH GRANT OPTION'", "GRANT USAGE ON *.* TO `a`@`%`"),
        ("GRANT `r` TO `a`@`%` WITH ADMIN OPTION", "GRANT `r` TO `a`@`%` WITH ADMIN OPTION"),
        ("GRANT PROXY ON 'x'@'%' TO 'a'@'%'", "GRANT PROXY ON 'x'@'%' TO 'a'@'%'"),
    ],
)
def test_a_grant_without_the_login_that_it_repeats(text, bare):
    assert bare_grant(text, "a", "%") == bare


def settings(**values):
    return SimpleNamespace(account_settings=tuple(values), connection=SimpleNamespace(name="t", variables=lambda *_names: values))


def test_settings_that_give_the_same_account_other_rights_are_told_and_a_lost_restriction_is_refused():
    assert check_settings(settings(mandatory_roles="r"), settings(mandatory_roles="r")) == []
    assert "mandatory_roles is 'r' on the source and '' on the target" in check_settings(settings(mandatory_roles="r"), settings())[0]
    with pytest.raises(Refusal, match="SET PERSIST partial_revokes = ON"):
        check_settings(settings(partial_revokes="ON"), settings(partial_revokes="OFF"))
    assert len(check_settings(settings(partial_revokes="OFF"), settings(partial_revokes="ON"))) == 1


def reading(before=5, after=5, **parts):
    return {"before": before, "accounts": asdict(Accounts(**parts)), "after": after}


class TestMoment:
    def moment(self, *readings):
        given = iter(readings)

        def read():
            found = next(given)
            if isinstance(found, Exception):
                raise found
            return json.loads(json.dumps(found))

        return Moment(read, 0.0)

    def test_equal_readings_are_the_coordinates(self):
        moment = self.moment(reading(roles=["r"]), reading(roles=["r"]))
        assert moment.begin().roles == ["r"]
        moment.settle()

    @pytest.mark.parametrize(
        ("second", "told"),
        [
            (reading(roles=["r"], create=[["a", "%", ["X"]]]), "a@%"),
            (reading(), "role r"),
            (reading(roles=["r"], shared=[["PUBLIC", "", ["GRANT"]]]), "PUBLIC"),
            (reading(roles=["r"], grants=[["b@%", ["GRANT"]]]), "b@%"),
            (reading(roles=["r"], finish=[["c@%", ["UPDATE"]]]), "c@%"),
            (reading(before=7, after=7, roles=["r"]), "2 statements about accounts were begun"),
            (reading(before=5, after=6, roles=["r"]), "1 statements"),
            (reading(before=0, after=0, roles=["r"]), "-5 statements"),  # counters that were set back tell nothing
        ],
    )
    def test_whatever_changed_in_between_is_named(self, second, told):
        moment = self.moment(reading(roles=["r"]), second)
        moment.begin()
        with pytest.raises(AccountsMoved, match=told):
            moment.settle()

    def test_a_change_while_the_first_reading_went_on_counts(self):
        moment = self.moment(reading(before=5, after=6), reading(before=6, after=6))
        moment.begin()
        with pytest.raises(AccountsMoved):
            moment.settle()

    def test_hashes_are_in_no_message(self):
        moment = self.moment(reading(create=[["a", "%", [SECRET]]]), reading(create=[["a", "%", [SECRET + "2"]]]))
        moment.begin()
        with pytest.raises(AccountsMoved) as told:
            moment.settle()
        assert "HASH" not in str(told.value) and "HASH" not in repr(moment.accounts)

    def test_a_reading_that_fails_is_tried_again_and_its_failure_told_at_last(self):
        moment = self.moment(reading(), MigrationError("away"), reading())
        moment.begin()
        moment.settle()
        moment = self.moment(reading(), *[MigrationError("away")] * 3)
        moment.begin()
        with pytest.raises(MigrationError, match="away"):
            moment.settle()
        moment = self.moment(reading(), {"accounts": {}})
        moment.begin()
        with pytest.raises(MigrationError, match="unexpected KeyError"):
            moment.settle()

    def test_a_dump_tells_it_once_the_coordinates_have_come_and_ends_where_they_differ(self):
        moment = self.moment(reading(), reading(roles=["r"]))
        moment.begin()
        copy = Copy([], SimpleNamespace(say=lambda *_args, **_more: None), moment)
        copy.take_text(b"-- CHANGE MASTER TO MASTER_LOG_FILE='b.1', MASTER_LOG_POS=3")
        assert moment._thread is None
        with pytest.raises(AccountsMoved):
            copy.take_text(b"28;\n")
            moment._thread.join()
            copy.take_text(b"more")


def test_a_snapshot_is_taken_anew_and_not_for_ever(monkeypatch):
    seed = SimpleNamespace(
        source=SimpleNamespace(connection=SimpleNamespace(run=lambda _sql: None)),
        target=SimpleNamespace(connection=SimpleNamespace(run=lambda _sql: None)),
        progress=SimpleNamespace(say=lambda *words: said.append(words)),
    )
    said, left = [], [3]

    def once(*_all):
        left[0] -= 1
        if left[0] >= 0:
            raise AccountsMoved("a@%")
        return {"rows": 1}, Accounts()

    monkeypatch.setattr(logical, "check_settings", lambda *_all: [])
    monkeypatch.setattr(logical, "_copy_of_moment", once)
    monkeypatch.setattr(logical, "_finish", lambda _seed, result, *_all: result)
    assert logical.copy_logically(seed, None) == {"rows": 1} and len(said) == 3
    left[0] = 99
    with pytest.raises(AccountsMoved, match="so it was 5 times"):
        logical.copy_logically(seed, None)
    assert left[0] == 94


def test_nobody_differs_from_himself():
    one = Accounts(roles=["r"], create=[["a", "%", ["X"]]], grants=[["a@%", ["G"]]], shared=[["PUBLIC", "", []]])
    assert differing(one, Accounts(**asdict(one))) == []
