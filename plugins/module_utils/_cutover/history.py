# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a server's own binary log holds where it should hold nothing: shown, and not inferred, that nobody wrote on two servers.

The fenced server's log holds nothing but the migration's own transactions behind the recorded position, the promoted server's nothing
of its own before the mark of its promotion. Each question is answered on that server's own host, in bounded time, with the server's own
program; and by the server's GTIDs alone where they say that there is nothing to be read. What was written with sql_log_bin=0 is in no log.
"""

# written() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .._errors import MigrationError
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._text import tail
from .log_text import VERBS, Reader, Transaction

# A cutover's last step waits for this, and for each of the two.
SECONDS = 10.0
MOST = 20
LOGS, SETS, PLACE, UNREAD = "binary logs", "gtid sets", "position", "not read"


class Unread(MigrationError):
    """A log that could not be read to its end; what was found until there is in C(found)."""

    found: Summary | None = None


class Place(t.NamedTuple):
    """From where to where in a server's logs; to the newest one's end where no other is named."""

    file: str
    start: int = 4
    last: str = ""
    end: int = 0


class Summary:
    """Transactions, added up.

    :param theirs: whether a transaction came from the other server of the migration, by replication
    """

    def __init__(self, theirs: t.Callable[[Transaction], bool] = lambda _one: False) -> None:
        self.theirs = theirs
        self.counts: Counter = Counter()
        self.idle: Counter = Counter()
        self.statements: Counter = Counter()
        self.tables: dict[str, Counter] = {}
        self.gtids: list[list] = []  # stem, first, last
        self.span: list[int] = []

    def add(self, one: Transaction) -> bool:
        """Count one; whether it is one that nobody should have written."""
        kind = "own" if one.own else "replicated" if self.theirs(one) else "idle" if one.idle else "strange"
        self.counts[kind] += 1
        if kind == "idle":
            self.idle.update(one.statements)
        if kind != "strange":
            return False
        self.statements.update(one.statements)
        for name, rows in one.tables.items():
            self.tables.setdefault(name, Counter()).update(rows)
        self._note(one.gtid)
        self.span = [self.span[0] if self.span else one.at, one.at]
        return True

    def _note(self, gtid: str) -> None:
        """MariaDB's 0-1-7 and MySQL's uuid:7 or uuid:tag:7: a stem and a number."""
        found = re.match(r"(.*[-:])(\d+)$", gtid)
        if not found:
            return
        stem, number = found.group(1), int(found.group(2))
        if self.gtids and self.gtids[-1][0] == stem and self.gtids[-1][2] + 1 == number:
            self.gtids[-1][2] = number
        else:
            self.gtids.append([stem, number, number])

    def told(self, basis: str) -> dict:
        """As plain data; GTIDs with first and last, tables and both kinds of statements with their numbers."""
        names = [stem + (str(low) if low == high else "%d to %d" % (low, high)) for stem, low, high in self.gtids[:MOST]]
        return {
            "transactions": self.counts["strange"],
            "gtids": names + ["and more"] * (len(self.gtids) > MOST),
            "tables": {name: dict(self.tables[name]) for name in sorted(self.tables)},
            "statements": dict(self.statements),
            "first": self.span[0] if self.span else None,
            "last": self.span[-1] if self.span else None,
            "own": self.counts["own"],
            "replicated": self.counts["replicated"],
            "without_rows": dict(self.idle),
            "basis": basis,
        }


def nothing(basis: str) -> dict:
    """The answer where nothing was found, or nothing could be read."""
    return Summary().told(basis)


class Log:
    """A server's binary logs on this host.

    :param seconds: how long reading may take, in all
    """

    def __init__(self, server: Flavour, seconds: float) -> None:
        self.server = server
        self.deadline = time.monotonic() + seconds
        self.program = next((path for path in map(shutil.which, server.log_programs) if path), "")
        self.folder = os.path.dirname(server.connection.variable("log_bin_basename") or "")
        self.names = [str(row["Log_name"]) for row in server.connection.rows("SHOW BINARY LOGS")] if self.folder else []

    def check(self, file: str) -> None:
        """Refuse where there is nothing to read with, or nothing to read.

        :raises Unread: with the reason
        """
        if not self.folder:
            raise Unread("the server has no binary log")
        if not self.program:
            raise Unread("this host has no %s" % " or ".join(self.server.log_programs))
        if file not in self.names:
            raise Unread("the binary log %s is no longer there" % file)
        if not os.access(os.path.join(self.folder, file), os.R_OK):
            raise Unread("%s cannot be read on this host" % os.path.join(self.folder, file))

    def since(self, known: str) -> str:
        """The newest log that begins with nothing but known GTIDs; the oldest where there is none."""
        for name in reversed(self.names):
            if not self.server.gtid_extra(self.server.log_head(name), known):
                return name
        raise Unread("the binary logs back to that place are no longer there")

    def read(self, place: Place, *more: str) -> t.Iterator[tuple[str, Transaction]]:
        """All transactions from a place on, with the file of each.

        :param more: of the program's options
        """
        self.check(place.file)
        last = place.last or self.names[-1]
        for name in self.names[self.names.index(place.file) : self.names.index(last) + 1]:
            options = ["--start-position=%d" % place.start] if name == place.file and place.start > 4 else []
            options += ["--stop-position=%d" % place.end] if place.end and name == last else []
            for one in self._print(name, [*options, *more]):
                yield name, one

    def _print(self, name: str, options: list[str]) -> t.Iterator[Transaction]:
        command = [self.program, "--no-defaults", "--base64-output=DECODE-ROWS", *options, os.path.join(self.folder, name)]
        left = self.deadline - time.monotonic()
        with tempfile.TemporaryFile() as words, subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"}
        ) as process:
            limit = threading.Timer(max(0.0, left), process.kill)
            limit.start()
            try:
                yield from Reader().read(t.cast(t.BinaryIO, process.stdout))
                code = process.wait()
            finally:
                limit.cancel()
                process.kill()
            if time.monotonic() >= self.deadline:
                raise Unread("reading %s took too long" % name)
            if code:
                words.seek(0)
                raise Unread("%s cannot read %s: %s" % (self.program, name, tail(words.read(4000), 300)))

    def sum_up(self, place: Place, known: str, theirs: t.Callable[[Transaction], bool], *more: str) -> Summary:
        """What lies behind a place and is not known. Rows cost the program most: they are counted from the first that matters on.

        :raises Unread: with what was found until then, rows uncounted
        """
        new, options = self.server.log_filter(known), [*self.server.log_options(known), *more]
        found, first = Summary(theirs), None
        try:
            for name, one in self.read(place, *options):
                if new(one.gtid) and found.add(one) and first is None:
                    first = place._replace(file=name, start=one.offset)
            if first is None:
                return found
            counted = Summary(theirs)
            for _name, one in self.read(first, "--verbose", *options):
                if new(one.gtid):
                    counted.add(one)
            # What came before the first that matters is not read a second time.
            counted.counts, counted.idle = found.counts, found.idle
            return counted
        except Unread as error:
            error.found = found
            raise


def rows_since(server: Flavour, place: dict, seconds: float) -> dict[str, dict[str, int]] | None:
    """Rows by table and kind since a place in the binary log on this host; None where it cannot be read in time."""
    tables: dict[str, Counter] = {}
    try:
        for _name, one in Log(server, seconds).read(Place(place["file"], place["position"]), "--verbose"):
            for name, rows in one.tables.items():
                tables.setdefault(name, Counter()).update(rows)
    except Unread:
        return None
    return {name: dict(tables[name]) for name in sorted(tables)}


def beyond(server: Flavour, position: dict, other: dict, seconds: float = SECONDS) -> dict:
    """What the fenced server has written behind the recorded position, and has not got from the one that took over.

    :param position: file, position, gtid
    :param other: server_id and server_uuid of the server that took over
    """
    known, number, uuid = position["gtid"], int(other["server_id"]), str(other["server_uuid"]).lower()
    if not known:
        place = Place(position["file"], position["position"])
        if server.binlog_position() == (place.file, place.start):
            return nothing(PLACE)
        return _answer(lambda: Log(server, seconds).sum_up(place, "", lambda one: one.server_id == number))
    strange = server.gtid_strange(known, number, uuid)
    if not strange:
        return nothing(SETS)

    def read() -> Summary:
        log = Log(server, seconds)
        return log.sum_up(Place(log.since(known)), known, lambda one: one.server_id == number and one.gtid.lower().startswith(uuid))

    found = _answer(read)
    if found["basis"].startswith(UNREAD) and not found["transactions"]:
        # It may be no more than a FLUSH; it is not known to be.
        found.update(transactions=max(1, server.gtid_count(strange, known)), gtids=strange.split(",")[:MOST])
    return found


def before(server: Flavour, mark: dict, seed: str, seconds: float = SECONDS) -> dict:
    """What the promoted server has written itself before its promotion.

    :param mark: file and position of its log at the promotion
    :param seed: the GTIDs of the seed, which may hold the server's own of an earlier life
    """

    def read() -> Summary:
        log = Log(server, seconds)
        log.check(mark.get("file", ""))
        at = log.names.index(mark["file"])
        while at and server.gtid_extra(server.gtid_own(server.log_head(log.names[at])), seed):
            at -= 1
        place = Place(log.names[at], last=mark["file"], end=mark["position"])
        # Of all that it has applied its program prints nothing: one log of 1 GB takes a second.
        return log.sum_up(place, seed, lambda _one: False, "--server-id=%d" % server.identity.server_id)

    return _answer(read)


def _answer(read: t.Callable[[], Summary]) -> dict:
    """What was found, and where reading failed, why: a cutover that is done does not fail for that."""
    try:
        return read().told(LOGS)
    except Unread as error:
        return (error.found or Summary()).told("%s: %s" % (UNREAD, error))
    except MigrationError as error:
        return nothing("%s: %s" % (UNREAD, error))


QUESTIONS: dict[str, t.Callable[..., dict]] = {"beyond": beyond, "before": before}


def answer(server: Flavour, request: dict) -> dict:
    """One of the two questions to a server on this host.

    :param request: question, seconds, and the question's own parameters
    """
    return QUESTIONS[request["question"]](server, **{name: request[name] for name in request if name not in ("question", "login")})


def written(request: dict) -> None:
    """The agent's verb `written`.

    :param request: see answer; login (an endpoint's fields)
    """
    with connect(Endpoint(**request["login"]), "this host's server", read_timeout=int(request["seconds"]) + 5) as connection:
        print(json.dumps(answer(open_flavour(connection), request)))


Ask = t.Callable[[dict], dict]


def look(fenced: Ask, promoted: Ask, facts: dict, seed: str, other: dict, seconds: float = SECONDS) -> dict:
    """Both questions at once, each to the host that can answer it; never an error.

    :param fenced: asks the fenced server's host, with a request as answer() takes it; C(promoted) the other's
    :param facts: of the cutover: position, promoted_position
    :param seed: the seed's GTIDs
    :param other: server_id and server_uuid of the promoted server
    """
    first = {"question": "beyond", "seconds": seconds, "position": facts["position"], "other": other}
    second = {"question": "before", "seconds": seconds, "mark": facts.get("promoted_position") or {}, "seed": seed}
    with ThreadPoolExecutor(max_workers=2) as pool:
        told = [pool.submit(_asked, ask, request) for ask, request in ((fenced, first), (promoted, second))]
        return joined(*(one.result() for one in told))


def _asked(ask: Ask, request: dict) -> dict:
    try:
        return ask(request)
    except MigrationError as error:
        return nothing("%s: %s" % (UNREAD, error))


def joined(behind: dict, ahead: dict) -> dict:
    """The proof: beyond, before, two_writable, basis (by which both were shown, or why one was not)."""
    unread = [one["basis"] for one in (behind, ahead) if one["basis"].startswith(UNREAD)]
    basis = "; ".join(unread) or (LOGS if LOGS in (behind["basis"], ahead["basis"]) else behind["basis"])
    return {"beyond": behind, "before": ahead, "two_writable": bool(behind["transactions"] or ahead["transactions"]), "basis": basis}


def in_words(proof: dict) -> str:
    """For people, on one line."""
    sides = (
        ("the old server wrote %s behind the recorded position", proof["beyond"]),
        ("the new server wrote %s of its own before its promotion", proof["before"]),
    )
    found = [words % _amount(side) for words, side in sides if side["transactions"]]
    unread = " (%s)" % proof["basis"] if proof["basis"].startswith(UNREAD) else ""
    if found:
        return "TWO SERVERS TOOK WRITES: %s%s" % ("; ".join(found), unread)
    if unread:
        return "whether two servers took writes is not shown%s" % unread
    return "the %s show that nobody wrote on two servers" % proof["basis"]


def _amount(side: dict) -> str:
    text = "%d transactions" % side["transactions"] if side["transactions"] > 1 else "1 transaction"
    text += " (%s)" % ", ".join(side["gtids"]) if side["gtids"] else ""
    if side["first"] is not None:
        text += ", %s to %s" % tuple(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(side[name])) for name in ("first", "last"))
        text += " UTC"
    parts = ["%s %s" % (name, rows_in_words(rows)) for name, rows in side["tables"].items()]
    parts += ["%d %s" % (count, words) for words, count in side["statements"].items()]
    if len(parts) > MOST:
        parts[MOST:] = ["and %d more" % (len(parts) - MOST)]
    return text + (": %s" % "; ".join(part.strip() for part in parts) if parts else "")


def rows_in_words(rows: dict[str, int]) -> str:
    """A table's rows by kind."""
    return ", ".join("%d %s" % (rows[verb], verb) for verb in VERBS.values() if verb in rows)
