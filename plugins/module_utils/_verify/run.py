# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The verification's job: every row of both servers compared, while the application writes and the target follows."""

from __future__ import annotations

import fnmatch
import queue
import threading
import time
import typing as t
from collections import Counter
from contextlib import ExitStack, contextmanager

from .._errors import MigrationError, Refusal
from .._jobs.progress import Progress, duration
from .._migration.guard import changing
from .._replication.trust import look, note
from .._server.base import Flavour
from .._server.connection import LONG_SECONDS, connect
from .._server.endpoint import Endpoint, read_login_file
from .._server.flavour import open_flavour
from .._state.journal import Journal
from .._state.paths import directory, job_directory
from .aligned import Aligner, Pair, check_possible
from .compare import Comparison
from .definitions import Found, find, reread
from .differences import Table
from .parity import Parity, compare, place_of
from .record import VERIFICATION, not_alike_reason, not_equal_reason, words_of
from .results import Results, TableResult
from .strength import STRENGTHS, Strength
from .tables import prepare
from .throttle import Limits, Throttle

JOB, TASK = "verify", "verifying"
#: Of the journal's record and the result: more tables than these are counted, and named in the job's own file alone.
MOST_NAMED = 100
#: How often both servers are brought to one position, and the pause after the first try, in seconds.
ALIGNMENTS, PAUSE_SECONDS = 5, 2.0


class Verification:
    """The work of one run."""

    def __init__(self, options: dict, progress: Progress) -> None:
        self.options = options
        self.progress = progress
        self.folder = directory(options["migration_id"])
        self.journal = Journal(self.folder)
        self.strength: Strength = STRENGTHS[options["strength"]]
        self.logins = {side: read_login_file(options["%s_login" % side]) for side in ("source", "target")}
        setting = {"strength": self.strength.name, "schemas": options["schemas"], "exclude": options["exclude"]}
        setting["copy"] = self.journal.read().get("seed", {}).get("coordinates", {})
        self.results = Results(job_directory(options["migration_id"], JOB), setting, options["max_age"] * 3600.0)
        self.aligning = threading.Lock()
        self.rows_done, self.began = 0, time.monotonic()
        self.rows_total = 1
        self.stood: list[float] = []
        self.place = ""
        self.how: Counter = Counter()
        self.locked = 0.0
        self.throttle: Throttle | None = None
        self._counting = threading.Lock()

    # --- sessions ---

    def session(self, side: str, multi: bool = False) -> Flavour:
        """A session for digests."""
        endpoint: Endpoint = self.logins[side]
        connection = connect(endpoint, side, LONG_SECONDS, multi_statements=multi)
        try:
            prepare(connection)
            return open_flavour(connection)
        except BaseException:
            connection.close()
            raise

    def align(self) -> Pair:
        """A new pair of snapshots; one at a time, and never beside a cutover."""
        aligner = Aligner(lambda: self.session("source", True), lambda: self.session("target"), self.options["lock_seconds"])
        with self.aligning:
            pair = self._aligned(aligner)
        self.stood.append(pair.stood)
        self.locked = max(self.locked, pair.place.locked)
        self.place = str(pair.place)
        self.how[pair.place.how] += 1
        return pair

    def _aligned(self, aligner: Aligner) -> Pair:
        """A long query holds up the bounded lock, and a server may be restarted just now: it is tried some times."""
        for attempt in range(1, ALIGNMENTS + 1):
            try:
                with changing(self.folder, TASK):
                    return aligner.open()
            except Refusal:
                raise
            except MigrationError as error:
                if attempt == ALIGNMENTS:
                    raise
                self.progress.say("verify", "tries again to bring both servers to one position: %s" % error)
                time.sleep(attempt * PAUSE_SECONDS)
        raise MigrationError("both servers were not brought to one position")

    # --- progress ---

    def kept(self, rows: int) -> None:
        """So many rows more are compared."""
        with self._counting:
            self.rows_done += rows
            elapsed = max(time.monotonic() - self.began, 0.001)
            rate = self.rows_done / elapsed
            left = max(0, self.rows_total - self.rows_done)
            share = min(1.0, self.rows_done / self.rows_total)
            eta = duration(left / rate) if rate and share >= 0.01 else "-"
            text = "%5.1f%%  %d of about %d rows  %d rows/s  ETA %s" % (100 * share, self.rows_done, max(self.rows_total, self.rows_done), rate, eta)
            self.progress.say("verify", text, done=self.rows_done, total=self.rows_total)

    def before(self) -> None:
        """Wait where the servers need it."""
        if self.throttle is not None:
            with self._counting:
                self.throttle.wait(lambda reason: self.progress.say("verify", "waits: %s" % reason))


