# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import stat

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._accounts import logins, own
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal

CTL, REPL, KEEP = "nordbridge_ctl_8d9001d3", "nordbridge_repl_8d9001d3", "nordbridge_keep_8d9001d3"


def test_each_migration_has_accounts_of_its_own():
    assert (logins.account(logins.CONTROL, "shop"), logins.account(logins.REPLICATION, "shop")) == (CTL, REPL)
    assert logins.account(logins.CONTROL, "shop2") != CTL and len(logins.account(logins.REPLICATION, "x" * 31)) <= 32
    assert not logins.is_anothers(CTL, CTL) and not logins.is_anothers(REPL, CTL)
    assert logins.is_anothers(CTL, "nordbridge_ctl_00000000") and logins.is_anothers(CTL, "root")
    assert logins.account(logins.BACK, "shop") == "nordbridge_back_8d9001d3"
    assert logins.is_anothers("nordbridge_back_00000000", CTL) and not logins.is_anothers("nordbridge_back_8d9001d3", CTL)
    assert not logins.is_anothers("nordbridge_back", CTL) and not logins.is_anothers("nordbridge_ctl", CTL)


@pytest.mark.parametrize("_time", range(200))
def test_passwords_are_of_each_kind_that_policies_ask_for(_time):
    password = logins.make_password()
    assert len(password) == 32
    assert all(re.search(kind, password) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"))


def passwords(result):
    found = {}
    for name, path in result["files"].items():
        with open(path, encoding="utf-8") as stream:
            found[name] = json.load(stream)["password"]
    return found


class TestLogins:
    @pytest.fixture
    def ensure(self, tmp_path, monkeypatch):
        monkeypatch.setattr(logins, "directory", lambda _id: str(tmp_path / "shop"))
        base = {"migration_id": "shop", "source": {"host": "127.0.0.1", "port": 3307}, "target": {"unix_socket": "/run/x.sock"}}
        return lambda check=False, **more: logins.ensure_logins({**base, **more}, check)

    def test_made_once_and_kept(self, ensure):
        first = ensure()
        made = passwords(first)
        again = ensure()
        assert (first["changed"], again["changed"]) == (True, False)
        assert passwords(again) == made
        assert made["source"] != made["replication"]
        for path in first["files"].values():
            with open(path, encoding="utf-8") as stream:
                assert stat.S_IMODE(__import__("os").fstat(stream.fileno()).st_mode) == 0o600
                assert json.load(stream)["user"] in (CTL, REPL, "root")

    def test_a_given_password_wins(self, ensure):
        ensure()
        found = ensure(control_password="s3cret-word")
        assert passwords(found)["source"] == "s3cret-word"
        assert "s3cret-word" not in json.dumps(found), "a module's result loses what was given as a secret"

    def test_check_mode_writes_nothing(self, ensure, tmp_path):
        assert ensure(check=True)["changed"] is True
        assert not (tmp_path / "shop").exists()


class Connection:
    """Accounts in memory, as far as own.py asks for them."""

    def __init__(self, marked=False):
        self.accounts, self.ran, self.marked = {}, [], marked
        self.grantable, self.days, self.in_schema = {}, {}, {}

    def variables(self, *_names):
        return {"general_log": "ON", "slow_query_log": "ON", "max_allowed_packet": "16777216"}

    def variable(self, _name):
        return None

    def value(self, sql, args=()):
        if "PLUGIN_STATUS" in sql:
            return "ACTIVE" if any("INSTALL PLUGIN" in sql for sql, _args in self.ran) else None
        if "@@SESSION" in sql:
            return 0
        return int(args in self.accounts) if "mysql.user" in sql else int(self.marked)

    def rows(self, sql, args):
        if "FROM mysql.user" in sql:
            return [{"h": host} for user, host in sorted(self.accounts) if user == args[0]]
        schema = [{"g": "GRANT %s ON `nordbridge\\_migration`.* TO x" % ", ".join(self.in_schema[args])}] if args in self.in_schema else []
        held = {"g": "GRANT %s ON *.* TO x" % (", ".join(self.accounts[args]) or "USAGE")}
        may_grant = [{"g": "GRANT %s ON *.* TO x WITH GRANT OPTION" % ", ".join(self.grantable.get(args, []))}] if args in self.grantable else []
        return [held, *schema, {"g": "GRANT SELECT ON `a`.* TO x WITH GRANT OPTION"}, *may_grant]

    def run(self, sql, args=None):
        self.ran.append((sql % args if args else sql, args))
        if "PASSWORD EXPIRE" in sql:
            self.days[args[:2]] = (int(sql.split()[-2]), 0) if "INTERVAL" in sql else (0, 0)
        if sql.startswith("CREATE USER"):
            self.accounts.setdefault(args[:2], [])
        elif "_migration`.*" in sql:
            self.in_schema[args] = sql[len("GRANT ") : sql.index(" ON")].split(", ")
        elif sql.startswith("REVOKE"):
            gone = sql[len("REVOKE ") : sql.index(" ON")].split(", ")
            if "GRANT OPTION" in gone:
                self.grantable.pop(args)
            self.accounts[args] = [name for name in self.accounts[args] if name not in gone]
        elif sql.endswith("WITH GRANT OPTION"):
            self.grantable.setdefault(args, []).append(sql[len("GRANT ") : sql.index(" ON")])
        elif sql.startswith("GRANT"):
            self.accounts[args].append(sql[len("GRANT ") : sql.index(" ON")])
        elif sql.startswith("INSERT"):
            self.marked = True


class Server:
    name = "mariadb"
    fence_privileges = ("SUPER", "READ_ONLY ADMIN")

    def __init__(self):
        self.connection, self.known, self.for_cutovers = Connection(), ("SELECT", "BINLOG MONITOR"), ()

    def known_privileges(self, phases=("copy", "cutover", "way back")):
        return self.known + (self.for_cutovers if "cutover" in phases else ())

    def identified_by(self, password):
        return "IDENTIFIED VIA mysql_native_password USING %s", "*%d" % len(password), False

    def password_date(self, user, host):
        return self.connection.days.get((user, host), (None, None))

    def user_schemas(self):
        return ["nordbridge_migration"] if self.connection.marked else []


OPTIONS = {
    "migration_id": "shop", "hosts": ["10.0.%"], "tls": True, "replication_password": "r", "control_password": "c", "key_days": 90,
    "allow_logged_passwords": False, "load_clone": False,
}  # fmt: skip


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(own, "ROUNDS", 2)
    return Server()


def prepare(server, check=False, **more):
    del server.connection.ran[:]
    return own.prepare_source(server, {**OPTIONS, **more}, check)


def test_made_once(server):
    assert prepare(server)["changed"] is True
    accounts = server.connection.accounts
    assert accounts[(REPL, "10.0.%")] == ["REPLICATION SLAVE"]
    assert accounts[(CTL, "10.0.%")] == accounts[(CTL, "localhost")] == ["SELECT", "BINLOG MONITOR"]
    assert prepare(server) == {
        "changed": False,
        "plan": [],
        "diff": {"before": "", "after": "", "before_header": "source", "after_header": "source"},
    }


def test_check_mode_plans_the_same_and_runs_nothing(server):
    planned = prepare(server, check=True)["plan"]
    assert server.connection.ran == []
    assert prepare(server)["plan"] == planned


def test_accounts_make_no_word_in_the_binary_log_and_the_marker_does(server):
    prepare(server)
    ran = [sql for sql, _args in server.connection.ran]
    assert ran[0] == "SET SESSION sql_log_bin = 0"
    on = ran.index("SET SESSION sql_log_bin = 1")
    assert all(sql.startswith(("CREATE USER", "ALTER USER", "GRANT", "SET SESSION")) for sql in ran[1:on])
    assert not [sql for sql in ran[1:on] if "sql_log_bin" in sql]
    assert ran[on + 1].startswith("CREATE DATABASE")


def test_tls_is_required_across_the_bridge_and_not_on_the_socket(server):
    prepare(server)
    made = {args[:2]: sql for sql, args in server.connection.ran if args and sql.startswith("ALTER USER")}
    assert "REQUIRE SSL" in made[(REPL, "10.0.%")]
    assert "REQUIRE NONE" in made[(CTL, "localhost")]


def test_passwords_end_but_the_one_by_which_a_closed_server_is_kept_closed(server):
    prepare(server, hosts=["127.0.0.1", "localhost"])
    assert {login: days for login, (days, _age) in server.connection.days.items()} == {
        (REPL, "127.0.0.1"): 90,
        (REPL, "localhost"): 90,
        (CTL, "127.0.0.1"): 90,
        (CTL, "localhost"): 90,
        (KEEP, "localhost"): 0,
    }


def test_this_hosts_own_account_has_a_password_that_no_request_brings(server, tmp_path):
    prepare(server)
    kept = json.loads((tmp_path / "keep.json").read_text())
    assert kept["user"] == KEEP and len(kept["password"]) == 32 and (tmp_path / "keep.json").stat().st_mode & 0o077 == 0
    assert prepare(server)["changed"] is False and json.loads((tmp_path / "keep.json").read_text()) == kept


@pytest.mark.parametrize("user, holds", [(CTL, True), (KEEP, True), (REPL, False), ("nordbridge_ctl_00000000", False), ("root", False)])
def test_whose_sessions_may_hold_the_fence(user, holds):
    assert logins.may_hold_the_fence(user, KEEP) is logins.may_hold_the_fence(user, CTL) is holds


@pytest.mark.parametrize("state, plan", [((90, 45), ""), ((90, 46), "INTERVAL 90 DAY"), ((30, 0), "INTERVAL 90 DAY"), ((None, 1), "INTERVAL 90 DAY")])
def test_a_run_renews_a_password_when_less_than_half_of_its_time_is_left(server, state, plan):
    prepare(server)
    server.connection.days[(REPL, "10.0.%")] = state
    told = prepare(server)["plan"]
    assert told == (["account %s@10.0.%% REQUIRE SSL: PASSWORD EXPIRE %s" % (REPL, plan)] if plan else [])
    assert prepare(server)["plan"] == []


@pytest.mark.parametrize("host", ["%", "%.%.%.%", "", "_%"])
def test_no_account_logs_in_from_every_host(server, host):
    with pytest.raises(Refusal, match="which is every host: set migration_target_address"):
        prepare(server, hosts=["10.0.%", host])
    assert not server.connection.ran


def test_no_statement_holds_a_password_and_the_session_writes_no_log(server):
    prepare(server, replication_password="hunter2", control_password="hunter3")
    ran = [sql for sql, _args in server.connection.ran]
    assert not [sql for sql in ran if "hunter" in sql]
    first = next(place for place, sql in enumerate(ran) if sql.startswith("CREATE USER"))
    assert "SET SESSION sql_log_off = ON" in ran[:first] and "SET SESSION slow_query_log = OFF" in ran[:first]


def test_the_control_account_writes_in_the_markers_schema_alone(server):
    plan = prepare(server)["plan"]
    assert plan[1].endswith("INSERT, UPDATE, DELETE, DROP on nordbridge_migration") and "nordbridge_migration" not in plan[0]
    written = [sql for sql, _args in server.connection.ran if "INSERT" in sql and sql.startswith("GRANT")]
    assert written and all(" ON `nordbridge\\_migration`.* TO " in sql for sql in written), "the underscore would match any letter"
    server.connection.in_schema.clear()
    lacks = ["account %s@%s: INSERT, UPDATE, DELETE, DROP on nordbridge_migration" % (CTL, where) for where in ("10.0.% REQUIRE SSL", "localhost")]
    lacks.append(lacks[1].replace(CTL, KEEP))
    assert prepare(server)["plan"] == lacks


def test_what_an_earlier_version_gave_is_taken_away(server):
    prepare(server)
    server.connection.accounts[(CTL, "localhost")] += ["INSERT", "DROP", "CREATE USER", "SHOW VIEW"]
    assert prepare(server)["plan"] == ["account %s@localhost: no INSERT, DROP, CREATE USER any more" % CTL]
    assert server.connection.accounts[(CTL, "localhost")] == ["SELECT", "BINLOG MONITOR", "SHOW VIEW"]
    assert prepare(server)["changed"] is False


def test_the_plugin_clone_is_loaded_for_a_clone_and_that_is_remembered(server, tmp_path):
    assert prepare(server, load_clone=True, check=True)["plan"][-2] == "plugin clone" and not server.connection.ran
    prepare(server, load_clone=True)
    ran = [sql for sql, _args in server.connection.ran]
    place = ran.index("INSTALL PLUGIN clone SONAME 'mysql_clone.so'")
    assert [sql for sql in ran[:place] if "sql_log_bin" in sql][-1] == "SET SESSION sql_log_bin = 0"
    assert json.loads((tmp_path / "accounts.json").read_text())["clone_loaded"] is True


def test_a_new_password_changes_that_account_alone(server):
    prepare(server)
    plan = prepare(server, replication_password="new")["plan"]
    assert plan == ["account " + REPL + "@10.0.% REQUIRE SSL: password"]


def test_a_privilege_that_is_lacking_is_granted_alone(server):
    prepare(server)
    server.connection.accounts[(CTL, "10.0.%")] = ["SELECT"]
    assert prepare(server)["plan"] == ["account " + CTL + "@10.0.% REQUIRE SSL: BINLOG MONITOR"]
    assert [sql for sql, _args in server.connection.ran if "USER" in sql] == []


def test_the_control_account_may_give_back_what_the_fence_takes_and_nobody_else_may(server):
    server.for_cutovers = ("SUPER", "READ_ONLY ADMIN")
    plan = prepare(server)["plan"]
    assert "SUPER" not in plan[1] + plan[2], "at rest it can close nothing"
    assert "SELECT, BINLOG MONITOR, SUPER, READ_ONLY ADMIN, GRANT OPTION for SUPER and READ_ONLY ADMIN" in plan[3]
    assert own.entitle_control(server, "shop", "cutover", True)["changed"] is True and own.entitle_control(server, "shop", "copy", False)["plan"] == []
    given = "SUPER, READ_ONLY ADMIN, GRANT OPTION for SUPER and READ_ONLY ADMIN"
    logins = [(CTL, "10.0.%"), (CTL, "localhost")]
    assert own.entitle_control(server, "shop", "cutover", False)["plan"] == ["account %s@%s: %s" % (*login, given) for login in logins]
    held = [*logins, (KEEP, "localhost")]
    assert server.connection.grantable == {login: ["SUPER", "READ_ONLY ADMIN"] for login in held}
    assert own.entitle_control(server, "shop", "cutover", False)["changed"] is False
    taken = "no SUPER, READ_ONLY ADMIN, GRANT OPTION any more"
    assert prepare(server, check=True)["plan"] == ["account %s@10.0.%% REQUIRE SSL: %s" % (CTL, taken), "account %s@localhost: %s" % (CTL, taken)]
    assert own.entitle_control(server, "shop", "copy", False)["plan"] == ["account %s@%s: %s" % (*login, taken) for login in logins]
    assert prepare(server)["plan"] == []
    server.connection.grantable[(KEEP, "localhost")] = ["SUPER"]
    assert prepare(server)["plan"] == ["account " + KEEP + "@localhost: GRANT OPTION for SUPER and READ_ONLY ADMIN"]


@pytest.mark.parametrize("held", ["ALL PRIVILEGES", "SELECT, REPLICATION CLIENT"])
def test_other_names_for_the_same_privileges(server, held):
    prepare(server)
    server.connection.accounts[(CTL, "10.0.%")] = held.split(", ")
    assert prepare(server)["plan"] == []


def test_passwords_are_in_neither_plan_nor_file(server, tmp_path):
    result = prepare(server, replication_password="hunter2", control_password="hunter3")
    assert "hunter" not in json.dumps(result)
    assert "hunter" not in (tmp_path / "accounts.json").read_text()


def test_prints_differ_by_salt_and_password():
    prints = {own.password_print(password, salt) for password in ("a", "b") for salt in ("00", "01")}
    assert len(prints) == 4
