# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A child process ends in time, and no code of ours starts one without a limit."""

from __future__ import annotations

import ast
import subprocess
import time
from pathlib import Path

import ansible_collections.nordbridge.mysql_migration as collection
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._child import run_child
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError

PLUGINS = Path(collection.__path__[0]) / "plugins"


def test_one_that_hangs_is_ended():
    began = time.monotonic()
    with pytest.raises(MigrationError, match="sleep was not done within 0.2 s, and was ended"):
        run_child(["sleep", "60"], 0.2)
    assert time.monotonic() - began < 30


def test_its_words_and_its_end_are_the_callers():
    done = run_child(["sh", "-c", "cat; exit 3"], input=b"x", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (3, b"x")


def calls(name: str) -> list[str]:
    """The calls of a function that name no time limit: file and line."""
    found = []
    for path in sorted(PLUGINS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name and "timeout" not in {one.arg for one in node.keywords}:
                found.append(f"{path.relative_to(PLUGINS)}:{node.lineno}")
    return found


def test_nothing_is_run_without_a_limit():
    assert calls("subprocess.run") == calls("subprocess.check_output") == calls("subprocess.call") == []
