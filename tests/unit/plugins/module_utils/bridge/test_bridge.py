# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import agent, call, local, place, standby
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.listener import holder, is_session, owners
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError

KEY = "ssh-ed25519 AAAAC3Nz root@oslo-db1"
LINE = 'from="192.0.2.10",restrict,command="/x/agent" ssh-ed25519 AAAAC3Nz nordbridge-agent-shop'


def test_the_key_may_run_one_command_from_one_address():
    assert place.key_line("/x/agent", KEY, "192.0.2.10", "shop") == LINE
    assert place.key_line("/x/agent", KEY, "", "shop").startswith("restrict,command=")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE + "\n"),
        ("ssh-rsa B me\n", "ssh-rsa B me\n%s\n" % LINE),
        ("ssh-rsa B me", "ssh-rsa B me\n%s\n" % LINE),
        ("old nordbridge-agent-shop\nssh-rsa B me\n", "ssh-rsa B me\n%s\n" % LINE),
        ("x nordbridge-agent-shop2\n", "x nordbridge-agent-shop2\n%s\n" % LINE),
        ("%s\n%s\n" % (LINE, LINE), LINE + "\n"),
        ("%s\nssh-rsa B me\n" % LINE, "%s\nssh-rsa B me\n" % LINE),
    ],
)
def test_one_line_and_every_other_as_it_was(before, after):
    assert place.with_line(before, LINE) == after
    assert place.with_line(after, LINE) == after


def test_the_launcher_quotes_and_isolates():
    text = place.launcher_text("/usr/bin/python3", "/var/lib/it's/agent.zip")
    assert text.startswith("#!/bin/sh\n")
    assert "exec /usr/bin/python3 -I -c " in text
    assert subprocess.run(["sh", "-n"], input=text.encode(), check=False).returncode == 0


@pytest.fixture
def placed(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "directory", lambda _id: str(tmp_path / "shop"))
    params = {"migration_id": "shop", "public_key": KEY, "from_address": "", "authorized_keys": str(tmp_path / "keys")}
    return lambda check=False: place.place_agent(params, check), tmp_path


def test_the_agent_is_placed_once_and_answers(placed):
    run, folder = placed
    (folder / "keys").write_text("ssh-rsa B me\n")
    assert run(check=True)["changed"] is True
    assert not (folder / "shop").exists() and (folder / "keys").read_text() == "ssh-rsa B me\n"
    assert run()["changed"] is True
    assert run()["changed"] is False
    assert stat.S_IMODE((folder / "keys").stat().st_mode) == 0o600
    environment = {"SSH_ORIGINAL_COMMAND": "probe", "PATH": os.environ["PATH"]}
    done = subprocess.run([str(folder / "shop" / "agent")], input=b"{}", capture_output=True, env=environment, check=True)
    assert json.loads(done.stdout)["agent"] == 1
    environment["SSH_ORIGINAL_COMMAND"] = "host"
    done = subprocess.run([str(folder / "shop" / "agent")], input=b"{}", capture_output=True, env=environment, check=True)
    assert "mariadb-backup" in json.loads(done.stdout)["programs"]
    environment["SSH_ORIGINAL_COMMAND"] = "sh -c id"
    done = subprocess.run([str(folder / "shop" / "agent")], input=b"{}", capture_output=True, env=environment, check=False)
    verbs = ("is not one of " + ", ".join(sorted(agent.VERBS))).encode()
    assert done.returncode == 1 and verbs in done.stderr


def test_a_changed_pack_is_a_change(placed):
    run, folder = placed
    run()
    (folder / "shop" / "agent.zip").write_bytes(b"old")
    assert run(check=True)["changed"] is True
    assert (folder / "shop" / "agent.zip").read_bytes() == b"old"
    assert run()["changed"] is True


@pytest.mark.parametrize("verb", ["", "sh", "probe; id", "main", "__init__"])
def test_other_verbs_are_refused(verb, monkeypatch):
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", verb)
    with pytest.raises(SystemExit, match="is not one of"):
        agent.main()


@pytest.mark.parametrize(
    ("verb", "request_text", "words"),
    [
        ("held", "{}", "bad request for held: KeyError"),
        ("held", "not json", "bad request for held"),
        ("release", '{"hold": "/etc/passwd"}', "is not a place"),
        ("held", '{"path": "/tmp/x"}', "is not a place"),
    ],
)
def test_bad_requests_end_with_words(verb, request_text, words, monkeypatch):
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", verb)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(request_text.encode())))
    with pytest.raises(SystemExit) as told:
        agent.main()
    assert words in str(told.value)


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
            ("echo Welcome!", "what is no answer: Welcome!"),
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


def test_a_socket_that_nobody_holds_has_no_owner():
    assert owners("4711999999") == []
    assert not is_session(os.getpid(), os.getuid())


ECHO = "import json, sys; print(json.dumps({'got': json.loads(sys.stdin.readline())['n']}))"


def test_an_agent_that_stands_by_does_nothing_until_it_is_asked(monkeypatch):
    monkeypatch.setattr(standby, "agent_command", lambda _id, _verb: [sys.executable, "-c", ECHO])
    waiting = standby.Standby("shop", "unhold")
    assert waiting._process.poll() is None
    assert waiting.ask({"n": 7}) == {"got": 7}


def test_an_agent_that_was_lost_meanwhile_is_told(monkeypatch):
    monkeypatch.setattr(standby, "agent_command", lambda _id, _verb: ["sh", "-c", "echo gone >&2; exit 255"])
    waiting = standby.Standby("shop", "unhold")
    waiting._process.wait(10)
    with pytest.raises(MigrationError, match="unhold"):
        waiting.ask({})


def test_the_agent_of_this_host_is_the_same_program(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "directory", lambda _id: str(tmp_path))
    local.place_local("shop")
    done = call.call("shop", "probe", {}, command=local.local_command("shop", "probe"))
    assert done == {"agent": 1, "user": os.getuid(), "client": ""}
    with pytest.raises(MigrationError, match="is not one of"):
        call.call("shop", "x", {}, command=local.local_command("shop", "id"))


def test_who_holds_a_port_of_the_loopback_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = holder(server.getsockname()[1])
    assert told.endswith(".service") or "process %d (" % os.getpid() in told
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert holder(free) == ""
