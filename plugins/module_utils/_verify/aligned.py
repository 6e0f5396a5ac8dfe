# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Two snapshots of one moment: the target's applier stops at exactly the place of the source's snapshot, and goes on.

The source takes no lock but where its flavour leaves no other way (snapshot.py). The target's applier stands still from before the
source's snapshot, so that it is not past it, until the target's snapshot: some tens of milliseconds at rest.
"""

from __future__ import annotations

import time
import typing as t
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass

from .._errors import MigrationError, Refusal
from .._replication.status import ReplicaStatus, only_status
from .._server.base import Flavour
from .._server.connection import Connection
from .snapshot import Place, close, open_here, open_source

#: How long the applier may take to the place of the snapshot, in seconds.
ADVANCE_SECONDS = 120.0
POLL_SECONDS = 0.01
#: After so long an applier that is at the place is stopped there.
QUIET_SECONDS = 1.0
# UNTIL's words: https://dev.mysql.com/doc/refman/9.7/en/start-replica.html , https://mariadb.com/kb/en/start-replica/#until-options
UNTIL_GTID = "%s SQL_THREAD UNTIL SQL_AFTER_GTIDS = %%s"
UNTIL_FILE = "%s SQL_THREAD UNTIL %s = %%s, %s = %%s"


@dataclass
class Pair:
    """Two sessions, each in a snapshot of the same moment.

    :param opened: monotonic seconds
    :param stood: seconds for which the target's applier stood still
    """

    source: Connection
    target: Connection
    place: Place
    opened: float
    stood: float

    def close(self) -> None:
        """End both snapshots and sessions."""
        close((self.source, self.target))
        self.source.close()
        self.target.close()


class Aligner:
    """Opens pairs of sessions.

    :param source: opens a session of the source
    :param target: opens a session of the target
    :param lock_seconds: see open_source
    """

    def __init__(self, source: t.Callable[[], Flavour], target: t.Callable[[], Flavour], lock_seconds: float) -> None:
        self._source, self._target, self._lock_seconds = source, target, lock_seconds

    def open(self) -> Pair:
        """A new pair. The applier runs again afterwards, whatever happens.

        :raises MigrationError: where replication does not run, or does not stop at the place
        """
        with ExitStack() as stack:
            source, target = self._source(), self._target()
            stack.callback(source.connection.close)
            stack.callback(target.connection.close)
            # In a session of its own: START REPLICA commits the session's transaction, and with it its snapshot.
            control = self._target()
            with closing(control.connection):
                pair = self._open(source, target, control)
            stack.pop_all()
            return pair

    def _open(self, source: Flavour, target: Flavour, control: Flavour) -> Pair:
        status = only_status(control)
        if status.active != frozenset(("receiver", "applier")):
            raise MigrationError("replication does not run on the target: run the playbook migrate again")
        began = time.monotonic()
        control.connection.run(control.statement("stop_applier"))
        try:
            place = open_source(source, self._lock_seconds)
            self._advance(control, place)
            open_here(target.connection)
        finally:
            self._go_on(control)
        return Pair(source.connection, target.connection, place, time.monotonic(), time.monotonic() - began)

    def _advance(self, target: Flavour, place: Place) -> None:
        """Apply up to the place, and not further. It may be there already: an applier that meets no other event would wait for one."""
        if not _elsewhere(target, place, only_status(target)):
            return
        start = target.statement("start_replica")
        if place.file:
            words = UNTIL_FILE % (start, target.source_option("SOURCE_LOG_FILE"), target.source_option("SOURCE_LOG_POS"))
            target.connection.run(words, (place.file, place.position))
        else:
            target.connection.run(UNTIL_GTID % start, (place.gtid,))
        began = time.monotonic()
        while True:
            status = only_status(target)
            if "applier" not in status.active:
                break
            waited = time.monotonic() - began
            if waited > QUIET_SECONDS and not _elsewhere(target, place, status):
                # It is there, and nothing follows that would make it look.
                target.connection.run(target.statement("stop_applier"))
                continue
            if waited > ADVANCE_SECONDS:
                raise MigrationError("the target has not applied the source's transactions up to %s within %g s" % (place, ADVANCE_SECONDS))
            time.sleep(POLL_SECONDS)
        if status.last_sql_errno:
            raise MigrationError("replication stopped on the target: [%d] %s" % (status.last_sql_errno, status.last_sql_error))
        words = _elsewhere(target, place, status)
        if words:
            raise MigrationError("the target stopped at another position than the source's snapshot: %s" % words)

    def _go_on(self, target: Flavour) -> None:
        """Apply on. Where this session is gone, by another."""
        try:
            target.connection.run(target.statement("start_replica"))
        except MigrationError:
            with suppress(MigrationError):
                other = self._target()
                with other.connection:
                    other.connection.run(other.statement("start_replica"))
            raise


def _elsewhere(target: Flavour, place: Place, status: ReplicaStatus) -> str:
    """Where the target stands, where that is not the place; empty where it is."""
    if not (status.auto_position and place.gtid):
        if (status.exec_file, status.exec_position) == (place.file, place.position):
            return ""
        return "it has applied up to %s:%d, the snapshot is at %s:%d" % (status.exec_file, status.exec_position, place.file, place.position)
    applied = target.gtid_applied()
    # What this server wrote itself is no transaction of the source's; whether it may be there is asked elsewhere.
    beyond = [part for part in target.gtid_extra(applied, place.gtid).split(",") if part and not target.gtid_own(part)]
    if beyond or not target.gtid_includes(applied, place.gtid):
        return "it has applied %s, the snapshot is at %s" % (applied, place.gtid)
    return ""


def check_possible(source: Flavour, target: Flavour) -> None:
    """Refuse a pair whose snapshots cannot be brought to one moment.

    :raises Refusal: with why
    """
    if source.name != target.name:
        raise Refusal("source and target are of different flavours: %s and %s" % (source.name, target.name))
