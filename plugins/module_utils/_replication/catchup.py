# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The catch-up job: beat on the source, read on the target, until the lag stays small. Ends at READY."""

from __future__ import annotations

import os
import time

from .._bridge.transit import read_transit
from .._errors import MigrationError, Refusal
from .._jobs.progress import Progress, duration
from .._migration.guard import BEFORE, changing, why_not_now
from .._server.base import Flavour
from .._server.connection import Connection, connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._state.fences import ARMED
from .._state.journal import Journal
from .._state.paths import directory
from .._tuning.relax import follow
from .convergence import Convergence, Verdict
from .health import error_text
from .heartbeat import arrives, beat, lag
from .status import ReplicaStatus, only_status
from .trust import check, look, sight

INTERVAL = 0.25
TASK = "catching up"


def run(options: dict, progress: Progress) -> dict:
    """Wait until the target is not behind.

    :param options: migration_id, source_login, target_login (files), threshold, ready_seconds, timeout, patience (seconds), fast_load
    :raises MigrationError: where replication stops, or the lag does not shrink for longer than the patience
    """
    folder = directory(options["migration_id"])
    journal = Journal(folder)
    source_login, target_login = read_login_file(options["source_login"]), read_login_file(options["target_login"])
    started = time.monotonic()
    convergence = Convergence(options["threshold"])
    diverging_since, highest = None, 0.0
    with connect(source_login, "source", 30) as source, connect(target_login, "target", 30) as other:
        target, origin = open_flavour(other), open_flavour(source)
        with changing(folder, TASK):
            look(origin, target, journal, options["migration_id"])
            follow(target, journal, options["fast_load"])
        # Where nobody has beaten for a while, the newest heartbeat is old without any lag.
        arrives(source, other, options["migration_id"], 1.0)
        while True:
            verdict = convergence.add(time.monotonic() - started, _beat(journal, origin, target))
            highest = max(highest, verdict.lag or 0.0)
            progress.say("catch-up", line(verdict, options["threshold"]), lag=verdict.lag, speed=verdict.speed, eta=verdict.eta)
            if verdict.ready_for >= options["ready_seconds"]:
                break
            elapsed = time.monotonic() - started
            diverging_since = None if verdict.converging else diverging_since if diverging_since is not None else elapsed
            _check_patience(source, options, elapsed, diverging_since, verdict)
            time.sleep(INTERVAL)
        result = {"lag": verdict.lag, "highest_lag": round(highest, 3), "seconds": round(time.monotonic() - started, 3)}
        found = {"catchup": result, **_transit(journal, source)}
        with changing(folder, TASK):
            look(origin, target, journal, options["migration_id"])
            journal.update("ready", **found)
    return result


def _transit(journal: Journal, source: Connection) -> dict:
    """What protects the way, the first time that the target is ready: after the cutover nobody can read it off.

    It opens a session of ssh, for which nobody waits under the lock.
    """
    state = journal.read()
    return {} if state.get("catchup") and state.get("transit") else {"transit": read_transit(source, journal.directory)}


def _beat(journal: Journal, source: Flavour, target: Flavour) -> float | None:
    """Beat on the source, and see how far behind the target is. The lock is not held in between: a cutover may come at any time."""
    migration_id = os.path.basename(journal.directory)
    try:
        beat(source.connection, migration_id)
        seconds = lag(source.connection, target.connection, migration_id)
        status = only_status(target)
        # What the target has beyond its source is to be seen for seconds, and makes it another server for ever.
        if sight(source, target, journal, status):
            check(journal, migration_id)
        check_threads(status)
    except MigrationError as error:
        words = why_not_now(migration_id, journal.read(), BEFORE, lambda _token: ARMED)
        if not words:
            raise
        raise Refusal("%s ends: %s" % (TASK, words)) from error
    return seconds


def check_threads(status: ReplicaStatus) -> None:
    """Fail where the replica's threads stopped, with the server's own error. Nothing is ever skipped.

    :raises MigrationError: with the error's number and text
    """
    if not status.configured:
        raise MigrationError("the target replicates from nobody: run the playbook migrate again")
    # A receiver that tries to connect again reports an error too, and gets over it.
    if status.active != frozenset(("receiver", "applier")):
        raise MigrationError("replication stopped on the target: %s" % (error_text(status) or "somebody stopped it"))


def _check_patience(source: Connection, options: dict, elapsed: float, diverging_since: float | None, verdict: Verdict) -> None:
    if diverging_since is not None and elapsed - diverging_since > options["patience"]:
        raise MigrationError(
            "not converging: the target applies %.2f seconds of the source's history per second, and is %s behind; give it more "
            "applier threads (migration_target_applier_threads) or faster disks, or move at a quieter time%s"
            % (verdict.speed, duration(verdict.lag or 0), source_hint(source))
        )
    if elapsed > options["timeout"]:
        raise MigrationError("the target is still %s behind after %s" % (duration(verdict.lag or 0), duration(elapsed)))


def source_hint(source: Connection) -> str:
    """What the source could tell its replicas and does not: which transactions touch different rows.

    MySQL 5.7.22 to 8.3; it is the only way since. It is not set from here: the source belongs to somebody, and it has other replicas.
    https://dev.mysql.com/doc/refman/8.0/en/replication-options-binary-log.html
    """
    if source.variable("binlog_transaction_dependency_tracking") != "COMMIT_ORDER":
        return ""
    return "; SET GLOBAL binlog_transaction_dependency_tracking = 'WRITESET' on the source lets more of its transactions be applied at once"


def line(verdict: Verdict, threshold: float) -> str:
    """The progress line: lag, rate, ETA; NOT CONVERGING when it is not."""
    if verdict.lag is None:
        return "no heartbeat has arrived yet"
    text = "lag %.2fs (heartbeat)  applying %.1fx real time" % (verdict.lag, verdict.speed)
    if verdict.lag <= threshold:
        return "%s  in sync for %s" % (text, duration(verdict.ready_for))
    if not verdict.converging:
        return "%s  NOT CONVERGING: the source writes faster than the target applies" % text
    return "%s  ETA %s" % (text, duration(verdict.eta) if verdict.eta is not None else "-")
