# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences that are planted on a target: each in a table of its own, each must be found there, and nowhere else."""

from __future__ import annotations

import re
from typing import NamedTuple


class Planted(NamedTuple):
    """A table and what is done to it on the target alone.

    :param columns: its definition
    :param rows: what is inserted on the source
    :param change: what is done on the target; T stands for the table
    """

    columns: str
    rows: str
    change: str


NUMBERS = "(1, 10), (2, 20), (3, 30)"
KEYED = "id INT NOT NULL PRIMARY KEY, v %s"
BARE = "v %s"

PLANTED: dict[str, Planted] = {
    # --- rows ---
    "changed": Planted(KEYED % "INT", NUMBERS, "UPDATE T SET v = 21 WHERE id = 2"),
    "missing": Planted(KEYED % "INT", NUMBERS, "DELETE FROM T WHERE id = 3"),
    "first_missing": Planted(KEYED % "INT", NUMBERS, "DELETE FROM T WHERE id = 1"),
    "added": Planted(KEYED % "INT", NUMBERS, "INSERT INTO T VALUES (9, 90)"),
    "added_before": Planted(KEYED % "INT", NUMBERS, "INSERT INTO T VALUES (-1, 90)"),
    "emptied": Planted(KEYED % "INT", NUMBERS, "DELETE FROM T"),
    "of_none": Planted(KEYED % "INT", "", "INSERT INTO T VALUES (1, 1)"),
    "key_moved": Planted(KEYED % "INT", NUMBERS, "UPDATE T SET id = 7 WHERE id = 2"),
    "values_exchanged": Planted(KEYED % "INT", NUMBERS, "UPDATE T SET v = 30 - v + 10 WHERE id IN (1, 2)"),
    "columns_exchanged": Planted("id INT NOT NULL PRIMARY KEY, a INT, b INT", "(1, 5, 6)", "UPDATE T SET a = 6, b = 5"),
    # --- rows without a key ---
    "bare_changed": Planted(BARE % "INT", "(10), (20)", "UPDATE T SET v = 11 WHERE v = 10"),
    "pair_lost": Planted(BARE % "INT", "(7), (7), (8)", "DELETE FROM T WHERE v = 7"),
    "one_of_a_pair_lost": Planted(BARE % "INT", "(7), (7), (8)", "DELETE FROM T WHERE v = 7 LIMIT 1"),
    "pair_of_pairs": Planted(BARE % "INT", "(7), (7), (8), (8)", "UPDATE T SET v = 8 WHERE v = 7 LIMIT 1"),
    "unique_null": Planted("v INT UNIQUE", "(NULL), (NULL), (1)", "DELETE FROM T WHERE v IS NULL LIMIT 1"),
    # --- NULL, empty, zero ---
    "null_as_zero": Planted(KEYED % "INT", "(1, NULL)", "UPDATE T SET v = 0"),
    "null_as_empty": Planted(KEYED % "VARCHAR(9)", "(1, NULL)", "UPDATE T SET v = ''"),
    "null_as_word": Planted(KEYED % "VARCHAR(9)", "(1, NULL)", "UPDATE T SET v = 'NULL'"),
    "empty_as_blank": Planted(KEYED % "VARCHAR(9)", "(1, '')", "UPDATE T SET v = ' '"),
    "null_moved": Planted("id INT NOT NULL PRIMARY KEY, a VARCHAR(9), b VARCHAR(9)", "(1, NULL, 'x')", "UPDATE T SET a = 'x', b = NULL"),
    "null_blob": Planted(KEYED % "BLOB", "(1, NULL)", "UPDATE T SET v = ''"),
    # --- text ---
    "case": Planted(KEYED % "VARCHAR(9)", "(1, 'Olso')", "UPDATE T SET v = 'OLSO'"),
    "accent": Planted(KEYED % "VARCHAR(9)", "(1, 'e')", "UPDATE T SET v = _utf8mb4'é'"),
    "trailing_blank": Planted(KEYED % "VARCHAR(9)", "(1, 'a')", "UPDATE T SET v = 'a '"),
    "separator": Planted(
        "id INT NOT NULL PRIMARY KEY, a VARCHAR(9) NOT NULL, b VARCHAR(9) NOT NULL", "(1, 'x#y', 'z')", "UPDATE T SET a = 'x', b = 'y#z'"
    ),
    "case_of_a_key": Planted("id VARCHAR(9) NOT NULL PRIMARY KEY, v INT", "('a', 1), ('b', 2)", "UPDATE T SET id = 'A' WHERE id = 'a'"),
    "blank_of_a_key": Planted("id VARCHAR(9) NOT NULL PRIMARY KEY, v INT", "('a', 1), ('b', 2)", "UPDATE T SET id = 'a ' WHERE id = 'a'"),
    "last_byte": Planted(KEYED % "LONGTEXT", "(1, REPEAT('long', 100000))", "UPDATE T SET v = CONCAT(LEFT(v, 399999), 'x')"),
    "latin1": Planted(KEYED % "VARCHAR(9) CHARACTER SET latin1", "(1, 'ae')", "UPDATE T SET v = CONVERT(_utf8mb4'æ' USING latin1)"),
    "emoji": Planted(KEYED % "VARCHAR(9) CHARACTER SET utf8mb4", "(1, '?')", "UPDATE T SET v = _utf8mb4 0xF09F9882"),
    # --- bytes ---
    "zero_byte": Planted(KEYED % "VARBINARY(9)", "(1, 'a')", r"UPDATE T SET v = 'a\0'"),
    "binary_key": Planted("id BINARY(4) NOT NULL PRIMARY KEY, v INT", "(0x00010203, 1), (0xFFFEFDFC, 2)", "UPDATE T SET v = 3 WHERE id = 0xFFFEFDFC"),
    "blob": Planted(KEYED % "LONGBLOB", "(1, REPEAT(0x00FF, 70000))", "UPDATE T SET v = CONCAT(v, 0x00)"),
    "bits": Planted(KEYED % "BIT(9)", "(1, b'100000000')", "UPDATE T SET v = b'000000001'"),
    # --- numbers ---
    "unsigned": Planted(KEYED % "BIGINT UNSIGNED", "(1, 18446744073709551615)", "UPDATE T SET v = v - 1"),
    "decimal": Planted(KEYED % "DECIMAL(30, 10)", "(1, 1.0000000001)", "UPDATE T SET v = 1.0000000002"),
    "float": Planted(KEYED % "FLOAT", "(1, 1.0000001)", "UPDATE T SET v = 1.0000002"),
    "double": Planted(KEYED % "DOUBLE", "(1, 0.1)", "UPDATE T SET v = 0.1 + 2e-17"),
    "denormal": Planted(KEYED % "DOUBLE", "(1, 0)", "UPDATE T SET v = 5e-324"),
    "float_key": Planted("id FLOAT NOT NULL PRIMARY KEY, v INT", "(0.1, 1), (0.2, 2)", "UPDATE T SET v = 3 WHERE v = 2"),
    # --- times ---
    "microseconds": Planted(KEYED % "DATETIME(6)", "(1, '2026-01-01 00:00:00.000001')", "UPDATE T SET v = '2026-01-01 00:00:00.000002'"),
    "hour_of_change": Planted(
        KEYED % "TIMESTAMP NULL", "(1, FROM_UNIXTIME(1792890000))", "UPDATE T SET v = FROM_UNIXTIME(1792893600)"
    ),
    "timestamp_key": Planted(
        "id TIMESTAMP NOT NULL PRIMARY KEY, v INT", "(FROM_UNIXTIME(1792890000), 1), (FROM_UNIXTIME(1792893600), 2)", "UPDATE T SET v = 3 WHERE v = 2"
    ),
    "negative_time": Planted(KEYED % "TIME(3)", "(1, '-00:00:01.500')", "UPDATE T SET v = '00:00:01.500'"),
    "year": Planted(KEYED % "YEAR", "(1, 2026)", "UPDATE T SET v = 1926"),
    # --- others ---
    "json": Planted(KEYED % "JSON", """(1, '{"a": 1}')""", """UPDATE T SET v = '{"a": 1.5}'"""),
    "enum": Planted(KEYED % "ENUM('a', 'b')", "(1, 'a')", "UPDATE T SET v = 'b'"),
    "enum_key": Planted("id ENUM('z', 'a') NOT NULL PRIMARY KEY, v INT", "('z', 1), ('a', 2)", "UPDATE T SET v = 3 WHERE id = 'a'"),
    "set_of": Planted(KEYED % "SET('a', 'b')", "(1, 'a,b')", "UPDATE T SET v = 'b'"),
    "long_key": Planted(
        ", ".join(f"c{n} INT NOT NULL" for n in range(16)) + ", v INT, PRIMARY KEY (" + ", ".join(f"c{n}" for n in range(16)) + ")",
        "(" + ", ".join(["1"] * 16) + ", 1), (" + ", ".join(["1"] * 15 + ["2"]) + ", 2)",
        "UPDATE T SET v = 3 WHERE c15 = 2",
    ),
    "odd`name %s {{ x }}": Planted("`i%d` INT NOT NULL PRIMARY KEY, `v``%s` INT", "(1, 2)", "UPDATE T SET `v``%s` = 3"),
    # --- tables ---
    "gone": Planted(KEYED % "INT", NUMBERS, "DROP TABLE T"),
    "only_here": Planted("", "", "CREATE TABLE T (id INT NOT NULL PRIMARY KEY)"),
    "column_added": Planted(KEYED % "INT", NUMBERS, "ALTER TABLE T ADD COLUMN extra INT"),
    "column_renamed": Planted(KEYED % "INT", NUMBERS, "ALTER TABLE T CHANGE COLUMN v w INT"),
}  # fmt: skip


def quoted(name: str) -> str:
    """A table's name in a statement."""
    return "planted.`%s`" % name.replace("`", "``")


def schema_sql() -> str:
    """The tables and their rows, for the source."""
    lines = ["CREATE DATABASE planted CHARACTER SET utf8mb4; SET SESSION time_zone = '+00:00';"]
    for name, one in PLANTED.items():
        if one.columns:
            lines.append(f"CREATE TABLE {quoted(name)} ({one.columns});")
        if one.rows:
            lines.append(f"INSERT INTO {quoted(name)} VALUES {one.rows};")
    return "\n".join(lines)


def changes_sql() -> str:
    """The changes, for the target: in no binary log."""
    lines = ["SET SESSION sql_log_bin = 0, time_zone = '+00:00', sql_mode = '';"]
    lines += [re.sub(r"\bT\b", lambda _match, name=name: quoted(name), one.change, count=1) + ";" for name, one in PLANTED.items()]
    return "\n".join(lines)
