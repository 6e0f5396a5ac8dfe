# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan names who could write on the fenced source, before anything is touched."""

from __future__ import annotations

import json

import pytest
from pairs import SOURCE, Pair, until

PREPARED = """
CREATE DATABASE shop; CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20));
CREATE USER boss@localhost IDENTIFIED BY 'Boss-Pass-1'; GRANT ALL ON *.* TO boss@localhost;
CREATE USER app@localhost IDENTIFIED BY 'App-Pass-1'; GRANT SELECT, INSERT, EXECUTE ON shop.* TO app@localhost;
CREATE ROLE ops; GRANT %s ON *.* TO ops; CREATE USER ann@localhost IDENTIFIED BY 'Ann-Pass-1'; GRANT ops TO ann@localhost;
CREATE DEFINER = boss@localhost PROCEDURE shop.note() INSERT INTO shop.orders (note) VALUES ('lent');
CREATE DEFINER = app@localhost PROCEDURE shop.plain() INSERT INTO shop.orders (note) VALUES ('own');
"""
BY_ROLE = {"mariadb": "READ_ONLY ADMIN", "mysql": "SYSTEM_VARIABLES_ADMIN"}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def pair(request) -> Pair:
    """A source with accounts of each kind, and sessions of three of them."""
    found = request.getfixturevalue(request.param)
    found.sql(SOURCE, PREPARED % BY_ROLE[found.client])
    found.sql(SOURCE, "SET GLOBAL init_connect = 'SET @seen = 1';")
    return found


def test_who_could_write_is_named(pair):
    sleeping = [pair.background(SOURCE, f"{pair.client} -u{who} -p{word} -e 'DO SLEEP(3000)'") for who, word in (
        ("boss", "Boss-Pass-1"), ("ann", "Ann-Pass-1"), ("app", "App-Pass-1"),
    )]  # fmt: skip
    try:
        count = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER IN ('boss', 'ann', 'app');"
        until("they are there", lambda: pair.value(SOURCE, count) == "3")
        run = pair.migrate("--check").ok()
        assert "[W] P70 [source] 2 sessions are open on the source" in run.words, run.tail
        for words in ("boss@localhost (", "ann@localhost (", "busy for", "1 routine or event", "shop.note (procedure of boss@localhost)"):
            assert words in run.words, (words, run.tail)
        assert "app@localhost" not in run.words and "shop.plain" not in run.words
        assert "[W] P74 [source] init_connect is set at the source (13 characters)" in run.words
        waived = pair.migrate("--check", "-e", json.dumps({"waive": ["P70", "P72", "P74"]})).ok()
        assert "[N] P70" in waived.words and "[N] P72" in waived.words and "[W] P70" not in waived.words
    finally:
        for process in sleeping:
            process.terminate()
            process.wait(20)
        pair.sql(SOURCE, "SET GLOBAL init_connect = '';")


def test_who_wrote_as_an_administrator_is_known_where_the_server_counts(pair):
    if pair.client == "mariadb":
        pair.sql(SOURCE, "SET GLOBAL userstat = ON;")
    pair.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('by root');")
    run = pair.migrate("--check").ok()
    assert "[W] P71 [source] since the source's start rows were written" in run.words and "root" in run.words.partition("P71")[2][:300]


def test_a_server_that_asks_for_no_logins_is_refused(pair):
    folder = "/etc/mysql/mariadb.conf.d" if pair.client == "mariadb" else "/etc/mysql/mysql.conf.d"
    pair.sh(SOURCE, f"printf '[mysqld]\\nskip-grant-tables\\n' > {folder}/zz-open.cnf; systemctl restart {pair.client}")
    try:
        pair.migrate("--check").failed("P73 [source] the source runs with skip-grant-tables", "restart it without")
    finally:
        pair.sh(SOURCE, f"rm {folder}/zz-open.cnf; systemctl restart {pair.client}")
