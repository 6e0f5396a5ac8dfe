# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control account's privileges: what is documented is what is given, and none writes to the data."""

from __future__ import annotations

from pathlib import Path

import ansible_collections.nordbridge.mysql_migration as collection
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server import control

PAGE = Path(collection.__path__[0]) / "docs/security-privileges.md"
WRITES = {"INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "FILE", "EXECUTE", "GRANT OPTION", "SHUTDOWN"}


def table(privileges: tuple) -> list[str]:
    """The table's lines, as the page holds them."""
    lines = ["| privilege | phases | statements |", "|---|---|---|"]
    for one in privileges:
        name = one.name + (" (before %s)" % ".".join(map(str, one.until)) if one.until else "")
        lines.append("| %s | %s | %s |" % (name, ", ".join(one.phases), one.statements))
    return lines


@pytest.mark.parametrize("privileges", [*control.GLOBAL.values(), control.IN_SCHEMA])
def test_the_page_holds_each_table(privileges):
    text = "\n".join(table(privileges))
    assert text in PAGE.read_text(encoding="utf-8"), text


@pytest.mark.parametrize("flavour", sorted(control.GLOBAL))
def test_none_writes_on_everything(flavour):
    names = [one.name for one in control.GLOBAL[flavour]]
    assert len(names) == len(set(names)) and not WRITES & set(names)
    assert all(one.phases and one.statements for one in control.GLOBAL[flavour])


@pytest.mark.parametrize("flavour, version, has", [("mysql", (5, 7, 44), True), ("mysql", (8, 0, 11), False), ("mariadb", (11, 8, 6), True)])
def test_versions(flavour, version, has):
    known = [one.name for one in control.GLOBAL[flavour]]
    assert ("CREATE USER" in control.on_everything(flavour, version, known)) is has
    assert control.on_everything(flavour, version, ["SELECT"]) == ("SELECT",)
