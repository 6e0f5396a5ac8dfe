# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data to migrate: how much, and in which statements."""

from __future__ import annotations

import load
import pytest


def test_sizes_add_up():
    sizes = load.sizes(500, 4)
    assert len(sizes) == 4 and max(sizes) - min(sizes) <= 1
    assert sum(sizes) == 500_000_000 // load.BYTES_PER_ROW


def test_each_table_gets_a_row():
    assert load.sizes(0, 4) == [1, 1, 1, 1]


@pytest.mark.parametrize("size", [1, 9_999, 10_000, 25_001])
def test_statements_insert_all_rows(size):
    make, *inserts, index = load.statements(3, size)
    assert "sbtest.sbtest3" in make and "k_3" in index
    assert sum(int(text.rsplit(" ", 1)[1]) for text in inserts) == size


def test_odd_objects_format():
    texts = [text.format(password="geheim") for text in load.ODD]
    assert sum("geheim" in text for text in texts) == 2
    assert not any("{" in text and "{" not in text.split("'", 1)[-1] for text in texts)
