# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented is what is there: role variables, the action group, every module's documentation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import ansible_collections.nordbridge.mysql_migration as collection
import pytest
import yaml

HERE = Path(collection.__path__[0])
NAME = "nordbridge.mysql_migration"
ROLES = sorted(path.parent.name for path in HERE.glob("roles/*/tasks"))
MODULES = sorted(path.stem for path in HERE.glob("plugins/modules/*.py"))
#: The inventory's variables, which every role describes alike where it names them.
SHARED = re.compile(r"migration_(id|source|bridge|copy_only|source_address|source_ssh_port|target_address|key_days)")


def load(path: str):
    """A YAML file of the collection."""
    return yaml.safe_load((HERE / path).read_text(encoding="utf-8"))


def options_of(role: str) -> dict:
    """The options of a role's main entry point."""
    return load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_defaults_are_its_options(role):
    defaults, options = load(f"roles/{role}/defaults/main.yml"), options_of(role)
    own = {name: option for name, option in options.items() if not SHARED.fullmatch(name)}
    assert sorted(own) == sorted(defaults)
    for name, option in own.items():
        assert option["description"], name
        value = defaults[name]
        if isinstance(value, str) and "{{" in value:
            assert "default" not in option, f"{name}: its default is an expression, described in words"
        else:
            assert option["default"] == value, name
            kind = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}[option["type"]]
            assert isinstance(value, kind) and isinstance(value, bool) == (kind is bool), name


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_variables_carry_its_name(role):
    assert all(name.startswith(f"{role}_") or SHARED.fullmatch(name) for name in options_of(role))


@pytest.mark.parametrize("role", ROLES)
def test_secrets_are_marked(role):
    for name, option in options_of(role).items():
        assert option.get("no_log", False) == name.endswith("_password"), name


def test_shared_variables_are_described_alike():
    seen: dict = {}
    for role in ROLES:
        for name, option in options_of(role).items():
            if SHARED.fullmatch(name):
                # The first role says itself, and better, that one is missing.
                option = {key: value for key, value in option.items() if key != "required"}
                assert seen.setdefault(name, option) == option, f"{role}: {name}"
    assert "migration_id" in seen


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_the_shared_variables_that_it_uses(role):
    texts = [path.read_text(encoding="utf-8") for part in ("tasks", "templates") for path in (HERE / "roles" / role).glob(f"{part}/*")]
    used = {match.group(0) for text in texts for match in re.finditer(rf"\b{SHARED.pattern}\b", text)}
    assert used <= set(options_of(role)), used - set(options_of(role))


def test_the_action_group_lists_every_module():
    assert load("meta/runtime.yml")["action_groups"]["mysql_migration"] == MODULES


@pytest.fixture(scope="module")
def documented(tmp_path_factory) -> dict:
    """What ansible-doc says of all modules."""
    environment = {
        "PATH": os.environ["PATH"],
        "ANSIBLE_HOME": str(tmp_path_factory.mktemp("home")),
        "ANSIBLE_COLLECTIONS_PATH": str(HERE.parents[2]),
    }
    program = Path(sys.executable).parent / "ansible-doc"
    names = [f"{NAME}.{module}" for module in MODULES]
    done = subprocess.run([program, "--json", *names], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_documented(documented, module):
    found = documented[f"{NAME}.{module}"]
    doc = found["doc"]
    assert doc["version_added"] and doc["author"] and doc["short_description"]
    assert {"check_mode", "diff_mode", "idempotent", "action_group", "platform"} <= set(doc["attributes"])
    assert found["return"], "nothing is said of what it returns"
    examples = yaml.safe_load(found["examples"])
    used = {key for task in examples for part in flatten(task) for key in part}
    assert f"{NAME}.{module}" in used
    assert all("name" in task for task in examples)


def flatten(task: dict) -> list:
    """A task, or the tasks of a play or block."""
    inner = [part for name in ("tasks", "block", "rescue", "always", "pre_tasks", "post_tasks") for part in task.get(name, [])]
    return [task, *(found for part in inner for found in flatten(part))]
