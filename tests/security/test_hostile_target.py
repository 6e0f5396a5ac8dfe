# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An owner of the target's host, with the migration's own key of the agent: what she can have the source's host do."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from pairs import SOURCE, TARGET, Pair

from plugins.module_utils._switch.registry import digest_of

#: What the fuzzing may take, and from where it begins.
FUZZ_S, FUZZ_SEED, EXAMPLES = 60.0, 20261128, 120
#: All that a request must not have changed on the source: keys, units, timers, the server's configuration, users.
UNTOUCHED = "find /root/.ssh /etc -xdev -type f -newer /root/began ! -path '/etc/mysql/*/zz-nordbridge-hold.cnf' | sort"
VERBS: dict[str, dict] = {
    "probe": {}, "host": {}, "boot": {}, "present": {"names": ["zstd"]}, "space": {}, "accounts": {}, "writers": {}, "who": {}, "fence": {},
    "holdable": {}, "held": {}, "decided": {}, "free": {}, "programs": {}, "freeze": {"lock_wait": 1, "seconds": 1},
    "dump": {"flavour": "mariadb", "programs": ["mariadb-dump"], "gtid": True, "schemas": ["shop"], "lock_wait": 1, "part": "definitions", "level": 1},
    "backup": {"threads": 1, "level": 1}, "reach": {"user": "x", "password": "x"}, "unlease": {"token": "abc"},
    "lease": {"token": "fuzz", "seconds": 1, "scheduler": "ON", "promoted": "x"}, "release": {"token": "", "accounts": [], "scheduler": "ON"},
    "switch": {"digests": ["ab" * 32], "seconds": 1},
    "written": {"question": "before", "seconds": 5, "mark": {"file": "x", "position": 4}, "seed": ""},
}  # fmt: skip
FIELDS = sorted({name for request in VERBS.values() for name in request} | {"login", "path", "hold", "migration_id", "port", "old_port", "host"})
NASTY = st.sampled_from(
    ["a\nresult-file=/root/.ssh/authorized_keys2", "--result-file=/root/x", "$(touch /etc/x)",
      "; touch /etc/x", "../../etc/passwd", "\u0000", "x" * 5000, "`id`"]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), NASTY),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)),
    max_leaves=6,
)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request: pytest.FixtureRequest) -> Pair:
    """A migration that is READY."""
    pair: Pair = request.getfixturevalue(request.param)
    pair.load(400)
    pair.migrate().ok()
    pair.sh(SOURCE, "sleep 1; touch /root/began")
    return pair


