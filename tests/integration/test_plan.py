# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that was approved: it is made as it was printed, carried on with, and refused where what it rests on has changed."""

from __future__ import annotations

import re
import subprocess

import pytest
from pairs import MIGRATE, QUICK, SOURCE, TARGET, Pair, until
from test_check_mode import everything

ASSESS = "nordbridge.mysql_migration.assess"


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """Untouched hosts with a little data; the binary log is on, so that no restart is needed."""
    pair = request.getfixturevalue(request.param)
    pair.fresh()
    pair.sh(SOURCE, f"printf '[mysqld]\\nlog_bin = binlog\\nserver_id = 11\\n' > /etc/mysql/conf.d/mine.cnf; systemctl restart {pair.client}")
    pair.load(200, tables=1)
    return pair


def plan_of(pair: Pair) -> str:
    """The id that assess prints."""
    run = pair.start(*QUICK, playbook=ASSESS).ok()
    return re.findall(r"PLAN ID +([0-9a-f-]+)", run.output)[-1]


def kept(pair: Pair) -> str:
    """The id that the target keeps."""
    found = re.search(r'"plan": "([^"]*)"', pair.sh(TARGET, f"cat {pair.folder}/plan.json 2>/dev/null || true"))
    return found[1] if found else ""


def test_a_plan_names_what_it_changes_on_both_hosts(pair):
    run = pair.start(*QUICK, playbook=ASSESS).ok()
    for words in (
        f"CHANGES before the copy, on the source {SOURCE}", f"CHANGES before the copy, on the target {TARGET}", "zz-nordbridge-binlog.cnf",
        "zz-nordbridge-hold.cnf", "nordbridge_repl_", "nordbridge_keep_", "nordbridge-agent", f"nordbridge-{pair.name}-tunnel",
        f"CHANGES with the copy, on the target {TARGET}", f"CHANGES at the cutover, on the source {SOURCE}",
    ):  # fmt: skip
        assert words in run.words, f"{words}\n{run.tail}"
    assert max(len(line) for line in run.output.splitlines() if line.startswith((" ", "MIGRATION PLAN"))) <= 100


def test_it_is_refused_before_anything_is_changed_where_the_source_has_changed(pair):
    approved = plan_of(pair)
    assert approved == plan_of(pair), "the same facts are the same plan"
    pair.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('a row is no change');")
    assert approved == plan_of(pair)
    pair.sql(SOURCE, "CREATE TABLE shop.late (id INT PRIMARY KEY);")
    before = {host: everything(pair, host) for host in (SOURCE, TARGET)}
    pair.migrate("-e", f"plan={approved}").failed("P66", "the source's schemas and tables", "nothing was touched")
    assert {host: everything(pair, host) for host in (SOURCE, TARGET)} == before
    assert not kept(pair)


SSHD = "printf '%s\\n' > /etc/ssh/sshd_config.d/00-theirs.conf; sshd -t && systemctl reload ssh"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("AllowUsers root", ("the user nordbridge-agent in: AllowUsers has only root", "the user nordbridge in: AllowUsers has only root")),
        ("AuthorizedKeysFile /etc/ssh/keys/%%u /root/.ssh/authorized_keys", ("AuthorizedKeysFile is /etc/ssh/keys/%u",)),
        ("PubkeyAcceptedAlgorithms rsa-sha2-512\nMatch User root\n PubkeyAcceptedAlgorithms ssh-ed25519", ("PubkeyAcceptedAlgorithms has no ssh-ed25519",)),
    ],
)
def test_an_sshd_that_would_not_let_the_migration_in_is_found_first(pair, rules, words):
    before = {host: everything(pair, host) for host in (SOURCE, TARGET)}
    pair.sh(SOURCE, SSHD % rules)
    try:
        pair.migrate().failed("P68", *words, "nothing was touched")
    finally:
        pair.sh(SOURCE, "rm /etc/ssh/sshd_config.d/00-theirs.conf; systemctl reload ssh")
        until("sshd answers again", lambda: subprocess.run([*pair.ssh(SOURCE), "true"], check=False).returncode == 0)
    assert {host: everything(pair, host) for host in (SOURCE, TARGET)} == before


def test_a_source_that_the_target_does_not_reach_is_found_first(pair):
    before = {host: everything(pair, host) for host in (SOURCE, TARGET)}
    pair.migrate("-e", "migration_source_ssh_port=2222").failed("P67", "does not reach the source", "port 2222", "nothing was touched")
    assert {host: everything(pair, host) for host in (SOURCE, TARGET)} == before


def test_a_run_that_was_killed_half_way_goes_on_under_the_same_approval(pair):
    approved = plan_of(pair)
    run = pair.migrate("-e", f"plan={approved}")
    until("accounts are made", lambda: "TASK [nordbridge.mysql_migration.source : The agent's user" in run.output or run.process.poll() is not None)
    run.kill()
    assert kept(pair) == approved
    # Half of it is made: what is left is another plan.
    assert plan_of(pair) != approved
    assert "READY" in pair.migrate("-e", f"plan={approved}").ok().output
    assert kept(pair) == approved


def test_once_it_is_ready_the_same_command_changes_nothing_and_another_approval_is_refused(pair):
    approved = kept(pair)
    again = pair.start(*QUICK, "-e", f"plan={approved}", playbook=MIGRATE).ok()
    assert again.recap()["changed"] == 0
    other = ("0" if approved[0] != "0" else "1") + approved[1:]
    pair.migrate("-e", f"plan={other}").failed("P66", f"was begun by the plan {approved}")


def test_a_server_that_listens_at_its_own_address_alone_is_found_and_can_be_named(pair):
    pair.fresh()
    address = pair.address(SOURCE)
    # Files that are read later bind it, too.
    pair.sh(SOURCE, f"printf '[mysqld]\\nbind_address = {address}\\n' > /etc/mysql/conf.d/bound.cnf")
    pair.sh(SOURCE, f"sed -i 's/^bind-address.*/bind-address = {address}/' /etc/mysql/*/*.cnf; systemctl restart {pair.client}")
    pair.load(200, tables=1)
    pair.migrate().failed("P58", "not found at 127.0.0.1 port 3306 of its own host", "nothing was touched")
    assert "READY" in pair.migrate("-e", f"migration_source_sql_address={address}").ok().output
