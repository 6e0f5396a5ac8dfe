# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""One table compared, range by range, in pairs of snapshots that are renewed on the way."""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .._errors import ServerError
from .._server.connection import Connection
from .aligned import Pair
from .chunks import FIRST_ROWS, Border, border_sql, next_rows, within
from .differences import Sides, Table, differing_counts, differing_rows, still_differing
from .results import Results, TableResult
from .strength import Strength

# The table was altered, dropped or made again since the snapshot: ER_TABLE_DEF_CHANGED, ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR.
ALTERED = frozenset((1412, 1146, 1054))
#: How often a table that was altered on the way is started over.
BEGINNINGS = 4
#: Rows that are looked at again by their keys before they count as different; of more, the first ones decide.
MOST_KEYS = 2_000
UNCONFIRMED = "differed at one position, and were not looked at again"
#: Engines whose rows a snapshot does not hold still.
SNAPSHOT_ENGINES = frozenset(("innodb", "rocksdb", "tokudb"))


class Pairs(t.Protocol):
    """Where the sessions come from."""

    def current(self) -> Pair:
        """A pair that is not too old."""

    def renewed(self) -> Pair:
        """A pair of a later moment."""


class Comparison:
    """Compares tables.

    :param reread: reads a table's definition on both servers again; a text where it cannot be compared any more
    :param before: is called before each range: it waits where the servers need it
    :param kept: is called with each range's rows
    """

    def __init__(
        self,
        pairs: Pairs,
        strength: Strength,
        results: Results,
        reread: t.Callable[[str, str], t.Union[Table, str]],
        before: t.Callable[[], None] = lambda: None,
        kept: t.Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._pairs, self._strength, self._results = pairs, strength, results
        self._reread, self._before, self._kept = reread, before, kept

    def compare(self, table: Table) -> TableResult:
        """Compare a table; one that is altered meanwhile is started over."""
        found, reason = t.cast("Table | str", table), ""
        for beginning in range(BEGINNINGS):
            if isinstance(found, str):
                break
            result = self._results.begin(table.full, again=beginning > 0)
            try:
                self._whole(found, result)
                if not result.differences or found.engine in SNAPSHOT_ENGINES:
                    return result
                reason = "its engine (%s) keeps no snapshots, and it was written to: compare it when nobody writes" % found.engine
            except ServerError as error:
                if error.errno not in ALTERED:
                    raise
                reason = "it was altered %d times while it was compared" % BEGINNINGS
            self._pairs.renewed()
            found = self._reread(table.schema, table.name)
        result = self._results.begin(table.full, again=True)
        result.why = found if isinstance(found, str) else reason
        result.uncomparable = not isinstance(found, str) and bool(reason)
        result.done = True
        self._results.save()
        return result

    def _whole(self, table: Table, result: TableResult) -> None:
        began, rows = time.monotonic(), FIRST_ROWS
        after = result.border if table.key.divides else None
        pending: dict[Border, str] = {}
        unequal = False
        while True:
            self._before()
            pair = self._pairs.current()
            until = self._border(pair.target, table, after, rows) if table.key.divides else None
            where, values = within(table.key.columns, after, until)
            clock = time.monotonic()
            number, equal = self._range(pair, table, where, values)
            rows = next_rows(rows, time.monotonic() - clock)
            if not equal:
                unequal = True
                if table.key.divides and len(pending) < MOST_KEYS:
                    pending.update(differing_rows(Sides(pair.source, pair.target), table, self._strength, where, values))
            result.rows, result.ranges = result.rows + number, result.ranges + 1
            # What differs is not known to who carries on.
            result.stand(until if not unequal else None)
            self._kept(number)
            if until is None:
                break
            self._results.save()
            after = until
        if unequal:
            result.differences = dict(self._confirmed(table, pending))
        result.seconds, result.done = round(result.seconds + time.monotonic() - began, 3), True
        result.stand(None)
        self._results.save()

    def _border(self, target: Connection, table: Table, after: Border | None, rows: int) -> Border | None:
        """Where the next range ends. On the target: the source has other work."""
        row = target.row(*_bound(border_sql(table.schema, table.name, table.key.columns, after, rows)))
        border = tuple(row[name] for name in table.key.columns) if row else None
        # Where a NULL-like or unordered value came back nothing would be gained by it.
        return border if border != after else None

    def _range(self, pair: Pair, table: Table, where: str, values: list) -> tuple[int, bool]:
        """The number of the target's rows in a range, and whether both sides hold the same; both at once."""
        sql = self._strength.digest_sql(table.schema, table.name, table.columns, where)
        with ThreadPoolExecutor(max_workers=1) as pool:
            other = pool.submit(pair.source.row, sql, values or None)
            here = pair.target.row(sql, values or None)
            there = other.result()
        return int(here["n"]), (int(here["n"]), int(here["s"])) == (int(there["n"]), int(there["s"]))

    def _confirmed(self, table: Table, pending: dict[Border, str]) -> Counter:
        """What differs at a later position, too."""
        pair = self._pairs.renewed()
        sides = Sides(pair.source, pair.target)
        if not table.key.divides:
            return differing_counts(sides, table, self._strength)
        keys = list(pending)[:MOST_KEYS]
        found = Counter(still_differing(sides, table, self._strength, keys).values())
        if len(pending) > len(keys):
            found[UNCONFIRMED] += len(pending) - len(keys)
        return found


def _bound(query: tuple[str, list]) -> tuple[str, t.Any]:
    """A query for a cursor: without values, nothing in it is a place for one."""
    sql, values = query
    return sql, values or None
