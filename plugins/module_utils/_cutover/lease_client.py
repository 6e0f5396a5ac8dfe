# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The target's end of the lease: one ssh connection, opened before the fence, over which the commit takes it."""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
import typing as t

from .._bridge.call import agent_command, tail
from .._errors import MigrationError

ARM_SECONDS = 30.0


class Lease:
    """An armed lease."""

    def __init__(self, migration_id: str, request: dict, command: list | None = None) -> None:
        self._words = tempfile.TemporaryFile()  # pylint: disable=consider-using-with  # lives as long as this
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with  # see close()
            command or agent_command(migration_id, "lease"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words
        )
        self._input = t.cast(t.BinaryIO, self._process.stdin)
        self._output = t.cast(t.BinaryIO, self._process.stdout)
        self._say(json.dumps(request))
        if self._answer(ARM_SECONDS).get("armed") is not True:
            raise MigrationError("the source's host did not arm the lease")

    def take(self, seconds: float) -> bool:
        """Take it; False where it has fired.

        :raises MigrationError: where the source's host does not answer: nobody knows then, and nothing may be promoted
        """
        self._say("take")
        return self._answer(max(0.1, seconds)).get("taken") is True

    def close(self) -> None:
        """End the connection. What is armed stays armed."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._words.close()

    def _say(self, line: str) -> None:
        try:
            self._input.write(line.encode() + b"\n")
            self._input.flush()
        except OSError as error:
            raise MigrationError("the connection that holds the lease is lost: %s" % error.strerror) from None

    def _answer(self, seconds: float) -> dict:
        ready, _write, _error = select.select([self._output], [], [], seconds)
        line = self._output.readline() if ready else b""
        try:
            return json.loads(line)
        except ValueError:
            self._words.seek(0)
            told = tail(self._words.read())
            raise MigrationError(
                "the source's host gave no answer about the lease within %.1f s%s" % (seconds, ": " + told if told else "")
            ) from None
