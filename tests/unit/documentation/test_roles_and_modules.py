# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented is what is there: the action group, every module's documentation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ansible_collections.nordbridge.mysql_migration as collection
import pytest
import yaml

HERE = Path(collection.__path__[0])
NAME = "nordbridge.mysql_migration"
MODULES = sorted(path.stem for path in HERE.glob("plugins/modules/*.py"))


def load(path: str):
    """A YAML file of the collection."""
    return yaml.safe_load((HERE / path).read_text(encoding="utf-8"))


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
