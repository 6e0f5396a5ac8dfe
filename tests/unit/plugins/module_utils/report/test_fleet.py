# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many pairs fit a terminal: a line each, no pair left out, and what is wrong is counted."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.fleet import WIDEST, Pair, fleet_lines
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.lines import COLUMNS

OPEN, CLOSED = {"open": True}, {"closed": True}
COPYING = Pair("oslo-db1", "us-db1", {"phase": "seeding", "jobs": {"seed": {"state": "running", "progress": "copy:  31.2%  1.2 GiB of 4.0 GiB"}}}, {})
READY = Pair("oslo-db2", "us-db2", {"phase": "ready"}, {"old": OPEN, "new": {**CLOSED, "replicates": True, "lag": 0.2}})
DONE = Pair("oslo-db3", "us-db3", {"phase": "done"}, {"old": CLOSED, "new": OPEN})
AWAY = Pair("oslo-db4", "us-db4", {"unreachable": True, "msg": "no route"}, {})


def test_a_line_for_each_pair_and_the_phases_counted():
    assert fleet_lines([COPYING, READY, DONE, AWAY]) == [
        "TARGET    SOURCE  PHASE      NOW                     WRITES ON  WRONG",
        "oslo-db1  us-db1  seeding    seed: copy:  31.2%  ..  ?          -",
        "oslo-db2  us-db2  ready      0.2 s behind            source     -",
        "oslo-db3  us-db3  done                               target     -",
        "oslo-db4  us-db4  no answer                          ?          not reached",
        "4 pairs: 1 done, 1 no answer, 1 ready, 1 seeding; 1 with something wrong",
    ]


def test_one_pair_needs_no_table():
    assert fleet_lines([READY]) == [] and fleet_lines([]) == []


@pytest.mark.parametrize(
    "servers, expected",
    [
        ({"old": OPEN, "new": OPEN}, "BOTH"),
        ({"old": CLOSED, "new": CLOSED}, "none"),
        ({"old": {"error": "no answer"}, "new": OPEN}, "?"),
        ({}, "?"),
    ],
)
def test_who_takes_writes(servers, expected):
    line = fleet_lines([DONE._replace(servers=servers), READY])[1]
    assert line.split()[3] == expected


def test_what_is_wrong_is_counted_and_a_retired_pair_is_called_so():
    bad = DONE._replace(servers={"old": OPEN, "new": OPEN, "wrong": ["both servers take writes", "the guard does not run"]})
    gone = DONE._replace(migration={"phase": "done", "state": {"retired": {"at": 1.0}}})
    lines = fleet_lines([bad, gone])
    assert lines[1].endswith("BOTH       2, see above") and " retired " in lines[2]
    assert lines[-1] == "2 pairs: 1 done, 1 retired; 1 with something wrong"


def test_the_widest_table_fits_a_terminal():
    assert sum(WIDEST) + 2 * (len(WIDEST) - 1) <= COLUMNS
    long = Pair("o" * 60, "u" * 60, {"phase": "rolling_back", "jobs": {"rollback": {"state": "running", "progress": "p" * 80}}}, {"wrong": ["x"] * 200})
    assert max(map(len, fleet_lines([long, READY]))) <= COLUMNS
