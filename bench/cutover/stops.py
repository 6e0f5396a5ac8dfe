# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cutover benchmark's result file: every single figure, and what follows from them. Nothing here measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from statistics import median
from typing import Any

TASKS, LEAN, SCRIPT, ORCHESTRATOR, MODULE = "tasks", "lean tasks", "script", "orchestrator-order", "module"
CONDITIONS = (
    "all ways on the same pair of hosts, put back to the same READY before each run; the load is 8 writers that rest 20 ms after each"
    " transaction (closed loop) and, beside them, writes that arrive at fixed times (open loop), together offered_tps a second",
    "all times are of one clock: both servers and all clients run on one machine",
    "write_stop_s: from the last write that the old server acknowledged to the first of the new one, by two probes of 250 tries a second",
    "server_s: from the fence's statement leaving the new server's host to the new server being writable, as the way itself measured it;"
    " write_stop_s = server_s - fence_s + write_s: writes are still taken for fence_s while the statement travels and waits, and the first"
    " one is acknowledged write_s after the opening",
    "clients_s: the longest time without an acknowledgement among the closed loop's writers, who go through a HAProxy on the new server's"
    " host; the module drives it as its switch, all others by the same socket",
    "open_loop: seconds from the time at which a write was meant to begin to its acknowledgement, of those meant to begin from 1 s before"
    " the write stop to 2 s after it; no client waits for an answer before the next one begins",
    "script: a short Python program on the new server's host, its connections opened before, that waits for the source's GTID;"
    " orchestrator-order: the same program in orchestrator's order, which looks at the replica's file and position each 0.5 s",
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
            "open_max_s": _middle(run["open_loop"]["max_s"] for run in group if run.get("open_loop")),
            "open_p99_s": _middle(run["open_loop"]["p99_s"] for run in group if run.get("open_loop")),
            "runs": len(group),
        }
    return found


def _middle(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(median(found), 4) if found else None


def one_clock(last_old: float, first_new: float, closed_at: float | None, opened_at: float | None) -> dict[str, Any]:
    """A run's times, all in seconds of one clock, and what lies between the way's own figure and the probes'.

    :param last_old: when the old server acknowledged its last write
    :param first_new: when the new server acknowledged its first one
    :param closed_at: when the way sent the statement that stops writes; None where it did not tell
    :param opened_at: when it had the answer that the new server is writable
    """
    found: dict[str, Any] = {"write_stop_s": round(first_new - last_old, 4), "server_s": None, "fence_s": None, "write_s": None}
    if closed_at is not None and opened_at is not None:
        found.update(
            server_s=round(opened_at - closed_at, 4), fence_s=round(last_old - closed_at, 4), write_s=round(first_new - opened_at, 4)
        )
    return found


def latencies(taken: Iterable[tuple[int, int, int, int]], since_us: float, until_us: float) -> dict[str, Any] | None:
    """How long the open loop's writes took that were meant to begin between two times; None where there are none.

    :param taken: number, intended, acknowledged (0 for never) and tries of each; microseconds of the monotonic clock
    """
    chosen = [entry for entry in taken if since_us <= entry[1] <= until_us]
    seconds = sorted((done - intended) / 1e6 for _number, intended, done, _tries in chosen if done)
    if not seconds:
        return None
    at = {"p50_s": 0.5, "p99_s": 0.99, "max_s": 1.0}
    found: dict[str, Any] = {name: round(seconds[min(len(seconds) - 1, int(part * len(seconds)))], 4) for name, part in at.items()}
    tries = [entry[3] for entry in chosen]
    return {**found, "writes": len(chosen), "unanswered": len(chosen) - len(seconds), "retried": sum(count > 1 for count in tries)}


def best_foils(middles: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Server and round trip: the way with the shortest write stop of those that are not the module, and how many times as long it is."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for server, trips in ratios(middles).items():
        for rtt, ways in trips.items():
            if ways:
                way = min(ways, key=lambda name: ways[name])
                found.setdefault(server, {})[rtt] = {"way": way, "times": ways[way]}
    return found


def ratios(middles: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Server, round trip, way: how many times as long as the module's its write stop is."""
    return {
        server: {
            rtt: {way: round(ways[way]["write_stop_s"] / ways[MODULE]["write_stop_s"], 2) for way in ways if way != MODULE}
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
        "best_foil": best_foils(middles),
        "offered_tps": _middle(run["offered_tps"] for run in runs if run.get("offered_tps")),
        "lost": sum(run["lost"] for run in runs),
    }


HEAD = (
    "server",
    "round trip",
    "way",
    "write stop, s (least to most)",
    "its own figure, s",
    "closed loop, longest, s",
    "open loop, 99 % and longest, s",
    "times the module's",
)


def table(content: Mapping[str, Any]) -> str:
    """The table for docs/benchmarks.md."""
    rows = [
        _row(content, server, rtt, way)
        for server, trips in content["medians"].items()
        for rtt, ways in trips.items()
        for way in NAMES
        if way in ways
    ]
    lines = ["| " + " | ".join(row) + " |" for row in [list(HEAD), *rows]]
    lines.insert(1, "|" + "---|" * len(HEAD))
    return "\n".join([*lines, "", _words(content)])


def _row(content: Mapping[str, Any], server: str, rtt: str, way: str) -> list[str]:
    figures = content["medians"][server][rtt][way]
    own = "%.3f" % figures["server_s"] if figures["server_s"] is not None else ""
    longer = content["ratio"][server].get(rtt, {}).get(way)
    stop = "%(write_stop_s).3f (%(least).3f to %(most).3f)" % figures
    late = "%(open_p99_s).3f, %(open_max_s).3f" % figures if figures["open_max_s"] is not None else ""
    times = ("%.1f" if longer < 10 else "%.0f") % longer if longer else ""
    return [server, "LAN" if rtt == "0" else rtt + " ms", NAMES[way], stop, own, "%.3f" % figures["clients_s"], late, times]


def _words(content: Mapping[str, Any]) -> str:
    """What somebody has to know to read the table."""
    counts = sorted({way["runs"] for trips in content["medians"].values() for ways in trips.values() for way in ways.values()})
    offered = content["offered_tps"]
    words = "Medians of %s runs in turns, under %s; %s; %d acknowledged writes lost in %d cutovers; %s cores. Made by `make bench-cutover` at %s."
    return words % (
        " to ".join(str(count) for count in sorted({counts[0], counts[-1]})),
        "%.0f transactions a second" % offered if offered else "8 writers",
        "data of %s MB" % content["machine"].get("megabytes", "?"),
        content["lost"],
        len(content["runs"]),
        content["machine"]["cores"],
        content["generated_at"][:10],
    )


NAMES = {
    TASKS: "six tasks with `community.mysql`",
    LEAN: "six lean tasks",
    ORCHESTRATOR: "a program in orchestrator's order",
    SCRIPT: "a short program, connections opened before",
    MODULE: "`mysql_cutover`",
}
