# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.nordbridge.mysql_migration.plugins.doc_fragments._login import ModuleDocFragment
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.modules import mysql_binlog_config as module

DOCUMENTED = yaml.safe_load(module.DOCUMENTATION)


def run(monkeypatch, capsys, function, **given):
    """The module's result with its one function replaced."""
    monkeypatch.setattr(module, "configure", function)
    with patch_module_args(given), pytest.raises(SystemExit) as ended:
        module.main()
    return ended.value.code, json.loads(capsys.readouterr().out)


def test_options_reach_the_function_with_their_defaults(monkeypatch, capsys):
    seen = {}

    def function(params, check_mode):
        seen.update(params, check_mode=check_mode)
        return {"changed": False}

    code, result = run(monkeypatch, capsys, function, avoid_server_ids=["2", 3], max_binlog_size="1G", _ansible_check_mode=True)
    assert code == 0 and result["changed"] is False
    assert seen["avoid_server_ids"] == [2, 3] and seen["max_binlog_size"] == "1G" and seen["check_mode"] is True
    assert (seen["retention_hours"], seen["gtid"], seen["server_id"], seen["login_user"]) == (168, True, None, None)


def test_a_refusal_is_one_clear_failure(monkeypatch, capsys):
    def function(params, check_mode):
        raise Refusal("not like this")

    code, result = run(monkeypatch, capsys, function)
    assert code == 1 and result["msg"] == "not like this" and "exception" not in result


@pytest.mark.parametrize(
    "documented, spec",
    [
        (DOCUMENTED["options"], module.ARGUMENT_SPEC),
        (yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"], login_argument_spec()),
    ],
)
def test_documentation_and_options_agree(documented, spec):
    assert set(documented) == set(spec)
    for name, option in spec.items():
        for key in ("type", "default", "choices", "elements", "aliases"):
            assert documented[name].get(key) == option.get(key), (name, key)


def test_a_password_is_hidden():
    assert login_argument_spec()["login_password"]["no_log"] is True


def test_what_is_returned_is_documented():
    returned = yaml.safe_load(module.RETURN)
    expected = "config_file file_changed runtime_changes statements wanted effective restart_required restart_reasons restart_cost notes"
    assert set(returned) == set(expected.split())
    assert all(entry.get("sample") is not None and entry["returned"] for entry in returned.values())
