# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration leaves on a host is found by its id, removed once, and nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import authorized_keys
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._retire import guard, remove, run, server, things
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.fences import ARMED, COMMITTED, FIRED, RELEASED, Fence
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal

FOLDER = "var/lib/mysql_migration/shop"
AGENT_KEYS, TUNNEL_KEYS = ("var/lib/mysql_migration_%s/.ssh/authorized_keys" % user for user in ("agent", "tunnel"))
CTL, REPL, BACK, KEEP = ("nordbridge_%s_8d9001d3" % kind for kind in ("ctl", "repl", "back", "keep"))


def put(root, *paths, text="x\n"):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def words(found):
    return [thing.words for thing in found]


class TestThings:
    def test_a_source_is_cleared_of_this_migration_and_of_no_other(self, tmp_path):
        keys = "ssh-rsa AAA admin@example\nrestrict ssh-ed25519 BBB nordbridge-agent-shop\nrestrict ssh-ed25519 CCC nordbridge-agent-shop-eu\n"
        put(tmp_path, AGENT_KEYS, text=keys)
        put(tmp_path, "etc/systemd/system/nordbridge-shop-agent@.service", "etc/systemd/system/nordbridge-shop-eu-agent.socket")
        put(tmp_path, "etc/systemd/system/nordbridge-shop-boot-0a.service")
        put(tmp_path, FOLDER + "/agent.zip", "var/lib/mysql_migration/shop-eu/agent.zip", "var/lib/mysql_migration/fences/x")
        put(tmp_path, "var/lib/mysql_migration_agent/shop/agent.json", "etc/mysql/conf.d/nordbridge-shop-back-ca.pem")
        found = things.things("shop", "source", False, str(tmp_path))
        assert words(found) == [
            "unit nordbridge-shop-agent@.service",
            f"key nordbridge-agent-shop in /{AGENT_KEYS}",
            "path /var/lib/mysql_migration_agent/shop",
            "path /etc/mysql/conf.d/nordbridge-shop-back-ca.pem",
            "path /var/lib/mysql_migration/shop",
        ]
        removed, left = remove.remove_all(found, "shop", str(tmp_path))
        assert removed == words(found) and not left
        assert things.things("shop", "source", False, str(tmp_path)) == []
        assert "BBB" not in (tmp_path / AGENT_KEYS).read_text()
        for line in (keys.splitlines()[0], keys.splitlines()[2]):
            assert line in (tmp_path / AGENT_KEYS).read_text().splitlines()
        assert (tmp_path / "var/lib/mysql_migration/shop-eu/agent.zip").exists() and (tmp_path / "var/lib/mysql_migration/fences/x").exists()
        assert (tmp_path / "etc/systemd/system/nordbridge-shop-boot-0a.service").exists()

    def test_the_jobs_numbers_go_from_the_folder_that_they_were_given(self, tmp_path):
        put(tmp_path, FOLDER + "/metrics.json", text='{"folder": "/srv/metrics"}')
        put(tmp_path, "srv/metrics/nordbridge_shop_seed.prom", "srv/metrics/nordbridge_shop-eu_seed.prom", "srv/metrics/node.prom")
        found = things.things("shop", "target", False, str(tmp_path))
        assert "path /srv/metrics/nordbridge_shop_seed.prom" in words(found)
        remove.remove_all(found, "shop", str(tmp_path))
        assert sorted(path.name for path in (tmp_path / "srv/metrics").iterdir()) == ["node.prom", "nordbridge_shop-eu_seed.prom"]

    def test_the_users_and_sshds_rules_go_with_the_last_migration(self, tmp_path, monkeypatch):
        ran = []
        monkeypatch.setattr(remove, "run_child", lambda command, **_more: ran.append(command) or SimpleNamespace(returncode=0, stderr=""))
        passwd = "root:x:0:0::/root:/bin/sh\nnordbridge:x:998:998::/var/lib/mysql_migration_tunnel:/usr/sbin/nologin\n"
        put(tmp_path, "etc/passwd", text=passwd)
        config = "Port 22\n# BEGIN nordbridge.mysql_migration nordbridge\nMatch User nordbridge\n# END nordbridge.mysql_migration nordbridge\n"
        put(tmp_path, "etc/ssh/sshd_config", text=config)
        put(tmp_path, "var/lib/mysql_migration/state")
        put(tmp_path, TUNNEL_KEYS, text="restrict ssh-ed25519 A nordbridge-tunnel-shop\nrestrict ssh-ed25519 B nordbridge-tunnel-crm\n")
        assert words(things.things("shop", "source", False, str(tmp_path))) == [f"key nordbridge-tunnel-shop in /{TUNNEL_KEYS}"]
        assert things.others("shop", "source", str(tmp_path)) == ["nordbridge-tunnel-crm"]
        put(tmp_path, TUNNEL_KEYS, text="restrict ssh-ed25519 A nordbridge-tunnel-shop\n")
        found = things.things("shop", "source", False, str(tmp_path))
        assert words(found)[1:] == [
            "rules nordbridge in /etc/ssh/sshd_config", "user nordbridge in /var/lib/mysql_migration_tunnel", "path /var/lib/mysql_migration_tunnel",
        ]  # fmt: skip
        assert remove.remove_all(found, "shop", str(tmp_path)) == (words(found), [])
        assert (tmp_path / "etc/ssh/sshd_config").read_text() == "Port 22\n"
        assert ran == [["userdel", "--root", str(tmp_path), "nordbridge"]] and not (tmp_path / "var/lib/mysql_migration_tunnel").exists()

    def test_a_tunnels_key_stays_while_another_migration_cuts_over(self, tmp_path, monkeypatch):
        monkeypatch.setattr(remove, "armed_beside", lambda _id: ["crm"])
        text = "restrict ssh-ed25519 A nordbridge-tunnel-shop\nrestrict ssh-ed25519 B nordbridge-tunnel-crm\n"
        put(tmp_path, TUNNEL_KEYS, text=text)
        _removed, left = remove.remove_all(things.things("shop", "source", False, str(tmp_path)), "shop", str(tmp_path))
        assert "migration crm, which cuts over" in left[0] and (tmp_path / TUNNEL_KEYS).read_text() == text

    def test_a_key_is_removed_under_its_writers_lock(self, tmp_path, monkeypatch):
        put(tmp_path, TUNNEL_KEYS, text="restrict ssh-ed25519 A nordbridge-tunnel-shop\n")
        monkeypatch.setattr(authorized_keys, "LOCK_SECONDS", 0.1)
        found = things.things("shop", "source", False, str(tmp_path))
        with authorized_keys.keys_lock(str(tmp_path / TUNNEL_KEYS)):
            _removed, left = remove.remove_all(found, "shop", str(tmp_path))
        assert any("another migration has held the lock of" in words for words in left)

    @pytest.mark.parametrize("answers, left", [(("", "", "nordbridge-shop-agent@1.service loaded active running x"), 1), (("", "", ""), 0), ((None,), 1)])
    def test_a_unit_that_still_runs_is_not_removed(self, tmp_path, monkeypatch, answers, left):
        said = list(answers)
        put(tmp_path, "etc/systemd/system/nordbridge-shop-agent@.service")

        def systemctl(command, *_all, **_more):
            answer = said.pop(0) if said else ""
            return SimpleNamespace(returncode=answer is None, stdout=answer or "", stderr="timed out")

        monkeypatch.setattr(remove, "run_child", systemctl)
        monkeypatch.setattr(remove, "_managed", lambda _root: True)
        assert len(remove.remove_all(things.things("shop", "source", False, str(tmp_path)), "shop", str(tmp_path))[1]) == left
        assert (tmp_path / "etc/systemd/system/nordbridge-shop-agent@.service").exists() == bool(left)

    def test_the_processes_of_a_session_are_told_from_others(self):
        user = {"user": 65534} if os.getuid() == 0 else {}
        uid = user.get("user", os.getuid())
        with subprocess.Popen(["/bin/sh", "-c", "read line; sleep 60 & wait", "/home/shop/x"], stdin=subprocess.PIPE, **user) as child:
            assert child.stdin is not None
            found = {names: set(remove._processes(uid, names)) for names in ("", "/home/shop/", "/home/crm/")}
            child.kill()
        assert child.pid in found[""] and child.pid in found["/home/shop/"] and child.pid not in found["/home/crm/"]
        assert not set(remove._processes(0, "")), "never root's"

    def test_a_target_keeps_what_the_migration_did_and_no_secret(self, tmp_path):
        for name in ("source.json", "back_key", "ssh_config", "a-file-of-a-later-version", "state.json", "events.jsonl", "jobs/seed/log", "change.lock"):
            put(tmp_path, f"{FOLDER}/{name}")
        remove.remove_all(things.things("shop", "target", False, str(tmp_path)), "shop", str(tmp_path))
        assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["change.lock", "events.jsonl", "jobs", "state.json"]
        assert things.things("shop", "target", False, str(tmp_path)) == []

    def test_a_closed_servers_host_keeps_its_guard(self, tmp_path):
        for name in ("lease-0a.json", "lease-0a.lock", "agent.zip", "agent", "accounts.json"):
            put(tmp_path, f"{FOLDER}/{name}")
        remove.remove_all(things.things("shop", "source", True, str(tmp_path)), "shop", str(tmp_path))
        assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["agent.zip", "lease-0a.json", "lease-0a.lock"]

    def test_links_are_removed_and_not_followed(self, tmp_path):
        put(tmp_path, "elsewhere/file", FOLDER + "/state.json")
        (tmp_path / FOLDER / "link").symlink_to(tmp_path / "elsewhere")
        remove.remove_all(things.things("shop", "target", False, str(tmp_path)), "shop", str(tmp_path))
        assert (tmp_path / "elsewhere/file").exists() and not (tmp_path / FOLDER / "link").is_symlink()

    def test_what_cannot_be_removed_is_named_and_the_rest_done(self, tmp_path, monkeypatch):
        put(tmp_path, FOLDER + "/a", FOLDER + "/b", FOLDER + "/state.json")
        real = remove.os.unlink

        def read_only(path):
            if path.endswith("/a"):
                raise OSError(30, "read-only")
            real(path)

        monkeypatch.setattr(remove.os, "unlink", read_only)
        removed, left = remove.remove_all(things.things("shop", "target", False, str(tmp_path)), "shop", str(tmp_path))
        assert removed == [f"path /{FOLDER}/b"] and left == [f"path /{FOLDER}/a: read-only"]


