# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Onto a later series of MariaDB, by files and by rows, while writes go on: equal data, accounts that log in, the old collations."""

from __future__ import annotations

import json

from pairs import SOURCE, TARGET, until

#: An account of each way to log in, one with a role that is its default.
ACCOUNTS = """
INSTALL SONAME 'auth_ed25519';
CREATE ROLE reader;
GRANT SELECT ON shop.* TO reader;
CREATE USER modern@'%' IDENTIFIED VIA ed25519 USING PASSWORD('m0dern # pass');
CREATE USER classic@'%' IDENTIFIED BY 'classic # pass';
CREATE USER daemon@localhost IDENTIFIED VIA unix_socket;
GRANT INSERT, SELECT ON shop.* TO modern@'%', daemon@localhost;
GRANT reader TO classic@'%';
SET DEFAULT ROLE reader FOR classic@'%';
"""
#: Character sets without a collation, which mean another one to a server of 11 by itself.
COLLATIONS = """
CREATE DATABASE old CHARACTER SET utf8mb4;
CREATE TABLE old.plain (v VARCHAR(10) CHARACTER SET utf8mb4, u VARCHAR(10) CHARACTER SET utf8) DEFAULT CHARSET latin1;
CREATE TABLE old.made (a VARCHAR(10) CHARACTER SET latin1, b VARCHAR(30) CHARACTER SET utf8mb4 AS (CONVERT(a USING utf8mb4)) STORED, KEY (b));
CREATE FUNCTION old.echo(a VARCHAR(10) CHARACTER SET utf8mb4) RETURNS VARCHAR(10) CHARACTER SET utf8mb4 DETERMINISTIC RETURN a;
INSERT INTO old.made (a) VALUES ('x'), ('y');
"""
LATER = COLLATIONS.replace("old", "later")
HELD = """
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REPLACE(CHARACTER_SET_NAME, 'utf8mb3', 'utf8'), REPLACE(COLLATION_NAME, 'utf8mb3', 'utf8')
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ('old', 'later') ORDER BY 1, 2, 3;
SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
WHERE SCHEMA_NAME IN ('old', 'later') ORDER BY 1;
SELECT old.echo('z'), GROUP_CONCAT(b) FROM old.made;
"""
#: Transactions that come and go all the time, and one that stays open through the copy and never ends: half of its rows must not arrive.
WRITES = """
exec >/dev/null 2>&1
(echo "BEGIN; INSERT INTO shop.bulk4 (pad) SELECT 'never' FROM shop.bulk4; SELECT SLEEP(600);" | mariadb) &
for round in $(seq 2000); do
    echo "BEGIN; INSERT INTO shop.orders (note) VALUES ('$round'); UPDATE shop.bulk1 SET pad = REPEAT('$round', 90) WHERE id % 97 = $round % 97; COMMIT;"
done | mariadb -f
"""
#: Four tables of 2,000 rows. Not Pair.load's: 10.5 has no RANDOM_BYTES().
DATA = "CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200));" + "".join(
    f"CREATE TABLE bulk{number} (id INT AUTO_INCREMENT PRIMARY KEY, pad VARBINARY(1000));"
    f"INSERT INTO bulk{number} (pad) SELECT REPEAT(SHA2(RAND(), 512), 7) FROM seq_1_to_2000;"
    for number in (1, 2, 3, 4)
)
SUMS = "".join(f"SELECT COUNT(*), SUM(CRC32(pad)) FROM shop.bulk{number};" for number in (1, 2, 3, 4)) + (
    "SELECT COUNT(*), SUM(CRC32(note)), MAX(id) FROM shop.orders;"
)
LOGINS = {
    "modern": ("mariadb -h 127.0.0.1 -u modern -p'm0dern # pass'", "INSERT INTO shop.orders (note) VALUES ('modern')"),
    "classic": ("mariadb -h 127.0.0.1 -u classic -p'classic # pass'", "SELECT COUNT(*) FROM shop.orders"),
    "daemon": ("runuser -u daemon -- mariadb -u daemon", "INSERT INTO shop.orders (note) VALUES ('daemon')"),
}


#: What the target's owner allows.
BORROW = ("-e", json.dumps({"migration_target_seed_borrow_programs": ["mariadb-backup", "mariadbd"]}))


def prepare(pair) -> None:
    """Data, accounts and definitions on the source."""
    pair.fresh()
    pair.sql(SOURCE, DATA + ACCOUNTS + COLLATIONS)


