# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest queries and their comparison. That each type's values are told apart was shown on servers."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import (
    Refusal,
    ServerError,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify import (
    tables,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.tables import (
    Column,
    TableDigest,
)


def text(*columns):
    return tables.row_text([Column(*column) for column in columns])


def test_numbers_go_in_as_they_are():
    assert text(("id", "int", False), ("at", "timestamp", False)) == "CONCAT_WS(_binary'#', `id`, `at`)"


@pytest.mark.parametrize("kind", ["float", "double"])
def test_floats_go_in_with_all_their_digits(kind):
    assert text(("x", kind, False)) == "CONCAT_WS(_binary'#', `x` * 1e0)"


def test_bits_go_in_as_numbers():
    assert text(("x", "bit", False)) == "CONCAT_WS(_binary'#', `x` + 0)"


@pytest.mark.parametrize("kind", ["text", "longblob", "json", "geometry", "point", "vector", "tomorrows_type"])
def test_large_and_unknown_types_are_hashed_by_themselves(kind):
    assert text(("x", kind, False)) == "CONCAT_WS(_binary'#', SHA2(`x`, 256))"


def test_texts_tell_their_length_but_one():
    assert text(("a", "char", False), ("b", "varchar", False), ("c", "enum", False)) == (
        "CONCAT_WS(_binary'#', CAST(`a` AS BINARY), CAST(`b` AS BINARY), CAST(`c` AS BINARY), LENGTH(`b`), LENGTH(`c`))"
    )


def test_nulls_are_told():
    assert text(("a", "char", True), ("b", "int", True), ("c", "blob", True)) == (
        "CONCAT_WS(_binary'#', CAST(`a` AS BINARY), `b`, SHA2(`c`, 256), COALESCE(LENGTH(`a`), 'N'), CONCAT(ISNULL(`b`), ISNULL(`c`)))"
    )


def test_names_are_quoted():
    sql = tables.digest_sql("s`x", "t%s", [Column("a`; DROP", "int", False)])
    assert "FROM `s``x`.`t%s`" in sql and "`a``; DROP`" in sql


def test_condition():
    sql = tables.digest_sql("s", "t", [Column("a", "int", False)], "a = 1 OR a = 2")
    assert sql.endswith(" FROM `s`.`t` WHERE (a = 1 OR a = 2)")


class Connection:
    """Answers like a server with two schemas of users'."""

    name = "source (db:3306)"

    def __init__(self, sha="ca978112", packet="16777216", fail_on="no such text"):
        self.sha, self.packet, self.fail_on = sha, packet, fail_on
        self.sums, self.ran = {"`shop`.`orders`": (3, 12345), "`shop`.`empty`": (0, 0), "`blog`.`posts`": (1, 7)}, []

    def run(self, sql, args=None):
        self.ran.append(sql)

    def value(self, sql, args=None):
        return self.sha

    def variable(self, name):
        return {"max_allowed_packet": self.packet}[name]

    def variables(self, *names):
        return {"max_statement_time": "5"}

    def row(self, sql, args=None):
        if self.fail_on in sql:
            raise ServerError("gone", 2013)
        count, total = next(found for name, found in self.sums.items() if " FROM %s" % name in sql)
        return {"n": count, "s": total}

    def rows(self, sql, args=None):
        names = [("shop", "orders"), ("shop", "empty"), ("shop", "view"), ("blog", "posts"), ("nordbridge_migration", "heartbeat")]
        if ".TABLES" in sql:
            return [{"s": s, "t": t, "y": "VIEW" if t == "view" else "BASE TABLE"} for s, t in names]
        return [{"s": s, "t": t, "c": "id", "y": b"INT", "n": "NO"} for s, t in names]


class Flavour:
    def __init__(self, connection):
        self.connection = connection

    def user_schemas(self):
        return ["blog", "nordbridge_migration", "shop"]


def digests(connection=None, **options):
    return tables.digest_tables(Flavour(connection or Connection()), **options)


def test_all_users_tables_and_not_our_own():
    assert [digest.name for digest in digests()] == ["blog.posts", "shop.empty", "shop.orders"]


def test_schemas_and_exclude():
    assert [digest.name for digest in digests(schemas=["shop"], exclude=["shop.emp*"])] == ["shop.orders"]


def test_unknown_schema_is_refused():
    with pytest.raises(Refusal, match="shpo"):
        digests(schemas=["shpo"])


def test_condition_for_a_table_that_is_not_digested_is_refused():
    with pytest.raises(Refusal, match="shop.oders"):
        digests(where={"shop.oders": "1"})
    with pytest.raises(Refusal, match="shop.empty"):
        digests(where={"shop.empty": "1"}, exclude=["shop.empty"])


def test_digest_depends_on_sum_rows_and_columns():
    found = digests(schemas=["shop"])
    changed = Connection()
    changed.sums["`shop`.`orders`"] = (3, 12346)
    assert [one.digest == other.digest for one, other in zip(found, digests(changed, schemas=["shop"]))] == [True, False]
    one = tables.digest_table(Connection(), "shop", "orders", [Column("id", "int", False)])
    other = tables.digest_table(Connection(), "shop", "orders", [Column("nr", "int", False)])
    assert one.digest != other.digest and one.rows == 3 and len(one.digest) == 32


def test_session_prints_values_alike_everywhere_and_reads_one_snapshot():
    connection = Connection()
    digests(connection)
    assert "SET SESSION time_zone = '+00:00', sql_mode = ''" in connection.ran
    assert "SET SESSION max_statement_time = 0" in connection.ran
    assert connection.ran[-2:] == ["START TRANSACTION WITH CONSISTENT SNAPSHOT", "COMMIT"]


def test_snapshot_ends_on_an_error():
    connection = Connection(fail_on="`shop`.`empty`")
    with pytest.raises(ServerError):
        digests(connection)
    assert connection.ran[-1] == "COMMIT"


@pytest.mark.parametrize("options,message", [({"sha": None}, "SHA2"), ({"packet": "1024"}, "max_allowed_packet")])
def test_server_that_would_hash_nothing_is_refused(options, message):
    with pytest.raises(Refusal, match=message):
        digests(Connection(**options))


def test_compare():
    def side(*found):
        return [TableDigest("s", *each) for each in found]

    old = side(("same", 1, "a"), ("rows", 1, "a"), ("values", 1, "a"), ("gone", 0, "z"))
    new = side(("same", 1, "a"), ("rows", 2, "b"), ("values", 1, "b"), ("new", 0, "z"))
    result = tables.compare(old, new)
    assert (result["tables"], result["mismatched"]) == (5, 4)
    assert result["differences"] == ["s.gone", "s.new", "s.rows", "s.values"]
    assert result["why"]["s.rows"] == "1 rows on the source, 2 on the target"


def test_compare_equal():
    old = [TableDigest("s", "same", 1, "a")]
    assert tables.compare(old, old) == {"tables": 1, "mismatched": 0, "differences": [], "why": {}}
