# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration's own ssh keys, a host's keys, and what sshd refuses to the tunnels' user."""

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import host_keys, keys, sshd
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "directory", lambda _id: str(tmp_path / "shop"))
    return tmp_path / "shop"


class TestKeys:
    def test_made_once_and_kept(self, folder):
        first, again = (keys.ensure_keys("shop", ["agent", "tunnel"], False) for _time in range(2))
        assert (first["changed"], again["changed"]) == (True, False)
        assert first["public_keys"] == again["public_keys"]
        assert first["public_keys"]["agent"].split()[0] == "ssh-ed25519"
        assert first["public_keys"]["tunnel"].endswith(" nordbridge-tunnel-shop")
        assert os.stat(folder / "agent_key").st_mode & 0o777 == 0o600
        assert sorted(os.listdir(folder)) == ["agent_key", "agent_key.pub", "tunnel_key", "tunnel_key.pub"]

    def test_check_mode_makes_nothing_and_tells_the_kept_one(self, folder):
        assert keys.ensure_keys("shop", ["agent"], True) == {"changed": True, "public_keys": {"agent": keys.PLANNED}}
        assert not folder.exists()
        made = keys.ensure_keys("shop", ["agent"], False)["public_keys"]
        assert keys.ensure_keys("shop", ["agent"], True) == {"changed": False, "public_keys": made}

    def test_a_public_half_that_was_lost_is_made_again_of_the_same_key(self, folder):
        made = keys.ensure_keys("shop", ["agent"], False)["public_keys"]
        (folder / "agent_key.pub").unlink()
        (folder / "agent_key.new").write_text("left by a run that died")
        found = keys.ensure_keys("shop", ["agent"], False)
        assert found == {"changed": True, "public_keys": made}

    def test_a_key_that_is_none_is_said(self, folder):
        folder.mkdir()
        (folder / "agent_key").write_text("broken")
        with pytest.raises(MigrationError, match="ssh-keygen failed for .*agent_key"):
            keys.ensure_keys("shop", ["agent"], False)


def test_the_server_is_looked_for_where_the_tunnel_will_end(tmp_path, monkeypatch):
    (tmp_path / "ssh_host_x_key.pub").write_text("ssh-ed25519 AAAA root@x\n")
    asked = []
    monkeypatch.setattr(host_keys, "reach", lambda *words: asked.append(words) or {"reachable": False, "error": "refused", "round_trip_ms": None})
    params = {"folder": str(tmp_path), "users": [], "address": "", "sql_address": "10.0.0.5", "sql_port": 3310}
    assert host_keys.read_host_keys(params, False)["sql"] == {
        "address": "10.0.0.5", "port": 3310, "reachable": False, "error": "refused", "round_trip_ms": None,
    }  # fmt: skip
    assert asked == [("10.0.0.5", 3310, "mysql")]
    (tmp_path / "sshrc").touch()
    monkeypatch.setattr(host_keys, "SESSION_SCRIPT", str(tmp_path / "sshrc"))
    assert host_keys.read_host_keys(params, False)["session_script"] == str(tmp_path / "sshrc")
    assert "sql" not in host_keys.read_host_keys({**params, "sql_port": 0}, False)


def test_host_keys_come_without_their_comments(tmp_path):
    (tmp_path / "ssh_host_rsa_key.pub").write_text("ssh-rsa BBBB root@us-db1\n")
    (tmp_path / "ssh_host_ed25519_key.pub").write_text("ssh-ed25519 AAAA root@us-db1\n")
    (tmp_path / "ssh_host_dsa_key.pub").write_text("")
    assert host_keys.read_host_keys({"folder": str(tmp_path), "users": [], "address": "", "sql_address": "127.0.0.1", "sql_port": 0}, False) == {
        "changed": False, "keys": ["ssh-ed25519 AAAA", "ssh-rsa BBBB"], "sshd": {}, "session_script": "",
    }  # fmt: skip
    with pytest.raises(MigrationError, match="no public host key"):
        host_keys.read_host_keys({"folder": str(tmp_path / "none"), "users": [], "address": "", "sql_address": "127.0.0.1", "sql_port": 0}, False)


