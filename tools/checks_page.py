#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/checks.md from the catalogue of checks.

    checks_page.py [PAGE]

The collection must be importable as C(ansible_collections.nordbridge.mysql_migration): C(make docs-checks) sees to that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.catalogue import CHECKS, Check

PAGE = Path(__file__).resolve().parents[1] / "docs/checks.md"
HEAD = """# All checks of the plan

`migrate` runs these checks before anything is changed, and again before a cutover. An error stops the migration; a warning or a notice does not.
A waivable check can be accepted by its id: `-e waive=P30`. The remedy is what the plan prints; `{id}` stands for the migration's id and `{wipe}`
for the next permission to erase.

<!-- Generated from the catalogue by `make docs-checks`. -->

| id | what must hold | if not | on | waivable | remedy |
|---|---|---|---|---|---|
"""


def cell(text: str) -> str:
    """A text as a table's cell: neither a pipe nor an angle bracket means anything in it."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def page(checks: Iterable[Check]) -> str:
    """The page, in the order of the ids."""
    rows = sorted(checks, key=lambda check: check.id)
    fields = ((row.id, row.title, row.severity, row.where, "yes" if row.waivable else "", row.remedy) for row in rows)
    return HEAD + "".join("| %s |\n" % " | ".join(map(cell, row)) for row in fields)


if __name__ == "__main__":
    (Path(sys.argv[1]) if sys.argv[1:] else PAGE).write_text(page(CHECKS), encoding="utf-8")