def check(pair, method: str) -> None:
    """All arrived as it was, and goes on to."""
    assert pair.state()["seed"]["method"] == method
    pair.sql(SOURCE, LATER + "INSERT INTO shop.orders (note) VALUES ('while replicating');")
    until("the target has all rows", lambda: pair.sql(TARGET, SUMS) == pair.sql(SOURCE, SUMS), seconds=30)
    assert pair.sql(SOURCE, HELD) == pair.sql(TARGET, HELD)
    assert pair.value(TARGET, "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'nordbridge%';") == "0"
    grants = "SHOW GRANTS FOR modern@'%'; SHOW GRANTS FOR reader; SHOW GRANTS FOR daemon@localhost;"
    assert pair.sql(SOURCE, grants) == pair.sql(TARGET, grants)
    assert pair.value(TARGET, "SELECT default_role FROM mysql.user WHERE user = 'classic';") == "reader"
    assert pair.sql(TARGET, "CHECK TABLE shop.bulk1, shop.bulk4, old.made EXTENDED;")[-1][-1] == "OK"
    # Nothing of the copy is left, and nothing of the upgrade was replicated or is still to be done.
    assert pair.sh(TARGET, "ls -a /var/lib/mysql | grep nordbridge- || true; ls /var/lib/mysql_migration_programs 2>&1 | grep -v 'No such' || true") == ""
    pair.migrate("-e", f"migration_target_seed_method={method}", *BORROW).ok()
    pair.sql(TARGET, "SET GLOBAL read_only = OFF;")
    for name, (login, statement) in LOGINS.items():
        assert "ERROR" not in pair.sh(TARGET, f"{login} -e \"{statement}\" 2>&1", check=False), name


def test_files_are_taken_under_writes_and_upgraded(upgrade):
    prepare(upgrade)
    run = upgrade.migrate("-e", "migration_target_seed_method=auto", *BORROW)
    # Its binary log costs the source one restart, which the writers must not meet.
    until("the source logs", lambda: upgrade.sql(SOURCE, "SELECT @@log_bin;", check=False) == [["1"]], seconds=400)
    writer = upgrade.background(SOURCE, WRITES)
    run.ok()
    assert "COPY mariadb-backup" in run.words
    assert int(upgrade.value(SOURCE, "SELECT COUNT(*) FROM shop.orders;")) > 5, "nothing was written meanwhile"
    writer.terminate()
    upgrade.sh(SOURCE, "pkill -x mariadb || true")
    assert upgrade.value(SOURCE, "SELECT COUNT(*) FROM shop.bulk4 WHERE pad = 'never';") == "0"
    check(upgrade, "mariadb-backup")
    # The system tables are the new version's, by the upgrade program's own word.
    needed = upgrade.sh(TARGET, "mariadb-upgrade --check-if-upgrade-is-needed >/dev/null 2>&1; echo $?").strip()
    assert needed == "1", "an upgrade is still needed"


def test_rows_are_taken_where_files_are_not_wanted(upgrade):
    prepare(upgrade)
    upgrade.sql(TARGET, "INSTALL SONAME 'auth_ed25519';")
    # They could be copied: the source's programs are allowed here.
    upgrade.migrate("-e", "migration_target_seed_method=dump", *BORROW).ok()
    check(upgrade, "dump")
    assert upgrade.state()["seed"]["not_taken"]["mariadb-backup"] == "dump was asked for"


def test_without_its_program_the_dump_is_taken_and_the_plan_says_why(upgrade):
    prepare(upgrade)
    upgrade.sql(TARGET, "INSTALL SONAME 'auth_ed25519';")
    upgrade.sh(SOURCE, "mv /usr/bin/mariadb-backup /usr/bin/mariadb-backup.away")
    try:
        run = upgrade.migrate("-e", "migration_target_seed_method=auto", *BORROW, "--check").ok()
        assert "not mariadb-backup: the source lacks mariadb-backup (package mariadb-backup)" in run.words
        refused = upgrade.migrate("-e", "migration_target_seed_method=mariadb-backup", *BORROW)
        refused.failed("P12", "the method mariadb-backup cannot serve this pair: the source lacks mariadb-backup", "nothing was touched")
        assert upgrade.state() == {}
        assert upgrade.sh(SOURCE, "ls -d /var/lib/mysql_migration || true").strip() == ""
        run = upgrade.migrate("-e", "migration_target_seed_method=auto", *BORROW).ok()
    finally:
        upgrade.sh(SOURCE, "mv /usr/bin/mariadb-backup.away /usr/bin/mariadb-backup")
    assert upgrade.state()["seed"]["not_taken"]["mariadb-backup"].startswith("the source lacks mariadb-backup")
    check(upgrade, "dump")
