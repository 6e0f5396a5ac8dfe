# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of variables' names, as the playbooks run it: hosts that nobody can reach are refused before anybody tries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible_collections.nordbridge.mysql_migration as collection
import pytest
import yaml

HERE = Path(collection.__path__[0])
PLAYBOOKS = sorted(path.stem for path in HERE.glob("playbooks/*.yml"))


@pytest.fixture
def play(tmp_path):
    """Runs a playbook on a pair whose hosts no connection reaches."""

    def run(playbook: str, target: dict, *arguments: str, source: dict | None = None) -> str:
        nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "migration_become": False}
        hosts = {"oslo-db1": {"migration_source": "us-db1", "migration_id": "shop", **target}}
        inventory = {"all": {"vars": nowhere}, "migration_targets": {"hosts": hosts}, "migration_sources": {"hosts": {"us-db1": source or {}}}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"], "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(HERE.parents[2]), "COLUMNS": "2000"}
        program = Path(sys.executable).parent / "ansible-playbook"
        command = [program, "-i", tmp_path / "hosts.yml", HERE / f"playbooks/{playbook}.yml", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_mistyped_name_is_refused_before_a_connection_is_tried(play, playbook):
    told = play(playbook, {"migration_brige": "tls"})
    assert "nothing was touched: oslo-db1: no role reads the variable migration_brige; did you mean migration_bridge?" in told
    assert "UNREACHABLE" not in told


def test_names_of_the_command_the_group_and_the_sources_host_are_seen(play):
    told = play("migrate", {"cutover_budget": 3}, "-e", "migration_target_seed_treads=3", source={"source_service": "x", "migration_key_days": 3})
    for words in (
        "oslo-db1: the variable cutover_budget is now called migration_cutover_budget",
        "oslo-db1: no role reads the variable migration_target_seed_treads; did you mean migration_target_seed_threads?",
        "us-db1: the variable source_service is now called migration_source_service",
        "us-db1: the variable migration_key_days is set for the source's host",
    ):
        assert words in told
    assert "UNREACHABLE" not in told


def test_good_names_pass(play):
    told = play("migrate", {"migration_bridge": "tls", "source": "somebody else's"})
    assert "no role reads" not in told and "UNREACHABLE" in told
