# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent import dispatch, fields, front, privileged, requests, verbs
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.policy import Policy, policy_of, policy_text, read_policy
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.payload import boot, pack
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch.registry import digest_of

HOLD = "/etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf"
POLICY = {"migration_id": "shop", "login": {"unix_socket": "/s", "user": "u", "password": "s3cret"}, "hold": HOLD}
DUMP = {"flavour": "mariadb", "programs": ["mariadb-dump"], "gtid": True, "schemas": ["shop"], "lock_wait": 10, "part": "", "level": 1}
VALID = {
    "present": {"names": ["zstd"]},
    "freeze": {"lock_wait": 5, "seconds": 4},
    "dump": {**DUMP, "bandwidth": 0, "nice": 10, "ionice": "idle"},
    "backup": {"threads": 4, "level": 1, "nice": 10, "ionice": "", "bandwidth": 12.5},
    "reach": {"user": "nordbridge_back_1234", "password": "x"},
    "written": {
        "question": "beyond", "seconds": 10.0, "position": {"file": "bin.000001", "position": 4, "gtid": "0-1-7"},
        "other": {"server_id": 2, "server_uuid": ""},
    },
    "decided": {"token": "abc"},
    "lease": {"token": "abc", "seconds": 10, "scheduler": "ON", "promoted": "oslo-db1 (MariaDB 10.11)"},
    "unlease": {"token": "abc"},
    "release": {"token": "abc", "accounts": [["boss", "%", ["SUPER"], []]], "scheduler": "OFF"},
    "switch": {"digests": ["ab" * 32], "seconds": 10.0},
}  # fmt: skip


def parsed(verb, request):
    return fields.plain(fields.parse(verbs.VERBS[verb].request, request, verb))


@pytest.mark.parametrize("verb", sorted(verbs.VERBS))
def test_what_the_callers_send_is_taken(verb):
    request = VALID.get(verb, {})
    taken = json.loads(json.dumps(parsed(verb, request)))
    assert {name: taken[name] for name in request if name != "facts"} == {name: request[name] for name in request if name != "facts"}


@pytest.mark.parametrize("verb", sorted(verbs.VERBS))
@pytest.mark.parametrize("name", ["login", "path", "hold", "migration_id", "port", "user_", "server", "paths", "new_address"])
def test_a_request_names_no_login_path_or_port(verb, name):
    with pytest.raises(Refusal, match="1 unknown field"):
        parsed(verb, {**VALID.get(verb, {}), name: "x"})


@pytest.mark.parametrize("verb", sorted(VALID))
@pytest.mark.parametrize("value", [["a"], {"a": 1}, "a\nb", -1, 1e300, None, True, "\ud800", "x" * 300000, "--result-file=/x", [[["a"]]]])
def test_each_field_has_a_type(verb, value):
    """Whatever is put into a field: it is taken as what it is declared for, or it is refused by name and without its value."""
    for name in VALID[verb]:
        try:
            taken = parsed(verb, {**VALID[verb], name: value})
        except Refusal as error:
            assert name in str(error) or "missing" in str(error)
            assert len(str(error)) < 600 and "\n" not in str(error)
        else:
            assert (verb, name) in {
                ("dump", "gtid"), ("decided", "token"), ("lease", "promoted"), ("reach", "password"), ("dump", "schemas"), ("written", "seed"),
            } or name in taken, (verb, name, value)  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("freeze", {"seconds": 61}), ("freeze", {"lock_wait": 601}), ("lease", {"seconds": 3601}), ("lease", {"token": "../x"}), ("lease", {"token": ""}),
        ("dump", {"schemas": ["a\0b"]}), ("dump", {"schemas": ["x" * 65]}), ("dump", {"programs": ["sh"]}), ("dump", {"part": "x"}), ("dump", {"level": 99}),
        ("backup", {"threads": 0}), ("backup", {"ionice": "realtime"}), ("present", {"names": ["bash"]}),
        ("reach", {"user": "a\nb"}), ("reach", {"password": "a\nb"}), ("switch", {"digests": ["x"]}),
        ("switch", {"switches": [{"type": "forwarder"}]}), ("written", {"question": "before"}),
        ("written", {"position": {"file": "../../etc/passwd"}}), ("written", {"position": {"file": "--x"}}),
        ("written", {"position": {"file": "b.1", "position": 4, "gtid": "0-1-7 --x\n"}}), ("release", {"accounts": [["a", "b"]]}),
        ("unlease", {"token": "a;b"}), ("decided", {"token": "a b"}),
    ],
)  # fmt: skip
def test_beyond_its_range_is_refused(verb, wrong):
    with pytest.raises(Refusal, match="bad request for %s" % verb):
        parsed(verb, {**VALID[verb], **wrong})


