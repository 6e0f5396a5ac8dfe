# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark of the second run makes of what it measured."""

from __future__ import annotations

import pytest
import second_run_counts as counts

RECAP = """
PLAY RECAP *********************************************************************
oslo-db1                   : ok=54   changed=0    unreachable=0    failed=0    skipped=17   rescued=0    ignored=0
"""


def test_the_recap_is_read():
    assert counts.recap(RECAP) == {"ok": 54, "changed": 0, "unreachable": 0, "failed": 0, "skipped": 17}
    with pytest.raises(ValueError, match="no recap"):
        counts.recap("ERROR! no such playbook")


def run(label, seconds, ssh):
    return {"playbook": "migrate", "label": label, "seconds": seconds, "cpu_s": 2.0, "ssh": ssh, "load": 1.5, **counts.recap(RECAP)}


def test_the_table_has_the_medians_of_each_version():
    runs = [run("before", 200.0, 56), run("before", 300.0, 56), run("before", 250.0, 57), run("after", 90.0, 28)]
    content = {"runs": runs, "medians": counts.summary(runs), "server": "mariadb-10.11", "cores": 2, "generated_at": "2026-11-28T08:00:00+00:00"}
    table = counts.table(content)
    assert "| migrate | before | 250.0 | 2.0 | 56 | 54 | 0 | 17 |" in table
    assert "| migrate | after | 90.0 | 2.0 | 28 | 54 | 0 | 17 |" in table
    assert "Medians of 1 to 3 runs in turns on a READY pair, mariadb-10.11" in table
