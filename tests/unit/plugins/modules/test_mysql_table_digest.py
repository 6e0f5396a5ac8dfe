# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's documentation and options say the same, and its options reach the rules."""

from __future__ import annotations

import yaml
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.tables import TableDigest
from ansible_collections.nordbridge.mysql_migration.plugins.modules import mysql_table_digest as module


def test_documented_options_are_the_options():
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(documented) == set(module.OPTIONS)
    for name, option in module.OPTIONS.items():
        assert {key: documented[name].get(key) for key in option} == option


def test_options_reach_the_rules(monkeypatch):
    seen = []

    class Connection:
        def __enter__(self):
            return self

        def __exit__(self, *_exc):
            seen.append("closed")

    def connect(endpoint, side, _seconds):
        seen.append((endpoint, side))
        return Connection()

    def digest_tables(flavour, *options):
        seen.append(options)
        return [TableDigest("s", "t", 1, "d")]

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(module, "open_flavour", lambda connection: connection)
    monkeypatch.setattr(module, "digest_tables", digest_tables)
    options = {"login_unix_socket": "/x", "schemas": ["s"], "exclude": ["s.u"], "where": {"s.t": "1"}, "side": "target"}
    assert module.table_digest(options, True) == {
        "changed": False,
        "tables": [{"schema": "s", "table": "t", "rows": 1, "digest": "d"}],
    }
    assert seen == [(Endpoint(unix_socket="/x"), "target"), (["s"], ["s.u"], {"s.t": "1"}), "closed"]
