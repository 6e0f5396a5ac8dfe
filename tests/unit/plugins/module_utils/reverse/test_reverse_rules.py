# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration import renew
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse import accounts, follow
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse.rules import why_not
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal

BASE = Identity("mariadb", (10, 11, 18), "10.11.18", "", "us-db1", 3306, 1, "", "/var/lib/mysql", 0)


def version(text: str, flavour: str = "mariadb") -> Identity:
    return replace(BASE, flavour=flavour, version=tuple(int(part) for part in text.split(".")), version_text=text)


@pytest.mark.parametrize(
    "flavour, new, old, possible",
    [
        ("mariadb", "10.11.18", "10.11.18", True),
        ("mariadb", "10.11.18", "10.11.4", True),
        ("mariadb", "10.11.18", "10.5.23", False),
        ("mariadb", "11.8.6", "10.11.18", False),
        ("mariadb", "10.11.18", "11.4.2", True),
        ("mysql", "9.7.4", "9.7.0", True),
        ("mysql", "8.4.6", "8.0.40", False),
        ("mysql", "26.7.1", "9.7.4", False),
    ],
)
def test_a_replica_is_never_of_an_older_series_than_its_source(flavour, new, old, possible):
    why = why_not(version(new, flavour), version(old, flavour))
    assert (why == "") is possible
    assert possible or (new in why and old in why)


def test_flavours_do_not_follow_each_other():
    assert why_not(version("8.4.6", "mysql"), version("10.11.18")) != ""


def test_transactions_of_a_mysql_set_are_counted(monkeypatch):
    server = MySQL.__new__(MySQL)
    monkeypatch.setattr(MySQL, "gtid_extra", lambda self, have, base: have)
    assert server.gtid_count("", "") == 0
    assert server.gtid_count("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7,4e11fa47-71ca-11e1-9e33-c80aa9429562:3", "") == 7
    assert server.gtid_count("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:blue:1-3:9", "") == 9


def test_transactions_between_mariadb_positions_are_counted():
    server = MariaDB.__new__(MariaDB)
    assert server.gtid_count("0-2-150,5-2-7", "0-1-100,5-1-7") == 50
    assert server.gtid_count("0-1-100", "0-1-100") == 0
    assert server.gtid_count("0-1-90", "0-1-100") == 0


class FakeConnection:
    def __init__(self, **variables):
        self.held, self.log = variables, []

    def variables(self, *names):
        return {name: self.held[name] for name in names if name in self.held}

    def run(self, sql, _args=None):
        self.log.append(sql)


class FakeServer:
    gtid_on = True

    def __init__(self, identity, **variables):
        self.identity, self.connection, self.closed = identity, FakeConnection(**variables), True

    def read_only(self):
        return self.closed

    def admit_loader(self):
        self.connection.run("admit")

    def set_read_only(self, on):
        self.connection.run("hold %s" % on)

    def known_privileges(self):
        return ("RELOAD",)


GOOD = {"log_bin": "ON", "log_slave_updates": "ON"}


def test_what_stands_in_the_way_is_told_at_once():
    old, new = FakeServer(BASE), FakeServer(replace(BASE, server_id=2), **GOOD)
    assert follow.reasons(old, new) == []
    bad = FakeServer(version("11.8.6"), log_bin="OFF")
    bad.gtid_on = False
    text = "; ".join(follow.reasons(old, bad))
    for words in ("older than its source", "no binary log", "does not log what it replicates", "gtid_mode", "server_id 1"):
        assert words in text


