# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connections lead to one server."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.facts import _identity
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import context
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.identity import (
    Identity,
    check_one_server,
    from_facts,
    same_place,
    same_server,
)

ONE = Identity("mysql", (9, 7, 4), "9.7.4", "", "db1", 3306, 7, "uuid-1", "/var/lib/mysql/", 1000)
ELSEWHERE = [{"hostname": "db2"}, {"port": 3307}, {"datadir": "/srv/"}, {"server_uuid": "uuid-2"}, {"flavour": "mariadb"}]


@pytest.mark.parametrize("other", ELSEWHERE)
def test_another_host_port_directory_uuid_or_flavour_is_another_server(other):
    assert not same_place(ONE, replace(ONE, **other)) and not same_server(ONE, replace(ONE, **other))
    with pytest.raises(Refusal, match="connections lead to different servers, db1 .* and "):
        check_one_server([ONE, ONE, replace(ONE, **other)], "source")


@pytest.mark.parametrize("other", [{"server_id": 8}, {"started_at": 1003}, {"started_at": 997}])
def test_another_start_or_server_id_is_another_server_where_both_are_read_now(other):
    assert same_place(ONE, replace(ONE, **other)) and not same_server(ONE, replace(ONE, **other))
    with pytest.raises(Refusal, match="or it was restarted just now; give one server's own address"):
        check_one_server([ONE, replace(ONE, **other)], "source")


@pytest.mark.parametrize("other", [{}, {"started_at": 1002}, {"started_at": 998}, {"version_text": "9.7.4-log"}])
def test_the_same_one_is_found_whenever_its_clock_is_read(other):
    assert same_server(ONE, replace(ONE, **other))
    check_one_server([ONE, replace(ONE, **other)], "source")


def test_an_identity_survives_being_told():
    assert from_facts(json.loads(json.dumps(asdict(ONE)))) == ONE
    assert from_facts(_identity(SimpleNamespace(identity=ONE))["identity"]) == ONE


def test_a_source_that_is_another_one_after_it_was_away_is_refused(monkeypatch):
    found = SimpleNamespace(identity=replace(ONE, started_at=5000))
    monkeypatch.setattr(context, "connect", lambda *_all: None)
    monkeypatch.setattr(context, "open_flavour", lambda _connection: found)
    seed = context.Seed(SimpleNamespace(identity=ONE, connection=SimpleNamespace(close=lambda: None)), *[None] * 4, None, [])
    seed.reopen_source()
    assert seed.source is found
    found.identity = replace(ONE, hostname="db2")
    seed.source = SimpleNamespace(identity=ONE, connection=SimpleNamespace(close=lambda: None))
    with pytest.raises(Refusal, match="leads to db2 .* and led to db1"):
        seed.reopen_source()
