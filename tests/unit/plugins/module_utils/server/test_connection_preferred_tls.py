# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS mode preferred, with PyMySQL versions that take a given context as a demand."""

from __future__ import annotations

import pymysql
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import connection
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint


@pytest.fixture
def server_without_tls(monkeypatch):
    calls = []

    def connect(ssl=None, **_options):
        calls.append(ssl)
        if ssl is not None:
            raise pymysql.err.OperationalError(2026, "SSL is required but the server doesn't support it")
        return object()

    monkeypatch.setattr(connection, "ProvenConnection", connect)
    return calls


def test_preferred_goes_on_in_clear_text(server_without_tls):
    connection.connect(Endpoint(host="db"))
    assert len(server_without_tls) == 2 and server_without_tls[1] is None


def test_required_does_not(server_without_tls):
    with pytest.raises(ServerError) as caught:
        connection.connect(Endpoint(host="db", tls="required"))
    assert caught.value.errno == 2026 and len(server_without_tls) == 1
