# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The table of checks: each one's id, title, severity and what to do. Ids are stable: they are waived and documented by them.

C({id}) in a remedy stands for the migration's id, C({wipe}) for the permission to erase that counts next.
"""

from __future__ import annotations

from . import data, history, pair, request, settings, setups, source, target
from .check import BOTH, ERROR, MIGRATION, NOTICE, OK, SOURCE, TARGET, WARNING, Check

__all__ = ("BOTH", "BY_ID", "CHECKS", "ERROR", "MIGRATION", "NOTICE", "OK", "SOURCE", "TARGET", "WARNING", "Check")

_TOPICS = (pair, source, data, target, setups, settings, request, history)
CHECKS: tuple[Check, ...] = tuple(check for topic in _TOPICS for check in topic.CHECKS)
BY_ID = {check.id: check for check in CHECKS}
