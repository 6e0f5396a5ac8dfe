# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result file: every single figure, and what follows from them. Nothing here measures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from machine import BUSY_SHARE

GUIDE, RAW = "guide", "raw"
#: What the methods are meant to reach: method, ratio, bound. At least so many times faster than the guide; at most so
#: many times slower than the plain copy.
AIMS = (
    ("mariadb-backup", "ratio", 10.0),
    ("mariadb-backup", "to_raw", 3.0),
    ("clone", "ratio", 20.0),
    ("dump", "ratio", 1.0),
)
#: How every measure is made; part of the file, because figures mean nothing without it.
CONDITIONS = (
    "both servers as their packages configure them; the guide's and the plain copy's target as shipped, the methods' as the migration "
    "prepares it",
    "before each measure the target is emptied, the source's server restarted, its files dropped from the cache, the disk synced",
    "a method is its real job from launch to outcome: the target's server stopped and started again, prepare, objects counted, data synced",
    "the guide is dump into gzip into a file, scp, zcat into the client, each after the other; raw is tar through ssh, both servers down",
    "a copy counts only where every table's rows and digests equal the source's",
)


def counted(runs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The runs whose copy was equal."""
    return [run for run in runs if run["equal"]]


def medians(runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Server, method: median, least and most seconds, and how many runs that is."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in counted(runs):
        groups.setdefault((run["server"], run["method"]), []).append(run)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (server, method), group in groups.items():
        seconds = [run["seconds"] for run in group]
        middle = round(median(seconds), 3)
        found.setdefault(server, {})[method] = {
            "seconds": middle,
            "least": min(seconds),
            "most": max(seconds),
            "runs": len(group),
            "busy_runs": sum(run["others"] > BUSY_SHARE for run in group),
            "mb_per_s": round(group[0]["bytes"] / middle / 1e6, 1),
        }
    return found


def ratios(middles: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, dict[str, float]]]:
    """ratio: how many times faster than the guide; to_raw: how many times slower than the plain copy."""
    ratio: dict[str, dict[str, float]] = {}
    to_raw: dict[str, dict[str, float]] = {}
    for server, methods in middles.items():
        for method, figures in methods.items():
            if GUIDE in methods:
                ratio.setdefault(server, {})[method] = round(methods[GUIDE]["seconds"] / figures["seconds"], 3)
            if RAW in methods:
                to_raw.setdefault(server, {})[method] = round(figures["seconds"] / methods[RAW]["seconds"], 3)
    return {"ratio": ratio, "to_raw": to_raw}


def aims(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each aim and what was reached."""
    found = []
    for method, kind, bound in AIMS:
        for server, values in part[kind].items():
            if method in values:
                reached = values[method] <= bound if kind == "to_raw" else values[method] >= bound
                found.append({"server": server, "method": method, "kind": kind, "bound": bound, "value": values[method], "ok": reached})
    return found


def summed_up(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Runs over one kind of network, with what follows from them."""
    middles = medians(runs)
    return {"runs": list(runs), "medians": middles, **ratios(middles)}


def record(facts: Mapping[str, Any], servers: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The whole file. Runs under a limit stand apart: whoever reads `runs` must not mix the two."""
    free = [run for run in runs if not run["mbit"]]
    limits = sorted({run["mbit"] for run in runs if run["mbit"]})
    part = summed_up(free)
    return {
        "schema": 1,
        "generated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": dict(facts),
        "conditions": list(CONDITIONS),
        "servers": dict(servers),
        **part,
        "aims": aims(part),
        "limited": {str(limit): summed_up([run for run in runs if run["mbit"] == limit]) for limit in limits},
        "quiet": all(run["others"] <= BUSY_SHARE for run in runs),
        "all_equal": all(run["equal"] for run in runs),
    }


def all_runs(file: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs of a file, over every network."""
    return list(file.get("runs", [])) + [run for part in file.get("limited", {}).values() for run in part["runs"]]


def read(path: Path) -> dict[str, Any]:
    """A result file; empty where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a result file at once: an interrupted benchmark leaves what it had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(fresh, path)


def lines(content: Mapping[str, Any]) -> list[str]:
    """The end of a benchmark, for people."""
    told = []
    for limit, part in [("", content), *content["limited"].items()]:
        for server, methods in part["medians"].items():
            told.append(f"{server}{f', {limit} Mbit/s' if limit else ''}")
            for method, figures in sorted(methods.items(), key=lambda item: item[1]["seconds"]):
                ratio, to_raw = (part[kind].get(server, {}).get(method) for kind in ("ratio", "to_raw"))
                told.append(
                    f"  {method:<15} {figures['seconds']:8.1f} s  ({figures['least']:.1f} to {figures['most']:.1f}, {figures['runs']} runs)"
                    f"  {figures['mb_per_s']:7.1f} MB/s"
                    + (f"  {ratio:5.1f} times faster than the guide" if ratio else "")
                    + (f"  {to_raw:5.1f} times the plain copy" if to_raw else "")
                )
    for aim in content["aims"]:
        words = "at most %g times the plain copy" if aim["kind"] == "to_raw" else "at least %g times faster than the guide"
        verdict = "reached" if aim["ok"] else "MISSED"
        told.append(f"{verdict}: {aim['server']} {aim['method']}, {words % aim['bound']}: {aim['value']:.1f}")
    if not content["quiet"]:
        told.append(f"BUSY: others used more than {BUSY_SHARE:.0%} of this machine in some runs; each run says how much (others)")
    if not content["all_equal"]:
        told.append("NOT EQUAL: some copies differ from the source and do not count; each run says how (difference)")
    return told
