# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The job's end of the lease: one connection to the fenced server's host, opened before the fence, over which the commit takes it."""

from __future__ import annotations

import json
import time

from .._bridge.call import agent_command
from .._bridge.json_lines import JsonLinesProcess
from .._errors import MigrationError
from .names import CUTOVER_NAMES

ARM_SECONDS = 30.0


class Lease:
    """An armed lease.

    :ivar accounts: whose privileges are to be taken: user, host, privileges, and which of them they may grant
    """

    def __init__(self, migration_id: str, request: dict, server: str = CUTOVER_NAMES.fenced, command: list | None = None) -> None:
        """Arm it.

        :param server: what the fenced server is called
        :param command: the way to its host, where that is not the bridge
        """
        self._silent = "%s's host gave no answer about the lease" % server
        self._process = JsonLinesProcess(
            command or agent_command(migration_id, "lease"), "the connection that holds the lease is lost", self._silent
        )
        try:
            answer = self._ask(json.dumps(request), ARM_SECONDS, "arm")
            if answer.get("armed") is not True:
                raise MigrationError("%s's host did not arm the lease" % server)
            self.accounts: list = answer["accounts"]
        except BaseException:
            self.close()
            raise

    def place_hold(self, seconds: float) -> None:
        """Have the host make the coming fence survive a restart, and prove that it does."""
        self._ask("hold", seconds)

    def take_privileges(self, seconds: float) -> None:
        """Take the privileges by which others could write through the fence, or open it."""
        self._ask("privileges", seconds)

    def begin_to_end_sessions(self) -> None:
        """Have the host end all sessions; sessions_ended has the answer, and meanwhile something else may be waited for."""
        self._process.say("sessions")

    def sessions_ended(self, seconds: float) -> int:
        """How many were asked to end. The commit sees them gone."""
        return int(self._answer("sessions", seconds)["ended"])

    def take(self, seconds: float) -> str:
        """Take it; empty where it is taken, else why not.

        :raises MigrationError: where the source's host does not answer: nobody knows then, and nothing may be promoted
        """
        answer = self._ask("take", max(0.1, seconds))
        return "" if answer["taken"] is True else str(answer["why"])

    def end(self, seconds: float) -> dict:
        """Have its work done now: see lease.finish."""
        return self._ask("end", seconds)

    def close(self) -> None:
        """End the connection. What is armed stays armed."""
        self._process.close()

    def _ask(self, line: str, seconds: float, word: str = "") -> dict:
        self._process.say(line)
        return self._answer(word or line, seconds)

    def _answer(self, word: str, seconds: float) -> dict:
        """The answer to a word; one to an earlier word, which nobody waited for any more, is passed over."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self._process.answer(max(0.0, deadline - time.monotonic()))
            if not isinstance(answer, dict) or "error" in answer and answer.get("word") == word:
                raise MigrationError(str(answer["error"] if isinstance(answer, dict) else self._silent))
            if answer.get("word") == word:
                return answer
