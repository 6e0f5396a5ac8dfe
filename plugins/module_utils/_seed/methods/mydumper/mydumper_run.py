# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""mydumper at work: its sessions get one snapshot while the source's commits are held up, then it writes the rows to files."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import typing as t

from ...._errors import MigrationError, Refusal
from ...._sandbox.run import Sandbox
from ...._server.connection import Connection
from ...._server.endpoint import client_options
from ...context import Seed
from ...source.dump_command import find_program, private_file
from ...source.freeze import CommitBlock
from ...source.throttle import prefix
from ...tree import check_entry, open_folder, read_plain
from ..dump.dump_text import Coordinates
from .mydumper_command import PROGRAM, SNAPSHOTS_STAND, complaints, option_file, options, parse_metadata

# Round trips to the source until all snapshots stand, counted in 0.10.1's source and taken for the worst: of its first session and of each
# thread's, which begin one after another. And how long a program takes to start on a busy host.
FIRST_TRIPS, THREAD_TRIPS, START_SECONDS = 20, 13, 0.5
SHOWN = 3


def thread_count(asked: int, round_trip: float, seconds: float) -> int:
    """As many of the asked threads as get their snapshots in that time.

    :param round_trip: seconds to the source and back
    :param seconds: for which the source's commits may be held up
    :raises Refusal: where not even one does
    """
    fitting = int(((seconds - START_SECONDS) / max(round_trip, 1e-6) - FIRST_TRIPS) / THREAD_TRIPS)
    if fitting < 1:
        needed = (FIRST_TRIPS + THREAD_TRIPS) * round_trip + START_SECONDS
        raise Refusal(
            "at a round trip of %d ms mydumper would hold up the source's commits for about %.1f s, and %.1f s are allowed "
            "(migration_target_seed_hold_seconds); nothing was touched: use another method, or allow more" % (round_trip * 1000, needed, seconds)
        )
    return min(max(1, asked), fitting)


def round_trip(connection: Connection, clock: t.Callable[[], float] = time.monotonic) -> float:
    """Seconds to a server and back: the middle one of some."""
    took = []
    for _number in range(7):
        began = clock()
        connection.value("SELECT 1")
        took.append(clock() - began)
    return sorted(took)[len(took) // 2]


class DumpProcess:
    """The program, while it runs; what it says goes to a file, for it names each table.

    :param options: its option file, open; it reads it as /proc/self/fd/0
    """

    def __init__(self, command: list, options: int, log: str) -> None:
        self.stand = threading.Event()  # each session has its snapshot, or it has ended
        self.lines: list[str] = []  # those that a failure may show
        self._log = log
        # pylint: disable-next=consider-using-with  # ended by __exit__
        self._process = subprocess.Popen(
            command, stdin=options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with open(self._log, "w", encoding="utf-8", errors="replace") as log:
            for raw in t.cast("t.IO[bytes]", self._process.stdout):
                line = raw.decode("utf-8", "replace").rstrip("\n")
                log.write(line + "\n")
                if SNAPSHOTS_STAND in line:
                    self.stand.set()
                if "** Message:" not in line and line.strip():
                    self.lines.append(line)
        self.stand.set()

    def runs(self) -> bool:
        """Whether it still does."""
        return self._process.poll() is None

    def check(self) -> None:
        """Wait for its end, and fail where it, or anything in it, failed."""
        code = self._process.wait()
        self._reader.join(10)
        wrong = complaints(self.lines)
        if code or wrong:
            told = "; ".join(wrong[:SHOWN] or self.lines[-SHOWN:])
            raise MigrationError("mydumper %s: %s" % ("was killed by signal %d" % -code if code < 0 else "ended with %d" % code, told))

    def __enter__(self) -> DumpProcess:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.runs():
            self._process.kill()
        self._process.wait()
        self._reader.join(10)


def dump_rows(
    seed: Seed, rows: str, log: str, threads: int, pattern: str, stands: t.Callable[[], t.Any], tick: t.Callable[[], t.Any], sandbox: Sandbox
) -> tuple[Coordinates, float]:
    """Write the rows of all tables to files. Returns their coordinates, and for how many seconds the source's commits were held up.

    :param rows: the folder for them
    :param stands: called once the snapshots stand, and the source's commits go on
    :param tick: called now and then
    :param sandbox: where the program runs: it speaks with the source, and may write to that folder alone
    :raises MigrationError: where anything of it failed, or its coordinates are not those that the source stood at
    """
    asked = {"lock_wait": seed.options["lock_wait"], "seconds": seed.options["hold_seconds"]}
    handle = private_file(option_file(client_options(seed.source_login), seed.options["lock_wait"]))
    # The service manager hands on standard streams alone; the file is the user's who opens it there.
    os.fchown(handle, *sandbox.room.owner)
    program = [find_program([PROGRAM]), "--defaults-file=/proc/self/fd/0", *options(rows, threads, pattern)]
    try:
        with CommitBlock(seed.options["migration_id"], asked) as hold:
            with DumpProcess(sandbox.command("rows", prefix(seed.throttle()) + program), handle, log) as running:
                running.stand.wait(float(seed.options["hold_seconds"]))
                if not running.runs():
                    running.check()
                held = hold.release()
                stands()
                seed.progress.say("snapshot", "commits on the source stood still for %.2f s" % held)
                while running.runs():
                    tick()
                    time.sleep(0.3)
                running.check()
            stood = Coordinates(**hold.place)
    finally:
        os.close(handle)
        sandbox.stop("rows")
    found = parse_metadata(take_over(rows, sandbox.room.owner[0]).decode("utf-8", "replace"))
    if found != stood:
        raise MigrationError("mydumper's coordinates %s are not those that the source stood at meanwhile, %s" % (found, stood))
    return found, held


def take_over(rows: str, user: int) -> bytes:
    """Look at what was written, and let nobody change it any more. Returns the text of its metadata.

    :param user: whom the program ran as
    :raises MigrationError: where a name there is no plain file of that user
    """
    handle = open_folder(rows)
    try:
        os.fchmod(handle, 0o700)
        os.fchown(handle, 0, 0)
        for name in os.listdir(handle):
            check_entry(name, os.stat(name, dir_fd=handle, follow_symlinks=False), user, folders=False)
        text = read_plain(handle, "metadata")
    finally:
        os.close(handle)
    if text is None:
        raise MigrationError("mydumper wrote no metadata")
    return text
