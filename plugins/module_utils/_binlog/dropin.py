# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The binary log's drop-in file: its name and its text."""

from __future__ import annotations

NAME = "zz-nordbridge-binlog.cnf"
MARK = "# Written by nordbridge.mysql_migration.mysql_binlog_config."
HEADER = (
    MARK,
    "# Changes here are lost at its next run. To undo it, remove this file, and restart the server where it has to.",
    "# The name sorts last on purpose: the servers read their directories by name, and the last value of a setting counts.",
)


def render(wanted: dict) -> str:
    """The file's text: complete, and the same for the same settings."""
    return "\n".join(HEADER + ("[mysqld]",) + tuple(("%s = %s" % pair).rstrip() for pair in wanted.items())) + "\n"
