# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The findings: one a threshold, and what to do where it is missed."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from .options import Settings
from .thresholds import THRESHOLDS, Threshold


def warning(finding_id: str, message: str, value: Any = None) -> Dict[str, Any]:
    """A finding that is said but does not fail."""
    return {"id": finding_id, "severity": "warning", "value": value, "threshold": None, "message": message}


def judge_one(rule: Threshold, limit: float, value: Optional[float]) -> Dict[str, Any]:
    """The finding for one threshold. A value that could not be measured misses it; an equal value meets it."""
    wanted = "%s %s %s is required (%s)." % (
        "at least" if rule.is_minimum else "at most",
        _plain(limit),
        rule.unit,
        rule.setting,
    )
    if value is None:
        severity = "error"
        message = "%s was not measured, %s" % (rule.label, wanted)
        message += " fio or the kernel does not report it: leave that threshold out."
    else:
        met = value >= limit if rule.is_minimum else value <= limit
        severity = "ok" if met else "error"
        message = "%s is %s %s, %s" % (rule.label, _plain(value), rule.unit, wanted)
        message += "" if met else " " + rule.advice
    return {"id": rule.id, "severity": severity, "value": value, "threshold": limit, "message": message}


def _plain(number: float) -> str:
    """A number without exponent and without trailing zeros."""
    return ("%.6f" % number).rstrip("0").rstrip(".")


def judge(settings: Settings, values: Mapping[str, Optional[float]]) -> List[Dict[str, Any]]:
    """One finding per threshold that was set, in a fixed order; values are keyed by threshold id."""
    limits = settings._asdict()
    return [judge_one(rule, limits[rule.setting], values.get(rule.id)) for rule in THRESHOLDS if limits[rule.setting] is not None]


def failure_message(result: Mapping[str, Any]) -> Optional[str]:
    """One text that names every missed threshold with its value and what to do, or None where all are met."""
    missed = [finding["message"] for finding in result["findings"] if finding["severity"] == "error"]
    if not missed:
        return None
    count = "1 threshold" if len(missed) == 1 else "%d thresholds" % len(missed)
    return "The data directory %s misses %s. %s" % (result["data_directory"], count, " ".join(missed))