@pytest.mark.parametrize(
    "text",
    [b"not json", b"[" * 100000, b'{"a":' * 5000, b"\xff\xfe", b'{"token": "a", "token": "b"}', b'{"seconds": NaN}', b"x" * fields.MAX_REQUEST, b"[1]", b"7"],
)
def test_what_is_no_request_is_told_in_one_line(text):
    with pytest.raises(Refusal) as told:
        fields.parse(requests.Token, fields.read_object(text), "unlease")
    assert len(str(told.value)) < 200


def test_a_policy_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "agent.json"
    policy = policy_of({**POLICY, "way_back": {"host": "127.0.0.1", "port": 913, "tunnel_user": "nordbridge", "tunnel_port": 23307}}, "it")
    path.write_text(policy_text(policy))
    path.chmod(0o640)
    assert read_policy(str(path)) == policy
    path.chmod(0o660)
    with pytest.raises(Refusal, match="written by others"):
        read_policy(str(path))
    with pytest.raises(Refusal, match="cannot be read"):
        read_policy(str(tmp_path / "none"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"hold": "/tmp/x"}, {"login": {}}, {"more": 1}, {"migration_id": "../x"}, {"switches": [7]},
        {"switches": [{"type": "forwarder", "new_address": "x; id"}]}, {"switches": [{"type": "command", "argv": ["id"]}]},
    ],
)  # fmt: skip
def test_a_policy_has_types(wrong):
    with pytest.raises(Refusal, match="it is not valid"):
        policy_of({**POLICY, **wrong}, "it")


def test_what_the_owner_has_not_asked_for_is_refused():
    policy: Policy = policy_of(POLICY, "it")
    with pytest.raises(Refusal, match="no such switch for this migration"):
        dispatch.perform("switch", json.dumps(VALID["switch"]).encode(), lambda: policy)
    with pytest.raises(Refusal, match="no way back"):
        dispatch.perform("reach", json.dumps(VALID["reach"]).encode(), lambda: policy)


HAPROXY = {
    "type": "haproxy", "where": "source", "socket": "/run/haproxy.sock", "listen": "192.0.2.1:3307", "frontend": "db",
    "old_server": "old", "new_address": "192.0.2.2", "new_port": 3306,
}  # fmt: skip


