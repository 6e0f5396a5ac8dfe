# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forecast's arithmetic, and that nothing is told that is not known."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.filter.status_lines import forecast_of, plan_of
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.forecast import (
    RATES,
    Basis,
    forecast,
    forecast_lines,
    with_forecast,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.registry import NAMES

KNOWN = Basis("mariadb-backup", 500 * 10**9, 3600 * 10**6, 400.0, 98.0)


def test_every_method_has_its_rates():
    # mydumper has none: it was not measured.
    assert set(RATES) == set(NAMES) - {"auto", "mydumper"}
    assert any("copy: not known, there is no figure for mydumper" in line for line in told(KNOWN._replace(method="mydumper")))


def test_what_is_known_is_worked_out():
    found = forecast(KNOWN)
    # 500 GB at 0.55 of 400 MB/s, and 14 s; 1 MB/s is written meanwhile, and applied at 10 MB/s while it goes on.
    assert found["copy_mb_s"] == 220.0 and found["copy_s"] == pytest.approx(14 + 500e3 / 220, abs=0.1)
    assert found["waiting_bytes"] == pytest.approx(2286.7e6, rel=0.001) and found["catchup_s"] == pytest.approx(2286.7 / 9, rel=0.001)
    assert found["kept_bytes_per_day"] == 86400 * 10**6 and found["write_stop_s"] == 0.471
    assert "disk" in found["limit"]


@pytest.mark.parametrize(
    ("changes", "rate", "limit"),
    [
        ({"link_mb_s": 25.0}, 25.0, "the way, 25 MB/s as given"),
        ({"method": "dump"}, 14.0, "the load by rows"),
        ({"method": "dump", "disk_mb_s": 10.0}, 10.0, "the target's disk, 10 MB/s measured"),
        ({"method": "dump", "disk_mb_s": None}, 14.0, "the load by rows"),
        ({"method": "clone"}, 400.0, "the target's disk"),
    ],
)
def test_the_slowest_part_bounds_the_copy(changes, rate, limit):
    found = forecast(KNOWN._replace(**changes))
    assert found["copy_mb_s"] == rate and limit in found["limit"]


def test_what_is_not_known_is_not_guessed():
    text = "\n".join(told(KNOWN._replace(disk_mb_s=None, written_per_hour=None, round_trip_ms=None)))
    assert "copy: not known, the target's disk was not measured" in text and "catch-up: not known" in text
    assert "write stop" not in text and "a day" not in text
    assert told(KNOWN._replace(method="")) == [], "nothing is copied any more"


def test_a_source_that_writes_more_than_a_replica_applies_is_told():
    text = "\n".join(told(KNOWN._replace(written_per_hour=3600 * 11 * 10**6)))
    assert "catch-up: may never end" in text


def told(basis: Basis) -> list[str]:
    return forecast_lines(forecast(basis), basis)


def test_it_stands_before_what_is_to_be_done_next():
    plan = [" DATA x", " CUTOVER y", " PLAN ID    1", " NEXT       z"]
    lines = with_forecast(plan, KNOWN)
    assert [line.split()[0] for line in lines] == ["DATA", "CUTOVER", *["FORECAST"] * 4, "PLAN", "NEXT"]
    assert with_forecast(["a"], KNOWN)[0] == "a"


def test_the_filter_takes_what_was_skipped():
    preflight = {"seed": {"method": "dump"}, "plan_text": [" NEXT"]}
    skipped = {"skipped": True, "changed": False}
    lines = plan_of(preflight, {"bytes": 14 * 10**6, "binlogs": {"bytes_per_hour": None}}, skipped, skipped, "0")
    assert lines[0].startswith(" FORECAST   copy: about 11 s (13.4 MiB at 14 MB/s: the load by rows")
    measured = plan_of(preflight, {"bytes": 1}, {"seq_write": {"bandwidth_mb_s": 200.0}}, {"way": {"round_trip_ms": 0.3}})
    assert any("write stop: about 0.03 s (a round trip of 0.3 ms)" in line for line in measured)
    assert forecast_of(preflight, {"bytes": 1}, None, {"way": {"round_trip_ms": 0.3}})["write_stop_s"] == 0.031
