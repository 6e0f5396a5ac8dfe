# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A snapshot of the source whose exact place in the binary log is known, without a lock where the server can.

MariaDB tells the place of a snapshot itself (binlog_snapshot_file and binlog_snapshot_position,
https://mariadb.com/kb/en/enhancements-for-start-transaction-with-consistent/). MySQL does not: the snapshot is taken between two
questions for gtid_executed that travel with it in one packet. Where both have the same answer and no transaction was being committed
before the second (gtid_owned was empty: what the engine has committed and gtid_executed lacks is in it), that answer is the snapshot's.
On a source that never rests this does not come about, and a global read lock of a bounded time is what is left.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._errors import MigrationError, Refusal
from .._server.base import Flavour
from .._server.connection import Connection

BEGIN = ("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
#: For how long the loop is tried before the lock, and how often.
LOOP_SECONDS, LOOP_TRIES = 3.0, 400


@dataclass(frozen=True)
class Place:
    """Where in the source's binary log a snapshot was taken.

    :param gtid: the set or the position; empty where GTIDs are off
    :param how: for the record
    :param locked: seconds for which the source was locked for it
    """

    file: str
    position: int
    gtid: str
    how: str
    locked: float = 0.0

    def __str__(self) -> str:
        return self.gtid or "%s:%d" % (self.file, self.position)


def open_source(source: Flavour, lock_seconds: float) -> Place:
    """Open a snapshot in the source's session, and tell its place.

    :param lock_seconds: how long FLUSH TABLES WITH READ LOCK may wait where no other way works; 0 for never
    :raises Refusal: where there is no way without a lock, and none is allowed
    """
    if source.name == "mariadb":
        return _mariadb(source)
    place = _one_packet(source) if source.gtid_on else None
    return place or _locked(source, lock_seconds)


def _mariadb(source: Flavour) -> Place:
    for sql in BEGIN:
        source.connection.run(sql)
    rows = source.connection.rows("SHOW SESSION STATUS WHERE Variable_name IN ('binlog_snapshot_file', 'binlog_snapshot_position')")
    told = {str(row["Variable_name"]).lower(): row["Value"] for row in rows}
    file, position = str(told.get("binlog_snapshot_file") or ""), int(told.get("binlog_snapshot_position") or 0)
    if not file:
        raise Refusal("%s: the server does not report the position of a snapshot: is its binary log on?" % source.connection.name)
    gtid = source.connection.value("SELECT BINLOG_GTID_POS(%s, %s)", (file, position))
    return Place(file, position, str(gtid or ""), "the snapshot's own variables")


def _one_packet(source: Flavour) -> Place | None:
    """The snapshot by the loop; None where it has not come about."""
    connection = source.connection
    connection.run(BEGIN[0])
    done, owned = "SELECT @@GLOBAL.gtid_executed AS done", "SELECT @@GLOBAL.gtid_owned AS owned"
    # What is being committed is asked before what is done: what leaves the one meanwhile is in the other.
    packet = "; ".join(("COMMIT", done, BEGIN[1], owned, done))
    deadline = time.monotonic() + LOOP_SECONDS
    for _attempt in range(LOOP_TRIES):
        _commit, (before,), _begin, (flight,), (after,) = connection.results(packet)
        if before["done"] == after["done"] and not flight["owned"]:
            return Place("", 0, "".join(str(after["done"]).split()), "a snapshot between two equal answers")
        if time.monotonic() > deadline:
            break
    connection.run("COMMIT")
    return None


def _locked(source: Flavour, seconds: float) -> Place:
    connection = source.connection
    if seconds <= 0:
        raise Refusal(
            "%s: it commits too often for a snapshot at a known position. Allow a global read lock of a bounded time"
            " (lock_seconds), or verify at a quieter time" % connection.name
        )
    connection.run("SET SESSION lock_wait_timeout = %d" % max(1, round(seconds)))
    began = time.monotonic()
    try:
        connection.run("FLUSH TABLES WITH READ LOCK")
        for sql in BEGIN:
            connection.run(sql)
        file, position = source.binlog_position()
        gtid = source.gtid_written() if source.gtid_on else ""
    finally:
        _unlock(connection)
    return Place(file, position, gtid, "a global read lock", round(time.monotonic() - began, 4))


def _unlock(connection: Connection) -> None:
    try:
        connection.run("UNLOCK TABLES")
    except MigrationError:
        connection.close()  # its end is the lock's
        raise


def open_here(connection: Connection) -> None:
    """Open a snapshot in a session of a server whose data rest."""
    for sql in BEGIN:
        connection.run(sql)


def close(connections: t.Iterable[Connection]) -> None:
    """End the snapshots; a connection that is gone has none."""
    for connection in connections:
        try:
            connection.run("COMMIT")
        except MigrationError:
            connection.close()
