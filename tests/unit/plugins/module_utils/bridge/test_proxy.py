# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy at a tunnel's end: who is let through, who may answer, and every byte."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import proxy, proxy_install
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.proxy import Proxy, Settings, read_settings
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal

HERE = os.getuid()
TOKEN = secrets.token_hex(32)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def echo(tmp_path):
    """A server at a socket of the file system and at a port, which answers what it is sent, twice."""
    path, made = str(tmp_path / "echo.sock"), []
    by_path = socket.socket(socket.AF_UNIX)
    by_path.bind(path)
    by_path.listen()
    by_port = socket.create_server(("127.0.0.1", 0))

    def answer(server):
        while True:
            try:
                client, _peer = server.accept()
            except OSError:
                return
            heard = b""
            while True:
                more = client.recv(65536)
                if not more:
                    break
                heard += more
            made.append(heard)
            client.sendall(heard * 2)
            client.close()

    for server in (by_path, by_port):
        threading.Thread(target=answer, args=(server,), daemon=True).start()
    yield path, by_port.getsockname()[1], made
    for server in (by_path, by_port):
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture
def run():
    """Starts proxies."""
    started = []

    def start(**settings):
        started.append(Proxy(Settings(**settings)))
        threading.Thread(target=serve, args=(started[-1],), daemon=True).start()

    def serve(one):
        try:
            one.serve()
        except OSError:  # its listener was closed
            pass

    yield start
    for one in started:
        one.listener.shutdown(socket.SHUT_RDWR)
        one.listener.close()


def talk(address, data: bytes) -> bytes:
    """What comes back; empty where the other end let go."""
    client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    client.settimeout(10)
    client.connect(address)
    heard = b""
    try:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while True:
            more = client.recv(1 << 20)
            if not more:
                return heard
            heard += more
    except OSError:
        return heard
    finally:
        client.close()


def test_every_byte_passes_both_ways_and_so_does_the_end(run, echo):
    port, data = free_port(), secrets.token_bytes(3_000_000)
    run(port=port, users=(HERE,), upstream_path=echo[0])
    assert talk(("127.0.0.1", port), data) == data * 2


def test_another_user_is_not_let_through(run, echo, capsys):
    port = free_port()
    run(port=port, users=(HERE + 1,), upstream_path=echo[0])
    assert talk(("127.0.0.1", port), b"x") == b"" and talk(("127.0.0.1", port), b"x") == b""
    assert echo[2] == []
    told = capsys.readouterr().err
    assert told.count("refused a connection by") == 1, "the journal is filled by whoever tries"


def test_nobody_answers_and_the_client_is_told_by_the_end(run, tmp_path):
    port = free_port()
    run(port=port, users=(HERE,), upstream_path=str(tmp_path / "none"))
    assert talk(("127.0.0.1", port), b"x") == b""


@pytest.mark.parametrize(("owner", "answers"), [(HERE, True), (HERE + 1, False)])
def test_who_answers_must_be_the_tunnels_user_and_gets_the_token_only_then(run, echo, owner, answers):
    port = free_port()
    run(port=port, users=(HERE,), upstream_port=echo[1], owner=owner, token=TOKEN)
    wanted = TOKEN.encode() + b"hello"
    assert talk(("127.0.0.1", port), b"hello") == (wanted * 2 if answers else b"")
    assert TOKEN.encode() in b"".join(echo[2]) or not answers
    assert answers or TOKEN.encode() not in b"".join(echo[2])


