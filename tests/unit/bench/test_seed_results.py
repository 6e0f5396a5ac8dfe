# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a benchmark concludes from its single figures, and how it tells a busy machine."""

from __future__ import annotations

import pathlib

import machine
import pytest
import results
import run as bench
import table
import ways


def figure(method, seconds, server="mariadb-10.11", mbit=0, equal=True, others=0.01):
    return {
        "server": server, "method": method, "bytes": 600_000_000, "seconds": seconds, "mbit": mbit, "equal": equal, "others": others,
        "round": 1,
    }  # fmt: skip


RUNS = [
    *(figure("guide", seconds) for seconds in (70.0, 60.0, 61.0)),
    *(figure("raw", seconds) for seconds in (2.0, 2.2, 9.0)),
    *(figure("mariadb-backup", seconds) for seconds in (5.0, 6.0, 7.0)),
    figure("guide", 100.0, mbit=200),
    figure("mariadb-backup", 20.0, mbit=200),
]
SERVERS = {"mariadb-10.11": {"version": "10.11.18", "bytes": 600_000_000}}
FACTS = {"cores": 2, "cpu": "a | b", "memory_bytes": 1}


def content(runs=None):
    return results.record(FACTS, SERVERS, RUNS if runs is None else runs)


def test_medians_and_their_range():
    assert content()["medians"]["mariadb-10.11"]["guide"] == {
        "seconds": 61.0, "least": 60.0, "most": 70.0, "runs": 3, "busy_runs": 0, "mb_per_s": 9.8,
    }  # fmt: skip


def test_ratios_to_the_guide_and_to_the_plain_copy():
    found = content()
    assert found["ratio"] == {"mariadb-10.11": {"guide": 1.0, "raw": 27.727, "mariadb-backup": 10.167}}
    assert found["to_raw"]["mariadb-10.11"]["mariadb-backup"] == 2.727


def test_the_limited_network_stands_apart():
    found = content()
    assert {run["mbit"] for run in found["runs"]} == {0}
    assert found["limited"]["200"]["ratio"] == {"mariadb-10.11": {"guide": 1.0, "mariadb-backup": 5.0}}
    assert len(results.all_runs(found)) == len(RUNS)


def test_an_unequal_copy_does_not_count_and_is_told():
    found = content([*RUNS, figure("mariadb-backup", 0.1, equal=False)])
    assert found["medians"] == content()["medians"]
    assert not found["all_equal"] and any("NOT EQUAL" in line for line in results.lines(found))


def test_a_method_without_an_equal_copy_has_no_figure():
    found = content([figure("guide", 60.0), figure("raw", 2.0), figure("clone", 1.0, equal=False)])
    assert "clone" not in found["medians"]["mariadb-10.11"] and "clone" not in found["ratio"]["mariadb-10.11"]


@pytest.mark.parametrize(
    "runs, ok",
    [
        ([figure("guide", 50.0), figure("raw", 2.0), figure("mariadb-backup", 5.0)], [True, True]),
        ([figure("guide", 49.0), figure("raw", 2.0), figure("mariadb-backup", 5.0)], [False, True]),
        ([figure("guide", 70.0), figure("raw", 2.0), figure("mariadb-backup", 6.1)], [True, False]),
        ([figure("guide", 70.0), figure("clone", 3.5)], [True]),
        ([figure("guide", 70.0), figure("dump", 70.1)], [False]),
    ],
)
def test_aims(runs, ok):
    found = content(runs)
    assert [aim["ok"] for aim in found["aims"]] == ok
    assert sum("MISSED" in line for line in results.lines(found)) == ok.count(False)


def test_others_on_the_machine_are_told():
    assert content()["quiet"]
    found = content([*RUNS, figure("guide", 61.0, others=0.4)])
    assert not found["quiet"] and found["medians"]["mariadb-10.11"]["guide"]["busy_runs"] == 1
    assert any("BUSY" in line for line in results.lines(found)) and "Others used" in table.seed_table(found)


def test_the_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new/seed.json"
    assert results.read(path) == {}
    results.write(path, content())
    assert results.read(path)["ratio"] == content()["ratio"] and [file.name for file in path.parent.iterdir()] == ["seed.json"]


def test_the_table_goes_between_its_marks_and_again():
    page = "head\n<!-- bench:seed begin: written by bench/table.py -->\nold\n<!-- bench:seed end -->\nfoot\n"
    once = table.placed(page, "seed", table.seed_table(content()))
    assert once.startswith("head\n") and once.endswith("\nfoot\n") and "\nold\n" not in once
    assert "| mariadb-10.11 | `mariadb-backup` | 6.0 (5.0 to 7.0) | 100 | 10.2 | 2.7 | 20.0 |" in once
    assert table.placed(once, "seed", table.seed_table(content())) == once


def test_a_page_without_marks_is_an_error():
    with pytest.raises(SystemExit, match="no marks for seed"):
        table.placed("text", "seed", "table")


def test_the_page_has_the_marks():
    page = (pathlib.Path(__file__).resolve().parents[3] / "docs/benchmarks.md").read_text(encoding="utf-8")
    assert all(mark % "seed" in page for mark in table.MARKS)


def test_processor_time_of_the_machine():
    assert machine.busy_seconds("cpu  100 200 300 9999 9999 1 2 3 77 77\ncpu0 1\n") == 606 / machine.TICK


@pytest.mark.parametrize(
    "text, file",
    [
        ("9:name=systemd:/a/init.scope\n2:cpuacct:/a/b\n0::/a/b\n", "/sys/fs/cgroup/cpuacct/a/b/cpuacct.usage"),
        ("4:cpu,cpuacct:/a\n0::/\n", "/sys/fs/cgroup/cpuacct/a/cpuacct.usage"),
        ("0::/machine.slice/x.scope/init.scope\n", "/sys/fs/cgroup/machine.slice/x.scope/cpu.stat"),
    ],
)
def test_where_a_container_is_counted(text, file):
    assert str(machine.cgroup_file(text)) == file


def test_processor_time_of_a_container():
    assert machine.cgroup_seconds("2500000000\n") == 2.5
    assert machine.cgroup_seconds("usage_usec 1500000\nuser_usec 1\n") == 1.5


def test_each_server_has_the_guide_the_plain_copy_and_the_collections_methods():
    for server in bench.SERVERS:
        names = [way.name for way in ways.WAYS[server.split("-")[0]]]
        assert names[:2] == ["guide", "raw"] and len(names) >= 4
    assert ways.WAYS["mariadb"][1].servers is False


def test_what_is_only_tried_does_not_replace_the_figures():
    assert bench.parse([]).out.name == "seed.json"
    assert bench.parse(["--quick"]).out.name == "seed-quick.json" and bench.parse(["--quick"]).allow_busy


def test_phases_of_a_log():
    assert ways._phases("seed: 1%\nseed: 2%\nprepare: x\nno phase\n") == ["seed", "prepare"]
