# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option that holds a secret is no_log, nested ones too, and no module takes a dict whose keys nobody checks."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import ansible_collections.nordbridge.mysql_migration as collection
import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

NAME = "ansible_collections.nordbridge.mysql_migration.plugins.modules."
#: All but the documentation of an action.
MODULES = sorted(path.stem for path in Path(collection.__path__[0]).glob("plugins/modules/*.py") if "def main" in path.read_text("utf-8"))
SECRET = re.compile(r"passw|secret|token|credential|passphrase|private")
#: What cannot hold a secret, whatever its name says.
HARMLESS = ("bool", "int", "float")
#: Whose keys are data, not options: facts of another module's result, a table's conditions. They hold no secret.
FREE = {
    "migration_preflight.source", "migration_preflight.target", "migration_preflight.source_log", "migration_preflight.target_log",
    "migration_preflight.sshd", "migration_record.source", "migration_record.target", "migration_record.declared", "migration_record.attested",
    "mysql_table_digest.where", "mysql_server_info.same_as",
}  # fmt: skip


class Seen(Exception):
    """Stops a module once its options are known."""


def spec_of(name: str, monkeypatch) -> dict:
    """A module's argument spec, as it gives it to Ansible."""
    found: dict = {}

    def init(self, argument_spec, **_more):
        found.update(argument_spec)
        raise Seen

    monkeypatch.setattr(basic.AnsibleModule, "__init__", init)
    with pytest.raises(Seen):
        importlib.import_module(NAME + name).main()
    return found


def walk(where: str, spec: dict):
    """All options with their full names."""
    for name, option in spec.items():
        yield where + "." + name, name, option
        yield from walk(where + "." + name, option.get("options") or {})


@pytest.mark.parametrize("module", MODULES)
def test_secrets_are_no_log_and_dicts_have_options(module, monkeypatch):
    seen = 0
    for path, name, option in walk(module, spec_of(module, monkeypatch)):
        seen += 1
        if SECRET.search(name):
            assert "no_log" in option, path
            harmless = option["type"] in HARMLESS or option["type"] == "path" or "choices" in option
            assert option["no_log"] is True or harmless, path
        if option["type"] == "dict" or option.get("elements") == "dict":
            assert option.get("options") or path in FREE, f"{path}: keys that nobody checks"
    assert seen


def test_a_wrong_key_in_a_login_is_a_clear_error(capsys):
    module = importlib.import_module(NAME + "migration_login")
    arguments = {"migration_id": "shop", "source": {"host": "h", "port": 1}, "target": {"pasword": "hunter2"}}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        module.main()
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] and "target.pasword" in told["msg"] and "password" in told["msg"]
