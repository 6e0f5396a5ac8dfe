# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What is known of the copied rows' equality. No migration records a comparison of its rows yet, and each cutover says so."""

from __future__ import annotations

#: The warning's name in the cutover's result.
NAME = "data_not_compared"
NOT_COMPARED = (
    "there is no record of a row-level comparison of source and target: that they are equal rests on the copy's own checks and on "
    "replication without an error"
)
