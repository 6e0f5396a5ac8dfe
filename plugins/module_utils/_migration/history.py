# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a host knows of the migrations of one of its servers: the record of its fence, and the journals that were kept here.

Journals lie on a migration's target, and can be lost. That a server was cut over stays known on its own host.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import asdict

from .._errors import MigrationError
from .._state.fences import fence_path, read_fence
from .._state.journal import Journal
from .._state.paths import ROOT
from .phase import phase_of

# A journal that is there and cannot be read: nobody may take that for none.
DAMAGED = "damaged"


def told_fence(server: str, root: str = ROOT) -> dict:
    """The record of a server's last fence, as plain values.

    :param server: its data directory
    :returns: fence (None where it never had one), fence_unknown (why that cannot be told; empty where it can)
    """
    try:
        fence = read_fence(server, root)
    except MigrationError as error:
        return {"fence": None, "fence_unknown": str(error)}
    except OSError as error:
        words = "the record of the fence of %s cannot be read (%s: %s)" % (server, error.filename or root, error.strerror)
        return {"fence": None, "fence_unknown": words}
    return {"fence": fence and {**asdict(fence), "path": fence_path(fence, root)}, "fence_unknown": ""}


def told_journals(known_as: str, root: str = ROOT) -> list[dict]:
    """The migrations whose target a server is or was, as far as this host's journals tell: migration_id and phase.

    :param known_as: what the server is called in journals (see _seed/context.py); a journal that names none counts, too
    """
    found = []
    for name in sorted(_folders(root)):
        journal = Journal(os.path.join(root, name))
        if not os.path.lexists(journal.state_path):
            continue
        try:
            state: t.Any = journal.read()
            target = state.get("seed", {}).get("target", known_as)
            phase = phase_of(state)
        except (MigrationError, OSError, AttributeError):
            target, phase = known_as, DAMAGED
        if target == known_as:
            found.append({"migration_id": name, "phase": phase})
    return found


def _folders(root: str) -> list[str]:
    try:
        return [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    except FileNotFoundError:
        return []
