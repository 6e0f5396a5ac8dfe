# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The record's parts that are no claims: its phases in time, and what was foreseen beside what came."""

from __future__ import annotations

import typing as t

from .._verify.record import VERIFICATION
from .claim import moment
from .sections import Known

#: name, the events that begin it, the events that end it
PHASES = (
    ("copy", ("seed started",), ("seed done",)),
    ("catch-up", ("seed done",), ("ready",)),
    ("waiting at READY", ("ready",), ("cutover: lease begins",)),
    ("cutover", ("cutover: lease begins",), ("cutover: confirm done",)),
    ("after the cutover", ("cutover: confirm done",), ("retired",)),
)
#: forecast's key -> what it is called, and its unit
FORESEEN = {"copy_s": ("copy", "s"), "catchup_s": ("catch-up", "s"), "write_stop_s": ("write stop", "s")}


def timeline(k: Known) -> list[dict]:
    """Each phase that has begun: phase, begin and end (UTC; None where it goes on), seconds.

    The last of several tries counts, each from its beginning.
    """
    found = []
    for name, begins, ends in PHASES:
        began = _latest(k, begins, ends)
        if began is None:
            continue
        ended = next((float(event["ts"]) for event in k.events if event["event"] in ends and event["ts"] >= began), None)
        seconds = None if ended is None else round(ended - began, 3)
        found.append({"phase": name, "begin": moment(began), "end": moment(ended), "seconds": seconds})
    record = k.state.get(VERIFICATION)
    if record:
        found.append(
            # The last run of it: what it kept of an earlier one is older.
            {
                "phase": "verification", "begin": moment(record["ended"] - record["seconds"]), "end": moment(record["ended"]),
                "seconds": record["seconds"],
            }  # fmt: skip
        )
    return sorted(found, key=lambda one: one["begin"])


def _latest(k: Known, begins: t.Sequence[str], ends: t.Sequence[str]) -> float | None:
    """The last beginning that has an end, else the last one."""
    starts = [float(event["ts"]) for event in k.events if event["event"] in begins]
    stops = [float(event["ts"]) for event in k.events if event["event"] in ends]
    whole = [at for at in starts if any(stop >= at for stop in stops)]
    return max(whole or starts, default=None)


def foreseen(k: Known) -> list[dict]:
    """What the plan foresaw and what it took: what, unit, forecast, fact, ratio of the fact to the forecast."""
    forecast = k.plan.get("forecast") or {}
    facts = {
        "copy_s": k.state.get("seed", {}).get("seconds"),
        "catchup_s": (k.state.get("catchup") or {}).get("seconds"),
        "write_stop_s": k.facts.get("write_stop_server_s"),
    }
    found = []
    for name, (what, unit) in FORESEEN.items():
        before, after = forecast.get(name), facts[name]
        ratio = round(after / before, 2) if before and after is not None else None
        if before is not None or after is not None:
            found.append({"what": what, "unit": unit, "forecast": before, "fact": after, "ratio": ratio})
    return found
