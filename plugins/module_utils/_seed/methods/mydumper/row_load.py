# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Loading files of rows by several streams of the server's own client, table by table.

Not by myloader (0.10.1): it takes names apart at their first dots, goes on after an error, keeps no account of what is done, and leaves
the session's time zone alone where a file's head does not set it; mydumper's last piece of a table may have no head.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import typing as t

from ...._errors import MigrationError, ServerError
from ...._server.connection import Connection
from ...pipeline import Pipeline
from ..floats import quoted

# What each stream's session is, whatever a file's head says: bytes as they are, UTC, and no value that is quietly made to fit.
# Strict, but with the dates that servers hold: zero ones, and those that no calendar knows.
SESSION = (
    "SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = 0, time_zone = '+00:00',"
    " sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', character_set_client = binary,"
    " character_set_results = binary, collation_connection = binary"
)
MOST_STREAMS = 8
# As many names of locks are looked at for sessions that outlived their job: whoever asks for streams gets no more.
LOCKS = 32
# Small tables of a schema go through one client together; a piece of a large one goes alone.
UNIT_BYTES, UNIT_TABLES = 16 << 20, 200
ORPHAN_SECONDS = 30.0


class Unit(t.NamedTuple):
    """What one client loads."""

    schema: str
    tables: tuple  # (schema, name) of those that have files in it
    files: tuple
    size: int


def stream_count(asked: int) -> int:
    """How many streams: by the processors, as far as nobody asked for a number."""
    return min(asked, LOCKS) or min(MOST_STREAMS, max(2, os.cpu_count() or 1))


def plan_units(files: dict, done: set) -> list[Unit]:
    """The units of what is not done, the largest first.

    :param files: (schema, name) to a list of (file, bytes)
    """
    units: list[Unit] = []
    open_unit: dict[str, Unit] = {}
    for table, parts in sorted(files.items()):
        if table in done:
            continue
        size = sum(part[1] for part in parts)
        if size > UNIT_BYTES:
            units += [Unit(table[0], (table,), (name,), part) for name, part in parts]
            continue
        have = open_unit.pop(table[0], None)
        if have and (have.size + size > UNIT_BYTES or len(have.tables) >= UNIT_TABLES):
            units.append(have)
            have = None
        old = have or Unit(table[0], (), (), 0)
        open_unit[table[0]] = Unit(table[0], (*old.tables, table), (*old.files, *(name for name, _size in parts)), old.size + size)
    return sorted(units + list(open_unit.values()), key=lambda unit: -unit.size)


class TableLoader:
    """Loads units, each by one of several streams; tells of each table once all that it has is there.

    :param start: a unit's pipeline, for the stream of a number
    :param arrived: called with the tables that became whole
    """

    def __init__(self, units: list[Unit], start: t.Callable[[Unit, int], Pipeline], arrived: t.Callable[[list], t.Any]) -> None:
        self.start = start
        self.arrived = arrived
        self._left: dict[tuple, int] = {}
        for table in (table for unit in units for table in unit.tables):
            self._left[table] = self._left.get(table, 0) + 1
        self._waiting: queue.Queue = queue.Queue()
        for unit in units:
            self._waiting.put(unit)
        self._running: dict[int, Pipeline] = {}
        self._failures: list[BaseException] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def run(self, streams: int, tick: t.Callable[[], t.Any], interval: float = 0.3) -> None:
        """Load all of them.

        :param tick: called now and then, on the caller's own thread
        :raises MigrationError: the first failure; the other streams are ended with it
        """
        threads = [threading.Thread(target=self._serve, args=(number,), daemon=True) for number in range(streams)]
        for thread in threads:
            thread.start()
        try:
            while not self._failures and any(thread.is_alive() for thread in threads):
                tick()
                time.sleep(interval)
        finally:
            self._ended.set()
            with self._lock:
                running = list(self._running.values())
            for pipeline in running:
                pipeline.stop()
            for thread in threads:
                thread.join(30)
        if self._failures:
            raise self._failures[0]
        tick()

    def _serve(self, number: int) -> None:
        while not self._ended.is_set():
            try:
                unit = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._one(unit, number)
            except BaseException as error:  # pylint: disable=broad-except  # told by run(), which owns the outcome
                self._failures.append(error)
                self._ended.set()

    def _one(self, unit: Unit, number: int) -> None:
        pipeline = self.start(unit, number)
        with self._lock:
            self._running[number] = pipeline
        if self._ended.is_set():
            return
        try:
            pipeline.run()
        except MigrationError as error:
            names = ["%s.%s" % table for table in unit.tables]
            raise MigrationError("%s (while loading %s)" % (error, ", ".join(names[:3]) + (", …" if len(names) > 3 else ""))) from None
        with self._lock:
            whole = []
            for table in unit.tables:
                self._left[table] -= 1
                whole += [table] if not self._left[table] else []
            if whole:
                self.arrived(whole)


def stream_lock(migration_id: str, number: int) -> str:
    """The name of the lock that a stream's session holds: by it a session that outlived its client is known as ours."""
    return "nordbridge-load-%s-%d" % (migration_id, number)


def end_orphans(connection: Connection, migration_id: str, seconds: float = ORPHAN_SECONDS) -> None:
    """End the sessions of a job that died: their last statement must not come after the table was emptied.

    :raises MigrationError: where one does not end
    """
    names = [stream_lock(migration_id, number) for number in range(LOCKS)]
    deadline = time.monotonic() + seconds
    while True:
        held = [connection.value("SELECT IS_USED_LOCK(%s)", (name,)) for name in names]
        holders = [int(holder) for holder in held if holder]
        if not holders:
            return
        if time.monotonic() > deadline:
            raise MigrationError("sessions of an earlier load do not end on the target: %s" % ", ".join(map(str, holders)))
        for holder in holders:
            try:
                connection.run("KILL %d" % holder)
            except ServerError:
                continue  # it has ended meanwhile
        time.sleep(0.3)


def read_definitions(connection: Connection, tables: t.Iterable[tuple]) -> dict[str, str]:
    """The target's own definitions of tables, "schema\\0name" to the statement; none for a table that is not there."""
    found = {}
    for schema, name in tables:
        try:
            row = connection.row("SHOW CREATE TABLE %s.%s" % (quoted(schema), quoted(name)))
        except ServerError as error:
            if error.errno != 1146:  # no such table
                raise
            continue
        found["%s\0%s" % (schema, name)] = str(row["Create Table"])
    return found


def make_again(connection: Connection, definitions: dict[str, str], tables: t.Iterable[tuple]) -> None:
    """Drop tables that may hold some of their rows, and make them empty.

    Not TRUNCATE: that sets AUTO_INCREMENT back, and tables with system versioning refuse it.

    :raises MigrationError: where a table's definition is known no more
    """
    for setting in ("sql_log_bin = 0", "foreign_key_checks = 0"):
        connection.run("SET SESSION " + setting)
    for schema, name in tables:
        text = definitions.get("%s\0%s" % (schema, name))
        if not text:
            raise MigrationError("the table %s.%s is neither on the target nor among the kept definitions" % (schema, name))
        connection.run("USE %s" % quoted(schema))
        connection.run("DROP TABLE IF EXISTS %s" % quoted(name))
        connection.run(text)
