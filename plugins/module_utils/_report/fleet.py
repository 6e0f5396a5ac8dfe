# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Many migrations in one table: a line for each pair, and how many stand where."""

from __future__ import annotations

import typing as t
from collections import Counter

from .status import wrong_of

HEADS = ("TARGET", "SOURCE", "PHASE", "NOW", "WRITES ON", "WRONG")
#: What a column may take at most. What is longer is cut, and ends with two dots: the lines of each pair say it in full.
WIDEST = (18, 16, 12, 22, 9, 13)
UNKNOWN = "no answer"


class Pair(t.NamedTuple):
    """What was heard of a pair.

    :param target: its name in the inventory
    :param source: the source's
    :param migration: what migration_info returned; without a phase where the host was not reached
    :param servers: what migration_reality_info returned; empty where nobody was asked
    """

    target: str
    source: str
    migration: dict
    servers: dict


def fleet_lines(pairs: t.Sequence[Pair]) -> list[str]:
    """The table, and a last line that counts the phases; nothing for one pair, whose lines say more."""
    if len(pairs) < 2:
        return []
    rows = [HEADS, *(_row(pair) for pair in pairs)]
    cells = [[_cut(cell, most) for cell, most in zip(row, WIDEST)] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(HEADS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]
    counts = Counter(row[2] for row in rows[1:])
    wrong = sum(row[5] not in ("", "-") for row in rows[1:])
    told = ", ".join("%d %s" % (count, phase) for phase, count in sorted(counts.items()))
    return [*table, "%d pairs: %s%s" % (len(pairs), told, "; %d with something wrong" % wrong if wrong else "")]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 2] + ".."


def _row(pair: Pair) -> tuple[str, ...]:
    if "phase" not in pair.migration:
        return (pair.target, pair.source, UNKNOWN, "", "?", "not reached")
    retired = pair.migration.get("state", {}).get("retired") is not None
    phase = "retired" if retired else str(pair.migration.get("phase", "?")).replace("_", " ")
    wrong = wrong_of(pair.migration, pair.servers)
    return (pair.target, pair.source, phase, _now(pair), _writes(pair), "%d, see above" % len(wrong) if wrong else "-")


def _now(pair: Pair) -> str:
    """What runs and how far it is; else how far the target is behind."""
    for name, job in pair.migration.get("jobs", {}).items():
        if job.get("state") == "running":
            return "%s: %s" % (name, str(job.get("progress") or "begins").strip())
    new = pair.servers.get("new") or {}
    if new.get("replicates"):
        return "%s s behind" % new["lag"] if new.get("lag") is not None else "replica does not run"
    return ""


def _writes(pair: Pair) -> str:
    """Which of the two takes writes, as they were asked just now."""
    seen = {"source": pair.servers.get("old") or {}, "target": pair.servers.get("new") or {}}
    if not any(seen.values()) or any(one.get("error") for one in seen.values()):
        return "?"
    return {(): "none", ("source",): "source", ("target",): "target"}.get(tuple(side for side, one in seen.items() if one.get("open")), "BOTH")
