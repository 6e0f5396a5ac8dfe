# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's check: what was acknowledged against what the servers hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql.cursors
from ledger_files import Ack, Attempt, Dialer, Failure, Login, ack_log, attempt_log, read_acks, read_attempts, writers_in
from ledger_gaps import measure
from ledger_requests import at_switch, requests

#: How many tokens of each kind the result names.
EXAMPLES = 10

#: What must be zero.
FATAL = ("lost", "duplicated", "only_on_source", "altered", "refused_present")

Row = tuple  # (token, seq)


@dataclass
class Books:
    """One side's rows and counters, a writer at a time.

    :param rows: the writer's rows as (token, seq), in any order; may be read once only
    :param counter: the writer's (last_seq, total), None where it has no counter; of the same time as its rows, which are read before
    """

    rows: Callable[[int], Iterable[Row]]
    counter: Callable[[int], Any]
    writers: list[int] = field(default_factory=list)


@dataclass
class Account:
    """What the comparison of all writers adds up to."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[int]] = field(default_factory=dict)
    counters_wrong: list[int] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)

    def add(self, name: str, tokens: Iterable[int]) -> None:
        """Count tokens of a kind, and keep some for the report."""
        found = sorted(tokens)
        self.counts[name] = self.counts.get(name, 0) + len(found)
        kept = self.examples.setdefault(name, [])
        kept += found[: EXAMPLES - len(kept)]


def compare_writer(
    account: Account, acks: Iterable[Ack], attempts: Iterable[Attempt], source: Iterable[Row] | None, target: Iterable[Row]
) -> tuple[int, int]:
    """Compare one writer's logs and rows.

    The source is read first: with reverse replication it is the target that knows more at any time.

    :param source: None where the old server is gone
    :returns: the target's highest seq and its number of rows
    """
    acknowledged = {ack.token: ack.seq for ack in acks}
    outcomes: dict[str, set[int]] = {"refused": set(), "unsent": set(), "unknown": set()}
    for attempt in attempts:
        if attempt.outcome in outcomes:
            outcomes[attempt.outcome].add(attempt.token)
    old = {token for token, _seq in source} if source is not None else None
    held: set[int] = set()
    twice: set[int] = set()
    altered: set[int] = set()
    rows = highest = 0
    for token, seq in target:
        rows, highest = rows + 1, max(highest, seq)
        (twice if token in held else held).add(token)
        if acknowledged.get(token, seq) != seq:
            altered.add(token)
    account.add("acknowledged", acknowledged)
    account.add("lost", acknowledged.keys() - held)
    account.add("duplicated", twice)
    account.add("altered", altered)
    for name, tokens in outcomes.items():
        account.add(name, tokens)
    account.add("unknown_present", outcomes["unknown"] & held)
    # Certainly not committed by what the clients saw, and yet there.
    account.add("refused_present", (outcomes["refused"] | outcomes["unsent"]) & held)
    account.add("only_on_source", old - held if old is not None else ())
    return highest, rows


def compare(out: Path, source: Books | None, target: Books) -> dict[str, Any]:
    """Compare all writers' logs with the two servers' rows."""
    account = Account()
    logged = writers_in(out)
    for writer in sorted({*logged, *target.writers, *(source.writers if source else ())}):
        highest, rows = compare_writer(
            account,
            read_acks(ack_log(out, writer)),
            read_attempts(attempt_log(out, writer)),
            source.rows(writer) if source else None,
            target.rows(writer),
        )
        counter = tuple(target.counter(writer) or (0, 0))
        if counter != (highest, rows):
            account.counters_wrong.append(writer)
            account.counters.append("writer %d: counted to %d in %d writes, its rows to %d in %d" % (writer, *counter, highest, rows))
    counts: dict[str, Any] = {name: account.counts.get(name, 0) for name in (*FATAL, "acknowledged")}
    counts.update(account.counts)
    if source is None:
        counts["only_on_source"] = None
    named: dict[str, list[Any]] = {name: tokens for name, tokens in account.examples.items() if tokens and name in (*FATAL, "unknown")}
    if account.counters:
        named["counters_wrong"] = account.counters[:EXAMPLES]
    return {**counts, "counters_wrong": account.counters_wrong, "examples": named, "writers": len(logged)}


def judge(result: dict[str, Any]) -> list[str]:
    """What is wrong, by name; empty for a ledger that proves that nothing was lost."""
    wrong = [name for name in FATAL if result[name]]
    wrong += [name for name in ("counters_wrong", "two_writable") if result[name]]
    # A ledger without a single acknowledged write proves nothing.
    return wrong if result["acknowledged"] else [*wrong, "nothing_acknowledged"]


def server_books(login: Login) -> Books:
    """The books of a running server, streamed."""
    connection = Dialer(5.0, 120.0).open(login, autocommit=True)

    def ask(sql: str, *args: Any) -> Iterable[Any]:
        try:
            with connection.cursor(pymysql.cursors.SSCursor) as cursor:
                cursor.execute(sql, args)
                yield from cursor
        except pymysql.MySQLError as error:
            raise Failure(f"{login.address}: {error}") from None

    def tell(sql: str) -> None:
        list(ask(sql))

    def rows(writer: int) -> Iterable[Any]:
        # The counter is read after the rows: a last commit that arrives in between must be in neither.
        tell("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        yield from ask("SELECT token, seq FROM ledger.entries WHERE writer = %s", writer)

    tell("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    known = "SELECT DISTINCT writer FROM ledger.entries UNION SELECT writer FROM ledger.counters"
    return Books(
        rows=rows,
        counter=lambda writer: next(iter(list(ask("SELECT last_seq, total FROM ledger.counters WHERE writer = %s", writer))), None),
        writers=[row[0] for row in list(ask(known))],
    )


def check(out: Path, source: Login | None, target: Login) -> dict[str, Any]:
    """The whole check of a directory's runs against the servers."""
    result = compare(out, server_books(source) if source else None, server_books(target))
    result.update(measure(out), requests=requests(out))
    result["requests_at_switch"] = at_switch(out, result["moves"])
    result["wrong"] = judge(result)
    result["ok"] = not result["wrong"]
    return result