class Connection:
    """A server's accounts and rows in memory."""

    def __init__(self, accounts=(), rows=(1, 0), schema=True):
        self.accounts, self.counts, self.schema, self.ran, self.name = list(accounts), rows, schema, [], "source"

    def rows(self, sql, args=None):
        assert args == ((REPL, CTL, BACK, KEEP),) and "mysql.user" in sql
        return [{"u": user, "h": host} for user, host in self.accounts]

    def row(self, _sql, _args):
        return dict(zip(("own", "others"), self.counts))

    def value(self, _sql):
        return "ACTIVE"

    def run(self, sql, args=None):
        self.ran.append(sql % args if args else sql)

    def close(self):
        self.ran.append("closed")


class Server:
    name, administrators_admitted = "mysql", True

    def __init__(self, closed=False, **more):
        self.connection, self.closed = Connection(**more), closed

    def user_schemas(self):
        return ["nordbridge_migration"] if self.connection.schema else []

    def read_only(self):
        return self.closed

    def admit_loader(self):
        self.connection.run("admit")

    def set_read_only(self, on):
        self.connection.run("read_only %s" % on)


@pytest.mark.parametrize("keeper, left", [("", []), (KEEP, [(KEEP, "localhost")]), (CTL, [(CTL, "localhost")])])
def test_all_accounts_go_but_the_one_that_keeps_a_server_closed(keeper, left):
    held = [(CTL, "127.0.0.1"), (CTL, "localhost"), (KEEP, "localhost"), (REPL, "localhost")]
    parts = server.own_accounts(Server(accounts=held), "shop", keeper)
    assert [part.args for part in parts] == [login for login in held if login not in left] and not any(part.logged for part in parts)


