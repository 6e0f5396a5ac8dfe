# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnel's key and the way back's in the hands of who owns the target: each opens one thing.

C(-W) and C(-D) ask sshd for the same as C(-L) (direct-tcpip), so what C(-W) does not reach the others do not.
"""

from __future__ import annotations

import json
import shlex

import pytest
from local_user import look
from pairs import SOURCE, TARGET, Pair, until

KEYS = ("tunnel", "back")


def ssh(pair: Pair, key: str, options: str, command: str = "", seconds: int = 8, host: str = TARGET, folder: str = "") -> str:
    """What ssh says, with its exit code in the last line; 124 for a use that was let through and stayed."""
    folder = folder or pair.folder
    start = f"timeout {seconds} ssh -F {folder}/ssh_config -l nordbridge -i {folder}/{key}_key -o ExitOnForwardFailure=yes -o LogLevel=INFO"
    return pair.sh(host, f"{start} {options} agent {command} </dev/null 2>&1; echo; echo code $?", check=False)


@pytest.mark.parametrize("key", KEYS)
def test_what_a_key_opens_it_opens(ready, key):
    if key == "tunnel":
        answer = ready.sh(TARGET, f"timeout 5 ssh -F {ready.folder}/ssh_config -l nordbridge -i {ready.folder}/tunnel_key -W 127.0.0.1:3306 agent"
                                  " </dev/null 2>&1 | tr -dc 'A-Za-z' || true", check=False)  # fmt: skip
        assert "password" in answer.lower() or "MariaDB" in answer, answer
    else:
        ready.sh(TARGET, f"systemctl is-active nordbridge-{ready.name}-back")


@pytest.mark.parametrize("where", ["127.0.0.1:22", "localhost:3306", "[::1]:3306", "127.0.0.1:3307", "oslo-db1:22", "255.255.255.255:1", "0.0.0.0:22"])
@pytest.mark.parametrize("key", KEYS)
def test_no_other_port_to_connect_to(ready, key, where):
    said = ssh(ready, key, f"-W {shlex.quote(where)}", seconds=5)
    assert "SSH-2.0" not in said and ("prohibited" in said or "forwarding failed" in said), said


def test_the_way_backs_key_connects_to_nothing(ready):
    said = ssh(ready, "back", "-W 127.0.0.1:3306", seconds=5)
    assert "prohibited" in said, said


@pytest.mark.parametrize("where", ["127.0.0.1:8888", "8889", "0", "'*:8890'", "localhost:8891", "0.0.0.0:8892", "255.255.255.255:1", "127.0.0.1:1", "1"])
@pytest.mark.parametrize("key", KEYS)
def test_no_other_port_to_listen_at(ready, key, where):
    before = ready.sh(SOURCE, "ss -Htln | awk '{print $4}' | sort")
    for use in (f"-N -R {where}:127.0.0.1:22", f"-N -R {where}"):
        said = ssh(ready, key, use, seconds=5)
        assert "code 124" not in said and "forwarding failed" in said, f"{use}: {said}"
    assert ready.sh(SOURCE, "ss -Htln | awk '{print $4}' | sort") == before


@pytest.mark.parametrize("key", KEYS)
def test_no_socket_of_the_file_system_to_connect_to(ready, key):
    for path in ("/run/mysqld/mysqld.sock", "/run/dbus/system_bus_socket"):
        local = f"/tmp/attempt-{key}.sock"
        start = f"timeout 12 ssh -F {ready.folder}/ssh_config -l nordbridge -i {ready.folder}/{key}_key -o LogLevel=INFO -N -L {local}:{path} agent"
        # Not that of the path before: its ssh was killed, and left it.
        ready.sh(TARGET, f"rm -f {local}")
        trial = ready.background(TARGET, f"exec {start} 2>&1")
        until("ssh listens", lambda local=local: ready.sh(TARGET, f"test -S {local} && echo yes || true"), seconds=10)
        said = look(ready, TARGET, "root", local)
        output = trial.communicate(timeout=30)[0]
        assert said != "answered" and "open failed" in output, f"{path}: {said} {output}"
        # By sshd's rule, and not because nobody answers there.
        assert f"target {path}" in ready.sh(SOURCE, "journalctl -u ssh --no-pager | grep 'refused streamlocal port forward' || true"), path


@pytest.mark.parametrize("key", KEYS)
def test_no_socket_of_the_file_system_to_listen_at(ready, key):
    said = ssh(ready, key, "-N -R /tmp/mysql.sock:/run/mysqld/mysqld.sock", seconds=5)
    assert "forwarding failed for listen path" in said, said
    assert ready.sh(SOURCE, "ls /tmp/mysql.sock 2>/dev/null || true") == ""


@pytest.mark.parametrize(
    ("options", "command"),
    [("", "id"), ("", ""), ("-tt", ""), ("-A", "'ssh-add -l; echo $SSH_AUTH_SOCK; id'"), ("-X", "'echo $DISPLAY; id'"), ("-s", "sftp"),
     ("-o SetEnv=LANG=x", "'id; env'"), ("-o Tunnel=ethernet", "id")],
)  # fmt: skip
@pytest.mark.parametrize("key", KEYS)
def test_no_command_no_terminal_no_agent_no_display(ready, key, options, command):
    said = ssh(ready, key, options, command, seconds=5)
    assert "code 124" not in said and "uid=" not in said and "/tmp/ssh-" not in said and "localhost:1" not in said, said


@pytest.mark.parametrize("key", KEYS)
def test_no_files_by_an_sftp_server_that_is_built_into_sshd(ready, key):
    """It needs no shell: what keeps it from a user without one is the key's own command."""
    change = "sed -i 's,^Subsystem.*,Subsystem sftp internal-sftp,' /etc/ssh/sshd_config && systemctl reload ssh"
    ready.sh(SOURCE, f"cp /etc/ssh/sshd_config /root/sshd_config.kept && {change} && sleep 0.5")
    try:
        said = ready.sh(
            TARGET,
            f"echo 'get /etc/passwd /tmp/stolen-{key}' | timeout 8 sftp -F {ready.folder}/ssh_config -i {ready.folder}/{key}_key -b -"
            " nordbridge@agent 2>&1",
            check=False,
        )
    finally:
        ready.sh(SOURCE, "cp /root/sshd_config.kept /etc/ssh/sshd_config && systemctl reload ssh && sleep 0.5")
    assert ready.sh(TARGET, f"ls /tmp/stolen-{key} 2>/dev/null || true") == "", said


