# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's numbers over time, and for Prometheus: neither ever stops the job."""

from __future__ import annotations

import json
import os
import re
import stat

import pytest

from plugins.module_utils._jobs.metrics import EVERY, HELP, RESULTS, SETTINGS, TOLD, Metrics
from plugins.module_utils._jobs.progress import Progress
from plugins.module_utils._jobs.series import MOST, Series

LINE = re.compile(r'^(# (HELP|TYPE) \w+ .+|[a-z_]+\{migration="shop",job="\w+"\} -?[0-9.e+]+)$')


@pytest.fixture
def job(tmp_path):
    """Makes a job's directory, and the collector's folder beside it."""
    folder = tmp_path / "text files"
    folder.mkdir()

    def make(name, settings=None):
        place = tmp_path / "shop/jobs" / name
        place.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / SETTINGS).write_text(settings if settings is not None else json.dumps({"folder": str(folder)}))
        return place, folder / f"nordbridge_shop_{name}.prom"

    return make


def values(path):
    """What a collector reads."""
    lines = path.read_text().splitlines()
    assert all(LINE.match(line) for line in lines)
    return {line.split("{")[0].removeprefix("nordbridge_migration_"): float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_a_running_job_tells_how_far_it_is_and_its_end_how_it_ended(job):
    place, path = job("seed")
    metrics = Metrics(str(place), 2, clock=lambda: 1000.0)
    metrics.tell({"done": 5, "total": 10, "crossed": 3})
    told = {"job_running": 1, "job_attempt": 2, "job_updated_timestamp_seconds": 1000.0, "copied_bytes": 5, "copy_bytes": 10}
    assert values(path) == told and stat.S_IMODE(path.stat().st_mode) == 0o644
    metrics.end(True, {"seconds": 7.5, "method": "dump"})
    assert values(path) == {**told, "job_running": 0, "job_succeeded": 1, "copy_seconds": 7.5}


def test_it_is_not_written_at_each_word(job):
    place, path = job("catchup")
    now = [0.0]
    metrics = Metrics(str(place), clock=lambda: now[0])
    metrics.tell({"lag": 1.5})
    now[0] = EVERY - 0.1
    metrics.tell({"lag": 2.5})
    assert values(path)["lag_seconds"] == 1.5
    now[0] = EVERY
    metrics.tell({"lag": None})
    # What was told before and not now is not known to be nothing.
    assert values(path)["lag_seconds"] == 2.5


def test_a_job_that_failed_says_so(job):
    place, path = job("cutover")
    Metrics(str(place)).end(False, None)
    assert values(path)["job_succeeded"] == 0 and "write_stop_seconds" not in values(path)


@pytest.mark.parametrize("settings", ["", "{", "[]", '{"folder": "/nowhere at all"}', '{"folder": 3}', '{"place": "/"}', "null"])
def test_settings_that_are_of_no_use_write_nothing(job, settings):
    place, path = job("seed", settings)
    metrics = Metrics(str(place))
    metrics.tell({"done": 1})
    metrics.end(True, {"seconds": 1})
    assert not path.exists() and list(path.parent.iterdir()) == []


def test_a_folder_that_went_away_stops_nobody(job):
    place, path = job("seed")
    metrics = Metrics(str(place))
    path.parent.rmdir()
    metrics.tell({"done": 1})
    metrics.end(True, {})
    # Nor is it made again: that would be for root alone.
    assert not path.parent.exists()


def test_nothing_is_written_through_a_link_of_the_folders_owner(job, tmp_path):
    place, path = job("seed")
    (tmp_path / "precious").write_text("precious")
    path.symlink_to(tmp_path / "precious")
    (path.parent / f"{path.name}.{os.getpid()}.tmp").symlink_to(tmp_path / "precious")
    Metrics(str(place)).end(True, {})
    assert (tmp_path / "precious").read_text() == "precious" and not path.is_symlink() and values(path)["job_succeeded"] == 1
    # Nor is anything left beside it.
    assert not [one for one in path.parent.iterdir() if one.name.startswith(".")]


def test_each_metric_has_its_help():
    named = {name for table in (TOLD, RESULTS) for metrics in table.values() for name in metrics.values()}
    assert named | {name for name in HELP if name.startswith("job_")} == set(HELP)


def test_progress_passes_numbers_on_and_words_without_numbers_write_nothing(job):
    place, path = job("seed")
    progress = Progress(str(place / "progress.json"), metrics=Metrics(str(place)))
    progress.say("choosing", "a method")
    assert not path.exists() and not (place / "series.json").exists()
    progress.say("seed", "half", done=5, total=10)
    assert values(path)["copied_bytes"] == 5
    assert json.loads((place / "series.json").read_text())["points"][0]["done"] == 5


def test_a_series_is_thinned_and_goes_on_where_an_earlier_try_left_it(tmp_path):
    series = Series(str(tmp_path))
    for at in range(5 * MOST):
        series.add(float(at), "seed", {"done": at, "words": "x", "eta": None})
    assert MOST <= len(series.points) < 2 * MOST and series.every == 4.0
    assert series.points[0] == {"at": 0.0, "phase": "seed", "done": 0}
    assert [two["at"] - one["at"] for one, two in zip(series.points[:20], series.points[1:20])] == [4.0] * 19
    again = Series(str(tmp_path))
    assert (again.points, again.every) == (series.points, series.every)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"every": "x", "points": []}', '{"every": 1}'])
def test_a_damaged_series_begins_anew(tmp_path, text):
    (tmp_path / "series.json").write_text(text)
    series = Series(str(tmp_path))
    series.add(1.0, "seed", {"done": 1})
    assert series.points == [{"at": 1.0, "phase": "seed", "done": 1}]
