# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark runs: every way arrives equal, with very little data. Its figures are not looked at."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pairs import ROOT

METHODS = {"mariadb-10.11": "mariadb-backup", "mysql-9.7": "clone"}


@pytest.mark.parametrize("server, limit", [("mariadb-10.11", 200), ("mysql-9.7", 0)])
def test_every_way_arrives_equal(server, limit):
    command = [sys.executable, str(ROOT / "bench/seed/run.py"), "--quick", "--server", server, "--limit", str(limit)]
    done = subprocess.run([*command, "--prefix", "itest-bench"], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((ROOT / "build/bench/seed-quick.json").read_text())
    assert set(found["ratio"][server]) == {"guide", "raw", "dump", METHODS[server]}
    assert found["all_equal"] and set(found["limited"]) == ({str(limit)} if limit else set())
    table = subprocess.run([sys.executable, "-c", "import table, json, sys; print(table.seed_table(json.load(sys.stdin)))"],
                           input=json.dumps(found), capture_output=True, text=True, cwd=ROOT / "bench", check=True)  # fmt: skip
    assert table.stdout.count(f"| {server} |") == 4