class Host:
    """A host's sshd: what it was asked, and what it answers."""

    def __init__(self):
        self.asked = []
        self.fails = set()
        self.reads = "allowstreamlocalforwarding no\n"

    def run(self, command, *_seconds, **_more):
        self.asked.append(" ".join(command[:3]))
        failed = any(self.asked[-1].startswith(name) for name in self.fails)
        return subprocess.CompletedProcess(command, 1 if failed else 0, self.reads, "it says no" if failed else "")


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host()
    (tmp_path / "d").mkdir()
    monkeypatch.setattr(sshd, "CONFIG", str(tmp_path / "sshd_config"))
    monkeypatch.setattr(sshd, "FOLDER", str(tmp_path / "d"))
    monkeypatch.setattr(sshd, "LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(sshd, "directory", lambda _id: str(tmp_path / "shop"))
    monkeypatch.setattr(sshd, "run_child", made.run)
    made.config, made.own, made.due = tmp_path / "sshd_config", tmp_path / "d" / "nordbridge-nordbridge.conf", tmp_path / "shop" / sshd.DUE
    made.config.write_text("Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n")
    return made


PARAMS = {"migration_id": "shop", "user": "nordbridge"}


class TestSshd:
    def test_a_file_of_its_own_once(self, host):
        first, again = (sshd.restrict_user(PARAMS, False) for _time in range(2))
        assert (first["changed"], again["changed"]) == (True, False)
        assert host.own.read_text() == sshd.RULES % "nordbridge" and host.config.read_text().endswith("Port 22\n")
        # Tried, reloaded once, and read back each time.
        assert [words.split()[1] for words in host.asked] == ["-t", "reload", "-T", "-T"]
        assert not host.due.exists()

    def test_at_the_end_of_its_own_where_it_includes_none(self, host):
        host.config.write_text("Port 22")
        assert sshd.restrict_user(PARAMS, False)["path"] == str(host.config)
        text = host.config.read_text()
        assert text.startswith("Port 22\n# BEGIN nordbridge.mysql_migration nordbridge\n") and text.endswith("# END nordbridge.mysql_migration nordbridge\n")
        assert not sshd.restrict_user(PARAMS, False)["changed"]
        host.config.write_text(text.replace("PermitTTY no", "PermitTTY yes") + "Match all\n")
        assert sshd.restrict_user(PARAMS, False)["changed"]
        assert host.config.read_text() == text + "Match all\n"

    def test_check_mode_asks_and_writes_nothing(self, host):
        found = sshd.restrict_user(PARAMS, True)
        assert found["changed"] and found["diff"]["after"] == sshd.RULES % "nordbridge"
        assert host.asked == [] and not host.own.exists()

    def test_what_sshd_does_not_accept_is_not_written(self, host):
        host.fails = {"/usr/sbin/sshd -t"}
        with pytest.raises(MigrationError, match="nothing was changed: it says no"):
            sshd.restrict_user(PARAMS, False)
        assert not host.own.exists()

    def test_a_reload_that_was_not_done_is_done_by_the_next_run(self, host):
        host.fails = {"systemctl reload"}
        with pytest.raises(MigrationError, match="could not be reloaded"):
            sshd.restrict_user(PARAMS, False)
        assert host.due.exists()
        host.fails, host.asked = {"systemctl reload ssh"}, []
        host.fails = set()
        assert not sshd.restrict_user(PARAMS, False)["changed"]
        assert "systemctl reload ssh" in host.asked and not host.due.exists()

    def test_the_unit_has_one_of_two_names(self, host):
        answered = host.run

        def run(command, *more, **options):
            done = answered(command, *more, **options)
            return subprocess.CompletedProcess(command, 5, "", "Unit ssh.service not found") if command[-1] == "ssh" else done

        sshd.run_child = run
        sshd.restrict_user(PARAMS, False)
        assert host.asked[1:3] == ["systemctl reload ssh", "systemctl reload sshd"]

    def test_another_rule_that_wins_is_refused(self, host):
        host.reads = "allowstreamlocalforwarding yes\n"
        with pytest.raises(Refusal, match="another rule of its configuration wins"):
            sshd.restrict_user(PARAMS, False)

    def test_a_name_that_could_be_a_rule_is_refused(self, host):
        with pytest.raises(Refusal, match="not a name"):
            sshd.restrict_user({**PARAMS, "user": "all\nPermitRootLogin yes"}, False)
