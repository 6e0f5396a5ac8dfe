# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the fault matrix and of the cutover's benchmark, importable as they import one another."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
for folder in ("bench/cutover", "tests/integration", "molecule/shared", "tests/mutants", "tests/faults"):
    sys.path.insert(0, str(ROOT / folder))
