# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The target's end of the lease: one ssh connection, opened before the fence, over which the commit takes it."""

from __future__ import annotations

import json

from .._bridge.call import agent_command
from .._bridge.talk import Talk
from .._errors import MigrationError

ARM_SECONDS = 30.0


class Lease:
    """An armed lease."""

    def __init__(self, migration_id: str, request: dict, command: list | None = None) -> None:
        self._talk = Talk(
            command or agent_command(migration_id, "lease"),
            "the connection that holds the lease is lost",
            "the source's host gave no answer about the lease",
        )
        try:
            self._talk.say(json.dumps(request))
            if self._talk.answer(ARM_SECONDS).get("armed") is not True:
                raise MigrationError("the source's host did not arm the lease")
        except BaseException:
            self.close()
            raise

    def take(self, seconds: float) -> bool:
        """Take it; False where it has fired.

        :raises MigrationError: where the source's host does not answer: nobody knows then, and nothing may be promoted
        """
        self._talk.say("take")
        return self._talk.answer(max(0.1, seconds)).get("taken") is True

    def close(self) -> None:
        """End the connection. What is armed stays armed."""
        self._talk.close()
