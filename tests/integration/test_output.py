# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads in the main runs, as kept in golden/: a change of a word is seen before a user sees it.

GOLDEN=write writes the files anew; read them then. Numbers, times and digests are replaced, for they differ from run to run.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pairs import PATIENT, SOURCE, Pair

GOLDEN = Path(__file__).resolve().parent / "golden"
NAME = "nordbridge.mysql_migration."
COLUMNS = 100
#: What differs from run to run -> what stands for it. In this order.
MOVING = (
    (re.compile(r"/tmp/\S*?/records\d*"), "RECORDS"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{4}(-[0-9a-f]{4}){8}\b"), "PLAN-ID"),
    (re.compile(r"\b(\w+_)[0-9a-f]{8}\b"), r"\1DIGEST"),
    (re.compile(r"\blease-[0-9a-f]{16}\b"), "lease-TOKEN"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z)?"), "TIME"),
    (re.compile(r"\d+(\.\d+)?(e-?\d+)?"), "N"),
    (re.compile(r"\bN(h|m|s)(N(m|s))?\b|\bN (B|KiB|MiB|GiB)\b"), "N s-or-bytes"),
)
#: Of Ansible's own: its tasks' heads, its ends of tasks, its recap, the lines of a playbook that failed; and the progress, which is as long as
#: the work.
ANSIBLE = re.compile(
    r"^(TASK|PLAY|RUNNING|included:|ok:|changed:|skipping:|fatal:|\[oslo-db1\]|\[WARNING\]|\[ERROR\]|\[DEPRECATION|oslo-db1 +:"
    r"|\.\.\.|Origin:|<<<|\d+( |$)| +\^ column)"
)


def told(output: str, pair: Pair) -> list[str]:
    """The playbook's own lines, without what moves."""
    lines = []
    for line in output.replace(pair.name, "ID").splitlines():
        if line.strip() and not ANSIBLE.match(line):
            for pattern, text in MOVING:
                line = pattern.sub(text, line)
            lines.append(line.rstrip())
    return lines


def as_kept(name: str, output: str, pair: Pair) -> None:
    """Compare with the file, or write it."""
    own = [line for line in output.splitlines() if line.strip() and not ANSIBLE.match(line)]
    # A command that is copied has its line breaks at words.
    assert [line for line in own if len(line) > COLUMNS and "ansible-playbook" not in line] == []
    lines, path = told(output, pair), GOLDEN / (name + ".txt")
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    # Where a line is broken depends on how long its numbers are.
    assert " ".join(" ".join(lines).split()) == " ".join(path.read_text().split()), "\n".join(lines)


@pytest.fixture(scope="module")
def pair(mariadb) -> Pair:
    """Two hosts with some data."""
    mariadb.load(400)
    return mariadb


def test_a_plan_of_a_healthy_pair(pair):
    as_kept("assess", pair.start("-e", "migration_assess_disk_io=false", playbook=NAME + "assess").ok().output, pair)


def test_a_plan_with_problems(pair):
    pair.sql(SOURCE, "CREATE TABLE shop.old (id INT) ENGINE=MyISAM;")
    try:
        run = pair.start("-e", "migration_assess_disk_io=false", playbook=NAME + "assess").failed("P30")
    finally:
        pair.sql(SOURCE, "DROP TABLE shop.old;")
    as_kept("assess-with-problems", run.output, pair)


def test_the_way_to_ready(pair):
    as_kept("migrate", pair.migrate().ok().output, pair)


def test_a_second_run(pair):
    as_kept("migrate-again", pair.migrate("-e", "migration_verify_rows=false").ok().output, pair)


def test_how_things_stand(pair):
    as_kept("status-ready", pair.start(playbook=NAME + "status").ok().output, pair)


def test_a_rehearsal(pair):
    as_kept("rehearse", pair.start("-e", f"rehearse={pair.name}", *PATIENT, playbook=NAME + "cutover").ok().output, pair)


def test_the_cutover(pair):
    as_kept("cutover", pair.cutover(*PATIENT).ok().output, pair)


def test_how_things_stand_afterwards(pair):
    as_kept("status-done", pair.start(playbook=NAME + "status").ok().output, pair)


def test_the_record(pair, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    as_kept("record", pair.start("-e", f"migration_record_folder={folder}", playbook=NAME + "record").ok().output, pair)


def test_the_end(pair):
    as_kept("retire", pair.start("-e", f"retire={pair.name}", playbook=NAME + "retire").ok().output, pair)
