# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot work is refused before anything is touched, with what is wrong, where, and what to do."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from pairs import CUTOVER, SOURCE, TARGET, Pair, until

UGLY = "s3'cr\"et \\ ø€ # %s { `b` } "
#: Hosts that are wrong: two names for one server, and one that nobody knows.
INVENTORY = """
all:
  vars: {ansible_ssh_common_args: "-F SSH_CONFIG"}
migration_targets:
  hosts:
    twin-db1: {ansible_host: oslo-db1, migration_source: twin-db2, migration_id: twins}
    lonely-db1: {ansible_host: oslo-db1, migration_source: ghost-db1, migration_id: lonely}
migration_sources:
  hosts:
    twin-db2: {ansible_host: oslo-db1}
    ghost-db1: {ansible_host: no-such-host.invalid}
"""


@pytest.fixture(scope="module")
def pair(mariadb) -> Pair:
    """Untouched hosts, and some data to migrate."""
    mariadb.load(400, tables=1)
    # Its privileges are what a table of the tests says; the password is right where it is given.
    mariadb.sql(SOURCE, f"CREATE USER mover@localhost IDENTIFIED BY {quoted(UGLY)}; GRANT SELECT, PROCESS ON *.* TO mover@localhost;")
    (mariadb.out / "wrong.yml").write_text(INVENTORY.replace("SSH_CONFIG", mariadb.ssh(SOURCE)[2]))
    return mariadb


