# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables compared range by range. Two databases in memory stand for the servers: the queries are real ones, the hash is CRC-32."""

from __future__ import annotations

import datetime
import decimal
import itertools
import random
import sqlite3
import zlib
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify import chunks, compare, results
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.chunks import Key, key_of, next_rows, within
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.compare import Comparison
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.definitions import why_unequal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.differences import Table
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.record import (
    not_equal_reason,
    not_verified_reason,
    warnings_of,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.results import Results, TableResult, from_json, to_json
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.strength import STRENGTHS
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.tables import Column


class Server:
    """A server's connection, as far as comparing needs it."""

    def __init__(self):
        self.raw = sqlite3.connect(":memory:", check_same_thread=False)
        self.raw.row_factory = sqlite3.Row
        self.raw.create_function("CRC32", 1, lambda text: None if text is None else zlib.crc32(str(text).encode()))
        self.raw.create_function("MOD", 2, lambda one, other: one % other)
        self.raw.create_function("IS_NULL", 1, lambda one: int(one is None))
        self.raw.create_function("CONCAT_WS", -1, lambda by, *all: by.join(str(one) for one in all if one is not None))
        self.raw.create_function("CONCAT", -1, lambda *all: "".join(str(one) for one in all))
        self.raw.execute("ATTACH ':memory:' AS shop")
        self.asked = []
        self.fails = {}

    def rows(self, sql, args=None):
        self.asked.append(sql)
        for text, error in list(self.fails.items()):
            if text in sql:
                del self.fails[text]
                raise error
        plain = sql.replace("_binary'#'", "'#'").replace("ISNULL(", "IS_NULL(")
        plain = plain % (("?",) * len(args)) if args else plain
        return [dict(row) for row in self.raw.execute(plain, tuple(args or ())).fetchall()]

    def row(self, sql, args=None):
        return next(iter(self.rows(sql, args)), {})


class Sessions:
    """Both servers; a later moment is the same, but for what the test does to it."""

    def __init__(self, source, target, later=lambda: None):
        self.pair = SimpleNamespace(source=source, target=target)
        self.renewals = 0
        self.later = later

    def current(self):
        return self.pair

    def renewed(self):
        self.renewals += 1
        self.later()
        return self.pair


@pytest.fixture
def servers():
    """Two equal ones."""
    both = Server(), Server()
    for server in both:
        server.raw.execute("CREATE TABLE shop.t (a INT, b INT, v TEXT, PRIMARY KEY (a, b))")
        server.raw.executemany("INSERT INTO shop.t VALUES (?, ?, ?)", [(n // 7, n % 7, "v%d" % n) for n in range(1000)])
        server.raw.execute("CREATE TABLE shop.bare (v INT)")
        server.raw.executemany("INSERT INTO shop.bare VALUES (?)", [(n % 10,) for n in range(100)])
    return both


COLUMNS = (Column("a", "int", False), Column("b", "int", False), Column("v", "varchar", True))
T = Table("shop", "t", COLUMNS, key_of(["a", "b"], COLUMNS))
BARE = Table("shop", "bare", (Column("v", "int", True),), Key((), ()))
RESULTS = itertools.count()


@pytest.fixture
def found(servers, tmp_path, monkeypatch):
    """Compares, in small ranges."""
    monkeypatch.setattr(compare, "FIRST_ROWS", 30)
    monkeypatch.setattr(compare, "next_rows", lambda _rows, _seconds: 30)

    def run(table=T, reread=None, later=lambda: None, **more):
        folder = tmp_path / str(next(RESULTS))
        folder.mkdir()
        sessions = Sessions(*servers, later)
        comparison = Comparison(sessions, STRENGTHS["crc"], Results(str(folder), {}, 3600), reread or (lambda _s, _t: table), **more)
        return comparison.compare(table), sessions

    return run


def test_equal_tables(found):
    result, sessions = found()
    assert result.equal and result.rows == 1000 and result.ranges == 34 and result.at is None
    assert sessions.renewals == 0


@pytest.mark.parametrize(
    ("sql", "differences"),
    [
        ("UPDATE shop.t SET v = 'x' WHERE a = 3 AND b = 3", {"changed": 1}),
        ("UPDATE shop.t SET v = NULL WHERE a = 0 AND b = 0", {"changed": 1}),
        ("DELETE FROM shop.t WHERE a = 142", {"missing on the target": 6}),
        ("INSERT INTO shop.t VALUES (-1, 0, 'n'), (999, 0, 'n')", {"only on the target": 2}),
        ("UPDATE shop.t SET a = 999 WHERE a = 5 AND b = 6", {"missing on the target": 1, "only on the target": 1}),
        ("DELETE FROM shop.t", {"missing on the target": 1000}),
    ],
)
def test_rows_that_differ_are_counted_by_their_kind(found, servers, sql, differences):
    servers[1].raw.execute(sql)
    result, sessions = found()
    assert result.differences == differences and result.done and not result.equal
    assert sessions.renewals == 1


def test_each_row_of_a_table_is_in_exactly_one_range(servers):
    draw = random.Random(5)
    table, columns = "shop.t", ["a", "b"]
    for _attempt in range(200):
        border = (draw.randrange(-1, 145), draw.randrange(-1, 8))
        counts = []
        for after, until in ((None, border), (border, None)):
            where, values = within(columns, after, until)
            counts.append(servers[0].row("SELECT COUNT(*) AS n FROM %s WHERE %s" % (table, where), values)["n"])
        expected = sum(1 for n in range(1000) if (n // 7, n % 7) <= border)
        assert counts == [expected, 1000 - expected]


@pytest.mark.parametrize(
    ("sql", "differences"),
    [
        ("DELETE FROM shop.bare WHERE v = 7", {"missing on the target": 10}),
        ("DELETE FROM shop.bare WHERE rowid = 1", {"missing on the target": 1}),
        ("UPDATE shop.bare SET v = 99 WHERE rowid = 1", {"missing on the target": 1, "only on the target": 1}),
        ("INSERT INTO shop.bare VALUES (7), (7)", {"only on the target": 2}),
    ],
)
def test_without_a_key_rows_are_counted_by_their_hash(found, servers, sql, differences):
    servers[1].raw.execute(sql)
    assert found(BARE)[0].differences == differences


def test_what_is_equal_at_a_later_position_is_no_difference(found, servers):
    servers[1].raw.execute("UPDATE shop.t SET v = 'x' WHERE a = 3 AND b = 3")
    result, _sessions = found(later=lambda: servers[1].raw.execute("UPDATE shop.t SET v = 'v24' WHERE a = 3 AND b = 3"))
    assert result.equal


def test_too_many_differences_are_not_all_looked_at_again(found, servers, monkeypatch):
    monkeypatch.setattr(compare, "MOST_KEYS", 10)
    servers[1].raw.execute("UPDATE shop.t SET v = 'x'")
    assert found()[0].differences == {"changed": 10, compare.UNCONFIRMED: 20}


def test_a_table_that_is_altered_is_begun_anew(found, servers):
    servers[0].fails["OFFSET"] = servers[1].fails["COUNT"] = ServerError("altered", 1412)
    result, sessions = found()
    assert result.equal and result.rows == 1000 and sessions.renewals == 1


@pytest.mark.parametrize(
    ("told", "why"), [("it is missing on the target", "it is missing on the target"), (None, "it was altered 4 times while it was compared")]
)
def test_a_table_that_cannot_be_compared_any_more_is_no_success(found, servers, told, why):
    def again(_schema, _table):
        servers[1].fails["COUNT"] = ServerError("altered", 1412)
        return told or T

    again("shop", "t")
    result, _sessions = found(reread=again)
    assert result.why == why and not result.equal and result.uncomparable is (told is None)


def test_another_error_is_not_hidden(found, servers):
    servers[1].fails["COUNT"] = ServerError("gone", 2013)
    with pytest.raises(ServerError, match="gone"):
        found()


def test_an_engine_without_snapshots_is_named(found, servers):
    servers[1].raw.execute("DELETE FROM shop.t WHERE a = 0")
    result, sessions = found(Table(T.schema, T.name, T.columns, T.key, "myisam"))
    assert "its engine (myisam) keeps no snapshots" in result.why and result.uncomparable
    assert sessions.renewals == 2 * compare.BEGINNINGS


def test_who_carries_on_begins_behind_what_is_compared(servers, tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "FIRST_ROWS", 30)
    monkeypatch.setattr(compare, "next_rows", lambda _rows, _seconds: 30)
    monkeypatch.setattr(results, "EVERY_SECONDS", -1.0)
    calls = iter(range(1000))

    def dies():
        if next(calls) == 10:
            raise KeyboardInterrupt

    kept = Results(str(tmp_path), {"strength": "crc"}, 3600)
    with pytest.raises(KeyboardInterrupt):
        Comparison(Sessions(*servers), STRENGTHS["crc"], kept, lambda _s, _t: T, before=dies).compare(T)
    again = Results(str(tmp_path), {"strength": "crc"}, 3600)
    assert again.tables["shop.t"].rows == 300 and not again.tables["shop.t"].done
    result = Comparison(Sessions(*servers), STRENGTHS["crc"], again, lambda _s, _t: T).compare(T)
    assert result.equal and result.rows == 1000 and result.ranges == 34
    # Another strength, another copy: another verification. And what is old is compared again.
    assert not Results(str(tmp_path), {"strength": "sha"}, 3600).tables
    assert not Results(str(tmp_path), {"strength": "crc"}, 0).tables


def test_what_differed_before_a_crash_is_compared_from_the_beginning(servers, tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "FIRST_ROWS", 30)
    monkeypatch.setattr(compare, "next_rows", lambda _rows, _seconds: 30)
    monkeypatch.setattr(results, "EVERY_SECONDS", -1.0)
    servers[1].raw.execute("UPDATE shop.t SET v = 'x' WHERE a = 0 AND b = 0")
    calls = iter(range(1000))

    def dies():
        if next(calls) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Comparison(Sessions(*servers), STRENGTHS["crc"], Results(str(tmp_path), {}, 3600), lambda _s, _t: T, before=dies).compare(T)
    assert "shop.t" not in Results(str(tmp_path), {}, 3600).tables


@pytest.mark.parametrize(
    ("primary", "types", "divided"),
    [
        (["id"], ["int"], ("id",)),
        ([], ["int"], ()),
        (["id"], ["double"], ()),
        (["id"], ["enum"], ()),
        (["id", "v"], ["int", "enum"], ("id",)),
        # One row of such a key cannot be named: nothing would be confirmed.
        (["id", "v"], ["int", "float"], ()),
        (["id", "v"], ["binary", "varchar"], ("id", "v")),
        (["id", "v", "w", "x"], ["int"] * 4, ("id", "v", "w")),
    ],
)
def test_a_table_is_divided_by_what_orders_alike_everywhere(primary, types, divided):
    columns = [Column(name, kind, False) for name, kind in zip(["id", "v", "w", "x"], types)]
    assert key_of(primary, columns) == Key(divided, tuple(primary))


def test_names_with_percent_signs_are_no_places_for_values(servers):
    for server in servers:
        server.raw.execute("CREATE TABLE shop.`t%s` (`i%d` INT PRIMARY KEY, `v%%` INT)")
        server.raw.executemany("INSERT INTO shop.`t%s` VALUES (?, ?)", [(n, n) for n in range(10)])
    columns = (Column("i%d", "int", False), Column("v%%", "int", True))
    sql, values = chunks.border_sql("shop", "t%s", ["i%d"], (2,), 3)
    assert servers[0].row(sql, values) == {"i%d": 5}
    where, values = within(["i%d"], (2,), (5,))
    assert servers[0].row(STRENGTHS["crc"].digest_sql("shop", "t%s", columns, where), values)["n"] == 3
    sql, values = chunks.border_sql("shop", "t%s", ["i%d"], None, 3)
    assert servers[0].row(sql, values or None) == {"i%d": 2}


@pytest.mark.parametrize(
    ("rows", "seconds", "wanted"), [(5000, 1.0, 5000), (5000, 0.001, 20_000), (5000, 100.0, 1250), (600, 100.0, 500), (400_000, 0.1, 500_000)]
)
def test_a_range_grows_and_shrinks_with_its_time(rows, seconds, wanted):
    assert next_rows(rows, seconds) == wanted


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (7, 7), ("text", "text"), (b"\x00\xff", b"\x00\xff"), (decimal.Decimal("1.50"), decimal.Decimal("1.50")),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02 03:04:05.000006"), (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.timedelta(hours=-26, seconds=-1.5), "-26:00:01.500000"), (datetime.timedelta(hours=838, minutes=59), "838:59:00.000000"),
    ],
)  # fmt: skip
def test_a_border_survives_the_file(value, read):
    result = TableResult("t")
    result.stand((value,))
    assert from_json(to_json(value)) == read and result.border == (read,)


def test_columns_that_differ_are_named():
    id_, v, w = (Column(name, "int", False) for name in ("id", "v", "w"))
    assert why_unequal([id_, v], [id_, v]) == ""
    assert why_unequal([id_, v], None) == "it is missing on the target" and why_unequal(None, [id_]) == "it is only on the target"
    assert why_unequal([id_, v], [id_, w]) == "its columns differ: v, w"
    assert why_unequal([id_, v], [v, id_]) == "its columns differ: they are in another order"
    assert why_unequal([v], [Column("v", "int", True)]) == "its columns differ: v"


@pytest.mark.parametrize("name", ["sha", "crc"])
def test_large_columns_go_in_by_the_strength_s_own_hash(name):
    sql = STRENGTHS[name].digest_sql("s", "t", [Column("x", "longtext", False)])
    assert {"sha": "SHA2(`x`, 256)", "crc": "CRC32(`x`)"}[name] in sql and ("SHA2" in sql) is (name == "sha")
    assert "2^64" in STRENGTHS["sha"].odds() and "2^32" in STRENGTHS["crc"].odds()


def test_what_could_not_be_compared_is_a_warning_of_the_cutover():
    record = {"since": 1000.0, "unequal": {}, "uncompared": {"shop.m": "its engine"}}
    assert "shop.m (its engine)" in warnings_of({"verification": record})["data_not_compared"]
    assert warnings_of({"verification": {**record, "uncompared": {}}}) == {} and warnings_of({})


def test_what_the_journal_s_record_means():
    record = {"since": 1000.0, "unequal": {}, "tables": 3}
    assert not_verified_reason(None, 0).startswith("there is no record") and not_verified_reason(record, 0, now=10**9) == ""
    assert not_verified_reason(record, 3600, now=1000 + 3599) == ""
    assert "began 2.0 h ago; the limit is 1.0 h" in not_verified_reason(record, 3600, now=1000 + 7200)
    assert not_equal_reason(None) == not_equal_reason(record) == ""
    unequal = {"shop.t%d" % n: "1 row changed" for n in range(7)}
    words = not_equal_reason({**record, "unequal": unequal})
    assert "shop.t0 (1 row changed)" in words and "and 2 more" in words