def test_an_answerer_who_accepts_nothing_is_not_waited_for_without_end(run, monkeypatch):
    monkeypatch.setattr(proxy, "PROOF_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = free_port()
        run(port=port, users=(HERE,), upstream_port=server.getsockname()[1], owner=HERE, token=TOKEN)
        assert talk(("127.0.0.1", port), b"hello") == b""


@pytest.mark.parametrize("said", ["", "x" * 64, TOKEN[:-1], TOKEN[:-1] + "!"], ids=["nothing", "another", "shorter", "altered"])
def test_the_far_end_lets_nobody_through_without_the_token(run, echo, tmp_path, said):
    path = str(tmp_path / "end.sock")
    run(path=path, token=TOKEN, upstream_port=echo[1])
    assert talk(path, said.encode()) == b"" and echo[2] == []


def test_the_far_end_with_the_token(run, echo, tmp_path):
    path = str(tmp_path / "end.sock")
    run(path=path, token=TOKEN, upstream_port=echo[1])
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert talk(path, TOKEN.encode() + b"hello") == b"hellohello"


def test_the_far_end_without_a_token_is_closed(run, echo, tmp_path):
    path = str(tmp_path / "end.sock")
    run(path=path, token="", upstream_port=echo[1])
    assert talk(path, b"hello") == b""


def test_settings_are_read_as_they_were_written(tmp_path):
    settings = Settings(port=300, users=(0, 110), upstream_path="/run/x")
    (tmp_path / "s.json").write_text(json.dumps(settings.__dict__))
    assert read_settings(str(tmp_path / "s.json")) == settings
    assert TOKEN not in repr(Settings(token=TOKEN))


PARAMS = {"migration_id": "shop", "end": "target", "port": 0, "users": [], "datadir": "", "tunnel_user": "root", "token": TOKEN,
          "upstream_host": "127.0.0.1", "upstream_port": 3306}  # fmt: skip


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A host of its own for the installation."""
    state = tmp_path / "state"
    for name, value in {
        "ROOT": str(state), "directory": lambda name: str(state / name), "_unit_path": lambda unit: str(tmp_path / unit),
        "holder": lambda _port: "", "unprivileged_start": lambda: 1024, "read_sockets": lambda: [],
    }.items():  # fmt: skip
        monkeypatch.setattr(proxy_install, name, value)
    monkeypatch.setattr(proxy_install, "run_child", lambda _command: type("Done", (), {"returncode": 0}))
    state.mkdir()
    return tmp_path


def installed(place, check_mode=False, **more):
    return proxy_install.install_proxy({**PARAMS, "datadir": str(place), **more}, check_mode)


def test_a_second_run_changes_nothing_and_check_mode_writes_nothing(place):
    planned = installed(place, True)
    assert planned["changed"] and not list((place / "state").iterdir())
    first = installed(place)
    assert first["changed"] and first["port"] == planned["port"]
    assert not installed(place)["changed"] and not installed(place, True)["changed"]
    settings = read_settings(str(place / "state/shop/proxy-tunnel.json"))
    assert settings.users == tuple({0, os.stat(place).st_uid}) and settings.upstream_path == "/run/nordbridge-shop-tunnel/sql.sock"
    unit = (place / "nordbridge-shop-tunnel-proxy").read_text()
    assert "IPAddressDeny=any" in unit and "_bridge.proxy import main" in unit


def test_two_migrations_of_one_host_have_two_ports(place, monkeypatch):
    first = installed(place)["port"]
    monkeypatch.setattr(proxy_install, "choose_port", lambda _id, _kept, taken, _ports: 0 if first in taken else first)
    assert installed(place, migration_id="other")["port"] == 0
    with pytest.raises(Refusal, match="is another migration's: choose another .migration_target_tunnel_port"):
        installed(place, migration_id="other", port=first)


def test_a_port_that_others_hold_is_refused_by_name(place, monkeypatch):
    monkeypatch.setattr(proxy_install, "holder", lambda _port: "nordbridge-old-tunnel.service")
    with pytest.raises(Refusal, match="is held by nordbridge-old-tunnel.service: stop it, or choose another port .migration_target_tunnel_port"):
        installed(place)
    monkeypatch.setattr(proxy_install, "holder", lambda _port: "nordbridge-shop-tunnel-proxy.service")
    assert installed(place)["changed"]


def test_a_port_for_everybody_is_refused(place):
    with pytest.raises(Refusal, match="target_tunnel_port is 13306: any user"):
        installed(place, port=13306)


def test_the_way_backs_two_ends_share_a_token_that_no_diff_shows(place):
    far = installed(place, end="back_target")
    token = read_settings(str(place / "state/shop/proxy-back.json")).token
    assert len(token) == 64 and token not in json.dumps(far) and far["path"] == "/run/nordbridge-shop-back-proxy/sql.sock"
    assert not installed(place, end="back_target")["changed"]
    near = installed(place, end="back_source", migration_id="near", token=token)
    assert token not in json.dumps(near) and near["inner_port"] in proxy_install.ORDINARY
    settings = read_settings(str(place / "state/near/proxy-back.json"))
    assert (settings.owner, settings.token, settings.upstream_port) == (0, token, near["inner_port"])
    assert installed(place, end="back_source", migration_id="near", token="another")["changed"]


def test_a_server_that_is_not_here_and_a_user_that_is_not_are_refused(place):
    with pytest.raises(Refusal, match="its data directory /none is not on this host"):
        proxy_install.install_proxy({**PARAMS, "datadir": "/none"}, False)
    with pytest.raises(Refusal, match="there is no user nobody-here"):
        installed(place, users=["nobody-here"])
    assert installed(place, True, end="back_source", tunnel_user="nobody-here")["changed"]
