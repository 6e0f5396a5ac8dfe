# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The stream of a logical seed: ssh, zstd, and the server's client, with each one's end looked at."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import threading
import typing as t
from contextlib import ExitStack
from dataclasses import dataclass

from .._errors import MigrationError
from .._text import tail, visible

CHUNK = 1 << 18

# The servers' clients print the statement that failed, and the server quotes the value or place in it: rows, all of them.
CLIENT_ERROR = re.compile(r"^ERROR \d+ .*", re.M | re.S)
# A server hangs up on a statement that is larger than it takes, mostly before it can say so.
TOO_LARGE_ERRORS = ("ERROR 2006 ", "ERROR 2013 ", "ERROR 1153 ")
TOO_LARGE = (
    " (where the server itself still runs: a row is larger than the target's max_allowed_packet takes; as text it is twice its size."
    " migration_target_fast_load: true raises it for the copy)"
)
VALUE = re.compile(r"(near|entry|value:?) '.*?'(?= at line| at row| for |$)", re.S)


def client_words(text: bytes) -> str:
    """What a server's client said, without any part of the data."""
    found = CLIENT_ERROR.search(text.decode("utf-8", "replace"))
    if not found:
        return ""
    told = tail(VALUE.sub(r"\1 '...'", found.group(0).strip()).encode())
    return told + TOO_LARGE if told.startswith(TOO_LARGE_ERRORS) else told


@dataclass
class Stage:
    """A program of the stream.

    :param name: for messages
    :param pass_fds: the files that it may read by number
    :param words: what of its messages may be told, on one line
    :param look: given all of its messages at the end; raises where they tell what its exit code does not
    """

    name: str
    argv: list
    pass_fds: tuple = ()
    words: t.Callable[[bytes], str] = tail
    look: t.Callable[[bytes], None] = lambda _messages: None


class Pipeline:
    """Stages, each fed by the one before it; what crosses between two of them passes through a tap.

    :param taps: called with each chunk that leaves stage 0, stage 1, …; a stage without one only passes it on
    """

    def __init__(self, stages: list[Stage], request: bytes, taps: list[t.Callable[[bytes], t.Any]]) -> None:
        self.stages = stages
        self.request = request
        self.taps = taps
        self._processes: list[subprocess.Popen] = []
        self._stopped = False
        self._failures: list[BaseException] = []
        self._short: list[str] = []  # stages that ended before they had taken everything

    def run(self) -> None:
        """Run to the end.

        :raises MigrationError: naming the stage that failed first and its own words, or as a stage's C(look) does
        """
        with ExitStack() as stack:
            # Messages go to files: a full pipe that nobody reads would stop the stream.
            errors = [stack.enter_context(tempfile.TemporaryFile()) for _stage in self.stages]
            last = len(self.stages) - 1
            processes = self._processes
            stack.callback(_end, processes)
            for number, (stage, error) in enumerate(zip(self.stages, errors)):
                output = subprocess.DEVNULL if number == last else subprocess.PIPE
                processes.append(_start(stage, output, error))
            if self._stopped:
                self.stop()
            threads = [threading.Thread(target=self._carry, args=(number, processes), daemon=True) for number in range(last)]
            for thread in threads:
                thread.start()
            self._send_request(processes[0])
            for thread in threads:
                thread.join()
            codes = [process.wait() for process in processes]
            if any(codes) or self._failures or self._short:
                raise MigrationError("the copy broke: %s" % self._cause(codes, errors))
            for stage, error in zip(self.stages, errors):
                error.seek(0)
                stage.look(error.read())

    def stop(self) -> None:
        """End it from another thread: run() fails then, or will as soon as it has begun."""
        self._stopped = True
        for process in list(self._processes):
            if process.poll() is None:
                process.kill()

    def _send_request(self, first: subprocess.Popen) -> None:
        stdin = t.cast("t.IO[bytes]", first.stdin)
        try:
            stdin.write(self.request)
            stdin.close()
        except BrokenPipeError:
            pass  # its exit code and words tell why

    def _carry(self, number: int, processes: list[subprocess.Popen]) -> None:
        giver, taker = processes[number], processes[number + 1]
        stdout, stdin = t.cast("t.Any", giver.stdout), t.cast("t.Any", taker.stdin)
        try:
            while True:
                chunk = stdout.read1(CHUNK)
                if not chunk:
                    break
                for tap in self.taps[number : number + 1]:
                    tap(chunk)
                stdin.write(chunk)
            stdin.close()
        except BrokenPipeError:
            # The taker ended early: let the giver end too, or it would wait for ever.
            self._short.append(self.stages[number + 1].name)
            stdout.close()
        except BaseException as error:  # pylint: disable=broad-except  # told by run(), which owns the outcome
            self._failures.append(error)
            giver.kill()
            taker.kill()

    def _cause(self, codes: list[int], errors: list) -> str:
        """The words of the stages that failed: a killed one first, and last those that only lost their neighbour."""
        told = []
        for stage, code, error in zip(self.stages, codes, errors):
            if code:
                error.seek(0)
                words, killed = stage.words(error.read()), code < 0 and -code != signal.SIGPIPE
                end = "was killed by signal %d" % -code if killed else "ended with %d" % code
                told.append((not killed, not words, "%s %s%s" % (stage.name, end, ": " + words if words else "")))
        texts = [text for _alive, _silent, text in sorted(told, key=lambda item: item[:2])]
        texts += [visible(str(error)) if isinstance(error, MigrationError) else "unexpected %s" % type(error).__name__ for error in self._failures]
        return "; ".join(texts or ["%s ended before it had taken everything" % name for name in self._short])


def _start(stage: Stage, output: int, error: t.IO[bytes]) -> subprocess.Popen:
    try:
        return subprocess.Popen(stage.argv, stdin=subprocess.PIPE, stdout=output, stderr=error, pass_fds=stage.pass_fds)
    except OSError as problem:
        raise MigrationError("%s could not be started: %s: %s" % (stage.name, stage.argv[0], problem.strerror)) from None


def _end(processes: list[subprocess.Popen]) -> None:
    """Leave no process behind, whatever ended the stream."""
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
