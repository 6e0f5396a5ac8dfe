# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ordinary user of the target and of the source: in the tunnel's place, through it, and at another migration's end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_user import USER, fake_server, login, look, received, run_as
from pairs import ROOT, SOURCE, TARGET, Pair, until

RUNNING = {
    "mariadb": "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_IO' AND STATE LIKE 'Waiting%';",
    "mysql": "SELECT COUNT(*) FROM performance_schema.replication_connection_status WHERE SERVICE_STATE = 'ON';",
}
#: Each way in which a tunnel is down: both its services and its key's sessions at the source.
DOWN = {
    "stopped": "systemctl stop 'nordbridge-NAME-*'",
    "killed": "systemctl kill -s KILL 'nordbridge-NAME-*'; systemctl stop 'nordbridge-NAME-*'",
}


@pytest.fixture
def way_back(ready) -> tuple[int, int]:
    """The way back's port at the source for clients, and the one where sshd listens."""
    until("the way back is up", lambda: look(ready, SOURCE, "root", login(ready, TARGET, "back")["port"]) == "answered", seconds=30)
    settings = ready.sh(SOURCE, f"cat {ready.folder}/proxy-back.json 2>/dev/null || true")
    port = login(ready, TARGET, "back")["port"]
    return port, json.loads(settings)["upstream_port"] if settings else port


def up_again(pair: Pair) -> None:
    """The tunnel, its ends, and replication over it."""
    for host in (SOURCE, TARGET):
        pair.sh(host, f"cd /etc/systemd/system && for unit in nordbridge-{pair.name}-*.service; do systemctl start $unit; done", check=False)
    until("it replicates again", lambda: pair.value(TARGET, RUNNING[pair.client]) == "1", seconds=60)


@pytest.mark.parametrize("way", list(DOWN))
def test_nobody_listens_in_the_tunnels_place(ready, way):
    port = login(ready, TARGET, "source")["port"]
    ready.sh(TARGET, DOWN[way].replace("NAME", ready.name))
    try:
        said = run_as(ready, TARGET, USER, f"python3 /usr/local/listen.py {port}")
    finally:
        up_again(ready)
    assert "listens" not in said and said.count("PermissionError") >= 2, said


def test_a_restart_of_the_sources_sshd_opens_no_gap(ready):
    port = login(ready, TARGET, "source")["port"]
    ready.sh(SOURCE, "systemctl restart ssh; pkill -KILL -u nordbridge || true")
    said = run_as(ready, TARGET, USER, f"for n in $(seq 20); do python3 /usr/local/listen.py {port}; sleep 0.1; done")
    up_again(ready)
    assert "listens" not in said, said


def test_a_false_server_gets_no_password(ready):
    """The operator's next run, while the tunnel is down and a user does what she can."""
    source = login(ready, TARGET, "source")
    ready.sh(TARGET, DOWN["stopped"].replace("NAME", ready.name))
    fake = fake_server(ready, TARGET, USER, source["port"], "clear", 25)
    ready.migrate().wait()
    heard = received(fake)
    up_again(ready)
    assert source["password"].encode() not in heard, "the password of nordbridge_ctl is hers"
    assert heard == b""


def test_whoever_answers_is_not_shown_the_password_in_clear(ready):
    """Even root's own program at that port: what asks for a password in clear text is no server of ours."""
    source = login(ready, TARGET, "source")
    ready.sh(TARGET, DOWN["stopped"].replace("NAME", ready.name))
    client = f"""python3 -I - {ready.folder} <<'END'
import glob, sys
sys.path.insert(0, (glob.glob(sys.argv[1] + "/proxy.zip") + glob.glob(sys.argv[1] + "/jobs/*/payload.zip"))[0])
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import read_login_file
try:
    connect(read_login_file(sys.argv[1] + "/source.json"), read_timeout=5)
except Exception as error:
    print(error)
END"""
    said = {}
    try:
        for way in ("clear", "dialog"):
            fake = fake_server(ready, TARGET, "root", source["port"], way, 8)
            until("it listens", lambda: ready.sh(TARGET, f"ss -Htln sport = :{source['port']}"))
            said[way] = ready.sh(TARGET, client, check=False)
            assert source["password"].encode() not in received(fake), way
    finally:
        up_again(ready)
    assert all("got none" in text for text in said.values()), said


def test_the_tunnel_is_for_root_and_the_server_alone(ready):
    port = login(ready, TARGET, "source")["port"]
    until("it answers", lambda: look(ready, TARGET, "root", port) == "answered", seconds=20)
    assert look(ready, TARGET, "mysql", port) == "answered"
    for user in (USER, "nobody", "daemon"):
        assert look(ready, TARGET, user, port) != "answered", f"{user} reaches the source's server"
    assert look(ready, TARGET, USER, f"/run/nordbridge-{ready.name}-tunnel/sql.sock") == "PermissionError"


def test_the_way_back_is_for_root_and_the_server_alone(ready, way_back):
    port, inner = way_back
    assert look(ready, SOURCE, "mysql", port) == "answered"
    for user in (USER, "nobody", "nordbridge"):
        assert look(ready, SOURCE, user, port) != "answered", f"{user} reaches the target's server"
        assert look(ready, SOURCE, user, inner) != "answered", f"{user} reaches the target's server by sshd's own port"
    assert look(ready, TARGET, USER, f"/run/nordbridge-{ready.name}-back-proxy/sql.sock") == "PermissionError"


def test_nobody_answers_in_the_place_of_the_way_back(ready, way_back):
    port, inner = way_back
    ready.sh(TARGET, f"systemctl stop nordbridge-{ready.name}-back")
    try:
        until("it is down", lambda: not ready.sh(SOURCE, f"ss -Htln sport = :{inner}"), seconds=20)
        assert "listens" not in run_as(ready, SOURCE, USER, f"python3 /usr/local/listen.py {port}")
        fake = fake_server(ready, SOURCE, USER, inner, "clear", 8)
        until("it listens", lambda: ready.sh(SOURCE, f"ss -Htln sport = :{inner}"))
        seen = [look(ready, SOURCE, user, port) for user in ("root", "mysql")]
        heard = received(fake)
    finally:
        up_again(ready)
    assert heard == b"" and "answered" not in seen, "a user's server answers as the new primary"


def test_each_migration_of_a_host_has_its_own_end(ready):
    command = [str(Path(sys.executable).parent / "ansible"), TARGET, "-i", "inventories/demo", "--become", "--check", "-m",
               "nordbridge.mysql_migration.migration_proxy", "-a", "migration_id=another end=target"]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NORDBRIDGE_PAIR": ready.name}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert 0 < found["port"] < 1024 and found["port"] != login(ready, TARGET, "source")["port"]


@pytest.mark.parametrize("port", [13306])
def test_a_port_for_everybody_is_refused_with_the_reason(ready, port):
    ready.migrate("-e", f"migration_target_tunnel_port={port}").failed(f"migration_target_tunnel_port is {port}", "any user of this host can listen at port")