def quoted(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def touched(pair: Pair) -> list[str]:
    """What a migration leaves: files, users, accounts, drop-ins."""
    files = "ls -d /var/lib/mysql_migration* /etc/systemd/system/nordbridge* 2>/dev/null; find /etc/mysql -name '*nordbridge*';"
    files += "grep -l nordbridge /root/.ssh/authorized_keys; getent passwd nordbridge nordbridge-agent; true"
    accounts = "SELECT User FROM mysql.user WHERE User LIKE 'nordbridge%'; SHOW DATABASES LIKE 'nordbridge%';"
    return [f"{host}: {line}" for host in (SOURCE, TARGET) for line in pair.sh(host, files).split() + sum(pair.sql(host, accounts), [])]


@pytest.fixture
def refused(pair):
    """Run the playbook; it fails with these words, and leaves nothing."""

    def run(*arguments: str, words: tuple = (), playbook: str = ""):
        found = (pair.start(*arguments, playbook=playbook) if playbook else pair.migrate(*arguments)).failed(*words)
        assert touched(pair) == [], found.tail
        return found

    return run


def options(**values) -> tuple[str, str]:
    """Variables on the command line, with their types."""
    return "-e", json.dumps(values)


@contextmanager
def configured(pair: Pair, host: str, *lines: str):
    """A server with other settings."""
    path = "/etc/mysql/mariadb.conf.d/60-test.cnf"
    text = "\n".join(("[mysqld]", *lines))
    pair.sh(host, f"cat > {path} <<'END'\n{text}\nEND\nsystemctl restart mariadb")
    try:
        yield
    finally:
        pair.sh(host, f"rm {path}; systemctl restart mariadb")
        until("the server is back", lambda: pair.sql(host, "SELECT 1;", check=False) == [["1"]])


# --- which hosts --------------------------------------------------------------


def test_names_of_variables_that_nobody_reads(refused):
    names = {"migration_brige": "tls", "cutover_budget": 3, "migration_target_seed_treads": 4}
    words = (
        "oslo-db1: no role reads the variable migration_brige; did you mean migration_bridge?",
        "the variable cutover_budget is now called migration_cutover_budget", "did you mean migration_target_seed_threads?", "nothing was touched",
    )
    run = refused("-e", json.dumps(names), words=words)
    assert "Reach the source" not in run.words, run.tail


def test_a_source_that_the_inventory_does_not_name(refused):
    refused(*options(migration_source="nowhere"), words=("migration_source is nowhere", "must name another host of the inventory", SOURCE))


def test_two_names_for_one_server(pair, refused):
    wrong = ("-i", str(pair.out / "wrong.yml"), "--limit", "twin-db1")
    refused(*wrong, words=("source and target are one server", "name the new server's host"))


def test_a_source_that_cannot_be_reached(pair, refused):
    wrong = ("-i", str(pair.out / "wrong.yml"), "--limit", "lonely-db1")
    refused(*wrong, words=("The source ghost-db1 cannot be reached by ssh", "Nothing was changed", "Check its ansible_host"))


# --- which login --------------------------------------------------------------


def test_a_login_that_is_refused(refused):
    run = refused(*options(migration_source_login_user="mover", migration_source_login_password="not-it-43"), words=("mover", "denied", "login_password"))
    assert "not-it-43" not in run.output.replace(run.command, "")


def test_each_privilege_that_is_missing_is_named(refused):
    missing = ("RELOAD", "REPLICATION SLAVE", "BINLOG MONITOR", "GRANT OPTION", "CREATE USER")
    run = refused(*options(migration_source_login_user="mover", migration_source_login_password=UGLY), words=("mover", "GRANT ", *missing))
    assert "missing PROCESS" not in run.words


# --- which servers and data ---------------------------------------------------


def test_all_that_is_wrong_is_named_at_once(pair, refused):
    pair.sql(SOURCE, "CREATE TABLE shop.old_engine (id INT) ENGINE=MyISAM;")
    pair.sql(TARGET, "CREATE DATABASE precious; CREATE TABLE precious.things (id INT PRIMARY KEY);")
    wrong = options(migration_source_allow_restart=False, cutover="another")
    try:
        refused(*wrong, words=(
            "P20 [source] the source must be restarted", "costs", "migration_source_allow_restart=true",
            "P30 [source] 1 table is not InnoDB: shop.old_engine", "ENGINE=InnoDB", "-e waive=P30",
            "P41 [target]", "precious", f"-e wipe_target={pair.name}",
            "P60", "the gate is cutover=another", f"-e cutover={pair.name}",
        ))  # fmt: skip
        # Permissions for another migration, and for findings that are not to be waived, open nothing.
        pair.sql(SOURCE, "SET GLOBAL server_id = 5001; CHANGE MASTER TO MASTER_HOST='192.0.2.9', MASTER_USER='x', MASTER_PASSWORD='not-it-44';")
        wrong = options(wipe_target="another", waive="P30,P22", migration_target_server_id=78)
        run = refused(*wrong, words=("P22 [source] the source replicates from 192.0.2.9", "cannot be waived", "wipe_target=another"))
        assert "[E] P30" not in run.words and "not-it-44" not in run.output
    finally:
        pair.sql(SOURCE, "DROP TABLE shop.old_engine; RESET SLAVE ALL; SET GLOBAL server_id = 1;")
        pair.sql(TARGET, "DROP DATABASE precious;")


def test_one_server_id_for_both(refused):
    wrong = options(migration_source_server_id=77, migration_target_server_id=77)
    refused(*wrong, words=("server_id 77 is taken", "another server of this migration has it", "give one of the two another number"))


def test_a_filter_in_the_sources_binary_log(pair, refused):
    with configured(pair, SOURCE, "log_bin", "binlog_do_db = shop"):
        refused(words=("P23 [source] the source filters replication: binlog_do_db=shop", "remove the filters"))


def test_names_that_differ_in_case_on_one_side_only(pair, refused):
    with configured(pair, TARGET, "lower_case_table_names = 1"):
        refused(words=("P07 [target]", "lower_case_table_names", "initialise the target's data directory again"))


# --- the gate -----------------------------------------------------------------


def test_a_gate_that_is_missing_or_wrong(pair, refused):
    refused(playbook=CUTOVER, words=(f"give -e cutover={pair.name} (given: nothing)",))
    refused(*options(cutover="another"), playbook=CUTOVER, words=(f"give -e cutover={pair.name} (given: another)",))
    refused(*options(cutover=pair.name), playbook=CUTOVER, words=("holds no finished seed", "run the playbook migrate first"))


# --- and what looks wrong, and is not -------------------------------------------


def test_passwords_that_need_quoting_everywhere(pair):
    pair.sql(SOURCE, "GRANT ALL PRIVILEGES ON *.* TO mover@localhost WITH GRANT OPTION;")
    given = pair.out / "passwords.json"
    given.touch(mode=0o600)
    # Ansible itself takes two curly braces for a template, wherever they stand.
    passwords = {"migration_source_login_password": UGLY, "migration_target_replication_password": UGLY + "r", "migration_target_control_password": UGLY + "c"}
    given.write_text(json.dumps({"migration_source_login_user": "mover", **passwords}))
    run = pair.migrate("-e", f"@{given}").ok()
    assert "READY: " in run.output
    for piece in (UGLY, "s3'cr", 's3\\\'cr\\"et', "ø€"):
        assert piece not in run.output
    assert pair.migrate("-e", f"@{given}").ok().recap()["changed"] == 0
    # An account with the words that Ansible puts in a secret's place would be open to whoever knows Ansible.
    hashes = "SELECT COUNT(*) FROM mysql.user WHERE authentication_string = PASSWORD('VALUE_SPECIFIED_IN_NO_LOG_PARAMETER');"
    assert pair.value(SOURCE, hashes) == "0"
