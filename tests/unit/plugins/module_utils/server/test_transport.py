# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS within a tunnel, where a server takes no other login."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse import follow
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.clone import clone
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.transport import requires_tls


def server(value):
    ran: list = []
    connection = SimpleNamespace(id=7, variable=lambda _name: value, run=lambda sql, args=None: ran.append(sql), ran=ran)
    return SimpleNamespace(connection=connection)


@pytest.mark.parametrize(("value", "insists"), [("ON", True), ("1", True), ("OFF", False), (None, False)])
def test_who_insists(value, insists):
    assert requires_tls(server(value).connection) is insists


@pytest.mark.parametrize(("value", "word"), [("ON", "REQUIRE SSL"), ("OFF", "REQUIRE NO SSL")])
def test_a_clone_through_the_tunnel_does_what_the_source_insists_on(value, word, monkeypatch):
    sent: list = []
    monkeypatch.setattr(clone, "run_unlogged", lambda _server, sql, *_rest: sent.append(sql))
    login = Endpoint(host="127.0.0.1", port=13306, user="nordbridge_ctl", password="x")
    options = {"allow_logged_passwords": False}
    clone._clone(SimpleNamespace(source_login=login, source=server(value), target=server("OFF"), options=options))
    assert sent[-1].endswith(word)


@pytest.mark.parametrize(("secure", "ca", "tls"), [(True, "", "required"), (False, "", "off"), (True, "/ca.pem", "verify_ca")])
def test_the_old_server_follows_as_the_new_one_insists(secure, ca, tls):
    login = Endpoint(host="127.0.0.1", port=13307, user="nordbridge_back", password="x", tls_ca=ca)
    options = follow._options({"applier_threads": 4, "start_timeout": 60}, login, "0-1-5", secure)
    assert options["tls"] == tls
