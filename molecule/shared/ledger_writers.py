# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's writers: a process each, which writes numbered rows and notes what was acknowledged."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from ledger_files import (
    Ack,
    Attempt,
    Change,
    Dialer,
    Failure,
    Login,
    ack_log,
    attempt_log,
    mono_us,
    other_mode_may_help,
    read_login,
    stamp,
    wall_us,
)

INSERT = "INSERT INTO ledger.entries (writer, seq, token, server, at_us) VALUES (%d, %d, %d, %s, %d)"
COUNT = "UPDATE ledger.counters SET last_seq = %d, total = total + 1 WHERE writer = %d"

#: The server's answers that leave no doubt: nothing was committed.
#: read only (1290, 1836, 1792), global read lock (1223), deadlock and lock wait (1213, 1205), rolled back (1181, 3101).
REFUSED = {1290, 1836, 1792, 1223, 1213, 1205, 3101}

#: After a failure: long enough not to burn the servers' processors, short beside any write stop.
PAUSE_S = 0.003
#: Refusals in a row until the connection is made anew: behind a proxy only that finds the new server.
PATIENCE = 8
#: An operation older than this when the endpoint changes is hung.
HUNG_US = 5_000
#: How often the parent looks at the endpoint file.
POLL_S = 0.002
#: How long the last transactions may take once the writers are to stop.
GRACE_S = 1.0


@dataclass(frozen=True)
class Plan:
    """What to run. Rate: transactions a second for each writer, 0 for no limit; times in seconds."""

    endpoint: Path
    out: Path
    writers: int = 8
    rate: float = 0.0
    pause: float = 0.0
    connect_timeout: float = 1.0
    read_timeout: float = 3.0
    stop_file: Path | None = None


def classify(errno: int, commit_sent: bool) -> str:
    """The outcome of a transaction that was not acknowledged.

    :param errno: the server's or client library's number; 0 and 2000 to 2999 are the client's: the connection is lost
    """
    if errno in REFUSED:
        return "refused"
    if commit_sent:
        return "unknown"
    return "unsent" if errno == 0 or 2000 <= errno < 3000 else "refused"