@pytest.mark.parametrize("rows, expected", [((1, 0), ["DROP DATABASE IF EXISTS `nordbridge_migration`"]), ((0, 1), []), ((1, 2), 2)])
def test_the_schema_goes_with_its_last_migration(rows, expected):
    found = [part.sql for part in server.own_rows(Server(rows=rows), "shop")]
    assert found == expected if isinstance(expected, list) else [sql.split()[0] for sql in found] == ["DELETE"] * expected


def test_who_could_write_while_a_server_is_open_for_administrators(monkeypatch):
    one = Server()
    one.system_accounts = (("root", "localhost"),)
    there = [("root", "localhost"), ("root", "%"), (CTL, "localhost"), ("nordbridge_ctl_00000000", "localhost"), ("dba", "10.%")]
    monkeypatch.setattr(one.connection, "rows", lambda _sql: [{"u": user, "h": host} for user, host in there])
    monkeypatch.setattr(one.connection, "value", lambda _sql: KEEP)
    assert server.admins(one) == ["root@%", "nordbridge_ctl_00000000@localhost", "dba@10.%"]


@pytest.mark.parametrize("closed, log", [(False, 1), (True, 0)])
def test_a_closed_servers_log_gets_nothing(closed, log):
    one = Server(closed)
    with server.changeable(one) as seen:
        server.remove_parts(one, [server.Part("schema", "DROP x", logged=True), server.Part("account", "DROP USER y")], seen)
    core = ["SET SESSION sql_log_bin = %d" % log, "DROP x", "SET SESSION sql_log_bin = 0", "DROP USER y"]
    assert one.connection.ran == (["admit", *core, "read_only True"] if closed else core)


