# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How strong a comparison is: the expression that a server computes for the rows of a range, and what it can miss.

Both count the rows and add up a hash of each. A sum asks for no order, and does not lose pairs of equal rows as XOR does.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .chunks import with_condition
from .tables import LARGE, Column, quoted, row_text


@dataclass(frozen=True)
class Strength:
    """A hash of a row, as the servers compute it.

    :param row: the hash of a row's text {0}, an unsigned number
    :param large: how a large column {0} (TEXT, BLOB, JSON, geometry) goes into a row's text
    :param bits: of the hash: a random change in one row is missed once in 2^bits
    :param against: what it is good against
    """

    name: str
    row: str
    large: str
    bits: int
    against: str

    def hash_of(self, columns: t.Sequence[Column]) -> str:
        """The expression for one row's hash."""
        return self.row.format(row_text(columns, self.large))

    def digest_sql(self, schema: str, table: str, columns: t.Sequence[Column], where: str = "") -> str:
        """The aggregate query: n rows, and s, the sum of their hashes.

        :param where: a condition in SQL, its values as %s
        """
        sql = "SELECT COUNT(*) AS n, COALESCE(SUM(%s), 0) AS s FROM %s" % (self.hash_of(columns), quoted(schema, table))
        return with_condition(sql, where)

    def rows_sql(self, schema: str, table: str, columns: t.Sequence[Column], key: t.Sequence[str], where: str = "") -> str:
        """The query for each row's key and hash h."""
        names = ", ".join(quoted(name) for name in key)
        return with_condition("SELECT %s, %s AS h FROM %s" % (names, self.hash_of(columns), quoted(schema, table)), where)

    def counts_sql(self, schema: str, table: str, columns: t.Sequence[Column]) -> str:
        """The query for a table without a key: how often each hash h occurs, n, as far as h lies in one of 256 parts."""
        sql = "SELECT %s AS h, COUNT(*) AS n FROM %s" % (self.hash_of(columns), quoted(schema, table))
        return with_condition(sql, "MOD(%s, 256) = %%s" % self.hash_of(columns).replace("%", "%%"), " GROUP BY h")

    def parts_sql(self, schema: str, table: str, columns: t.Sequence[Column]) -> str:
        """The digest of each of 256 parts p of a table, by its rows' hashes."""
        one = self.hash_of(columns)
        return "SELECT MOD(%s, 256) AS p, COUNT(*) AS n, SUM(%s) AS s FROM %s GROUP BY p" % (one, one, quoted(schema, table))

    def odds(self) -> str:
        """The probability that one changed row is not seen, in words."""
        return "one changed row is missed once in 2^%d; %s" % (self.bits, self.against)


#: sha is the default of a record; crc costs about half on the servers and is for a quick look. SHA2() is the one cryptographic hash that
#: all supported servers have: MySQL 9.7 has no MD5() and SHA1() any more.
STRENGTHS = {
    one.name: one
    for one in (
        Strength("sha", "CAST(CONV(LEFT(SHA2({0}, 256), 16), 16, 10) AS UNSIGNED)", LARGE, 64, "64 bits of SHA-256, also against a forger"),
        Strength("crc", "CRC32({0})", "CRC32({0})", 32, "CRC-32, against accidents alone"),
    )
}
