# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The watch over a copy: looks at both hosts while it runs, and ends it early with the reason instead of letting it fail late."""

# Part of a job that has a log, not of a module.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import os
import signal
import threading
import time
import typing as t
from contextlib import contextmanager

from ..._bridge.call import call
from ..._errors import MigrationError, Refusal, ServerError
from ..._server.connection import Connection, connect
from ..._server.flavour import open_flavour
from ..conditions import data_bytes
from .free_space import free_bytes
from .watch_rules import MB, Baseline, Finding, Limits, Sample, covered, judge

if t.TYPE_CHECKING:
    from ..context import Seed

# What costs more (a call over ssh, the source's list of binary logs) is asked less often, and beside the rest: it may wait for its answer.
SELDOM = 3
ANSWER_SECONDS = 30
SESSIONS = (
    "SELECT ID AS id, USER AS user, DB AS `schema`, TIME AS seconds, STATE AS state, INFO AS statement"
    " FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
)


class StoppedEarly(MigrationError):
    """The watch ended the copy.

    :param again: whether starting over by itself can help
    """

    def __init__(self, message: str, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Watch:
    """Looks every few seconds from a thread with its own connection; ends what is armed, and nothing else.

    The main thread is woken by a signal, whatever it waits for: a full disk makes servers wait without a word.
    """

    def __init__(self, seed: Seed, clock: t.Callable[[], float] = time.monotonic) -> None:
        options = seed.options
        self.seed = seed
        self.clock = clock
        self.interval = float(options["watch_seconds"])
        self.limits = Limits(options["target_reserve_mb"] * MB, options["source_reserve_mb"] * MB, options["lock_seconds"])
        self.notes: list[str] = []
        self.found: Finding | None = None
        self.needs: tuple | None = None
        # When the needs were known, and when the binary logs were listed: an older list tells nothing of a file that has grown since.
        self._needs_at = self._logs_at = 0.0
        self.expected = data_bytes(seed.source)
        self._armed = False
        self._connections: dict[str, Connection] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._main = threading.get_ident()
        self._threads = [
            threading.Thread(target=self._run, args=(self.interval, self.look), daemon=True),
            threading.Thread(target=self._run, args=(self.interval * SELDOM, self._ask_seldom), daemon=True),
        ]
        self._seldom: dict = {}
        self._ask_seldom()
        self.first = self.last = self._ask(room=False)

    def __enter__(self) -> Watch:
        """Begin; nothing has been touched yet.

        :raises Refusal: where the source is in no state to be copied
        """
        stop = self._judge(self.first)
        if stop:
            raise Refusal("%s: %s; nothing was copied, run the same command again" % (self.seed.source.connection.name, stop.text))
        self._handler = signal.signal(signal.SIGUSR1, self._on_signal)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._threads[0].join(ANSWER_SECONDS)
        signal.signal(signal.SIGUSR1, self._handler)
        for name in list(self._connections):
            self._close(name)

    @contextmanager
    def armed(self, snapshot_now: bool = False, needs: tuple | None = None) -> t.Iterator[None]:
        """Within this the copy may be ended; outside of it a reason waits for the next time.

        :param snapshot_now: the snapshot is about to be taken: from the source's place of now on its history is needed
        :param needs: the file and position from which it is needed, where the snapshot was taken earlier
        """
        self.needs = self.seed.source.binlog_position() if snapshot_now else needs
        self._needs_at = self.clock()
        self.found, self.seed.progress.share = None, 0.0
        self.look()
        self._armed = True
        try:
            self._raise_found()
            yield
        finally:
            self._armed = False

    def check_covered(self, coordinates: dict) -> None:
        """Fail where the source's binary logs no longer reach back to the finished copy's coordinates."""
        logs = binary_logs(self.seed.source.connection)
        needs = (coordinates["file"], int(coordinates["position"]))
        lost = covered(Sample(self.clock(), logs=logs), Baseline(self.first, self.last, self.limits, needs, ""))
        if lost:
            raise StoppedEarly(lost.text + ", and run the same command again: this copy is of no use", again=False)

    def explain(self, error: MigrationError) -> MigrationError:
        """A failure with what a last look shows beside it: a disk may fill faster than anybody looks."""
        if isinstance(error, StoppedEarly):
            return error
        self.look()
        if not self.found or self.found.text in str(error):
            return error
        return StoppedEarly("%s; meanwhile %s" % (error, self.found.text), self.found.again)

    def look(self) -> None:
        """One look, and its consequence."""
        with self._lock:
            now = self._ask()
            stop = self._judge(now)
            self.last = now if now.uptime is not None else self.last
        if stop and not self.found:
            self.found = stop
        # Again with each look, until it was heard: a signal that comes right before a system call does not end that one.
        if self.found and self._armed:
            signal.pthread_kill(self._main, signal.SIGUSR1)

    def _run(self, interval: float, work: t.Callable[[], None]) -> None:
        while not self._ended.wait(interval):
            try:
                work()
            except MigrationError as error:
                print("watch: %s" % error, flush=True)

    def _on_signal(self, _number: int, _frame: object) -> None:
        if self._armed:
            self._raise_found()

    def _raise_found(self) -> None:
        if self.found:
            self._armed = False
            raise StoppedEarly("the copy was stopped early: %s; then run the same command again" % self.found.text, self.found.again)

    def _judge(self, now: Sample) -> Finding | None:
        findings = judge(now, self._past())
        for finding in findings:
            if not finding.stops and finding.text not in self.notes:
                self.notes.append(finding.text)
                print("watch: %s" % finding.text, flush=True)
        return next((finding for finding in findings if finding.stops), None)

    def _past(self) -> Baseline:
        needs = self.needs if self._logs_at > self._needs_at else None
        return Baseline(self.first, self.last, self.limits, needs, self.seed.source_login.user)

    def _ask(self, room: bool = True) -> Sample:
        """Look at everything that can be seen now."""
        share = self.seed.progress.share
        directory = self.seed.target.identity.datadir
        return Sample(
            at=self.clock(),
            share=share,
            to_come=int(self.expected * (1 - share)),
            target_dir="%s:%s" % (self.seed.target.identity.hostname, directory),
            target_free=free_bytes(directory) if room else None,
            **self._ask_server("often", self._sessions),
            **self._seldom,
        )

    def _ask_seldom(self) -> None:
        """What was last seen of this stays until it is seen again; never a part of it."""
        began = self.clock()
        seen = self._ask_server("seldom", self._history)
        try:
            free = call(self.seed.options["migration_id"], "space", {}, ANSWER_SECONDS)["free"]
            seen["source_free"] = {"%s:%s" % (self.seed.source.identity.hostname, path): room for path, room in free.items()}
        except MigrationError as error:
            print("watch: the source's disk cannot be seen: %s" % error, flush=True)
        self._seldom = {**self._seldom, **seen}
        self._logs_at = began if "logs" in seen else self._logs_at

    def _sessions(self, connection: Connection) -> dict:
        return {"uptime": int(connection.status("Uptime") or 0), "sessions": tuple(connection.rows(SESSIONS))}

    def _history(self, connection: Connection) -> dict:
        return {"logs": binary_logs(connection), "retention": open_flavour(connection).retention_seconds()}

    def _ask_server(self, name: str, question: t.Callable[[Connection], dict]) -> dict:
        """What the source's server tells; nothing while it does not answer, for then the copy itself has something to say."""
        try:
            if name not in self._connections:
                self._connections[name] = connect(self.seed.source_login, "source", read_timeout=ANSWER_SECONDS)
            return question(self._connections[name])
        except ServerError:
            self._close(name)
            return {}

    def _close(self, name: str) -> None:
        connection = self._connections.pop(name, None)
        if connection is not None:
            connection.close()


def source_paths(connection: Connection) -> list[str]:
    """The source's data directory and that of its binary logs, once where they are one."""
    values = connection.variables("datadir", "log_bin_basename")
    found = {values.get("datadir", "").rstrip("/"), os.path.dirname(values.get("log_bin_basename", ""))}
    return sorted(path for path in found if path)


def binary_logs(connection: Connection) -> dict[str, int]:
    """Name and size of each binary log that the server still has; empty where its binary log is off."""
    try:
        return {str(row["Log_name"]): int(row["File_size"]) for row in connection.rows("SHOW BINARY LOGS")}
    except ServerError as error:
        if error.errno == 1381:  # not using binary logging
            return {}
        raise
