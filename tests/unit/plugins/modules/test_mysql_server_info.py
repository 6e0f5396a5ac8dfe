# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options to endpoint, endpoint to facts, and the documentation."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.privileges import PURPOSES
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
        return {"facts": 1}

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(module.facts, "gather", gather)
    result = module.server_info({"needs": [], "local": None, "side": "server", "service": "", "same_as": {}, **params}, False)
    return result, seen


def test_by_socket_the_disk_is_local(monkeypatch) -> None:
    result, seen = run(monkeypatch, login_unix_socket="/s", side="source", needs=["assess"])
    assert result == {"changed": False, "server": {"facts": 1}}
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
    assert set(yaml.safe_load(module.RETURN)) == {"server"}
    assert yaml.safe_load(module.EXAMPLES)
