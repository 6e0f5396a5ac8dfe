# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of module_utils call in one direction: each uses those below it in the list of docs/architecture.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parents[3]
UTILS = HERE / "plugins" / "module_utils"
ORDER = re.findall(r"^\| `(_\w+)` \| .* \|$", (HERE / "docs/architecture.md").read_text("utf-8"), re.M)


def package(path: Path) -> str:
    """The package of a file, or its own name where it is in none."""
    return path.relative_to(UTILS).parts[0].removesuffix(".py")


def imports(path: Path, text: str) -> set[str]:
    """The other packages that a file imports from, wherever in it."""
    own, depth = package(path), len(path.relative_to(UTILS).parts) - 1
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level == depth + 1:
            found |= {node.module.split(".")[0]} if node.module else {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and "plugins.module_utils" in (node.module or ""):
            found |= set(re.findall(r"module_utils\.(\w+)", node.module or "")) or {name.name for name in node.names}
    return found - {own}


def upwards(path: Path, text: str) -> list[str]:
    """The arrows of a file that do not point down."""
    place = ORDER.index(package(path))
    return sorted(f"{package(path)} -> {other}" for other in imports(path, text) if ORDER.index(other) <= place)


def test_the_list_names_each_package_once():
    there = {package(path) for path in UTILS.rglob("*.py")}
    assert sorted(ORDER) == sorted(there)


def test_no_arrow_points_upwards():
    assert [arrow for path in sorted(UTILS.rglob("*.py")) for arrow in upwards(path, path.read_text("utf-8"))] == []


def test_an_arrow_upwards_is_found():
    file = UTILS / "_state" / "files.py"
    assert upwards(file, "from .._jobs.record import observe") == ["_state -> _jobs"]
    assert upwards(file, "def late():\n    from .. import _cutover\n") == ["_state -> _cutover"]
    assert upwards(file, "from ansible_collections.a.b.plugins.module_utils._seed import run") == ["_state -> _seed"]
    assert upwards(file, "from .._errors import Refusal\nfrom .paths import ROOT\n") == []
