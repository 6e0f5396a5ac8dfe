# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Settings that applications notice."""

from __future__ import annotations

from .check import BOTH, TARGET, WARNING, Check

CHECKS = (
    Check("P50", "sql_mode is the same", WARNING, TARGET, "set the source's value in the target's configuration", waivable=True),
    Check("P51", "the time zone is the same", WARNING, TARGET, "set default_time_zone to the source's zone on the target", waivable=True),
    Check(
        "P52",
        "default character set and collation are the same",
        WARNING,
        TARGET,
        "set the source's values in the target's configuration",
        waivable=True,
    ),
    Check(
        "P53",
        "max_allowed_packet is no smaller on the target",
        WARNING,
        TARGET,
        "set at least the source's value in the target's configuration: larger rows cannot be loaded or written",
        waivable=True,
    ),
    Check(
        "P54",
        "no general log is written",
        WARNING,
        BOTH,
        "SET GLOBAL general_log = OFF for the migration: the copy of rows stands in it whole. Passwords do not",
        waivable=True,
    ),
    Check(
        "P55",
        "settings that change what statements do or return are the same",
        WARNING,
        TARGET,
        "set the source's values in the target's configuration, as far as applications count on them",
        waivable=True,
    ),
    Check(
        "P56",
        "settings that change who may do what are the same",
        WARNING,
        TARGET,
        "set the source's values in the target's configuration: a login may be refused there what it may do on the source, or the other"
        " way round",
        waivable=True,
    ),
    Check(
        "P57",
        "limits are the same",
        WARNING,
        TARGET,
        "set the source's values in the target's configuration, if the target is to bear the same load",
        waivable=True,
    ),
)
