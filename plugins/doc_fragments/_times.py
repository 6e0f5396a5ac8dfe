# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """The options of a cutover and of a rollback that say how long what may take: those of C(_cutover/times.times_argument_spec)."""

    DOCUMENTATION = r"""
options:
  budget:
    description: Seconds of write stop after which it undoes itself.
    type: float
    default: 5.0
  lease:
    description:
      - Seconds after which the host of the fenced server opens it again, whatever died, unless it was committed before.
      - It must be longer than O(budget).
    type: float
    default: 10.0
  fence_seconds:
    description: Seconds that the fence may take to close before it is given up.
    type: float
    default: 2.0
  max_lag:
    description: The lag in seconds above which it is refused.
    type: float
    default: 1.0
  max_transaction_seconds:
    description: The age in seconds of an open transaction, on the server that is to be fenced, above which it is refused.
    type: int
    default: 5
  accept_late_writes:
    description:
      - The migration's id ends a cutover or rollback whose last step has found in the binary logs that both servers took writes.
      - Without it that step fails each time, with the transactions and tables.
    type: str
    default: ''
"""
