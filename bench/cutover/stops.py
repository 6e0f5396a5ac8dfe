# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cutover benchmark's result file: every single figure, and what follows from them. Nothing here measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from statistics import median
from typing import Any

TASKS, LEAN, MODULE = "tasks", "lean tasks", "module"
CONDITIONS = (
    "all ways on the same pair of hosts, put back to the same READY before each run; 8 writers that rest 20 ms after each transaction",
    "write_stop_s: from the last write that the old server acknowledged to the first of the new one, by two probes of 250 tries a second",
    "clients_s: the longest time without an acknowledgement among the writers, who go through a HAProxy on the new server's host; the"
    " module drives it as its switch, and the last of the tasks by the same socket",
    "tasks: six steps in the right order with the modules of community.mysql, Ansible with its own defaults, over connections that are"
    " open already",
    "lean tasks: the same as ansible.builtin.command with the server's client, with pipelining",
    "at a distance: a relay delays each byte of all ssh to the old server, the controller's and the bridge's, by half the round trip",
)


def medians(runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Server, round trip in ms, way: medians of the runs, and how many they are."""
    groups: dict[tuple[str, int, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["server"], run["rtt_ms"], run["way"]), []).append(run)
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for (server, rtt, way), group in groups.items():
        stops = [run["write_stop_s"] for run in group]
        said = [run["server_s"] for run in group if run["server_s"] is not None]
        found.setdefault(server, {}).setdefault(str(rtt), {})[way] = {
            "write_stop_s": round(median(stops), 4),
            "least": min(stops),
            "most": max(stops),
            "server_s": round(median(said), 4) if said else None,
            "clients_s": round(median(run["clients_s"] for run in group), 4),
            "runs": len(group),
        }
    return found


def ratios(middles: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Server, round trip, way: how many times as long as the module's its write stop is."""
    return {
        server: {
            rtt: {way: round(ways[way]["write_stop_s"] / ways[MODULE]["write_stop_s"], 1) for way in ways if way != MODULE}
            for rtt, ways in trips.items()
            if MODULE in ways and ways[MODULE]["write_stop_s"]
        }
        for server, trips in middles.items()
    }


def record(machine: Mapping[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole file."""
    middles = medians(runs)
    return {
        "schema": 1,
        "generated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": dict(machine),
        "conditions": list(CONDITIONS),
        "runs": runs,
        "medians": middles,
        "ratio": ratios(middles),
        "lost": sum(run["lost"] for run in runs),
    }


def table(content: Mapping[str, Any]) -> str:
    """The table for docs/benchmarks.md."""
    head = ["server", "round trip", "way", "write stop, s (least to most)", "the servers' own figure, s", "clients, s", "times the module's"]
    rows = []
    for server, trips in content["medians"].items():
        for rtt, ways in trips.items():
            for way in (name for name in NAMES if name in ways):
                figures = ways[way]
                own = "%.3f" % figures["server_s"] if figures["server_s"] is not None else ""
                longer = content["ratio"][server].get(rtt, {}).get(way)
                stop = "%(write_stop_s).3f (%(least).3f to %(most).3f)" % figures
                distance = "LAN" if rtt == "0" else rtt + " ms"
                rows.append([server, distance, NAMES[way], stop, own, "%.3f" % figures["clients_s"], "%.0f" % longer if longer else ""])
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    counts = sorted({way["runs"] for trips in content["medians"].values() for ways in trips.values() for way in ways.values()})
    words = (
        "Medians of %s runs in turns, under 8 writers; %d acknowledged writes lost in %d cutovers; %s cores. "
        "Made by `make bench-cutover` at %s."
    ) % (
        " to ".join(str(count) for count in sorted({counts[0], counts[-1]})),
        content["lost"],
        len(content["runs"]),
        content["machine"]["cores"],
        content["generated_at"][:10],
    )
    return "\n".join([*lines, "", words])


NAMES = {TASKS: "six tasks with `community.mysql`", LEAN: "six lean tasks", MODULE: "`mysql_cutover`"}