def test_sshd_gives_the_tunnels_user_no_network_device(ready):
    said = ready.sh(SOURCE, "sshd -T -C user=nordbridge,host=x,addr=192.0.2.1")
    for rule in ("permittunnel no", "allowstreamlocalforwarding no", "allowagentforwarding no", "x11forwarding no", "permittty no"):
        assert rule in said.splitlines(), rule


@pytest.mark.parametrize("key", KEYS)
def test_a_stolen_key_is_of_no_use_from_elsewhere(ready, key):
    copied = ready.sh(TARGET, f"base64 -w0 {ready.folder}/{key}_key")
    ready.sh(SOURCE, f"mkdir -p -m 700 /root/stolen; echo {copied} | base64 -d > /root/stolen/{key}_key; chmod 600 /root/stolen/*_key")
    said = ready.sh(SOURCE, f"timeout 8 ssh -i /root/stolen/{key}_key -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no"
                            " -N nordbridge@127.0.0.1 2>&1; echo code $?; rm -r /root/stolen", check=False)  # fmt: skip
    assert "Permission denied" in said, said


@pytest.mark.parametrize("key", KEYS)
def test_a_key_ends_by_itself(ready, key):
    keys = "/var/lib/mysql_migration_tunnel/.ssh/authorized_keys"
    mark = f"nordbridge-{key}-{ready.name}$"
    ready.sh(SOURCE, f"cp {keys} /root/keys && sed -i '/{mark}/s/expiry-time=\"[0-9]*\"/expiry-time=\"202001010000\"/' {keys}")
    try:
        assert "expiry-time" in ready.sh(SOURCE, f"grep '{mark}' {keys}"), "the entry has no date"
        assert "Permission denied" in ssh(ready, key, "-N", seconds=5)
        # The same command again renews it.
        ready.migrate("-e", "migration_reverse_replication=true").ok()
        assert "202001010000" not in ready.sh(SOURCE, f"cat {keys}")
        assert "Permission denied" not in ssh(ready, key, "-N", seconds=5)
    finally:
        ready.sh(SOURCE, f"cp /root/keys {keys}")


def test_the_tunnels_user_lets_nobody_else_in(ready):
    home = "/var/lib/mysql_migration_tunnel"
    for attempt in (f"echo x >> {home}/.ssh/authorized_keys", f"echo x > {home}/.ssh/rc", f"echo x > {home}/.bashrc", f"mv {home}/.ssh {home}/x"):
        said = ready.sh(SOURCE, f"cd /; runuser -u nordbridge -- sh -c {shlex.quote(attempt)} 2>&1; echo code $?", check=False)
        assert "code 0" not in said, f"{attempt}: {said}"


def test_a_second_run_renews_nothing(ready):
    run = ready.migrate("-e", "migration_reverse_replication=true").ok()
    assert run.recap()["changed"] == 0, run.tail


def test_a_target_that_comes_from_another_address_is_told_what_to_set(ready):
    """The address was seen, and not given: the probe that sees it goes through the key that sshd refuses."""
    files = "/var/lib/mysql_migration_agent/.ssh/authorized_keys /var/lib/mysql_migration_tunnel/.ssh/authorized_keys"
    unknown = ("-e", "migration_reverse_replication=true", "-e", json.dumps({"migration_target_address": ""}))
    assert ready.migrate(*unknown).ok().recap()["changed"] == 0
    ready.sh(SOURCE, f"sed -i 's/from=\"[^\"]*\"/from=\"192.0.2.99\"/' {files}; pkill -u nordbridge; true")
    ready.migrate(*unknown).failed("Permission denied (publickey)", "may be used from 192.0.2.99", "set migration_target_address to it")
    known = ("-e", "migration_reverse_replication=true", "-e", json.dumps({"migration_target_address": ready.address(TARGET)}))
    assert ready.migrate(*known).ok().recap()["changed"] > 0
    assert ready.migrate(*known).ok().recap()["changed"] == 0
