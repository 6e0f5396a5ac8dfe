# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Talking with a program that stays: a line for each question, and a line of JSON for each answer."""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
import time
import typing as t

from .._errors import MigrationError
from .._text import tail

#: How long a program that has closed its output may take to end and leave its last words.
LAST_WORDS_SECONDS = 1.0


class JsonLinesProcess:
    """A program, started at once.

    :param lost: what is said where it cannot be asked any more
    :param silent: what is said where it does not answer
    :param own_session: out of reach of what ends this process's group
    """

    def __init__(self, command: list[str], lost: str, silent: str, own_session: bool = False) -> None:
        self.lost = lost
        self.silent = silent
        self._rest = b""
        self._words = tempfile.TemporaryFile()  # pylint: disable=consider-using-with  # lives as long as this
        pipe = subprocess.PIPE
        try:
            # Unbuffered: an answer that came together with another must not be hidden from select().
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with  # see close()
                command, stdin=pipe, stdout=pipe, stderr=self._words, start_new_session=own_session, bufsize=0
            )
        except OSError as error:
            self._words.close()
            raise MigrationError("%s: %s could not be started: %s" % (lost, command[0], error.strerror)) from None
        self._input = t.cast(t.BinaryIO, self.process.stdin)
        self._output = t.cast(t.BinaryIO, self.process.stdout)

    def say(self, line: str) -> None:
        """Say a line.

        :raises MigrationError: where nobody hears it
        """
        rest = line.encode() + b"\n"
        try:
            while rest:
                rest = rest[self._input.write(rest) :]
        except OSError as error:
            raise MigrationError("%s: %s%s" % (self.lost, error.strerror, self._stderr_tail())) from None

    def answer(self, seconds: float) -> t.Any:
        """The next answer.

        :raises MigrationError: where none comes in time, with the program's own words
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _write, _error = select.select([self._output], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise MigrationError("%s within %.1f s" % (self.silent, seconds))
            part = self._output.read(65536)
            if not part:
                raise MigrationError("%s%s" % (self.silent, self._stderr_tail() or ": it has ended"))
            self._rest += part
        line, _newline, self._rest = self._rest.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError:
            raise MigrationError("%s, but %s" % (self.silent, tail(line))) from None

    def close(self, seconds: float = 0.0) -> None:
        """End it: the end of its input first, and what has not ended after that time is killed."""
        for stream in (self._input, self._output):
            try:
                stream.close()
            except OSError:
                pass
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._words.close()

    def _stderr_tail(self) -> str:
        """The program's last words, as the end of a sentence."""
        try:
            self.process.wait(LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        self._words.seek(0)
        words = tail(self._words.read())
        return ": %s" % words if words else ""
