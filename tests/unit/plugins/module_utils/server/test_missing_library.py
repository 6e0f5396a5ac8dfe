# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose Python lacks PyMySQL: the module says so as Ansible's modules do, and what to do."""

from __future__ import annotations

import pytest
from ansible.module_utils import basic
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils import _module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, MissingLibrary
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import connection
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint


class Failed(Exception):
    """What a module would have printed."""


def test_connect_names_the_library(monkeypatch):
    monkeypatch.setattr(connection, "pymysql", None)
    monkeypatch.setattr(connection, "PYMYSQL_IMPORT_ERROR", "Traceback: no module", raising=False)
    with pytest.raises(MissingLibrary, match="PyMySQL is missing .* install python3-pymysql") as caught:
        connection.connect(Endpoint(unix_socket="/run/none.sock"))
    assert isinstance(caught.value, MigrationError)
    assert (caught.value.library, caught.value.traceback) == ("PyMySQL", "Traceback: no module")


def test_a_module_fails_as_ansibles_modules_do(monkeypatch):
    def fail(self, **result):
        raise Failed(result)

    def function(params, check_mode):
        raise MissingLibrary("PyMySQL", "install python3-pymysql", "Traceback: no module")

    monkeypatch.setattr(basic.AnsibleModule, "__init__", lambda self, **spec: setattr(self, "params", {}) or setattr(self, "check_mode", False))
    monkeypatch.setattr(basic.AnsibleModule, "fail_json", fail)
    with pytest.raises(Failed) as caught:
        _module.run_module(function, {})
    (result,) = caught.value.args
    assert result["msg"].startswith("Failed to import the required Python library (PyMySQL)")
    assert result["msg"].endswith("install python3-pymysql")
    assert result["exception"] == "Traceback: no module"
