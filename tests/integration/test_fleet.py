# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eight pairs of both flavours in one play, in two waves, under writes: one is broken on purpose, and the others go their way."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from pairs import MIGRATE, PATIENT, QUICK, ROOT, SOURCE, TARGET, Pair, until

FLAVOURS = ("mariadb-10.11", "mysql-9.7") * 4
#: Which of them has a target that holds data.
BROKEN = 2
WAVE, COPIES = 4, 2
WRITER = (
    "setsid sh -c 'n=0; while n=$((n + 1)); do %s -uwriter -pwriter-Pass-1 -e \"INSERT INTO shop.written VALUES ($n)\" && echo $n >/root/written;"
    " sleep 0.3; done' >/dev/null 2>&1 &"
)


class Numbered(Pair):
    """One of many pairs of a flavour."""

    def __init__(self, number: int, flavour: str) -> None:
        super().__init__(flavour)
        self.name += "-%d" % number
        self.folder = f"/var/lib/mysql_migration/{self.name}"
        self.out = ROOT / "build/integration" / self.name
        self.host = "oslo-%d" % number

    @property
    def inventory(self) -> tuple[dict, dict]:
        """The variables of the target and of the source."""
        way = {"ansible_ssh_common_args": f"-F {ROOT}/build/hosts/{self.name}/ssh_config", "ansible_control_path_dir": f"/tmp/nordbridge-{self.name}"}
        target = {
            "ansible_host": TARGET, "migration_id": self.name, "migration_source": "us-" + self.host[5:], "migration_source_allow_restart": True,
            "migration_source_address": self.address(SOURCE), "migration_target_address": self.address(TARGET),
        }  # fmt: skip
        return {**way, **target}, {**way, "ansible_host": SOURCE}


def make(pair: Numbered) -> Numbered:
    """New hosts, some data, and a client of the source's that writes on."""
    pair.up()
    pair.load(400)
    pair.sql(
        SOURCE,
        "CREATE TABLE shop.written (n INT PRIMARY KEY); CREATE USER writer@localhost IDENTIFIED BY 'writer-Pass-1';"
        " GRANT INSERT ON shop.* TO writer@localhost;",
    )
    pair.sh(SOURCE, WRITER % pair.client)
    return pair


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Iterator[list[Numbered]]:
    """The pairs, with an inventory of all of them."""
    pairs = [Numbered(number, flavour) for number, flavour in enumerate(FLAVOURS)]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(make, pairs))
        pairs[BROKEN].sql(TARGET, "CREATE DATABASE here_already; CREATE TABLE here_already.t (id INT PRIMARY KEY);")
        told = {pair.host: pair.inventory for pair in pairs}
        groups = {
            "migration_targets": {"hosts": {host: target for host, (target, _source) in told.items()}},
            "migration_sources": {"hosts": {target["migration_source"]: source for target, source in told.values()}},
        }
        common = {"ansible_user": "root", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
        path = tmp_path_factory.mktemp("fleet") / "inventory.yml"
        path.write_text(yaml.safe_dump({"all": {"vars": common, "children": groups}}))
        for pair in pairs:
            pair.inventory_file = str(path)
        yield pairs
    finally:
        for pair in pairs:
            pair.down()


def play(fleet: list[Numbered], *arguments: str, playbook: str = MIGRATE):
    """A playbook on all of them."""
    given = ("-i", fleet[0].inventory_file, "--forks", "8", *QUICK, *arguments)
    return fleet[0].start(*given, playbook=playbook, inventory="")


def events(pair: Numbered) -> dict[str, float]:
    """The journal's events, the last of each name."""
    text = pair.sh(TARGET, f"cat {pair.folder}/events.jsonl 2>/dev/null || true")
    return {found[1]: float(found[2]) for found in re.finditer(r'"event": "([^"]*)".*?"ts": ([0-9.]+)', text)}


def test_seven_of_eight_come_to_ready_in_two_waves(fleet):
    run = play(fleet, "-e", f"migration_wave={WAVE}", "-e", f"migration_copies_at_once={COPIES}").wait(1800)
    assert run.process.returncode != 0, "one was broken on purpose"
    good = [pair for pair in fleet if pair is not fleet[BROKEN]]
    assert [pair.state().get("catchup") is not None for pair in good] == [True] * 7, run.tail
    assert fleet[BROKEN].state() == {} and "P" in run.words and "here_already" in run.words
    seen = {pair.host: events(pair) for pair in good}
    copies = [(one["seed started"], one["seed done"]) for one in seen.values()]
    at_once = max(sum(begin <= at < end for begin, end in copies) for at, _end in copies)
    assert 1 <= at_once <= COPIES
    first, second = ([seen[pair.host] for pair in half if pair in good] for half in (fleet[:WAVE], fleet[WAVE:]))
    assert min(one["seed started"] for one in second) > max(one["ready"] for one in first)


def test_the_broken_one_is_mended_and_the_same_command_leaves_the_others_alone(fleet):
    before = {pair.host: pair.state()["seed"]["coordinates"] for pair in fleet if pair is not fleet[BROKEN]}
    fleet[BROKEN].sql(TARGET, "DROP DATABASE here_already;")
    run = play(fleet, "-e", f"migration_wave={WAVE}").wait(1800)
    assert run.process.returncode == 0, run.tail
    assert all(pair.state().get("catchup") for pair in fleet)
    assert {pair.host: pair.state()["seed"]["coordinates"] for pair in fleet if pair is not fleet[BROKEN]} == before


def test_status_is_a_table_with_a_line_a_pair(fleet, capsys):
    used = []
    for limit in (fleet[0].host, "all"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = play(fleet, "--limit", limit, playbook="nordbridge.mysql_migration.status").ok()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    lines = [line for line in run.output.splitlines() if re.match(r"oslo-\d  +us-\d  +ready", line)]
    assert len(lines) == 8 and "8 pairs: 8 ready" in run.output
    with capsys.disabled():
        print(f"\nthe controller's processor time of status: {used[0]:.1f} s for a pair, {used[1]:.1f} s for eight")


def test_what_was_written_meanwhile_is_on_all_targets(fleet):
    for pair in fleet:
        newest = int(pair.sh(SOURCE, "cat /root/written"))
        until(
            f"{pair.host} has it", lambda pair=pair, newest=newest: pair.sql(TARGET, f"SELECT n FROM shop.written WHERE n = {newest};") != []
        )


def test_a_wave_is_cut_over_pair_by_pair(fleet):
    for pair in fleet[:2]:
        run = play(fleet, "--limit", pair.host, "-e", f"cutover={pair.name}", *PATIENT, playbook="nordbridge.mysql_migration.cutover").wait(600)
        assert run.process.returncode == 0, run.tail
    assert all("confirm" in pair.state()["cutover"]["done"] for pair in fleet[:2])
    assert all("cutover" not in pair.state() for pair in fleet[2:])
