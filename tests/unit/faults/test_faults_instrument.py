# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy that stands still where a test says so, and the tree beside it that does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import instrument
import pytest
from breakages import FAULTS
from faults import QUICK

from plugins.module_utils._cutover.steps import NAMES

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import time
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.progress import Progress
progress = Progress(sys.argv[2])
for step in ("fence", "position", "wait"):
    progress.say("cutover", step)
    print("begun", step, round(time.time() - time.monotonic()), flush=True)
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job of the copy, told to stand still at a step; its process, when it does."""
    monkeypatch.setattr(instrument, "LINES", instrument.LINES.replace(instrument.FOLDER, str(tmp_path / "told")))
    place = instrument.copy(ROOT, tmp_path / "coll")
    (tmp_path / "told").mkdir()
    os.mkfifo(tmp_path / "told/pid")
    (tmp_path / "told/stop").write_text("cutover position\n")
    command = [sys.executable, "-c", PROGRAM, str(place), str(tmp_path / "progress.json")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_it_stands_still_at_the_beginning_of_the_step_and_goes_on(job, tmp_path):
    with (tmp_path / "told/pid").open() as pipe:
        assert int(pipe.read()) == job.pid
    deadline = time.monotonic() + 10
    while Path(f"/proc/{job.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (tmp_path / "told/clock").write_text("3600")
    job.send_signal(signal.SIGCONT)
    words = [line.split() for line in job.communicate(timeout=20)[0].splitlines() if line.startswith("begun")]
    assert [word[1] for word in words] == ["fence", "position", "wait"]
    # Its clock jumped while it stood.
    assert int(words[1][2]) - int(words[0][2]) == pytest.approx(3600, abs=1)


def test_what_is_shipped_has_no_hook():
    for path in (ROOT / "plugins").rglob("*.py"):
        assert "SIGSTOP" not in path.read_text(), path


def test_the_selection_names_steps_and_faults_that_there_are():
    assert all(step in NAMES and fault in FAULTS for step, fault in QUICK)
    assert {"fence", "commit", "promote"} <= set(NAMES)
