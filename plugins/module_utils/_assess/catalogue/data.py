# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The data."""

from __future__ import annotations

from .check import BOTH, ERROR, SOURCE, TARGET, WARNING, Check, of_source, of_target

CHECKS = (
    Check(
        "P30",
        "all tables are InnoDB",
        ERROR,
        SOURCE,
        "convert them (ALTER TABLE ... ENGINE=InnoDB); or, if nothing writes to them during the seed, waive: -e waive=P30",
        of_source("tables"),
        waivable=True,
    ),
    Check(
        "P31",
        "all tables have a primary key",
        WARNING,
        SOURCE,
        "add a key: without one each changed row can cost the target a scan of the table",
        of_source("tables"),
        waivable=True,
    ),
    Check(
        "P32",
        "no XA transaction is left prepared on the source",
        ERROR,
        SOURCE,
        "XA COMMIT or XA ROLLBACK each of them (XA RECOVER lists them)",
        of_source("xa"),
    ),
    Check(
        "P33",
        "no transaction has been open for long on the source",
        WARNING,
        SOURCE,
        "let it end: it holds off the locks of seed and cutover, and nothing is killed",
        of_source("transactions"),
        waivable=True,
    ),
    Check(
        "P34",
        "the target can read encrypted tables",
        ERROR,
        TARGET,
        "set up the same key management (keyring component or plugin) on the target",
        of_source("tables", "encryption") + of_target("encryption"),
    ),
    Check(
        "P35",
        "no table keeps its own history",
        WARNING,
        SOURCE,
        "seed by a copy of the files: a dump leaves old row versions behind",
        of_source("tables"),
        waivable=True,
    ),
    Check(
        "P36",
        "all tables can be opened",
        ERROR,
        SOURCE,
        "repair or drop them (CHECK TABLE says what is wrong)",
        of_source("tables"),
    ),
    Check("P37", "the source holds data", WARNING, BOTH, "check that source and target are not swapped", of_source("tables"), waivable=True),
)
