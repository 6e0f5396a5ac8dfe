# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of what breaks and of who else writes: each line can be found, started and judged."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time

import pytest
from beside import BESIDE, MARK, PROGRAM, done, start_line
from breakages import BREAKS, FAULTS, PROCESSES, SMALL_DISK, STILL_S, TOGETHER
from pairs import SOURCE, TARGET

PYMYSQL = """
class Connection:
    def __init__(self, **told): open({log!r}, "a").write("open %s\\n" % told["user"])
    def cursor(self): return self
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def close(self): open({log!r}, "a").write("close\\n")
    def execute(self, text):
        open({log!r}, "a").write(text + "\\n")
        if "3" in text: raise ValueError(1290, "read-only")
        if "4" in text: raise ValueError(2013, "lost")
connect = Connection
"""


def test_every_fault_has_a_name_of_its_own():
    assert len(FAULTS) == len(BREAKS) + len(BESIDE) * len(TOGETHER)
    assert set(SMALL_DISK) <= set(FAULTS)
    assert {fault.beside for fault in FAULTS.values()} == {"", *BESIDE}


@pytest.mark.parametrize("what", [*(f"{name}_stop" for name in PROCESSES), "source_pause", "target_pause"])
def test_what_stands_still_does_so_for_each_of_the_times_and_goes_on(what):
    for seconds in STILL_S:
        fault = FAULTS[f"{what}_{seconds}"]
        assert fault.after == seconds and fault.heal is not FAULTS["none"].heal
    # Who cannot be woken while it lasts is woken by its end.
    assert FAULTS[f"{what}_5"].holds_job == (what in ("job_stop", "target_pause"))
    assert FAULTS[f"{what}_5"].hangs == (what == "job_stop")
    assert PROCESSES.get("agent", ("",))[0] == SOURCE and PROCESSES["job"][0] == TARGET


def test_somebody_else_beside_a_fault_is_that_fault_and_somebody():
    fault = FAULTS["all_session+job_kill"]
    assert fault.kills_job and fault.beside == "all_session" and fault.strike is FAULTS["job_kill"].strike
    assert FAULTS["config_tool"].beside == "config_tool" and not FAULTS["config_tool"].kills_job


def test_tries_are_told_from_what_went_well():
    assert done("1 0 12.5\n2 1290 12.6\n3 0 12.7\n4 -1 12.8\n5 0") == ([1, 3], 2)
    assert done("") == ([], 0)


@pytest.mark.parametrize(("name", "opened"), [("all_session", 2), ("root_cron", 5)])
def test_the_program_goes_on_whatever_it_is_told(tmp_path, name, opened):
    log = tmp_path / "said"
    (tmp_path / "pymysql.py").write_text(PYMYSQL.format(log=str(log)))
    told = shlex.split(start_line(BESIDE[name]).partition(" >")[0])[1:]
    one, password, socket, _notes = json.loads(told[4])
    assert told[3] == MARK and told[2] == PROGRAM
    told[4] = json.dumps([one, password, socket, str(tmp_path / "notes")])
    process = subprocess.Popen([sys.executable, *told[1:]], env={"PYTHONPATH": str(tmp_path)})
    try:
        deadline = time.monotonic() + 10
        while not (tmp_path / "notes").exists() or len((tmp_path / "notes").read_text().splitlines()) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert done("\n".join((tmp_path / "notes").read_text().splitlines()[:5])) == ([1, 2, 5], 2)
    first = log.read_text().splitlines()
    assert first[0] == "open " + BESIDE[name].user and f"('{name}', 1)" in first[1]
    # One session for as long as it lasts, or one for each row.
    assert first[: 6 * 3].count(first[0]) >= opened


def test_a_tool_without_rows_of_its_own_has_nothing_to_lose():
    assert [name for name, one in BESIDE.items() if not one.rows] == ["event", "config_tool"]
    assert (SOURCE, TARGET) == ("us-db1", "oslo-db1")
