# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a second run costs, from what it left: Ansible's recap, the count of ssh executions, and each task's seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

RECAP = re.compile(r"^\S+ +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+) +skipped=(\d+)", re.M)


def recap(output: str) -> dict[str, int]:
    """The recap's sums over all hosts.

    :raises ValueError: where there is none
    """
    found = RECAP.findall(output)
    if not found:
        raise ValueError("no recap: %s" % output[-300:])
    names = ("ok", "changed", "unreachable", "failed", "skipped")
    return {name: sum(int(row[place]) for row in found) for place, name in enumerate(names)}


def summary(runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Playbook, label: medians of its runs."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["playbook"], run["label"]), []).append(run)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (playbook, label), group in groups.items():
        names = ("seconds", "cpu_s", "ssh", "ok", "changed", "skipped")
        found.setdefault(playbook, {})[label] = {**{name: median(run[name] for run in group) for name in names}, "runs": len(group)}
    return found


def table(content: Mapping[str, Any]) -> str:
    """The table for docs/benchmarks.md."""
    head = ["playbook", "version", "seconds", "controller's CPU, s", "ssh executions", "tasks run", "tasks changed", "tasks skipped"]
    rows = [
        [
            playbook,
            label,
            *("%.1f" % figures[name] for name in ("seconds", "cpu_s")),
            *("%d" % figures[name] for name in ("ssh", "ok", "changed", "skipped")),
        ]
        for playbook, labels in content["medians"].items()
        for label, figures in labels.items()
    ]
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    counts = sorted({figures["runs"] for labels in content["medians"].values() for figures in labels.values()})
    words = "Medians of %s runs in turns on a READY pair, %s, in which nothing has to be done; load %s to %s; %s cores; at %s."
    loads = [run["load"] for run in content["runs"]]
    return "\n".join(
        [
            *lines,
            "",
            words
            % (
                " to ".join(map(str, sorted({counts[0], counts[-1]}))),
                content["server"],
                min(loads),
                max(loads),
                content["cores"],
                content["generated_at"][:10],
            ),
        ]
    )
