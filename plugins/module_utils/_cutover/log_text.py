# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a server's own program prints of a binary log, read into transactions: who wrote them, when, and what they changed."""

from __future__ import annotations

import calendar
import re
import time
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from .._state.paths import SCHEMA

# An event's own line. Times are in the time zone of the program, which is run with UTC.
HEADER = re.compile(r"^#(\d{6} +\d{1,2}:\d\d:\d\d) server id (\d+)  end_log_pos \d+ (?:CRC32 0x[0-9a-f]+ )?\t(.*)$")
MARIADB_GTID = re.compile(r"GTID (\d+-\d+-\d+)")
NEXT_GTID = re.compile(r"^SET @@SESSION\.GTID_NEXT= '([^']*)'")
MAPPED = re.compile(r"Table_map: `(.+?)`\.`(.*)` mapped to number (\d+)")
CHANGED = re.compile(r"(?:Write|Update|Partial_update|Delete)(?:_compressed)?_rows\w*: table id (\d+)")
ROW = re.compile(r"^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)+)`\.`((?:[^`]|``)+)`")
VERBS = {"INSERT INTO": "inserted", "UPDATE": "updated", "DELETE FROM": "deleted"}
END = "/*!*/;"
# What belongs to a transaction with rows, and says nothing about them.
FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION", "XA START", "XA END", "XA PREPARE", "SAVEPOINT")
# Statements that are logged and change no row: a monitoring tool's, mostly.
IDLE = ("FLUSH", "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK")


@dataclass
class Transaction:
    """One transaction of a binary log.

    :param gtid: empty where there are none
    :param when: by the writing server's clock, as it is printed
    :param offset: where it begins in its file
    :param tables: rows by table and kind; a table without a count where the program was not asked for rows
    :param statements: the first words of what was logged as text
    """

    gtid: str
    server_id: int
    when: str
    offset: int
    tables: dict[str, Counter] = field(default_factory=dict)
    statements: Counter = field(default_factory=Counter)

    @property
    def at(self) -> int:
        """Seconds since the epoch."""
        return calendar.timegm(time.strptime(self.when, "%y%m%d %H:%M:%S"))

    @property
    def own(self) -> bool:
        """Whether it is the migration's: rows of its schema, and nothing else."""
        return bool(self.tables) and not self.statements and all(name.startswith(SCHEMA + ".") for name in self.tables)

    @property
    def idle(self) -> bool:
        """Whether it changes no row and no definition, such as FLUSH."""
        return not self.tables and all(words.split()[0] in IDLE for words in self.statements)


class Reader:
    """Takes the lines, gives the transactions. What a statement's own text looks like is no event: it is skipped as a whole."""

    def __init__(self) -> None:
        self._now: Transaction | None = None
        self._offset = 0
        self._maps: dict[str, str] = {}
        self._query = False  # before a statement's text
        self._text = False  # within it

    def read(self, lines: t.Iterable[bytes]) -> t.Iterator[Transaction]:
        """All transactions, each when its last line is known."""
        for line in lines:
            done = self._line(line)
            if done is not None:
                yield done
        if self._now is not None:
            yield self._now
            self._now = None

    def _line(self, raw: bytes) -> Transaction | None:
        if raw.startswith(b"### "):
            # Nearly all of a log with rows: the values' lines cost nothing more than this look.
            if self._now is not None and raw[4:5] in b"IUD":
                self._row(raw.decode("utf-8", "replace"))
            return None
        line = raw.decode("utf-8", "replace").rstrip("\n")
        if self._query or self._text:
            self._statement(line)
            return None
        if line.startswith("# at "):
            self._offset = int(line[5:]) if line[5:].isdigit() else self._offset
        elif line.startswith("SET @@SESSION.GTID_NEXT"):
            found = NEXT_GTID.match(line)
            if found and self._now is not None and ":" in found.group(1):  # not AUTOMATIC, nor ANONYMOUS
                self._now.gtid = found.group(1)
        elif line.startswith("#"):
            found = HEADER.match(line)
            return self._event(*found.groups()) if found else None
        return None

    def _event(self, when: str, server: str, what: str) -> Transaction | None:
        if what.startswith(("GTID", "Anonymous_GTID", "Anonymous_Gtid")):
            done, found = self._now, MARIADB_GTID.match(what)
            self._now = Transaction(found.group(1) if found else "", int(server), when, self._offset)
            return done
        if what.startswith(("Start: ", "Rotate to ", "Stop")):
            done, self._now, self._maps = self._now, None, {}
            return done
        self._query = what.startswith("Query")
        mapped = MAPPED.match(what)
        if mapped:
            self._maps[mapped.group(3)] = _name(*mapped.group(1, 2))
        changed = CHANGED.match(what)
        if changed and self._now is not None and changed.group(1) in self._maps:
            self._now.tables.setdefault(self._maps[changed.group(1)], Counter())
        return None

    def _row(self, line: str) -> None:
        found = ROW.match(line)
        if found and self._now is not None:
            self._now.tables.setdefault(_name(*found.group(2, 3)), Counter())[VERBS[found.group(1)]] += 1

    def _statement(self, line: str) -> None:
        """The lines of a statement: what was set for it, its text, and an end that stands alone."""
        ended = line.endswith(END)
        if self._query and not (ended and (line.startswith(("SET ", "use ", "/*!")) or line == END)):
            self._query, self._text = False, True
            if self._now is not None and not line.upper().startswith(FRAME):
                self._now.statements[_kind(line)] += 1
        if ended and (self._text or line == END):
            self._query = self._text = False


def _kind(line: str) -> str:
    """A statement's first words, and never a value of it: INSERT, CREATE TABLE."""
    words = re.findall(r"[A-Za-z]+", line)[:2] or ["?"]
    return " ".join(words[: 1 if words[0].upper() in (*IDLE, "INSERT", "UPDATE", "DELETE", "REPLACE") else 2]).upper()


def _name(schema: str, table: str) -> str:
    return ".".join(part.replace("``", "`") for part in (schema, table))
