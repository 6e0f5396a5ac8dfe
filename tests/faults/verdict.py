# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault's row says, and what is wrong with it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

#: What of the ledger's check must be nothing. Unknown outcomes that are there are no fault: nobody was told otherwise.
NOTHING = ("lost", "only_on_source", "duplicated", "altered", "refused_present")

#: And what of the row's own findings.
VIOLATIONS = ("two_writable", "counters_wrong", "probe_rows_lost", "privileged_lost", "stayed_closed", "not_proven")


def wrong_with(row: dict[str, Any]) -> list[str]:
    """What a row violates, by name; empty for none."""
    found = [name for name in NOTHING if row.get(name)]
    found += [name for name in VIOLATIONS if row.get(name)]
    if not row["recovered"]:
        found.append("not_recovered")
    elif not row.get("acknowledged"):
        found.append("nothing_acknowledged")
    return found + [f"at the end {name} is {value}" for name, value in row.get("not_as_it_should", {}).items()]


def outcome(row: dict[str, Any]) -> str:
    """The story in a few words."""
    if not row["recovered"]:
        return "not recovered by %d more runs" % row["more_runs"]
    if not row["more_runs"]:
        return "finished all the same"
    how = "by the same command" if row["more_runs"] == 1 else "by the same command, given %d times" % row["more_runs"]
    return ("carried on after the commit " if row["committed_before_more"] else "undone, then done ") + how


def matrix(
    steps: Sequence[str], faults: Sequence[str], only_steps: str = "", only_faults: str = ""
) -> list[tuple[str, str]]:
    """Step and fault of each row, a fault at a time across the steps; comma-separated names leave out the others.

    :raises ValueError: for a name that there is not
    """
    chosen = []
    for known, words in ((steps, only_steps), (faults, only_faults)):
        wanted = [word for word in words.split(",") if word]
        unknown = [word for word in wanted if word not in known]
        if unknown:
            raise ValueError("there is no %s; there are %s" % (", ".join(unknown), ", ".join(known)))
        chosen.append([name for name in known if not wanted or name in wanted])
    return [(step, fault) for fault in chosen[1] for step in chosen[0]]


def at_random(cells: Sequence[tuple[str, str]], seed: int, count: int) -> list[tuple[str, str, float]]:
    """Cells by chance, each with the seconds that the job runs on before the fault strikes: within a step, not at its edge."""
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    return [(*chance.choice(list(cells)), round(chance.choice((0.0, 0.002, 0.01, 0.05, 0.3)) * chance.random(), 4)) for _n in range(count)]


def summary(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The file's head: how many, and what is wrong."""
    rows = list(rows)
    reopened = sorted(row["source_reopened_s"] for row in rows if row.get("source_reopened_s") is not None)
    return {
        "rows": len(rows),
        "violations": sum(not row["ok"] for row in rows),
        "acknowledged": sum(row.get("acknowledged") or 0 for row in rows),
        "longest_without_writes_s": reopened[-1] if reopened else None,
        **bound(rows),
    }


def bound(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What none of so many rows says: by the rule of three, at 95 %, a violation is seen in fewer than one in N / 3 such cuts.

    Where there are violations the rule says nothing.
    """
    judged = [row for row in rows if "no_verdict" not in row.get("wrong", ())]
    none = judged and all(row["ok"] for row in judged)
    return {"judged": len(judged), "violations_below": round(3 / len(judged), 5) if none else None}


def in_short(head: dict[str, Any]) -> str:
    """The head for people."""
    if head["violations_below"] is None:
        return "%(violations)d of %(rows)d rows are wrong" % head
    return "0 of %d rows are wrong: at 95 %% fewer than %.2g %% of such cutovers are (rule of three, 3/%d)" % (
        head["judged"], 100 * head["violations_below"], head["judged"],
    )  # fmt: skip
