# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether a job that is there also lives: a process that hangs holds its lock, and nobody would ever take over.

A thread of each job moves twice a second. Whoever waits for the job looks whether anything has moved, and counts its own time: a host
that stands still as a whole stops the looking, too, and what is paused and goes on has not hung.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import typing as t
from contextlib import suppress
from dataclasses import dataclass

from .._errors import MigrationError
from .._state.files import read_json
from .record import is_locked

BEAT_SECONDS = 0.5
# A loaded machine may let a thread wait for some seconds.
QUIET_SECONDS = 10.0
# No more than this counts of the time between two looks.
STEP_SECONDS = 1.0
END_SECONDS = 10.0
START_TIME = 21  # of /proc/PID/stat, counted from the field behind the program's name: proc(5)'s field 22


@dataclass(frozen=True)
class Suspect:
    """A job's process, so that no other is meant.

    :param started: its start, in the kernel's ticks
    """

    pid: int
    started: int
    unit: str = ""

    @property
    def words(self) -> str:
        """For a message."""
        return "process %d%s" % (self.pid, " of the unit %s" % self.unit if self.unit else "")


def begin_beat(directory: str) -> None:
    """Move twice a second from now on, for as long as this process does."""
    path = os.path.join(directory, "beat")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))

    def move() -> None:
        while True:
            time.sleep(BEAT_SECONDS)

    def beat() -> None:
        while True:
            # Needs no room on the disk, and may be refused.
            with suppress(OSError):
                os.utime(path)
            time.sleep(BEAT_SECONDS)

    # Two: a disk that is slow holds up the one that writes, and no process hangs for that.
    for target in (move, beat):
        threading.Thread(target=target, daemon=True).start()


def started_at(pid: int) -> int:
    """When a process was started, in the kernel's ticks; 0 where there is none."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as stream:
            return int(stream.read().rpartition(")")[2].split()[START_TIME - 2])
    except (OSError, ValueError, IndexError):
        return 0


def suspect_of(directory: str) -> Suspect | None:
    """The process that runs a job; None where it is not known, or does not move by itself (of an older version)."""
    started: t.Any = read_json(os.path.join(directory, "started.json")) or {}
    if not started.get("ticks"):
        return None
    return Suspect(int(started["pid"]), int(started["ticks"]), str(started.get("unit") or ""))


def _moved(directory: str, suspect: Suspect) -> tuple:
    """What changes while the process lives: the beat, and how often its threads gave the processor back."""
    try:
        beat = os.stat(os.path.join(directory, "beat")).st_mtime_ns
    except OSError:
        beat = 0
    switches = 0
    with suppress(OSError):
        for thread in os.listdir("/proc/%d/task" % suspect.pid):
            with suppress(OSError), open("/proc/%d/task/%s/status" % (suspect.pid, thread), encoding="ascii", errors="replace") as stream:
                switches += sum(int(line.split()[1]) for line in stream if "ctxt_switches" in line)
    return suspect, beat, switches


class Pulse:
    """One observer's view of a job.

    :param clock: its own
    """

    def __init__(self, directory: str, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.directory = directory
        self.clock = clock
        self.suspect: Suspect | None = None
        self._seen: tuple = ()
        self._last = clock()
        self._quiet = 0.0

    def quiet(self) -> float:
        """For how long nothing has moved, of the time that was spent looking. To be asked a few times a second."""
        now = self.clock()
        step, self._last = min(now - self._last, STEP_SECONDS), now
        self.suspect = suspect_of(self.directory)
        seen = () if self.suspect is None else _moved(self.directory, self.suspect)
        self._quiet = self._quiet + step if seen and seen == self._seen else 0.0
        self._seen = seen
        return self._quiet

    def hangs(self) -> bool:
        """Whether the job has hung for so long that nobody need wait for it."""
        return self.quiet() >= QUIET_SECONDS


def hanging(directory: str, pause: float = 0.1) -> Suspect | None:
    """Look at a running job until it moves; its process where it does not."""
    pulse = Pulse(directory)
    pulse.quiet()
    while is_locked(os.path.join(directory, "lock")):
        time.sleep(pause)
        quiet = pulse.quiet()
        if quiet >= QUIET_SECONDS:
            return pulse.suspect
        if quiet == 0.0:
            return None
    return None


def end(directory: str, suspect: Suspect) -> bool:
    """End a job's process, which hangs, as a crash would: the job carries on from what it had written. False where it is another's turn.

    :raises MigrationError: where it does not end
    """
    lock = os.path.join(directory, "lock")
    if suspect_of(directory) != suspect or started_at(suspect.pid) != suspect.started or not _has_open(suspect.pid, lock):
        return False
    with suppress(ProcessLookupError):
        os.kill(suspect.pid, signal.SIGKILL)
    deadline = time.monotonic() + END_SECONDS
    while is_locked(lock):
        if time.monotonic() > deadline:
            raise MigrationError(
                "the job in %s hangs, and its %s does not end although it was killed (a disk that does not answer, or a frozen control"
                " group); mend that, and run the same command again" % (directory, suspect.words)
            )
        time.sleep(0.05)
    return True


def _has_open(pid: int, path: str) -> bool:
    """Whether a process has a file open: it is the one that holds the job's lock."""
    folder = "/proc/%d/fd" % pid
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):
                if os.path.samefile(os.path.join(folder, name), path):
                    return True
    return False


def ended_words(directory: str, suspect: Suspect) -> str:
    """What is said of a job that was ended."""
    return "the job in %s hung: its %s had not moved for %g s, and was ended; the job carries on from what it had written" % (
        directory, suspect.words, QUIET_SECONDS,
    )  # fmt: skip
