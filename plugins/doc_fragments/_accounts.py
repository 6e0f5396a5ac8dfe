# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What modules may do about passwords in logs, and how long the migration's accounts last."""

    DOCUMENTATION = r"""
options:
  allow_logged_passwords:
    description:
      - Whether a statement with a password may stand in a log, history or process list that cannot be silenced for its session.
      - Accounts are made by hashes, and a session's own switches and a long comment hide the few statements that servers take a password
        in (C(CHANGE MASTER), C(CLONE)). Where a log remains, the module refuses before it sends the statement, and names the log.
    type: bool
    default: false
"""

    DAYS = r"""
options:
  key_days:
    description:
      - Days after which the passwords of accounts end that log in across the bridge (C(PASSWORD EXPIRE INTERVAL)); V(0) for never.
      - A run renews them when less than half of that is left.
    type: int
    default: 90
"""