def asked(pair: Pair, verb: str, request: Any, options: str = "", seconds: int = 20) -> tuple[int, str]:
    """What the agent answers to this over the migration's key: exit code, and all that it says."""
    command = f"timeout {seconds} ssh -F {pair.folder}/ssh_config {options} agent {shlex.quote(verb)}"
    data = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
    done = subprocess.run([*pair.ssh(TARGET), command], input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def unchanged(pair: Pair) -> None:
    """Nothing of the source's host is another than before, and its server takes writes."""
    assert pair.sh(SOURCE, UNTOUCHED).strip() == ""
    assert pair.value(SOURCE, "SELECT @@global.read_only;") == "0"


def test_a_login_in_a_request_is_none(ready: Pair) -> None:
    """Root shell: a list as user, and a password longer than a line of an option file, brought options of their own."""
    line = "root\nresult-file=/root/.ssh/authorized_keys2"
    for login in ({"unix_socket": "/run/mysqld/mysqld.sock", "user": [line]}, {"host": "192.0.2.1", "user": "x", "password": "x" * 4095 + line}):
        for verb in ("dump", "backup", "freeze", "accounts", "written", "lease", "release"):
            code, words = asked(ready, verb, {**VERBS[verb], "login": login})
            assert code == 1 and f"bad request for {verb}: 1 unknown field" in words, words
    unchanged(ready)


def test_a_forwarder_is_the_owners_wish(ready: Pair) -> None:
    """Any TCP port of the source led to the target, and nobody had asked for a forwarder."""
    ports = {"type": "forwarder", "new_address": "192.0.2.1", "new_port": 22, "old_port": 22, "listen_port": 2222}
    code, words = asked(ready, "switch", {**VERBS["switch"], "switches": [ports]})
    assert code == 1 and "unknown fields" in words, words
    code, words = asked(ready, "switch", {**VERBS["switch"], "digests": [digest_of(ports)]})
    assert code == 1 and "no such switch" in words, words
    code, words = asked(ready, "switch", VERBS["switch"])
    assert code == 1 and "no such switch for this migration" in words, words
    assert "REDIRECT" not in ready.sh(SOURCE, "iptables -t nat -S 2>/dev/null || true")


def test_commits_are_held_up_for_a_limited_time(ready: Pair) -> None:
    """As root of the server, and for as long as she liked."""
    for request in ({"lock_wait": 1, "seconds": 1e9}, {"lock_wait": 10**9, "seconds": 1}, {"lock_wait": 1, "seconds": "1"}):
        code, words = asked(ready, "freeze", request)
        assert code == 1 and "must be a" in words and "Traceback" not in words, words
    began = time.monotonic()
    code, words = asked(ready, "freeze", VERBS["freeze"])
    assert code == 0 if ready.client == "mariadb" else "has no statement for hold commits" in words, words
    ready.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('after the freeze');")
    assert time.monotonic() - began < 30


def test_the_control_account_writes_and_closes_nothing_until_a_cutover(ready: Pair) -> None:
    """Its password is on the target, and it was MySQL's root in all but name."""
    login = json.loads(ready.sh(TARGET, f"cat {ready.folder}/source.json"))
    client = f"{ready.client} --host=127.0.0.1 --port={login['port']} --user={login['user']} --password='{login['password']}' -NB"
    assert ready.sh(TARGET, f"{client} -e 'SELECT COUNT(*) >= 0 FROM shop.orders' 2>/dev/null").strip() == "1", "it reads"
    for statement in (
        "INSERT INTO shop.orders (note) VALUES (1)", "UPDATE mysql.db SET User = 1", "SET GLOBAL read_only = 1", "CREATE USER x",
        "GRANT SELECT ON *.* TO root@localhost", "SET GLOBAL init_connect = 1",
    ):  # fmt: skip
        said = ready.sh(TARGET, f"{client} -e {shlex.quote(statement)} 2>&1", check=False)
        assert "denied" in said, f"{statement}: {said}"
    unchanged(ready)


def test_the_source_is_no_scanner(ready: Pair) -> None:
    """What the agent told of hosts and ports was a scan of the source's network."""
    code, words = asked(ready, "reach", {"login": {"host": "127.0.0.1", "port": 22, "user": "x", "password": "x"}})
    assert code == 1 and "unknown field" in words, words
    code, words = asked(ready, "reach", VERBS["reach"])
    assert code == 1 and "no way back" in words, words


def test_no_privilege_is_given_at_the_targets_word(ready: Pair) -> None:
    """An account that the request names got SUPER: as what a cutover had taken from it."""
    ready.sql(SOURCE, "CREATE USER mallory@'192.0.2.1' IDENTIFIED BY 'Only-For-1-Test';")
    try:
        privilege = "SUPER" if ready.client == "mariadb" else "SYSTEM_VARIABLES_ADMIN"
        _code, words = asked(ready, "release", {"token": "", "accounts": [["mallory", "192.0.2.1", [privilege], []]], "scheduler": "OFF"})
        grants = ready.sql(SOURCE, "SHOW GRANTS FOR mallory@'192.0.2.1';")
        assert all(privilege not in row[0] for row in grants), (grants, words)
    finally:
        ready.sql(SOURCE, "DROP USER mallory@'192.0.2.1';")


def test_the_agent_is_somebody_little(ready: Pair) -> None:
    answer = json.loads(asked(ready, "probe", {})[1])
    assert answer["user"] == int(ready.sh(SOURCE, "id -u nordbridge-agent")) != 0
    assert ready.sh(SOURCE, "grep -c nordbridge /root/.ssh/authorized_keys || true").strip() in ("", "0")
    entry = ready.sh(SOURCE, "cat /var/lib/mysql_migration_agent/.ssh/authorized_keys")
    assert f'from="{answer["client"]}"' in entry and "expiry-time=" in entry and "restrict" in entry
    as_it = "setpriv --reuid nordbridge-agent --regid nordbridge-agent --clear-groups sh -c"
    for path in (".ssh/authorized_keys", "shell", f"{ready.name}/agent", f"{ready.name}/agent.zip", f"{ready.name}/agent.json", f"{ready.name}/new"):
        words = ready.sh(SOURCE, f"{as_it} 'echo x >> /var/lib/mysql_migration_agent/{path} && echo wrote' 2>&1 || true")
        assert "wrote" not in words, path
    other = "setpriv --reuid nobody --regid nogroup --clear-groups python3 -c"
    code = f"import socket; socket.socket(socket.AF_UNIX).connect('/run/nordbridge-{ready.name}-agent.sock'); print('in')"
    assert "Permission denied" in ready.sh(SOURCE, f"{other} {shlex.quote(code)} 2>&1 || true")


def test_a_host_that_lets_root_not_in(ready: Pair) -> None:
    address = ready.address(TARGET)
    # With its times: what changes on this host is looked for by them.
    ready.sh(SOURCE, "cp -p /etc/ssh/sshd_config /root/kept")
    ready.sh(SOURCE, f"printf 'Match Address {address}\\nPermitRootLogin no\\n' >> /etc/ssh/sshd_config && systemctl reload ssh")
    try:
        assert asked(ready, "decided", {}) == (0, '{"state": ""}\n')
    finally:
        ready.sh(SOURCE, "cp -p /root/kept /etc/ssh/sshd_config && rm /root/kept && systemctl reload ssh")


@pytest.mark.parametrize("verb", ["id", "probe; id", "probe\nid", "$(id)", "../sh", "sh -c id", "", "dump --help", "x" * 100000])
def test_other_verbs_are_none(ready: Pair, verb: str) -> None:
    code, words = asked(ready, verb, {})
    assert code != 0 and "uid=" not in words and "Traceback" not in words, words


def test_the_key_opens_nothing_else(ready: Pair) -> None:
    config = f"-F {ready.folder}/ssh_config -o ConnectTimeout=5"
    for command in (
        f"scp {config} /etc/hostname agent:/tmp/stolen", f"echo ls | sftp {config} agent", f"ssh {config} -W 127.0.0.1:22 agent",
        f"ssh {config} -N -R 127.0.0.1:8888:127.0.0.1:22 -o ExitOnForwardFailure=yes agent", f"ssh {config} -tt agent id",
        f"ssh {config} root@agent probe",
    ):  # fmt: skip
        words = ready.sh(TARGET, f"echo '{{}}' | timeout 10 {command} 2>&1 || true")
        assert "uid=" not in words and "SSH-2.0" not in words and "sftp>" not in words.replace("sftp> ls\nConn", ""), (command, words)
    assert ready.sh(SOURCE, "ls /tmp/stolen 2>/dev/null || true") == ""
    environment = asked(ready, "probe", {}, "-A -X -o SetEnv=LD_PRELOAD=/tmp/x")
    assert json.loads(environment[1].splitlines()[-1])["agent"] == 2


def test_what_is_no_request_is_one_line(ready: Pair) -> None:
    for data in (b"[" * 100000, b"\xff\xfe\x00", b"not json", b'{"a":' * 2000, b"x" * 2000000, b"[]", b'{"token": {"a": 1}}', b'{"token": NaN}'):
        code, words = asked(ready, "unlease", data)
        assert code == 1 and words.count("\n") <= 1 and words.startswith("nordbridge agent: "), (data[:20], words)


def test_every_verb_and_every_field(ready: Pair) -> None:
    """Whatever is in them: a failure is one line, and nothing of the host is changed."""
    end = time.monotonic() + FUZZ_S

    @seed(FUZZ_SEED)
    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(verb=st.sampled_from(sorted(VERBS)), name=st.sampled_from(FIELDS), value=VALUES)
    def attempt(verb: str, name: str, value: Any) -> None:
        if time.monotonic() > end:
            return
        code, words = asked(ready, verb, {**VERBS[verb], name: value})
        assert "Traceback" not in words and "unexpected" not in words, (verb, name, value, words)
        assert code in (0, 1, 124), (verb, name, value, code, words[-300:])

    attempt()
    time.sleep(3)
    unchanged(ready)
