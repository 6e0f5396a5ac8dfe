#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a server with data to migrate.

    load.py --endpoint FILE [--megabytes 500] [--tables 4] [--threads 2] [--without-odd]

Schema sbtest: tables of the shape that sysbench makes (sbtest1 …, key k_N over k), filled by the server itself. With
2 cores this is 1.3 to 2.5 times as fast as `sysbench prepare`, needs no package, and takes any account and password
(sysbench's option file cannot carry quotes, backslashes or # in one).
Schema odd: what real servers have beside plain tables, and migrations forget. With the accounts odd_app@% and
odd_owner@localhost and the role odd_reader.
Both schemas are made again. An endpoint FILE is the ledger's; the account needs all privileges with GRANT OPTION.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))

import pymysql  # noqa: E402
from ledger_files import Dialer, Failure, Login, read_login  # noqa: E402

#: A row with its share of the index, as files: 437 MB for 1,724,137 rows on MariaDB 10.11, 454 MB on MySQL 9.7.
BYTES_PER_ROW = 255
#: Rows in a statement: some MB of binary log, a second at most for a replica to fall behind.
BATCH = 10_000

TABLE = (
    "CREATE TABLE sbtest.sbtest{n} (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '',"
    " pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id)) ENGINE=InnoDB"
)
DIGITS = "(SELECT 0 AS d" + "".join(f" UNION ALL SELECT {digit}" for digit in range(1, 10)) + ")"
GROUP = "LPAD(FLOOR(RAND() * 100000000000), 11, '0')"
ROWS = (
    "INSERT INTO sbtest.sbtest{n} (k, c, pad) SELECT FLOOR(1 + RAND() * {size}), CONCAT_WS('-', " + ", ".join([GROUP] * 10) + "),"
    " CONCAT_WS('-', " + ", ".join([GROUP] * 5) + ")"
    f" FROM {DIGITS} t1, {DIGITS} t2, {DIGITS} t3, {DIGITS} t4 LIMIT {{count}}"
)

#: What is odd, in order. {password} is a random one. Both flavours understand all of it.
ODD = (
    "DROP DATABASE IF EXISTS odd",
    "DROP USER IF EXISTS odd_app@'%', odd_owner@localhost",
    "DROP ROLE IF EXISTS odd_reader",
    "CREATE DATABASE odd CHARACTER SET utf8mb4",
    "CREATE USER odd_owner@localhost IDENTIFIED BY '{password}'",
    "GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, TRIGGER, EVENT ON odd.* TO odd_owner@localhost",
    "CREATE TABLE odd.parent (id INT NOT NULL PRIMARY KEY, name VARCHAR(80) CHARACTER SET latin1 NOT NULL)",
    "CREATE TABLE odd.child (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, parent INT NOT NULL, at TIMESTAMP(6) NULL, amount DECIMAL(20,6),"
    " ratio DOUBLE, small FLOAT, flags BIT(9), kind ENUM('a#', 'b') NULL, tags SET('x', 'y'), doc JSON,"
    " net DECIMAL(20,6) GENERATED ALWAYS AS (amount * 0.8) STORED, gross DECIMAL(20,6) GENERATED ALWAYS AS (amount * 2) VIRTUAL,"
    " KEY by_net (net), CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES odd.parent (id) ON DELETE CASCADE)",
    "CREATE TABLE odd.audit (what VARCHAR(20) NOT NULL, child INT NOT NULL)",  # without a primary key
    "CREATE TABLE odd.`grüße an størk` (`schlüssel ``%s` VARCHAR(40) NOT NULL PRIMARY KEY, `wert` TEXT, place GEOMETRY)",
    "CREATE TABLE odd.files (id INT NOT NULL PRIMARY KEY, content LONGBLOB NOT NULL)",
    "CREATE TABLE odd.`order` (`select` INT NOT NULL, `from` VARCHAR(10) NOT NULL DEFAULT '', PRIMARY KEY (`select`, `from`))"
    " PARTITION BY HASH (`select`) PARTITIONS 3",
    "CREATE TABLE odd.empty_one (id INT NOT NULL PRIMARY KEY)",
    "CREATE DEFINER = odd_owner@localhost TRIGGER odd.child_in AFTER INSERT ON odd.child FOR EACH ROW"
    " INSERT INTO odd.audit VALUES ('insert', NEW.id)",
    "CREATE DEFINER = odd_owner@localhost SQL SECURITY DEFINER VIEW odd.totals AS"
    " SELECT p.name, SUM(c.amount) AS total FROM odd.parent p JOIN odd.child c ON c.parent = p.id GROUP BY p.name",
    "CREATE DEFINER = odd_owner@localhost PROCEDURE odd.add_child(IN p INT, IN a DECIMAL(20,6)) MODIFIES SQL DATA"
    " BEGIN INSERT INTO odd.child (parent, amount) VALUES (p, a); END",
    "CREATE DEFINER = odd_owner@localhost FUNCTION odd.twice(n INT) RETURNS INT DETERMINISTIC NO SQL RETURN n * 2",
    "CREATE DEFINER = odd_owner@localhost EVENT odd.nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO DELETE FROM odd.audit",
    "CREATE EVENT odd.sleeping ON SCHEDULE EVERY 1 HOUR DISABLE DO DELETE FROM odd.audit",
    "INSERT INTO odd.parent VALUES (1, 'Nord'), (2, 'Süd'), (3, 'O''Brien \\\\ #')",
    "INSERT INTO odd.child (parent, at, amount, ratio, small, flags, kind, tags, doc) VALUES"
    " (1, '2026-01-01 00:00:00.000001', 1.000001, 0.1, 1.2345678, b'101010101', 'a#', 'x,y', '{{\"a\": [1, null, \"ü\"]}}'),"
    " (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
    " (2, '1971-06-01 12:00:00', -49999999999999.999999, 1e300, 1e-30, b'0', 'b', '', '{{}}')",
    "CALL odd.add_child(3, 12.5)",
    "INSERT INTO odd.`grüße an størk` VALUES ('å', 'smörgåsbord 😀', ST_GeomFromText('POINT(10.75 59.91)')), ('', NULL, NULL)",
    "INSERT INTO odd.files VALUES (1, REPEAT(UNHEX('00FF0A0D275C1A23'), 524288)), (2, '')",
    "INSERT INTO odd.`order` VALUES (1, ''), (1, '#'), (2, 'x'), (7, '%s')",
    "CREATE USER odd_app@'%' IDENTIFIED BY '{password}'",
    "CREATE ROLE odd_reader",
    "GRANT SELECT ON odd.* TO odd_reader",
    "GRANT odd_reader TO odd_app@'%'",
    "GRANT INSERT, UPDATE ON odd.child TO odd_app@'%'",
    "GRANT SELECT (id, name), UPDATE (name) ON odd.parent TO odd_app@'%'",
    "GRANT EXECUTE ON PROCEDURE odd.add_child TO odd_app@'%'",
)


def sizes(megabytes: int, tables: int) -> list[int]:
    """Rows of each table."""
    rows = max(tables, megabytes * 1_000_000 // BYTES_PER_ROW)
    return [rows // tables + (number < rows % tables) for number in range(tables)]


def statements(number: int, size: int) -> Iterator[str]:
    """What makes and fills one table; the index comes last, sorted at once instead of row by row."""
    yield TABLE.format(n=number)
    for start in range(0, size, BATCH):
        yield ROWS.format(n=number, size=size, count=min(BATCH, size - start))
    yield f"CREATE INDEX k_{number} ON sbtest.sbtest{number} (k)"


def execute(login: Login, texts: Any) -> None:
    """Run statements on a connection of their own, without another copy of them in a client's hands."""
    connection = Dialer(10.0).open(login, autocommit=True)
    try:
        with connection.cursor() as cursor:
            for text in texts:
                cursor.execute(text)
    except pymysql.MySQLError as error:
        raise Failure(f"{login.address}: {error.args[0]} {error.args[-1]}") from None
    finally:
        connection.close()


def fill(login: Login, megabytes: int, tables: int, threads: int) -> int:
    """Make schema sbtest; return the number of rows."""
    execute(login, ("DROP DATABASE IF EXISTS sbtest", "CREATE DATABASE sbtest CHARACTER SET utf8mb4"))
    wanted = sizes(megabytes, tables)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(lambda pair: execute(login, statements(*pair)), enumerate(wanted, 1)))
    return sum(wanted)


def make_odd(login: Login) -> None:
    """Make schema odd. Nobody logs in by its accounts, so nobody is told their passwords."""
    execute(login, (text.format(password=secrets.token_hex(16)) for text in ODD))


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, and say how much and how fast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=500, help="on the server's disk; 0 for schema odd alone")
    parser.add_argument("--tables", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without-odd", action="store_true")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        login = read_login(given.endpoint)
        rows = fill(login, given.megabytes, given.tables, given.threads) if given.megabytes else 0
        if not given.without_odd:
            make_odd(login)
    except Failure as error:
        print(f"load: {error}", file=sys.stderr)
        return 2
    facts = {"rows": rows, "tables": given.tables, "megabytes": given.megabytes, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