class Sessions:
    """One worker's pair of snapshots, renewed before it is too old or costs the source too much."""

    def __init__(self, work: Verification) -> None:
        self._work = work
        self._pair: Pair | None = None

    def current(self) -> Pair:
        """See Pairs."""
        throttle = self._work.throttle
        if self._pair is not None:
            age = time.monotonic() - self._pair.opened
            hurts = throttle is not None and throttle.snapshots_hurt and age > self._work.options["snapshot_seconds"] / 10
            if age <= self._work.options["snapshot_seconds"] and not hurts:
                return self._pair
        return self.renewed()

    def renewed(self) -> Pair:
        """See Pairs."""
        self.close()
        self._pair = self._work.align()
        return self._pair

    def close(self) -> None:
        """End them."""
        if self._pair is not None:
            self._pair.close()
            self._pair = None


def run(options: dict, progress: Progress) -> dict:
    """Compare every row of the copied schemas.

    :param options: migration_id, source_login, target_login (files), strength (sha, crc), sessions (pairs of sessions at once), schemas (none
        for the copied ones), exclude, parity (whether definitions and accounts are compared, too), snapshot_seconds, lock_seconds, max_age
        (hours), max_threads_running, max_lag (seconds), max_history
    :raises MigrationError: where tables or definitions differ, with which and how; the journal's record says the same
    """
    work = Verification(options, progress)
    with ExitStack() as stack:
        source = stack.enter_context(_closing(work.session("source")))
        target = stack.enter_context(_closing(work.session("target")))
        check_possible(source, target)
        with changing(work.folder, TASK):
            # What the target has beyond its source makes it no copy, whatever its rows are now.
            look(source, target, work.journal, options["migration_id"])
        found = find(source.connection, target.connection, _schemas(work, source), options["exclude"])
        limits = Limits(options["max_threads_running"], options["max_lag"], options["max_history"])
        work.throttle = Throttle(source, target, limits, options["sessions"] + 1)
        work.rows_total = max(1, sum(found.rows.get(table.full, 0) for table in found.tables))
        _compare_all(work, found.tables)
        record = record_of(work, found)
    if options["parity"]:
        record["parity"] = _parity(work)
    with changing(work.folder, TASK):
        work.journal.update("every row was compared" if not record["unequal"] else "rows differ", **{VERIFICATION: record})
        if record["unequal"]:
            # A later look cannot see it: a replica goes on without an error.
            note(work.journal, not_equal_reason(record))
    if record["unequal"]:
        raise MigrationError(
            "%d of %d tables differ between source and target: %s. Find out who wrote on the target, or copy again: the playbook migrate says"
            " how" % (record["unequal_tables"], record["tables"], words_of(record["unequal"]))
        )
    if not_alike_reason(record):
        raise MigrationError(
            "all rows are equal, and %s. Make them alike on the target (SET SESSION sql_log_bin = 0), and run the playbook verify again; what may"
            " differ is left out by migration_verify_exclude" % not_alike_reason(record)
        )
    return record


def _parity(work: Verification) -> dict:
    """What is no row, in new sessions: the others may have been idle for hours."""
    work.progress.say("parity", "definitions, accounts and settings")
    with _closing(work.session("source")) as source, _closing(work.session("target")) as target:
        return parity_of(compare(source, target, _schemas(work, source)), work.options["exclude"])


