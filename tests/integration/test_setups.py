# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as people have them: what cannot work is found by the plan, by its id, before anything is touched; the rest works.

Problems are planted together, and each is a test of its own: a plan tells all of them at once, and nothing that was not planted.
"""

from __future__ import annotations

import json
import re

import pytest
from pairs import QUICK, SOURCE, TARGET, Pair, Run, until

ALLOWED = ("-e", "migration_source_allow_restart=true")
FINDING = re.compile(r"\[([EWN])\] (P\d\d) ")
#: What a pair of fresh packages has by itself: MariaDB has no binary log, and a fence ends administrators' sessions.
USUAL = {"P20", "P21", "P26", "P30", "P31", "P37", "P38", "P44", "P46", "P70", "P71", "P72"}

ZONE = (
    "INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N'); SET @id = LAST_INSERT_ID();"
    " INSERT INTO mysql.time_zone_name VALUES ('Europe/Oslo', @id);"
    " INSERT INTO mysql.time_zone_transition_type VALUES (@id, 0, 3600, 0, 'CET');"
)
DATA = (
    "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200));"
    " INSERT INTO shop.orders (note) VALUES ('first'), ('second');"
)
SETTINGS = "SET GLOBAL group_concat_max_len = 5000; SET GLOBAL log_bin_trust_function_creators = ON; SET GLOBAL max_connections = 33;"
FOLDER = "mkdir -p /srv/fast && chown mysql: /srv/fast"
CONFIG = {"mariadb": "/etc/mysql/mariadb.conf.d/70-setup.cnf", "mysql": "/etc/mysql/mysql.conf.d/z70-setup.cnf"}


def plan(pair: Pair, *arguments: str) -> Run:
    """The plan, whether it has errors or not."""
    return pair.start(*QUICK, *ALLOWED, *arguments, playbook="tests/integration/assess.yml").wait()


def found(run: Run) -> dict[str, str]:
    """Id to letter of what the plan found: its lines are in a refusal, too."""
    return {name: letter for letter, name in FINDING.findall(run.output)}


def configure(pair: Pair, host: str, text: str) -> None:
    """A server with these lines in its configuration."""
    pair.sh(host, f"printf '[mysqld]\n{text}\n' > {CONFIG[pair.client]}; systemctl restart {pair.client}")


def state_of(pair: Pair) -> list:
    """What a migration would change on both hosts."""
    files = "find /etc/mysql /etc/systemd/system /var/lib/mysql_migration* /root/.ssh -type f 2>/dev/null | sort | xargs md5sum"
    accounts = "SELECT User, Host FROM mysql.user ORDER BY 1, 2; SHOW DATABASES; SHOW GLOBAL VARIABLES LIKE '%read_only';"
    return [(pair.sh(host, files), pair.sql(host, accounts)) for host in (SOURCE, TARGET)]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """Untouched hosts of either flavour."""
    return request.getfixturevalue(request.param)


def test_a_healthy_pair_has_no_finding_of_a_setup(pair):
    pair.fresh()
    pair.sql(SOURCE, DATA)
    run = plan(pair, "-e", "migration_target_seed_method=auto").ok()
    assert not set(found(run)) - USUAL, run.tail


@pytest.fixture(scope="module")
def planted(pair) -> tuple[Pair, Run]:
    """The plan of a pair with many problems, and nothing touched by it."""
    pair.fresh()
    pair.sh(SOURCE, FOLDER)
    known = "\\ninnodb_directories = /srv/fast" if pair.client == "mysql" else ""
    configure(pair, SOURCE, "log_bin = binlog\\nserver_id = 11\\nbinlog_format = ROW" + known)
    pair.sql(SOURCE, DATA + ZONE + SETTINGS)
    pair.sql(SOURCE, "CREATE TABLE shop.fast (id INT PRIMARY KEY) DATA DIRECTORY = '/srv/fast'; CREATE TABLE shop.gone (id INT PRIMARY KEY);")
    pair.sql(SOURCE, "CREATE VIEW shop.view_of_gone AS SELECT id FROM shop.gone; DROP TABLE shop.gone;")
    pair.sql(SOURCE, "SET time_zone = 'Europe/Oslo'; CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO INSERT INTO shop.orders (note) VALUES ('n');")
    pair.sql(SOURCE, "CREATE TABLE shop.logins (who VARCHAR(99) PRIMARY KEY); SET GLOBAL init_connect = 'INSERT INTO shop.logins VALUES (USER())';")
    pair.sql(SOURCE, "CREATE TABLE shop.Same (id INT PRIMARY KEY); CREATE TABLE shop.SAME (id INT PRIMARY KEY);")
    pair.sql(TARGET, f"{follow(pair)};")
    reader = "mariadb-binlog" if pair.client == "mariadb" else "mysqlbinlog"
    server_id = "--stop-never-slave-server-id" if pair.client == "mariadb" else "--connection-server-id"
    log = pair.sql(SOURCE, "SHOW BINARY LOGS;")[0][0]
    reading = pair.background(SOURCE, f"exec {reader} -R --stop-never {server_id}=77 {log} > /dev/null 2>&1")
    until("somebody reads the binary log", lambda: pair.sql(SOURCE, "SHOW PROCESSLIST;") and "Binlog Dump" in str(pair.sql(SOURCE, "SHOW PROCESSLIST;")))
    before = state_of(pair)
    run = plan(pair, "-e", json.dumps({"migration_target_seed_method": "dump", "wipe_target": pair.name}))
    assert state_of(pair) == before, "the plan touched something"
    reading.kill()
    return pair, run


def follow(pair: Pair) -> str:
    """The target follows somebody else."""
    if pair.client == "mariadb":
        return "CHANGE MASTER TO MASTER_HOST = '203.0.113.9', MASTER_USER = 'x', MASTER_PASSWORD = 'x'"
    return "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '203.0.113.9', SOURCE_USER = 'x', SOURCE_PASSWORD = 'x'"


#: id, letter, words of the message: file, value, and what to do
PLANTED = [
    ("P13", "E", ("/srv/fast", "shop.fast", "make the directory on the target")),
    ("P15", "E", ("Europe/Oslo", "shop.nightly", "/usr/share/zoneinfo")),
    ("P17", "E", ("shop.view_of_gone", "drop these views")),
    ("P18", "W", ("follow the old server after the cutover", "point each of them at the new server")),
    ("P43", "E", ("203.0.113.9", "stop and forget it")),
    ("P55", "W", ("group_concat_max_len is 5000 on the source",)),
    ("P56", "W", ("log_bin_trust_function_creators is ON on the source",)),
    ("P57", "W", ("max_connections is 33 on the source",)),
    ("P75", "E", ("init_connect at the source", "SET GLOBAL init_connect = ''")),
]


@pytest.mark.parametrize(("name", "letter", "words"), PLANTED, ids=[entry[0] for entry in PLANTED])
def test_each_planted_problem_is_found(planted, name, letter, words):
    _pair, run = planted
    assert found(run).get(name) == letter, run.tail
    for word in words:
        assert word in run.words, f"{word!r} is not in what it said:\n{run.tail}"


def test_nothing_else_is_found(planted):
    _pair, run = planted
    assert set(found(run)) - USUAL == {entry[0] for entry in PLANTED} | {"P74"}, run.tail
    assert "P31" not in found(run), "names that differ by case alone both have their keys"


def test_a_disabled_scheduler_is_found_where_the_source_has_events(pair):
    pair.fresh()
    pair.sql(SOURCE, DATA + "CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders;")
    configure(pair, SOURCE, "event_scheduler = DISABLED")
    if pair.client == "mysql":
        # Its events can be asked for and made all the same.
        pair.migrate().ok()
        events = "SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop';"
        assert pair.sql(TARGET, events)[0][0] == "nightly"
        return
    run = plan(pair)
    assert found(run).get("P16") == "E" and "DISABLED at the source" in run.words, run.tail
    assert "event_scheduler = OFF in place of DISABLED" in run.words


def test_a_login_that_the_copy_of_files_would_take_away_is_found(pair):
    pair.fresh()
    pair.sql(SOURCE, DATA)
    plugin = "mysql_native_password" if pair.client == "mariadb" else "caching_sha2_password"
    way = "VIA mysql_native_password USING PASSWORD('Secret-1')" if pair.client == "mariadb" else f"WITH {plugin} BY 'Secret-1'"
    pair.sql(SOURCE, f"ALTER USER root@localhost IDENTIFIED {way};")
    pair.sh(SOURCE, "printf '[client]\\nuser=root\\npassword=Secret-1\\n' > /root/.my.cnf")
    logins = {"migration_source_login_password": "Secret-1", "migration_target_seed_method": "auto"}
    try:
        run = plan(pair, "-e", json.dumps(logins))
        assert found(run).get("P14") == "E" and plugin in run.words and "migration_target_login_password" in run.words, run.tail
        assert "P14" not in found(plan(pair, "-e", json.dumps({**logins, "migration_target_login_password": "Secret-1"})))
        assert "P14" not in found(plan(pair, "-e", json.dumps({**logins, "migration_target_seed_method": "dump"})))
        # What the plan advises works: by the socket before the copy, by the source's password behind it.
        pair.migrate(*ALLOWED, "-e", json.dumps({**logins, "migration_target_login_password": "Secret-1"})).ok()
        pair.migrate(*ALLOWED, "-e", json.dumps({**logins, "migration_target_login_password": "Secret-1"})).ok()
    finally:
        pair.sh(SOURCE, "rm -f /root/.my.cnf")


IMPATIENT = "wait_timeout = 5\\ninteractive_timeout = 5\\nnet_read_timeout = 5\\nnet_write_timeout = 5"
SLOW = "tc qdisc replace dev eth0 root tbf rate 24mbit burst 64k latency 100ms"


@pytest.mark.parametrize("method", ["auto", "dump"])
def test_connections_that_are_idle_during_the_copy_are_kept(pair, method):
    pair.fresh()
    limits = IMPATIENT + ("\\nmax_statement_time = 2\\nidle_transaction_timeout = 5" if pair.client == "mariadb" else "")
    for host in (SOURCE, TARGET):
        configure(pair, host, limits)
    pair.load(40_000)
    pair.sh(SOURCE, SLOW)
    pair.migrate(*ALLOWED, "-e", f"migration_target_seed_method={method}").ok()
    assert pair.state()["seed"]["seconds"] > 10, "nothing was idle for longer than the servers' limit"
    assert pair.state()["seed"]["tried"] == []


def test_definitions_and_accounts_come_as_they_are(pair):
    """By a dump: no key, a quote in a certificate's subject, nobody's account, and a scheduler that is DISABLED without any event."""
    pair.fresh()
    strict = "\\nsql_require_primary_key = ON\\nsql_generate_invisible_primary_key = ON" if pair.client == "mysql" else ""
    configure(pair, SOURCE, "event_scheduler = DISABLED" + ("\\nrequire_secure_transport = ON" if pair.client == "mysql" else ""))
    configure(pair, TARGET, "event_scheduler = DISABLED" + strict)
    pair.sql(SOURCE, DATA + "CREATE TABLE shop.keyless (a INT); INSERT INTO shop.keyless VALUES (1), (2);")
    pair.sql(SOURCE, "CREATE USER hara@'%' IDENTIFIED BY 'Secret-1' REQUIRE SUBJECT '/CN=o''hara' AND ISSUER '/CN=ca';")
    if pair.client == "mysql":
        pair.sql(SOURCE, "CREATE USER ''@'localhost'; GRANT SELECT ON shop.* TO ''@'localhost';")
    pair.migrate(*ALLOWED).ok()
    subject = "SELECT x509_subject FROM mysql.user WHERE User = 'hara';"
    assert pair.value(TARGET, subject) == pair.value(SOURCE, subject) == "/CN=o'hara"
    # A table that comes by replication is as good as one that came with the dump.
    pair.sql(SOURCE, "CREATE TABLE shop.later (a INT); INSERT INTO shop.later VALUES (3); INSERT INTO shop.keyless VALUES (4);")
    rows = "SELECT a FROM shop.keyless UNION ALL SELECT a FROM shop.later ORDER BY 1;"
    until("the target has them", lambda: pair.sql(TARGET, rows, check=False) == pair.sql(SOURCE, rows), seconds=20)
    if pair.client == "mysql":
        assert pair.value(TARGET, "SELECT COUNT(*) FROM mysql.user WHERE User = '' AND Host = 'localhost';") == "1"


def test_clone_and_replica_use_tls_where_the_source_insists(mysql):
    mysql.fresh()
    configure(mysql, SOURCE, "require_secure_transport = ON")
    mysql.sql(SOURCE, DATA)
    mysql.migrate("-e", "migration_target_seed_method=auto").ok()
    assert mysql.state()["seed"]["method"] == "clone"


def test_without_performance_schema_no_clone_is_tried(mysql):
    mysql.fresh()
    for host in (SOURCE, TARGET):
        configure(mysql, host, "performance_schema = OFF")
    mysql.sql(SOURCE, DATA)
    run = mysql.migrate("-e", "migration_target_seed_method=auto").ok()
    assert "not clone: performance_schema is OFF on the target" in run.words
    assert mysql.state()["seed"]["method"] == "dump"


def test_a_redo_log_elsewhere_is_told_and_the_copy_is_a_dump(pair):
    pair.fresh()
    pair.sh(TARGET, f"systemctl stop {pair.client}; rm -rf /srv/redo; mkdir -p /srv/redo; chown mysql: /srv/redo; mv /var/lib/mysql/*innodb_redo /srv/redo/"
            " 2>/dev/null; mv /var/lib/mysql/ib_logfile* /srv/redo/ 2>/dev/null; true")  # fmt: skip
    configure(pair, TARGET, "innodb_log_group_home_dir = /srv/redo")
    pair.sql(SOURCE, DATA)
    run = pair.migrate(*ALLOWED, "-e", "migration_target_seed_method=auto").ok()
    assert "innodb_log_group_home_dir = /srv/redo" in run.words
    assert pair.state()["seed"]["method"] == "dump"
    assert pair.sql(TARGET, "SELECT COUNT(*) FROM shop.orders;") == [["2"]]


def test_files_outside_are_no_part_of_a_copy_of_files(mariadb):
    mariadb.fresh()
    for host in (SOURCE, TARGET):
        mariadb.sh(host, FOLDER)
    mariadb.sql(SOURCE, DATA + "CREATE TABLE shop.fast (id INT PRIMARY KEY) DATA DIRECTORY = '/srv/fast'; INSERT INTO shop.fast VALUES (7);")
    run = mariadb.migrate(*ALLOWED, "-e", "migration_target_seed_method=auto").ok()
    assert "files of tables lie outside the source's data directory: shop.fast (/srv/fast/shop/fast.ibd)" in run.words
    mariadb.sql(SOURCE, "ALTER TABLE shop.fast FORCE; INSERT INTO shop.fast VALUES (8);")
    until("the target has it", lambda: mariadb.sql(TARGET, "SELECT id FROM shop.fast ORDER BY 1;") == [["7"], ["8"]], seconds=20)
