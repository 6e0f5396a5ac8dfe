# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options to endpoint, endpoint to facts, and the documentation."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import yaml
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.privileges import PURPOSES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import Identity
from ansible_collections.nordbridge.mysql_migration.plugins.modules import mysql_server_info as module


class Open:
    """A connection that only opens and closes."""

    closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.closed = True


def run(monkeypatch, **params):
    seen = {"connection": Open()}

    def connect(endpoint, name):
        seen.update(endpoint=endpoint, name=name)
        return seen["connection"]

    def gather(connection, needs, local, service):
        seen.update(gathered=connection, needs=needs, local=local, service=service)
        return {"facts": 1, "privileges": {"login": "root@localhost"}}

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(module.facts, "gather", gather)
    result = module.server_info({"needs": [], "local": None, "side": "server", "service": "", "same_as": {}, "programs": [], **params}, False)
    return result, seen


def test_by_socket_the_disk_is_local(monkeypatch) -> None:
    result, seen = run(monkeypatch, login_unix_socket="/s", side="source", needs=["assess"])
    assert result["server"]["facts"] == 1 and not result["changed"]
    assert result["server"]["login"] == {"account": "root@localhost", "socket": True, "password": False}
    assert (seen["local"], seen["name"], seen["needs"], seen["endpoint"].unix_socket) == (True, "source", ["assess"], "/s")
    assert seen["connection"].closed


@pytest.mark.parametrize(("asked", "local"), [(None, False), (True, True), (False, False)])
def test_over_the_network_it_is_not_unless_said_so(monkeypatch, asked, local) -> None:
    assert run(monkeypatch, login_host="db", login_port=3306, local=asked)[1]["local"] is local


def test_local_can_be_denied_for_a_socket(monkeypatch) -> None:
    assert run(monkeypatch, login_unix_socket="/s", local=False)[1]["local"] is False


def test_documentation_is_the_options() -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(documented) == set(module.OPTIONS)
    assert documented["needs"]["choices"] == module.OPTIONS["needs"]["choices"] == list(PURPOSES)
    assert documented["side"]["choices"] == module.OPTIONS["side"]["choices"]
    assert set(yaml.safe_load(module.RETURN)) == {"server", "missing_programs"}
    assert yaml.safe_load(module.EXAMPLES)


ONE = Identity("mysql", (9, 7, 4), "9.7.4", "", "db1", 3306, 7, "uuid-1", "/var/lib/mysql/", 1000)


def bridged(monkeypatch, found, port, holder="nordbridge-old-tunnel.service"):
    monkeypatch.setattr(module, "read_identity", lambda _connection: found)
    monkeypatch.setattr(module, "holder", lambda asked: holder if asked == port else "")
    return run(monkeypatch, login_host="127.0.0.1", login_port=port, same_as=json.loads(json.dumps(asdict(ONE))))


def test_the_same_server_at_the_other_end_is_taken_and_another_one_told_with_who_holds_the_port(monkeypatch) -> None:
    assert bridged(monkeypatch, replace(ONE, started_at=5, server_id=9), 13306)[0]["server"]["facts"] == 1
    with pytest.raises(Refusal) as told:
        bridged(monkeypatch, replace(ONE, hostname="db2"), 13306)
    assert "at 127.0.0.1:13306 answers db2 (" in str(told.value) and "and not db1 (" in str(told.value)
    assert "port 13306 of this host is held by nordbridge-old-tunnel.service" in str(told.value)


def test_this_migrations_own_end_is_no_stranger(monkeypatch) -> None:
    with pytest.raises(Refusal, match="port 317 is the tunnel's end: see systemctl status nordbridge-shop-tunnel-proxy.service nordbridge-shop-tunnel.service"):
        bridged(monkeypatch, replace(ONE, hostname="db2"), 317, "nordbridge-shop-tunnel-proxy.service")


def test_a_login_that_fails_there_says_so_too(monkeypatch) -> None:
    monkeypatch.setattr(module, "holder", lambda _port: "")

    def connect(*_all):
        raise ServerError("source: login failed: [2003]", 2003)

    monkeypatch.setattr(module, "connect", connect)
    params = {"needs": [], "local": None, "side": "source", "service": "", "login_host": "127.0.0.1", "login_port": 13306}
    with pytest.raises(ServerError, match="login failed: .2003.; nobody on this host listens at port 13306"):
        module.server_info({**params, "same_as": asdict(ONE)}, False)
    with pytest.raises(ServerError, match=r"\[2003\]$"):
        module.server_info({**params, "same_as": {}}, False)