def parity_of(found: Parity, exclude: t.Sequence[str]) -> dict:
    """What the journal keeps of it: names and numbers.

    :param exclude: names as the object has them without its kind, with the wildcards * and ?
    """
    different = {
        name: how for name, how in found.different.items() if not any(fnmatch.fnmatchcase(place_of(name), pattern) for pattern in exclude)
    }
    return {
        "compared": found.compared,
        "different": dict(list(different.items())[:MOST_NAMED]),
        "different_count": len(different),
        "explained": found.explained,
        "reworded": found.reworded[:MOST_NAMED],
        "extra": found.extra[:MOST_NAMED],
        "unread": found.unread[:MOST_NAMED],
        "settings": found.settings,
    }


@contextmanager
def _closing(flavour: Flavour) -> t.Iterator[Flavour]:
    with flavour.connection:
        yield flavour


def _schemas(work: Verification, source: Flavour) -> list[str]:
    """The schemas to compare.

    :raises Refusal: for one that the source does not have, or where nothing was copied yet
    """
    copied = work.journal.read().get("seed", {}).get("schemas", [])
    wanted = work.options["schemas"] or copied
    if not wanted:
        raise Refusal("nothing was copied yet: run the playbook migrate first")
    missing = sorted(set(wanted) - set(source.user_schemas()))
    if missing:
        raise Refusal("there is no schema %s on the source" % ", ".join(missing))
    return wanted


def _compare_all(work: Verification, tables: list[Table]) -> None:
    """All tables, the largest first, each by one worker; the first error ends all."""
    todo: queue.SimpleQueue[Table] = queue.SimpleQueue()
    for table in tables:
        known = work.results.tables.get(table.full)
        if known is not None and known.done:
            work.rows_done += known.rows
        else:
            todo.put(table)
    errors: list[BaseException] = []
    workers = [threading.Thread(target=_worker, args=(work, todo, errors), daemon=True) for _number in range(work.options["sessions"])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    work.results.save(now=True)
    if errors:
        raise errors[0]


def _worker(work: Verification, todo: queue.SimpleQueue[Table], errors: list[BaseException]) -> None:
    sessions = Sessions(work)

    def again(schema: str, table: str) -> Table | str:
        with _closing(work.session("source")) as source, _closing(work.session("target")) as target:
            return reread(source.connection, target.connection, schema, table)

    comparison = Comparison(sessions, work.strength, work.results, again, work.before, work.kept)
    try:
        while not errors:
            comparison.compare(todo.get_nowait())
    except queue.Empty:
        pass
    except BaseException as error:  # pylint: disable=broad-except  # the job's thread raises it
        errors.append(error)
    finally:
        sessions.close()


def record_of(work: Verification, found: Found) -> dict:
    """What the journal keeps: no value of a row, no key."""
    results = [work.results.tables[table.full] for table in found.tables]
    unequal = {**found.unequal, **{one.name: _how(one) for one in results if not one.equal and not one.uncomparable}}
    uncompared = {one.name: one.why for one in results if one.uncomparable}
    now = time.time()
    return {
        "strength": work.strength.name,
        "odds": work.strength.odds(),
        "tables": len(results) + len(found.unequal),
        "rows": sum(one.rows for one in results),
        "unequal": dict(list(unequal.items())[:MOST_NAMED]),
        "unequal_tables": len(unequal),
        "uncompared": dict(list(uncompared.items())[:MOST_NAMED]),
        "excluded": work.options["exclude"],
        # Of the first range of all: what was compared before it is not younger.
        "since": min([one.since for one in results], default=now),
        "ended": now,
        # Where nothing was compared anew, what was kept is of the position that is on record.
        "position": work.place or (work.journal.read().get(VERIFICATION) or {}).get("position", ""),
        # How the snapshots' positions were known, and how often.
        "snapshots": dict(work.how),
        "seconds": round(time.monotonic() - work.began, 3),
        "source_locked_seconds": work.locked,
        "applier_stood_seconds": round(max(work.stood, default=0.0), 3),
        "waited_seconds": round(work.throttle.waited if work.throttle else 0.0, 3),
    }


def _how(result: TableResult) -> str:
    """How a table differs, in words."""
    return result.why or ", ".join("%d %s %s" % (number, "row" if number == 1 else "rows", kind) for kind, number in result.differences.items())
