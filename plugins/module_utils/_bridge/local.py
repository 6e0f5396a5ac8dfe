# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent on this very host: for a rollback the server that is fenced is the one beside the journal."""

from __future__ import annotations

import os
import sys
import typing as t

from .._jobs.payload import launcher_text, pack
from .._state.files import write_json, write_text
from .._state.paths import directory


def place_local(migration_id: str, main: t.Callable[[], t.Any]) -> None:
    """Keep the code that the local agent and its lease run, and the agent's launcher.

    :param main: the agent's program
    """
    write_text(_payload(migration_id), pack())
    write_text(_launcher(migration_id), launcher_text(sys.executable, main, _payload(migration_id), _policy(migration_id)), mode=0o700)


def place_policy(migration_id: str, policy: dict) -> None:
    """Keep this host's own word for the local agent.

    :param policy: plain data, see _agent/policy.py
    """
    write_json(_policy(migration_id), policy)


def local_command(migration_id: str, verb: str) -> list[str]:
    """The command for a verb, as ssh would give it to the agent of another host."""
    return ["env", "SSH_ORIGINAL_COMMAND=%s" % verb, _launcher(migration_id)]


def _payload(migration_id: str) -> str:
    return os.path.join(directory(migration_id), "agent.zip")


def _launcher(migration_id: str) -> str:
    return os.path.join(directory(migration_id), "agent")


def _policy(migration_id: str) -> str:
    return os.path.join(directory(migration_id), "agent.json")
