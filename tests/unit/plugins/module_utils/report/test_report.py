# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads fits the terminal, names what is wrong, and hides nothing in it."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.lines import COLUMNS, fitted
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.status import NEXT, status_lines

NOW = 1_000_000.0
SEEDED = {"seed": {"status": "done", "method": "dump", "bytes": 3 << 30, "seconds": 200}}
OPEN, CLOSED = {"open": True}, {"closed": True, "replicates": True, "lag": 0}


def test_long_lines_go_on_under_their_own_text():
    lines = fitted(["  [E] P25 [source] " + "word " * 40, "  next      " + "word " * 30, "short"])
    assert all(len(line) <= COLUMNS for line in lines) and lines[-1] == "short"
    assert lines[1].startswith(" " * 10 + "word") and not lines[1].startswith(" " * 11)
    assert lines[3].startswith("  next      word") and lines[4].startswith(" " * 12 + "word")


def test_a_command_can_be_copied():
    command = "ansible-playbook x.y.z -i INVENTORY --limit some-host -e " + "c" * 120
    assert "c" * 120 in fitted([command])[-1]


def test_nothing_drives_the_terminal_and_line_breaks_are_kept():
    assert fitted(["a\x1b[31mb\u202e", "one\ntwo", ""]) == ["a\\x1b[31mb\\u202e", "one", "two", ""]


def told(phase="ready", state=None, servers=None, reverse=None, late=None, **more):
    migration = {"phase": phase, "state": SEEDED if state is None else state, "migration_id": "shop", "jobs": {}, **more}
    return status_lines("oslo-db1", "us-db1", migration, servers or {}, reverse or {}, late or {}, NOW)


def test_ready():
    record = {"tables": 12, "rows": 900, "strength": "sha", "since": NOW - 3700, "unequal": {}, "unequal_tables": 0}
    lines = told(state={**SEEDED, "catchup": {"lag": 0.02}, "verification": record}, servers={"old": OPEN, "new": CLOSED, "wrong": []})
    assert lines == [
        "oslo-db1  migration shop  us-db1 -> oslo-db1  READY",
        "  copy      done, dump, 3.0 GiB, in 3m20s",
        "  catch-up  caught up; the lag was 0.02 s then",
        "  rows      equal in 12 tables, 900 rows (sha); compared 1h01m ago",
        "  servers   us-db1 (old): takes writes",
        "            oslo-db1 (new): closed, a replica, 0 s behind",
        "  wrong     nothing that is known",
        "  next      ansible-playbook nordbridge.mysql_migration.cutover -i INVENTORY --limit oslo-db1 -e cutover=shop",
    ]


@pytest.mark.parametrize("phase", sorted(NEXT))
def test_each_phase_has_a_next_command_and_few_lines(phase):
    lines = told(
        phase,
        {**SEEDED, "catchup": {"lag": 1}, "cutover": {"facts": {"fenced_at": NOW - 60, "write_stop_server_s": 0.02}}},
        {"old": CLOSED, "new": {"open": True, "error": ""}, "wrong": ["a", "b"]},
        {"following": True, "running": False, "error": "1062", "transactions_behind": 3},
        {"late_writes": {"count": 2, "since_restart": False, "basis": "counted"}, "sessions": [{"user": "app"}]},
        jobs={"verify": {"state": "running", "attempt": 2, "progress": "41 %"}},
    )
    assert len(lines) <= 15 and lines[-1].startswith("  next      ") and "{" not in lines[-1]
    text = "\n".join(lines)
    for words in ("verify, attempt 2: 41 %", "stopped for 0.02 s", "DOES NOT RUN: 1062, 3 transactions behind", "2 writes", "1 on the old server, of app"):
        assert words in text
    assert [line for line in lines if "WRONG" in line] == ["  WRONG     a", "  WRONG     b"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"servers": {"failed": True, "msg": "cannot be asked"}}, "WRONG     cannot be asked"),
        ({"servers": {"old": {"error": "no route"}}}, "us-db1 (old): cannot be asked: no route"),
        ({"state": {**SEEDED, "distrust": {"reasons": [{"what": "ahead"}, {"what": "old", "waived": True}]}}}, "WRONG     ahead"),
        ({"state": {**SEEDED, "verification": {"unequal": {"a.b": "x"}, "unequal_tables": 7, "tables": 9}}}, "DIFFER in 7 of 9 tables: a.b and 4 more"),
        ({"state": SEEDED}, "not compared yet"),
        ({"state": {**SEEDED, "retired": {}}}, "retired, READY"),
        ({"jobs": {"seed": {"state": "failed", "attempt": 1, "error": "disk"}}}, "failed    seed, attempt 1: disk"),
        ({"events": {"chain_holds": False, "broken_at": 3}}, "changed or cut at line 3"),
        ({"late": {"why": "is not known"}}, "refused   is not known"),
        ({"servers": {"new": {"open": False, "closed": False}}}, "closed for accounts without privileges only"),
    ],
)
def test_what_is_wrong_is_said(more, words):
    assert words in "\n".join(told(**more))
