# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""An agent that stands by: its connection is opened before the fence, and what it is to do is said when the time has come."""

from __future__ import annotations

import json
import subprocess

from .._errors import MigrationError
from .._text import tail
from .call import AGENT, agent_command


class PreparedCall:
    """One verb of the agent on the source, waiting for its request. Left alone, it ends with this process and does nothing."""

    def __init__(self, migration_id: str, verb: str, who: str = AGENT) -> None:
        """Connect.

        :param who: how the agent at the other end is called
        """
        self.verb = verb
        self.who = who
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with  # see ask()
            agent_command(migration_id, verb), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def ask(self, request: dict, seconds: float = 30.0) -> dict:
        """Say the request and wait for the answer.

        :raises MigrationError: where none comes; asking again over a new connection does no harm
        """
        try:
            answer, words = self._process.communicate(json.dumps(request).encode() + b"\n", timeout=seconds)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self._process.kill()
            raise MigrationError("%s did not answer %s within %d s" % (self.who, self.verb, seconds)) from None
        try:
            return json.loads(answer)
        except ValueError:
            raise MigrationError("%s failed at %s: %s" % (self.who, self.verb, tail(words))) from None
