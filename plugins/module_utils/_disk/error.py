# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The one error of this package."""

from __future__ import annotations

from .._errors import MigrationError


class DiskIoError(MigrationError):
    """The check cannot be made, or could not be finished. The text is for the operator."""
