# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A replica's health in words."""
from __future__ import annotations

from .status import ReplicaStatus


def error_text(status: ReplicaStatus) -> str:
    """The errors of both threads with their numbers; empty for none."""
    told = (
        ("receiver", status.last_io_errno, status.last_io_error),
        ("applier", status.last_sql_errno, status.last_sql_error),
    )
    return "; ".join("%s: [%d] %s" % item for item in told if item[1])