def test_switches_are_the_policys_and_their_facts_the_hosts(monkeypatch, tmp_path):
    served: list = []
    monkeypatch.setattr(verbs, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(verbs.pause_guard, "serve", lambda request, keep: served.append((request, keep)))
    policy = policy_of({**POLICY, "switches": [HAPROXY, {"type": "forwarder", "new_address": "192.0.2.2"}]}, "it")

    def ask(*digests):
        dispatch.perform("switch", json.dumps({"digests": digests, "seconds": 10}).encode(), lambda: policy)

    ask(digest_of(HAPROXY))
    request, keep = served.pop()
    assert (request["switches"], request["facts"]) == ([HAPROXY], [{}])
    keep([{"maxconn": 100, "address": "192.0.2.1:3306"}])
    back = {**HAPROXY, "old_address": "192.0.2.2", "old_port": 3306, "new_address": "192.0.2.1", "new_port": 3306}
    ask(digest_of(back), digest_of(HAPROXY))
    assert served[0][0]["switches"] == [back, HAPROXY], "the way back leads where this host has seen the old server"
    assert served[0][0]["facts"] == [{}, {"maxconn": 100, "address": "192.0.2.1:3306"}]
    with pytest.raises(Refusal, match="no such switch"):
        ask(digest_of({**HAPROXY, "new_address": "192.0.2.66"}))


def test_another_migrations_lease_is_not_this_ones(monkeypatch):
    found = verbs.Fence("armed", "crm", "abc", "/var/lib/mysql")
    monkeypatch.setattr(verbs, "find_fence", lambda _token: found)
    for verb in ("unlease", "decided"):
        with pytest.raises(Refusal, match="belongs to another migration"):
            dispatch.perform(verb, b'{"token": "abc"}', lambda: policy_of(POLICY, "it"))


def test_as_few_as_possible_are_root():
    assert {name for name, verb in verbs.VERBS.items() if verb.user == verbs.ROOT} == {
        "fence", "decided", "holdable", "held", "lease", "unlease", "release", "free", "switch", "writers",
    }  # fmt: skip
    assert {name for name, verb in verbs.VERBS.items() if verb.user == verbs.SERVER} == {"host", "backup", "written", "reach"}


@pytest.mark.parametrize("verb", ["", "sh", "probe; id", "main", "__init__", "probe\nid", "$(id)"])
def test_other_verbs_are_refused(verb, monkeypatch):
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", verb)
    with pytest.raises(SystemExit, match="does not know") as told:
        dispatch.main()
    assert "\n" not in str(told.value)


def test_what_nobody_thought_of_is_one_line_too(monkeypatch):
    def fail() -> None:
        raise TypeError("s3cret\nline")

    with pytest.raises(SystemExit) as told:
        dispatch.guarded("probe", fail)
    assert str(told.value) == "nordbridge agent: probe failed: unexpected TypeError"


# --- the front and the privileged side, as the two programs that they are ---


class Sides:
    """Both, as this test's user; a socket in a folder in systemd's place."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "agent.zip").write_bytes(pack())
        (folder / "agent.json").write_text(json.dumps(POLICY))
        (folder / "agent.json").chmod(0o600)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(folder / "s"))
        self.listener.listen()
        self.served = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                side, _address = self.listener.accept()
            except OSError:
                return
            with side:
                self.served.append(subprocess.Popen(self.command(privileged.main), stdin=side.fileno(), stdout=subprocess.DEVNULL))

    def command(self, main):
        return [sys.executable, "-I", "-c", boot(main), str(self.folder / "agent.zip"), str(self.folder / "agent.json"), str(self.folder / "s")]

    def front(self, verb):
        environment = {"SSH_ORIGINAL_COMMAND": verb, "PATH": os.environ["PATH"]}
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(front.main), env=environment, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.fixture
def sides(tmp_path):
    sides = Sides(tmp_path)
    yield sides
    sides.listener.close()
    for process in sides.served:
        process.wait(10)


def test_the_front_does_what_needs_no_privileges(sides):
    out, _words = sides.front("probe").communicate(b"{}", 20)
    assert json.loads(out)["agent"] == 2 and not sides.served


def test_the_privileged_side_answers_over_the_sessions_own_streams(sides):
    process = sides.front("decided")
    deadline = time.monotonic() + 20
    while not sides.served:
        assert time.monotonic() < deadline, "it stands by before the request has come"
        time.sleep(0.05)
    out, words = process.communicate(b'{"token": "abc"}\n', 20)
    assert (json.loads(out), process.returncode) == ({"state": ""}, 0), words


def test_its_failures_are_the_sessions(sides):
    process = sides.front("switch")
    out, words = process.communicate(json.dumps(VALID["switch"]).encode(), 20)
    assert process.returncode == 1 and not out and words.decode().startswith("nordbridge agent: this host's own policy has no such switch")


@pytest.mark.parametrize("verb", ["release", "lease", "unlease", "decided", "switch"])
def test_who_stood_by_and_died_has_asked_for_nothing(sides, verb):
    """A rollback's job opens this call before the fence. Its death must not open the old server beside the new one."""
    process = sides.front(verb)
    out, words = process.communicate(b"", 20)
    assert process.returncode == 1 and not out and b"was called without a request" in words
    with pytest.raises(Refusal):
        dispatch.perform(verb, b"", lambda: pytest.fail("nothing is to be done"))
    with pytest.raises(Refusal):
        dispatch.perform(verb, b"\n", lambda: pytest.fail("nothing is to be done"))


def test_a_release_says_all_of_itself():
    with pytest.raises(Refusal, match="token is missing; scheduler is missing; accounts is missing"):
        parsed("release", {})


def test_what_the_front_refuses_reaches_nobody(sides):
    process = sides.front("unlease")
    _out, words = process.communicate(b'{"token": "a;b"}', 20)
    assert process.returncode == 1 and b"bad request for unlease: token must be" in words
    sides.served[0].wait(10)
    assert sides.served[0].returncode == 0


def test_the_privileged_side_parses_again_and_serves_no_verb_of_the_front(tmp_path):
    (tmp_path / "agent.json").write_text(json.dumps(POLICY))
    (tmp_path / "agent.json").chmod(0o600)
    for name, line, words in (
        (b"unlease\n", b'{"token": "a;b"}\n', b"bad request for unlease"), (b"probe\n", b"{}\n", b"needs no privileges"), (b"sh\n", b"{}\n", b"does not know"),
    ):  # fmt: skip
        sides = Sides.__new__(Sides)
        sides.folder = tmp_path
        (tmp_path / "agent.zip").write_bytes(pack())
        here, there = socket.socketpair()
        process = subprocess.Popen(sides.command(privileged.main), stdin=there.fileno(), stderr=subprocess.DEVNULL)
        there.close()
        reading, writing = os.pipe()
        here.sendmsg([name], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, privileged.array.array("i", [reading, writing, writing]))])
        here.sendall(line)
        assert here.recv(16) == b"1\n"
        process.wait(10)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            assert words in stream.read()
        here.close()


def test_a_session_without_its_streams_is_none():
    here, there = socket.socketpair()
    with here, there:
        here.sendall(b"decided\n")
        with pytest.raises(Refusal, match="no session"):
            privileged.receive(there)


def test_a_privileged_side_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MigrationError, match="privileged side on the source does not answer.*systemctl status"):
        front.hand_on("boot", verbs.VERBS["boot"], str(tmp_path / "none"))
