# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of variables: known, renamed, mistyped, and set for the wrong host."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.plugin_utils._variables import (
    RENAMED,
    known_names,
    misplaced,
    name_problems,
)

KNOWN = known_names()


def test_names_that_are_known_or_not_ours_are_no_problem():
    theirs = {"source", "target", "hosts", "source_code", "ansible_host", "cutover", "wipe_target", "mysql_migration_note"}
    assert name_problems("db2", KNOWN | theirs, KNOWN) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("migration_brige", "; did you mean migration_bridge?"),
        ("migration_target_seed_treads", "; did you mean migration_target_seed_threads?"),
        ("migration_wipe_targt", "; did you mean migration_wipe_target?"),
        ("migration_cutover", "; did you mean cutover, given with the command?"),
        ("migration_lose_writes", "; did you mean lose_writes, given with the command?"),
        ("migration_qqqqqqqqqqqq", ", and no known name is like it"),
    ],
)
def test_an_unknown_name_with_the_prefix_is_told_with_the_nearest(name, hint):
    assert name_problems("db2", ["migration_id", name], KNOWN) == [f"db2: no role reads the variable {name}{hint}"]


def test_every_old_name_tells_a_new_one_that_exists():
    assert set(RENAMED.values()) <= KNOWN
    assert not set(RENAMED) & KNOWN
    for old, new in RENAMED.items():
        assert name_problems("db2", [old], KNOWN) == [f"db2: the variable {old} is now called {new}"]


def test_all_problems_are_told_at_once():
    assert len(name_problems("db2", ["cutover_budget", "migration_brige", "source_service"], KNOWN)) == 3


def test_a_variable_of_the_sources_host_alone_is_read_by_nobody():
    told = misplaced("us-db1", "oslo-db1", {"migration_source_login_user", "migration_bridge", "ansible_host"}, {"migration_bridge"}, KNOWN)
    text = "us-db1: the variable migration_source_login_user is set for the source's host, where no role reads it; set it for the target oslo-db1"
    assert told == [text]


def test_a_source_that_is_the_target_of_another_migration_has_variables_of_its_own():
    assert misplaced("us-db1", "oslo-db1", {"migration_source", "migration_source_login_user"}, set(), KNOWN) == []
