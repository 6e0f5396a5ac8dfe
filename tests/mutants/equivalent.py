# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants that no test can tell from the code, each with the reason: nothing that anybody relies on is different."""

from __future__ import annotations

#: File and name of the mutant, and why.
EQUIVALENT: dict[tuple[str, str], str] = {
    ("_cutover/journal_entry.py", 'JournalEntry.begin: `self.write("%s begins" % step.name, state)` became `pass`'): (
        "both steps whose begin is journalled remember facts before their effect, and what is remembered is written with the begin"
    ),
}
