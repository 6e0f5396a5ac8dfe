# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One source, two targets: one of them may be cut over, and neither's accounts are the other's."""

from __future__ import annotations

import json

import pytest
from pairs import ROOT, SOURCE, TARGET, Pair, until

#: A second target: oslo-db1's host under another name, which only the plan ever looks at.
INVENTORY = """
all:
  vars: {ansible_ssh_common_args: "-F SSH_CONFIG"}
  children:
    migration_targets:
      hosts:
        oslo-db2:
          ansible_host: oslo-db1
          migration_source: NAME
          migration_id: second
          migration_source_allow_restart: true
          migration_copy_only: COPY
    migration_sources:
      hosts:
        old-name:
          ansible_host: us-db1
"""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """Two hosts with a little data."""
    found = request.getfixturevalue(request.param)
    found.load(100, tables=1)
    return found


def beside(pair: Pair, name: str = SOURCE, copy_only: bool = False) -> tuple[str, ...]:
    """Options for an inventory with a second target, whose source has this name."""
    path = pair.out / "second.yml"
    path.write_text(INVENTORY.replace("SSH_CONFIG", pair.ssh(SOURCE)[2]).replace("NAME", name).replace("COPY", str(copy_only).lower()))
    return "-i", str(path), "--check"


def test_two_targets_of_one_source_are_refused_with_their_names(pair):
    run = pair.migrate(*beside(pair), "--limit", TARGET)
    run.failed("P82", "oslo-db2 and this target have one source", "migration_copy_only: true", "--limit does not help")
    run = pair.migrate(*beside(pair, name="old-name"))
    run.failed("oslo-db2 and this target have one source", "oslo-db1 and this target have one source")


def test_a_copy_beside_it_is_no_rival_and_is_never_cut_over(pair):
    pair.migrate(*beside(pair, copy_only=True)).ok()
    run = pair.migrate(*beside(pair, copy_only=True), "--limit", "oslo-db2", "-e", "cutover=second")
    run.failed("P82", "a copy that is never cut over", "leave -e cutover out")
    run = pair.cutover("-e", "migration_copy_only=true")
    run.failed("is never cut over (migration_copy_only)", "Nothing was changed")


def test_a_second_migration_of_the_source_leaves_the_first_ones_logins_alone(pair):
    pair.migrate().ok()
    pair.start(playbook=str(ROOT / "tests/integration/second.yml")).ok()
    users = pair.value(SOURCE, "SELECT COUNT(DISTINCT User) FROM mysql.user WHERE User RLIKE '^nordbridge_(ctl|repl)_';")
    assert users == "4"
    # New sessions of the first one's, as after a cut.
    pair.sql(TARGET, "STOP REPLICA; START REPLICA;" if pair.client == "mysql" else "STOP SLAVE; START SLAVE;")
    run = pair.migrate().ok()
    assert run.recap()["changed"] == 0, run.tail
    assert "[W] P81 [source] the source holds the marker of another migration: second (since" in run.words
    pair.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('arrives');")
    until("it arrives", lambda: pair.value(TARGET, "SELECT COUNT(*) FROM shop.orders WHERE note = 'arrives';") == "1")
    assert "[N] P81" in pair.migrate("-e", json.dumps({"waive": ["P81"]})).ok().words