class Writer:
    """One client."""

    def __init__(self, plan: Plan, number: int, run: int) -> None:
        self.plan = plan
        self.number = number
        # Unique over runs, writers and attempts: 23, 8 and 32 bits.
        self.token = (run & 0x7FFFFF) << 40 | number << 32
        self.seq = 0
        self.server = ""
        self.dialer = Dialer(plan.connect_timeout, plan.read_timeout)
        self.connection: Any = None
        self.dialing: socket.socket | None = None
        self.refusals = 0
        self.last_problem = ""
        self.stopping = False
        # The endpoint file's edition, counted by the watcher, and the one that the connection was opened by.
        self.edition = 0
        self.opened_by = -1
        self.busy_since = 0
        self.lock = threading.Lock()
        self.wake = threading.Event()

    # --- the watcher's side: another thread ---------------------------------

    def watch(self, pipe: int) -> None:
        """A byte for each change of the endpoint file; the end for stop, also when the parent was killed."""
        while os.read(pipe, 64):
            with self.lock:
                self.edition += 1
            self.wake.set()
            self._cut_hung(HUNG_US)
        self.stopping = True
        self.wake.set()
        time.sleep(GRACE_S)
        with self.lock:
            self.edition += 1
        self._cut_hung(0)

    def _cut_hung(self, patience_us: int) -> None:
        """End an operation that waits for a server which clients have left; one that is just running may finish."""
        since = self.busy_since
        if since:
            time.sleep(max(0, since + patience_us - mono_us()) / 1e6)
        with self.lock:
            if since and self.busy_since == since and self.opened_by < self.edition:
                for sock in (self.dialing, getattr(self.connection, "_sock", None)):
                    try:
                        # The plain call: TLS would want to say goodbye first.
                        if sock is not None:
                            socket.socket.shutdown(sock, socket.SHUT_RDWR)
                    except OSError:
                        pass

    # --- the client's side -----------------------------------------------------

    def run(self) -> None:
        """Write until told to stop."""
        due = time.monotonic() + random.random() * (1 / self.plan.rate if self.plan.rate else 0)
        with (
            ack_log(self.plan.out, self.number).open("a", buffering=1, encoding="utf-8") as acks,
            attempt_log(self.plan.out, self.number).open("a", buffering=1, encoding="utf-8") as attempts,
        ):
            while not self.stopping:
                if self.connection is None or self.opened_by != self.edition:
                    if not self._connect(attempts):
                        self._rest(PAUSE_S)
                        continue
                self._write(acks, attempts)
                if self.plan.rate:
                    due = max(due + 1 / self.plan.rate, time.monotonic() - 1)
                    self._rest(due - time.monotonic())
                elif self.plan.pause:
                    self._rest(self.plan.pause)
        self._drop()

    def _rest(self, seconds: float) -> None:
        """Pause; a change of the endpoint file ends it."""
        if seconds > 0:
            self.wake.wait(seconds)
        self.wake.clear()

    def _drop(self) -> None:
        with self.lock:
            connection, self.connection = self.connection, None
            sock, self.dialing = self.dialing, None
        for close in (getattr(connection, "_force_close", None), getattr(sock, "close", None)):
            try:
                if close:
                    close()
            except Exception:  # nothing is left to be lost
                pass

    def _connect(self, attempts: Any) -> bool:
        """Open a connection to where the file points now."""
        self._drop()
        for number, tls in enumerate(self.dialer.modes()):
            edition = self.edition
            try:
                login = read_login(self.plan.endpoint)
                connection = self.dialer.prepare(login, tls, autocommit=False)
                sock = socket.socket(socket.AF_UNIX if login.unix_socket else socket.AF_INET)
                with self.lock:
                    self.connection, self.dialing, self.opened_by = connection, sock, edition
                    self.busy_since = mono_us()
                if edition != self.edition:
                    return False
                self._dial(sock, login)
                connection.connect(sock)
                self._greet(connection)
            except (pymysql.MySQLError, OSError, RuntimeError, AttributeError, Failure) as error:
                self._drop()
                if not number and other_mode_may_help(error):
                    continue
                self._problem(attempts, error)
                return False
            finally:
                self.busy_since = 0
            self.dialer.tls = tls
            self.refusals, self.last_problem = 0, ""
            return True
        return False

    def _dial(self, sock: socket.socket, login: Login) -> None:
        """Reach the server by a socket that the watcher knows already: a dead host would hold the writer."""
        sock.settimeout(self.plan.connect_timeout)
        if login.unix_socket:
            sock.connect(login.unix_socket)
        else:
            sock.connect((login.host, login.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _greet(self, connection: Any) -> None:
        """Ask who answers; the first time, take up the count where the last run left it."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@hostname")
            self.server = cursor.fetchone()[0]
            if not self.seq:
                cursor.execute("INSERT IGNORE INTO ledger.counters VALUES (%s, 0, 0)", (self.number,))
                cursor.execute("SELECT last_seq FROM ledger.counters WHERE writer = %s", (self.number,))
                last = cursor.fetchone()[0]
                connection.commit()
                self.seq = last + 1

    def _write(self, acks: Any, attempts: Any) -> None:
        """One transaction: a row and the writer's counter."""
        self.token += 1
        sent = False
        self.busy_since = started = mono_us()
        if self.opened_by != self.edition:
            # The watcher counts first and then looks whether we are busy; we do it the other way round.
            self.busy_since = 0
            return
        try:
            connection = self.connection
            connection.query(INSERT % (self.number, self.seq, self.token, connection.escape(self.server), wall_us()))
            if connection.query(COUNT % (self.seq, self.number)) != 1:
                raise Failure(f"ledger.counters has no row for writer {self.number}")
            sent = True
            connection.commit()
        except (pymysql.MySQLError, OSError, AttributeError, ValueError, Failure) as error:
            self.busy_since = 0
            self._failed(attempts, error, sent)
            return
        done = mono_us()
        self.busy_since = 0
        acks.write(Ack(self.seq, self.token, wall_us(), done, started, self.server).line())
        self.seq += 1
        self.refusals = 0

    def _failed(self, attempts: Any, error: BaseException, sent: bool) -> None:
        """Note the outcome, and be ready for the next try."""
        errno = _errno(error)
        outcome = classify(errno, sent)
        attempts.write(Attempt(self.seq, self.token, outcome, errno, wall_us(), mono_us(), self.server, _text(error)).line())
        if outcome == "unknown":
            # It may have happened: its number is used up.
            self.seq += 1
        self.refusals += 1
        # Not all writers at the same time.
        if outcome != "refused" or self.refusals > PATIENCE + self.number % 4 or not self._rolled_back():
            self._drop()
        self._rest(PAUSE_S)

    def _rolled_back(self) -> bool:
        try:
            self.connection.rollback()
            return True
        except (pymysql.MySQLError, OSError, AttributeError):
            return False

    def _problem(self, attempts: Any, error: BaseException) -> None:
        """Note that no connection comes about: once for each cause, not for each try."""
        text = _text(error)
        if text != self.last_problem:
            self.last_problem = text
            attempts.write(Attempt(self.seq, 0, "no_connection", _errno(error), wall_us(), mono_us(), "", text).line())


def _errno(error: BaseException) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) and not isinstance(error, OSError) else 0


def _text(error: BaseException) -> str:
    return str(error.args[1] if len(error.args) > 1 else error)[:200]


# --- the parent ----------------------------------------------------------------


def _child(plan: Plan, number: int, run: int, pipe: int, others: list[int]) -> None:
    # The parent tells when to stop: a terminal's interrupt must not end a writer within a transaction.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Held open here, they would hide the parent's end from the other writers.
    for descriptor in others:
        os.close(descriptor)
    writer = Writer(plan, number, run)
    threading.Thread(target=writer.watch, args=(pipe,), daemon=True).start()
    writer.run()


class Run:
    """The writers and the endpoint file's watch."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.number = int(time.time())
        self.pipes: list[int] = []
        self.processes: list[Any] = []
        self.stop = False

    def start(self) -> None:
        """Start the writers."""
        context = multiprocessing.get_context("fork")
        for number in range(1, self.plan.writers + 1):
            reading, writing = os.pipe()
            process = context.Process(target=_child, args=(self.plan, number, self.number, reading, [*self.pipes, writing]))
            process.start()
            os.close(reading)
            self.pipes.append(writing)
            self.processes.append(process)

    def watch(self) -> None:
        """Tell the writers of changes, until it is time to stop."""
        known, before = stamp(self.plan.endpoint), mono_us()
        address = read_login(self.plan.endpoint).address
        while not self.stop and not (self.plan.stop_file and self.plan.stop_file.exists()):
            time.sleep(POLL_S)
            look = mono_us()
            try:
                found = stamp(self.plan.endpoint)
                login = read_login(self.plan.endpoint) if found != known else None
            except (Failure, OSError):
                continue  # somebody writes it in place
            if login:
                for pipe in self.pipes:
                    os.write(pipe, b"c")
                if login.address != address:
                    with (self.plan.out / "endpoints.log").open("a", encoding="utf-8") as file:
                        file.write("%d\t%d\t%d\t%s\n" % Change(before, mono_us(), wall_us(), login.address))
                known, address = found, login.address
            before = look
            if not all(process.is_alive() for process in self.processes):
                raise Failure("a writer died; see above")

    def end(self) -> None:
        """Stop the writers and wait for them."""
        for pipe in self.pipes:
            os.close(pipe)
        for process in self.processes:
            process.join(GRACE_S + self.plan.connect_timeout + self.plan.read_timeout + 5)
            if process.is_alive():
                process.kill()


def run(plan: Plan) -> dict[str, Any]:
    """Run the writers until SIGTERM, SIGINT or the stop file; return the run's facts, which are in run.json too."""
    if not 1 <= plan.writers <= 255:
        raise Failure("writers: 1 to 255")
    plan.out.mkdir(parents=True, exist_ok=True)
    login = read_login(plan.endpoint)
    with Dialer(5.0, 10.0).open(login).cursor() as cursor:
        try:
            cursor.execute("SELECT 1 FROM ledger.counters LIMIT 1")
        except pymysql.MySQLError as error:
            raise Failure(f"{login.address}: {_text(error)}; run `ledger.py setup` first") from None
    this = Run(plan)
    facts: dict[str, Any] = {
        "run": this.number,
        "pid": os.getpid(),
        "writers": plan.writers,
        "rate": plan.rate,
        "first_address": login.address,
        "started_us": wall_us(),
        "started_mono_us": mono_us(),
    }
    handlers = {number: signal.signal(number, lambda *_: setattr(this, "stop", True)) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        this.start()
        _save(plan.out, facts)
        this.watch()
    finally:
        this.end()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        facts.update(ended_us=wall_us(), ended_mono_us=mono_us())
        _save(plan.out, facts)
    return facts


def _save(out: Path, facts: dict[str, Any]) -> None:
    partial = out / ".run.json.new"
    partial.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    partial.replace(out / "run.json")
