# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that a migration was begun by, as it was kept."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.phase import plan_begun

NONE = {"plan": "", "forecast": {}}


def test_it_is_known_by_its_id_and_forecast(tmp_path):
    assert plan_begun(str(tmp_path)) == NONE
    (tmp_path / "plan.json").write_text('{"plan": "8f3a-01bc", "forecast": {"copy_s": 3.0}, "changes": []}')
    assert plan_begun(str(tmp_path)) == {"plan": "8f3a-01bc", "forecast": {"copy_s": 3.0}}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_one_does_not_keep_the_migration_from_going_on(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    assert plan_begun(str(tmp_path)) == NONE
