# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of progress, and when a watcher prints one."""
from __future__ import annotations

import base64
import json
import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.progress import Progress, copy_line, duration, size, ticking
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.watch import Pace, interpret


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (1 << 50, "1024.0 TiB")]
)
def test_sizes(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0s"), (59.9, "59s"), (60, "1m00s"), (1781, "29m41s"), (3599, "59m59s"), (3600, "1h00m"), (11100, "3h05m")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("done", "total", "eta"),
    [(0, 100, "-"), (0.99, 100, "-"), (1, 100, "16m30s"), (50, 100, "10s"), (100, 100, "due"), (120, 100, "due"), (5, 0, "-")],
)
def test_eta(done, total, eta):
    assert copy_line(done, total, 0, 10).endswith("ETA " + eta)


def test_copy_line():
    assert copy_line(50 << 20, 100 << 20, 20e6, 10) == " 50.0%  50.0 MiB of 100.0 MiB  2.0 MB/s  ETA 10s"
    assert "0.0 MB/s" in copy_line(0, 1, 0, 0)


def test_progress_is_written_seldom_and_at_each_change_of_phase(tmp_path):
    now, path = [0.0], tmp_path / "progress.json"
    progress = Progress(str(path), clock=lambda: now[0], interval=0.3)

    def told(phase, text):
        progress.say(phase, text, lag=1)
        return json.loads(path.read_text())["text"]

    assert told("seed", "a") == "a"
    now[0] = 0.2
    assert told("seed", "b") == "a"
    assert told("proving", "c") == "c"
    now[0] = 0.6
    assert told("proving", "d") == "d"
    assert json.loads(path.read_text())["lag"] == 1


def test_what_tells_no_share_tells_its_time(tmp_path):
    path = tmp_path / "progress.json"
    progress = Progress(str(path), interval=0.0)
    with ticking(progress, "prepare", "applying", interval=0.05, done=1, total=1):
        time.sleep(1.2)
    assert json.loads(path.read_text())["text"] == "applying, for 1s" and progress.share == 1.0
    before = path.read_text()
    time.sleep(0.2)
    assert path.read_text() == before


def test_the_share_is_what_was_told_last(tmp_path):
    progress = Progress(str(tmp_path / "progress.json"), interval=9.0)
    progress.say("seed", "a", done=1, total=4)
    progress.say("seed", "b", done=3, total=4)
    progress.say("seed", "c")
    assert progress.share == 0.75


def test_pace_slows_down_within_a_phase():
    pace, printed = Pace(), []
    for second in range(0, 200):
        if pace.line("seed", str(second), float(second), True):
            printed.append(second)
    assert printed == [0, 10, 40, 100, 160]


def test_pace_prints_a_change_of_phase_at_once_and_starts_anew():
    pace = Pace()
    assert pace.line("seed", "a", 0.0, True) == "seed: a"
    assert pace.line("seed", "b", 1.0, True) == ""
    assert pace.line("proving", "c", 2.0, True) == "proving: c"
    assert pace.line("proving", "d", 12.0, True) == "proving: d"


def test_pace_prints_the_last_line_and_no_line_twice():
    pace = Pace()
    pace.line("seed", "a", 0.0, True)
    assert pace.line("seed", "a", 20.0, True) == ""
    assert pace.line("seed", "end", 21.0, False) == "seed: end"
    assert pace.line("seed", "end", 22.0, False) == ""


def coded(data):
    return base64.b64encode(json.dumps(data).encode()).decode()


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        ("", "without a result"),
        (coded({"attempt": 1, "ok": True}), "without a result"),
        ("%%%", "without a result"),
        (coded({"attempt": 2, "ok": False, "error": "broke"}), "broke"),
        (coded({"attempt": 2, "ok": False}), "without a word"),
        (coded({"attempt": 2, "ok": True}), ""),
    ],
)
def test_what_a_look_means(outcome, error):
    seen = interpret({"running": 0, "progress": "", "outcome": outcome, "spec": coded({"attempt": 2})})
    assert not seen.running
    assert (error in seen.error) if error else seen.error == ""


def test_a_running_job_has_no_error():
    seen = interpret({"running": 1, "progress": coded({"phase": "a", "text": "b"}), "outcome": "", "spec": ""})
    assert (seen.running, seen.phase, seen.text, seen.error) == (True, "a", "b", "")
