# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a migration will take, with its arithmetic: worked out from what was measured, and told as an estimate.

The rates are from our own benchmarks (docs/benchmarks.md), on one machine: they say how methods compare. The disk's is measured on the
target, the round trip on the way. What is not known is named as such.
"""

from __future__ import annotations

import typing as t

from .check_input import size, span

MEGABYTE = 1e6
#: For each method: megabytes a second that it loads by rows, the share of a plain copy's speed that it reached there, and the seconds that
#: it takes with next to no data, as our test runs do. mydumper was not measured.
RATES: dict[str, tuple[float | None, float, float]] = {
    "clone": (None, 1.0, 10.0),
    "mariadb-backup": (None, 0.55, 14.0),
    "dump": (14.0, 1.0, 10.0),
}
#: A replica's applier, of binary log. Not measured here: what is told by it says so.
APPLY_MB_S = 10.0
#: The write stop without a distance, and how many round trips a distance adds. docs/benchmarks.md, the rows of LAN and 100 ms.
WRITE_STOP_S, ROUND_TRIPS = 0.03, 4.5


class Basis(t.NamedTuple):
    """What a forecast rests on.

    :param method: the copy's
    :param bytes: of the source's data
    :param written_per_hour: bytes of the source's binary log an hour; None where it is not known
    :param disk_mb_s: what the target's disk takes, in a row; None where it was not measured
    :param round_trip_ms: between the two hosts; None where it was not measured
    :param link_mb_s: what the way is told to take; 0 where nobody said
    """

    method: str
    bytes: int
    written_per_hour: int | None
    disk_mb_s: float | None
    round_trip_ms: float | None
    link_mb_s: float = 0.0


def forecast(basis: Basis) -> dict:
    """The estimates; None for what is not known.

    :returns: copy_s, copy_mb_s, limit (what bounds the copy), waiting_bytes (of changes at its end), catchup_s, kept_bytes_per_day,
        write_stop_s
    """
    rate, limit = _rate(basis)
    copy = None if rate is None else RATES[basis.method][2] + basis.bytes / MEGABYTE / rate
    stop = None if basis.round_trip_ms is None else WRITE_STOP_S + ROUND_TRIPS * basis.round_trip_ms / 1000
    return {
        "copy_s": _rounded(copy, 1),
        "copy_mb_s": _rounded(rate, 1),
        "limit": limit,
        **_catch_up(basis.written_per_hour, copy),
        "write_stop_s": _rounded(stop, 3),
    }


def _catch_up(written: int | None, copy: float | None) -> dict:
    """What waits at the copy's end, and how long it takes while the source writes on.

    :param written: bytes of binary log an hour
    :param copy: seconds
    """
    found = {"waiting_bytes": None, "catchup_s": None, "falls_behind": False, "kept_bytes_per_day": None if written is None else written * 24}
    if written is None or copy is None:
        return found
    waiting, left = int(written * copy / 3600), APPLY_MB_S - written / 3600 / MEGABYTE
    return {**found, "waiting_bytes": waiting, "catchup_s": round(waiting / MEGABYTE / left, 1) if left > 0 else None, "falls_behind": left <= 0}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _rate(basis: Basis) -> tuple[float | None, str]:
    """Megabytes a second, and what bounds them."""
    if basis.method not in RATES:
        return None, ""
    own, share, _fixed = RATES[basis.method]
    bounds = []
    if own:
        bounds.append((own, "the load by rows, with two processors"))
    if basis.disk_mb_s:
        bounds.append((basis.disk_mb_s * share, "the target's disk, %.0f MB/s measured" % basis.disk_mb_s))
    if basis.link_mb_s:
        bounds.append((basis.link_mb_s, "the way, %g MB/s as given" % basis.link_mb_s))
    return min(bounds) if bounds else (None, "")


def with_forecast(plan: t.Sequence[str], basis: Basis) -> list[str]:
    """The plan's lines with the forecast before what is to be done next. The plan is printed after the disk was measured."""
    told = forecast_lines(forecast(basis), basis)
    at = next((number for number, line in enumerate(plan) if line.startswith((" PLAN ID", " NEXT"))), len(plan))
    return [*plan[:at], *told, *plan[at:]]


def forecast_lines(found: dict, basis: Basis) -> list[str]:
    """The forecast for people; what is not known is named."""
    if not basis.method:
        return []
    lines = []
    if found["copy_s"] is None:
        why = "the target's disk was not measured" if basis.method in RATES else "there is no figure for %s" % basis.method
        lines.append("copy: not known, %s" % why)
    else:
        lines.append(
            "copy: about %s (%s at %.0f MB/s: %s)%s"
            % (
                span(round(found["copy_s"])), size(basis.bytes), found["copy_mb_s"], found["limit"],
                "" if basis.link_mb_s else "; the way's own speed is not measured, see migration_link_mb_s",
            )
        )  # fmt: skip
    if found["waiting_bytes"] is None:
        lines.append("catch-up: not known%s" % (", the source's binary log is too young or off" if basis.written_per_hour is None else ""))
    elif found["falls_behind"]:
        lines.append("catch-up: may never end, %s an hour are more than a replica applies at %g MB/s" % (size(basis.written_per_hour or 0), APPLY_MB_S))
    else:
        lines.append("catch-up: about %s for %s (at %g MB/s, not measured)" % (span(round(found["catchup_s"])), size(found["waiting_bytes"]), APPLY_MB_S))
    if found["kept_bytes_per_day"] is not None:
        lines.append("the source keeps about %s of binary logs a day" % size(found["kept_bytes_per_day"]))
    if found["write_stop_s"] is not None:
        lines.append("write stop: about %.2f s (a round trip of %.1f ms)" % (found["write_stop_s"], basis.round_trip_ms or 0.0))
    return [" FORECAST   %s" % line for line in lines]
