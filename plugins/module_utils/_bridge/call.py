# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Calling the agent on the source over ssh."""

from __future__ import annotations

import json
import os
import subprocess

from .._errors import MigrationError
from .._state.paths import directory
from .._text import tail


def agent_command(migration_id: str, verb: str, root: str | None = None) -> list[str]:
    """The ssh command for a verb; host, key and pinned host keys are in the migration's own ssh_config."""
    folder = directory(migration_id, root) if root else directory(migration_id)
    return ["ssh", "-F", os.path.join(folder, "ssh_config"), "agent", verb]


#: How the agent at the other end of the bridge is called, as long as nothing has moved.
AGENT = "the agent on the source"


def call(migration_id: str, verb: str, request: dict, seconds: float = 30.0, command: list | None = None, who: str = AGENT) -> dict:
    """Ask the agent for something short.

    :param command: the way to the agent on this host
    :param who: how the agent at the other end is called

    :raises MigrationError: where ssh or the agent fails
    """
    who = "the agent on this host" if command else who
    command = command or agent_command(migration_id, verb)
    try:
        done = subprocess.run(command, input=json.dumps(request).encode(), capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise MigrationError("%s did not answer %s within %d s" % (who, verb, seconds)) from None
    except OSError as error:
        raise MigrationError("ssh could not be started on this host: %s" % error.strerror) from None
    if done.returncode:
        raise MigrationError("%s failed at %s: %s" % (who, verb, tail(done.stderr)))
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise MigrationError("%s gave an invalid answer to %s: %s" % (who, verb, tail(done.stdout[:200]))) from None
