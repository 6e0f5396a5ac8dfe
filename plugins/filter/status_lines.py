# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for what a person reads."""

from __future__ import annotations

import typing as t

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.forecast import Basis, forecast, with_forecast
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.fleet import Pair, fleet_lines
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.page import page_of
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


def plan_of(preflight: dict, *measured: t.Any) -> list[str]:
    """See with_forecast.

    :param measured: as _basis
    """
    return with_forecast(preflight["plan_text"], _basis(preflight, *measured))


def forecast_of(preflight: dict, *measured: t.Any) -> dict:
    """See forecast.

    :param measured: as _basis
    """
    return forecast(_basis(preflight, *measured))


def _basis(preflight: dict, server: dict, disk: dict | None = None, way: dict | None = None, link_mb_s: float = 0.0) -> Basis:
    """What was measured.

    :param preflight: what migration_preflight returned
    :param server: the source's facts, as mysql_server_info returned them
    :param disk: what disk_io_check returned; something else where it was skipped
    :param way: what migration_way_info returned; something else where it was skipped
    """
    return Basis(
        method=preflight["seed"]["method"],
        bytes=int(server["bytes"]),
        written_per_hour=(server.get("binlogs") or {}).get("bytes_per_hour"),
        disk_mb_s=((disk or {}).get("seq_write") or {}).get("bandwidth_mb_s"),
        round_trip_ms=((way or {}).get("way") or {}).get("round_trip_ms"),
        link_mb_s=float(link_mb_s or 0),
    )


class FilterModule:
    """Ansible's way to find them."""

    def filters(self) -> dict[str, t.Callable]:
        """By name."""
        return {"status_lines": lines_of, "status_table": table_of, "plan_lines": plan_of, "plan_forecast": forecast_of, "record_page": page_of}
