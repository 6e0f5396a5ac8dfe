# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The rule about the plan itself: what was approved is what would be made."""

from __future__ import annotations

from .._errors import Refusal
from .changes import Change, changes
from .check_input import CheckInput, Finding
from .plan_id import PLAN_ID, differences, plan_id
from .rules_pair import choice


def method_of(case: CheckInput) -> str:
    """The copy's method; empty where nothing is copied, or P12 tells why it cannot be."""
    try:
        chosen = choice(case)
    except Refusal:
        return ""
    return chosen.method.name if chosen else ""


def planned(case: CheckInput) -> tuple[str, list[Change]]:
    """The plan's id and its changes."""
    method = method_of(case)
    found = changes(case, method)
    return plan_id(case, method, found), found


def approved(case: CheckInput) -> list[Finding]:
    """P66. Once it was begun, what it has changed makes another plan of what is left: it is known by the id that was kept."""
    asked = case.settings
    if not asked.plan or asked.plan == asked.plan_begun:
        return []
    if not PLAN_ID.match(asked.plan):
        return [Finding("plan=%s is not a plan's id" % asked.plan[:80])]
    if asked.plan_begun and (asked.seeded or asked.committed):
        return [Finding("plan=%s was approved, and this migration was begun by the plan %s" % (asked.plan, asked.plan_begun))]
    parts = differences(asked.plan, planned(case)[0])
    return [Finding("since the plan %s was made, these have changed: %s" % (asked.plan, ", ".join(parts)))] if parts else []


RULES = {"P66": approved}