def test_the_accounts_are_made_without_the_binary_log_and_the_target_is_held_again(monkeypatch, tmp_path):
    made = []

    class Own:
        def __init__(self, server, _id, _waived):
            self.server, self.plan = server, []

        def ensure(self, own, check_mode):
            user, host = own.user, own.host
            assert own.days == (0 if host == "localhost" else 90)
            if (user, host) not in made:
                self.plan.append("account %s@%s" % (user, host))
            if not check_mode:
                assert "SET SESSION sql_log_bin = 0" in self.server.connection.log
                made.append((user, host))

    monkeypatch.setattr(accounts, "OwnAccounts", Own)
    monkeypatch.setattr(accounts, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(accounts, "job_directory", lambda _id, job: str(tmp_path / job))
    server = FakeServer(BASE)
    options = {
        "migration_id": "shop", "unix_socket": "/run/s", "hosts": ["127.0.0.1"], "require_tls": False, "host": "127.0.0.1", "port": 13307,
        "tls": "preferred", "tls_ca": "", "key_days": 90, "allow_logged_passwords": False,
    }  # fmt: skip
    planned = accounts.prepare_target(server, options, True)
    assert planned["changed"] and not made and not list(tmp_path.iterdir())
    result = accounts.prepare_target(server, options, False)
    assert made == [("nordbridge_ctl_8d9001d3", "localhost"), ("nordbridge_back_8d9001d3", "127.0.0.1")]
    assert server.connection.log[-1] == "hold True"
    password = json.loads((tmp_path / "back.json").read_text())["password"]
    assert len(password) > 20 and password not in str(result)
    assert (tmp_path / "back.json").stat().st_mode & 0o077 == 0
    assert accounts.prepare_target(server, options, False)["changed"] is False
    assert json.loads((tmp_path / "back.json").read_text())["password"] == password


@pytest.mark.parametrize("back, allowed", [({}, True), ({"rollback": {"done": ["commit"]}}, False)])
def test_a_cutover_that_died_does_not_keep_its_own_command_from_going_on(monkeypatch, tmp_path, back, allowed):
    monkeypatch.setattr(accounts, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(accounts, "_prepare", lambda *_options: {"changed": False})
    Journal(str(tmp_path)).update("begun", cutover={"begun": ["lease", "fence"], "facts": {"lease": "t1"}}, **back)
    with nullcontext() if allowed else pytest.raises(Refusal, match="is being rolled back"):
        assert accounts.prepare_target(FakeServer(BASE), {"migration_id": "shop"}, False) == {"changed": False}


def test_a_target_is_not_closed_again_beside_a_running_cutover(monkeypatch, tmp_path):
    monkeypatch.setattr(accounts, "job_directory", lambda _id, job: str(tmp_path / job))
    monkeypatch.setattr(accounts, "observe", lambda path: type("Job", (), {"state": "running" if path.endswith("cutover") else "absent"}))
    with pytest.raises(Refusal, match="a cutover runs"):
        accounts._apply(FakeServer(BASE), "shop", [])


@pytest.mark.parametrize(
    "done, words",
    [(["confirm", "commit"], "ERASE"), (["commit"], "not finished")],
)
def test_beginning_anew_needs_the_word_and_a_finished_rollback(monkeypatch, tmp_path, done, words):
    monkeypatch.setattr(renew, "directory", lambda _id: str(tmp_path))
    Journal(str(tmp_path)).update("x", seed={"status": "done"}, rollback={"done": done})
    with pytest.raises(Refusal, match=words):
        renew.renew({"migration_id": "shop", "wipe": ""}, False)


def test_beginning_anew_keeps_the_old_attempt_aside(monkeypatch, tmp_path):
    monkeypatch.setattr(renew, "directory", lambda _id: str(tmp_path))
    journal = Journal(str(tmp_path))
    (tmp_path / "jobs/seed").mkdir(parents=True)
    (tmp_path / "switched").write_text("")
    journal.update("x", seed={"status": "done"}, cutover={"done": ["confirm"]}, rollback={"done": ["commit", "confirm"]})
    options = {"migration_id": "shop", "wipe": "shop"}
    assert renew.renew(options, True)["changed"] and (tmp_path / "switched").exists()
    assert renew.renew(options, False) == {"changed": True, "phase": "new"}
    state = journal.read()
    assert [name for name in renew.KEYS if name in state] == [] and len(state["attempts"]) == 1
    assert (tmp_path / "attempts/1/jobs/seed").is_dir() and not (tmp_path / "switched").exists()
    assert renew.renew(options, False) == {"changed": False, "phase": "new"}
