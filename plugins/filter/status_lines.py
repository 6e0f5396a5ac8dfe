# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for what a person reads."""

from __future__ import annotations

import typing as t

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.fleet import Pair, fleet_lines
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.status import status_lines


def lines_of(
    migration: dict, host: str = "", source: str = "", servers: dict | None = None, reverse: dict | None = None, late: dict | None = None
) -> list[str]:
    """See status_lines."""
    return status_lines(host, source, migration or {}, servers or {}, reverse or {}, late or {})


def table_of(pairs: list) -> list[str]:
    """See fleet_lines.

    :param pairs: for each target its name, its source, what migration_info returned and what migration_reality_info returned
    """
    return fleet_lines([Pair(str(target), str(source), migration or {}, servers or {}) for target, source, migration, servers in pairs])


class FilterModule:
    """Ansible's way to find them."""

    def filters(self) -> dict[str, t.Callable]:
        """By name."""
        return {"status_lines": lines_of, "status_table": table_of}
