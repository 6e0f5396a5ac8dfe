# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each planted breakage finds its lines, and a row that is there."""

from __future__ import annotations

from pathlib import Path

import instrument
import pytest
from breakages import FAULTS
from planted import PLANTED, plant
from verdict import NOTHING, VIOLATIONS

from plugins.module_utils._cutover.steps import NAMES

ROOT = Path(__file__).resolve().parents[3]
UTILS = "ansible_collections/nordbridge/mysql_migration/plugins/module_utils"


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_plant_breaks_the_copy_alone(name, tmp_path):
    place = instrument.copy(ROOT, tmp_path / "coll")
    files = [mutant.file for mutant in PLANTED[name].mutants]
    plant(name, place)
    for file in files:
        assert (place / UTILS / file).read_text() != (ROOT / "plugins/module_utils" / file).read_text()
    assert PLANTED[name].step in NAMES
    assert PLANTED[name].fault in FAULTS
    assert PLANTED[name].violation in (*NOTHING, *VIOLATIONS)
