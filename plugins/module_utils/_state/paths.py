# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Where a migration keeps its files: one directory a migration, root only, on both hosts."""

from __future__ import annotations

import os
import re

from .._errors import Refusal

ROOT = "/var/lib/mysql_migration"
# Where the target keeps the programs that it borrows from the source: not under ROOT, for the server's own user runs them.
PROGRAMS_ROOT = "/var/lib/mysql_migration_programs"
# The schema on the source that holds the marker and the heartbeat; it crosses to the target with the data.
SCHEMA = "nordbridge_migration"


def check_id(migration_id: str) -> str:
    """The id itself, if it can name files, units and accounts."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", migration_id or ""):
        raise Refusal(
            "migration_id %r is not usable: 1 to 31 lower-case letters, digits and dashes, not starting with a dash" % (migration_id,)
        )
    return migration_id


def directory(migration_id: str, root: str = ROOT) -> str:
    """A migration's directory."""
    return os.path.join(root, check_id(migration_id))


def job_directory(migration_id: str, job: str, root: str = ROOT) -> str:
    """The directory of one of a migration's jobs."""
    return os.path.join(directory(migration_id, root), "jobs", job)