def test_a_server_that_was_open_for_administrators_is_closed_again_whatever_fails():
    one = Server(closed=True)
    with pytest.raises(ServerError), server.changeable(one):
        raise ServerError("no")
    assert one.connection.ran == ["admit", "read_only True"]


@pytest.mark.parametrize("state, there, expected", [(COMMITTED, True, True), (COMMITTED, False, False), (RELEASED, True, False), (ARMED, True, False)])
def test_a_guard_is_there_where_the_commit_closed_this_hosts_server(tmp_path, monkeypatch, state, there, expected):
    login = {"unix_socket": "/s", "user": KEEP, "password": "p"}
    monkeypatch.setattr(guard, "last_of", lambda _id: Fence(state, "shop", "0a", "/d"))
    monkeypatch.setattr(guard, "directory", lambda _id: str(tmp_path))
    if there:
        (tmp_path / "lease-0a.json").write_text(json.dumps({"login": login, "hold": "/etc/x"}))
    path = guard.guard_file("shop")
    assert path == (str(tmp_path / "lease-0a.json") if expected else "")
    if expected:
        assert guard.guard_login(path).user == KEEP


class TestRefusals:
    @pytest.fixture(autouse=True)
    def places(self, tmp_path, monkeypatch):
        monkeypatch.setattr(run, "directory", lambda _id: str(tmp_path))
        monkeypatch.setattr(run, "job_directory", lambda _id, job: str(tmp_path / job))
        monkeypatch.setattr(run, "last_of", lambda _id: None)
        self.journal = Journal(str(tmp_path))

    @pytest.mark.parametrize(
        "state, match",
        [
            ({"cutover": {"begun": ["lease"]}}, "a cutover has begun"),
            ({"cutover": {"begun": ["commit"], "done": ["commit"]}}, "goes forward only"),
            ({"rollback": {"done": ["commit"]}}, "a rollback is not finished"),
        ],
    )
    @pytest.mark.parametrize("check", [True, False])
    def test_between_a_begin_and_its_end_nothing_is_touched(self, state, match, check):
        self.journal.update("x", **state)
        with pytest.raises(Refusal, match=match):
            run.retire({"migration_id": "shop", "side": "target"}, check)

    @pytest.mark.parametrize("state, refused", [(ARMED, True), (FIRED, False), (COMMITTED, False), (RELEASED, False)])
    def test_a_lease_that_stands_is_refused(self, monkeypatch, state, refused):
        monkeypatch.setattr(run, "last_of", lambda _id: Fence(state, "shop", "0a", "/d"))
        monkeypatch.setattr(run, "_retire", lambda *_all: run.Retired([], [], []))
        if not refused:
            assert run.retire({"migration_id": "shop", "side": "source"}, False)["changed"] is False
            return
        with pytest.raises(Refusal, match="the lease"):
            run.retire({"migration_id": "shop", "side": "source"}, False)

    def test_what_is_done_is_journalled_once_and_not_where_something_is_left(self, monkeypatch):
        results = [run.Retired(["unit a"], [], ["accounts: no answer"]), run.Retired([], [], []), run.Retired([], [], [])]
        monkeypatch.setattr(run, "_retire", lambda *_all: results.pop(0))
        seen = []
        for _time in range(3):
            result = run.retire({"migration_id": "shop", "side": "target"}, False)
            seen.append((result["changed"], "retired" in self.journal.read()))
        assert seen == [(True, False), (True, True), (False, True)]
