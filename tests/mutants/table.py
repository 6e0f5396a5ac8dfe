# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Safety lines, each broken in the way that would hurt. The text tells the place: where a line is changed, its mutant is, too."""

from __future__ import annotations

from mutant import Mutant

TABLE = [
    Mutant(
        "_server/mariadb.py",
        "the fence is read_only alone, which privileged sessions write through",
        'self.connection.run("FLUSH TABLES WITH READ LOCK")',
        "pass",
    ),
    Mutant(
        "_server/mariadb.py",
        "NULL of MASTER_GTID_WAIT counts as arrived",
        'return bool(gtid) and self.connection.value(self.statement("wait_for_gtid"), (gtid, seconds)) == 0',
        'return bool(gtid) and self.connection.value(self.statement("wait_for_gtid"), (gtid, seconds)) in (0, None)',
    ),
    Mutant(
        "_server/mysql.py",
        "the fence is read_only, not super_read_only",
        '"SET GLOBAL super_read_only = ON" if on else',
        '"SET GLOBAL read_only = ON" if on else',
    ),
    Mutant(
        "_server/mysql.py",
        "closed is read from read_only",
        'return (self.connection.variable("super_read_only") or "").upper() == "ON"',
        'return (self.connection.variable("read_only") or "").upper() == "ON"',
    ),
    Mutant(
        "_server/base.py",
        "-1 (time over) of a position wait counts as arrived",
        "return value is not None and int(value) >= 0",
        "return value is not None and int(value) >= -1",
    ),
    Mutant("_state/files.py", "the directory is not synced after the rename", "        sync_directory(folder)\n\n\ndef", "        pass\n\n\ndef"),
    Mutant(
        "_seed/landing.py",
        "source and target may be one server",
        "if seen is not None or same_server(source.identity, target.identity):",
        "if False:",
    ),
]
