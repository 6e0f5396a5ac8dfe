# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent import dispatch
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import call, local, prepared_call
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError


class TestCall:
    @pytest.fixture
    def ssh(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))

        def answer(script):
            (tmp_path / "ssh").write_text("#!/bin/sh\n" + script)
            (tmp_path / "ssh").chmod(0o755)

        return answer

    def test_the_request_goes_in_and_the_answer_comes_out(self, ssh):
        ssh('[ "$*" = "-F /var/lib/mysql_migration/shop/ssh_config agent hold" ] || exit 9\ncat')
        assert call.call("shop", "hold", {"a": "æ"}) == {"a": "æ"}

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("echo no route >&2; exit 255", "failed at hold: no route"),
            ("echo Welcome!", "gave an invalid answer to .*: Welcome!"),
            ("exec sleep 5", "within 0 s"),
        ],
    )
    def test_each_failure_has_words(self, ssh, script, words):
        ssh(script)
        with pytest.raises(MigrationError, match=words):
            call.call("shop", "hold", {}, seconds=0.5)

    def test_no_ssh_at_all(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MigrationError, match="ssh could not be started"):
            call.call("shop", "hold", {})


ECHO = "import json, sys; print(json.dumps({'got': json.loads(sys.stdin.readline())['n']}))"


def test_an_agent_that_stands_by_does_nothing_until_it_is_asked(monkeypatch):
    monkeypatch.setattr(prepared_call, "agent_command", lambda _id, _verb: [sys.executable, "-c", ECHO])
    waiting = prepared_call.PreparedCall("shop", "unhold")
    assert waiting._process.poll() is None
    assert waiting.ask({"n": 7}) == {"got": 7}


def test_an_agent_that_was_lost_meanwhile_is_told(monkeypatch):
    monkeypatch.setattr(prepared_call, "agent_command", lambda _id, _verb: ["sh", "-c", "echo gone >&2; exit 255"])
    waiting = prepared_call.PreparedCall("shop", "unhold")
    waiting._process.wait(10)
    with pytest.raises(MigrationError, match="unhold"):
        waiting.ask({})


def test_the_agent_of_this_host_is_the_same_program(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "directory", lambda _id: str(tmp_path))
    local.place_local("shop", dispatch.main)
    done = call.call("shop", "probe", {}, command=local.local_command("shop", "probe"))
    assert done == {"agent": 2, "user": os.getuid(), "client": ""}
    with pytest.raises(MigrationError, match="does not know"):
        call.call("shop", "x", {}, command=local.local_command("shop", "id"))


def test_the_local_agent_has_a_policy_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "directory", lambda _id: str(tmp_path))
    local.place_local("shop", dispatch.main)
    command = local.local_command("shop", "decided")
    with pytest.raises(MigrationError, match="policy .* cannot be read"):
        call.call("shop", "decided", {"token": "abc"}, command=command)
    local.place_policy("shop", {"migration_id": "shop", "login": {"unix_socket": "/s"}, "hold": "/etc/mysql/zz-nordbridge-hold.cnf"})
    assert call.call("shop", "decided", {"token": "abc"}, command=command) == {"state": ""}
    assert (tmp_path / "agent.json").stat().st_mode & 0o777 == 0o600
