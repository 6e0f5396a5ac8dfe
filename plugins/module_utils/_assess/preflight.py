# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""All rules over one case: findings, totals, the plan's text, and the refusal that names each error."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._errors import Refusal
from . import rules_census, rules_fence, rules_pair, rules_plan, rules_setups, rules_source, rules_target, rules_way
from .catalogue import CHECKS, ERROR, NOTICE, OK, WARNING, Check
from .check_input import CheckInput, Finding, counted
from .plan_text import plan_text

RULES: dict[str, t.Callable[[CheckInput], list]] = {
    **rules_pair.RULES,
    **rules_source.RULES,
    **rules_target.RULES,
    **rules_fence.RULES,
    **rules_census.RULES,
    **rules_setups.RULES,
    **rules_plan.RULES,
    **rules_way.RULES,
}
# What is asked where the target may be the primary. The others ask what a migration would meet, and some of them advise to make it again.
OF_DOUBT = ("P01", "P02", "P25", "P41", "P42", "P60", "P61", "P62", "P80")


def check(case: CheckInput) -> dict:
    """Ask every rule.

    :returns: findings (one or more for each check), counts (errors, warnings, notices), summary, standing, seed, changes, plan_id,
        plan_text, refusal
    """
    standing = rules_fence.standing(case)
    if standing:
        # Nothing is left to be copied.
        case = replace(case, settings=replace(case.settings, seed_state="done"))
    asked = [entry for entry in CHECKS if not _in_doubt(case) or entry.id in OF_DOUBT]
    findings = [finding for entry in asked for finding in _ask(entry, case)]
    counts = {name + "s": sum(finding["result"] == name for finding in findings) for name in (ERROR, WARNING, NOTICE)}
    summary = "%s: %s" % (counted(len(asked), "check"), ", ".join(counted(number, name[:-1]) for name, number in counts.items()))
    # Not "warnings" beside findings: in a module's result that word is Ansible's own, for a list of texts.
    result = {"findings": findings, "counts": counts, "summary": summary, "standing": standing, "seed": _seed(case)}
    doubt = _in_doubt(case)
    # Where it is not sure which server is the primary, nothing is announced, and nothing can be approved.
    nothing = doubt or bool(standing) or case.settings.committed
    result["plan_id"], found = ("", []) if nothing else rules_plan.planned(case)
    result["changes"] = [change._asdict() for change in found]
    result["plan_text"] = plan_text(case, result, found, doubt)
    result["refusal"] = refusal_text(result, case.settings.migration_id)
    return result


def refusal_text(result: dict, migration_id: str) -> str:
    """What a play fails with that has printed the plan; empty where nothing is wrong."""
    ids = list(dict.fromkeys(finding["id"] for finding in result["findings"] if finding["result"] == ERROR))
    if not ids:
        return ""
    number = counted(result["counts"]["errors"], "error")
    return "migration %s is not started: %s found, nothing was touched: %s. The plan above says what to do" % (migration_id, number, ", ".join(ids))


def _in_doubt(case: CheckInput) -> bool:
    return not case.settings.committed and bool(rules_fence.in_doubt(case))


def _seed(case: CheckInput) -> dict:
    """The method of the copy, and why not the others; both empty where it cannot be told, or nothing is or may be copied."""
    if _in_doubt(case):
        return {"method": "", "not_taken": {}}
    try:
        choice = rules_pair.choice(case)
    except Refusal:
        choice = None  # P12 tells
    return {"method": choice.method.name, "not_taken": choice.not_taken} if choice else {"method": "", "not_taken": {}}


def _ask(entry: Check, case: CheckInput) -> list[dict]:
    found = [_finding(entry, case, hit) for hit in RULES[entry.id](case) + _unread(entry, case)]
    return found or [_finding(entry, case, Finding("no issue found", OK))]


def _unread(entry: Check, case: CheckInput) -> list[Finding]:
    """Facts that a check needs and that a login could not read: the check fails as if it had hit, for nobody knows."""
    hits: dict[tuple, Finding] = {}
    for side, topic in entry.needs:
        for note in case.side(side).get("unreadable") or []:
            if note["topic"] == topic:
                text = "not checked, the %s's login may not read what it needs: %s" % (side, note["message"])
                hits[(side, text)] = Finding(text, where=side, remedy="grant the login what P10 or P11 names", blind=True)
    return list(hits.values())


def _finding(entry: Check, case: CheckInput, hit: Finding) -> dict:
    result = hit.severity or entry.severity
    # A risk that nobody has seen cannot be taken, and neither can one that is graver than the check's usual.
    graver = result == ERROR and entry.severity != ERROR
    waivable = entry.waivable and not hit.blind and not graver
    waived = waivable and entry.id in case.settings.waive and result in (ERROR, WARNING)
    remedy = "" if result == OK else (hit.remedy or entry.remedy).replace("{wipe}", case.settings.permission)
    remedy = remedy.replace("{id}", case.settings.migration_id)
    return {
        "id": entry.id,
        "title": entry.title,
        # A waived check stays in sight, one step lower.
        "result": {ERROR: WARNING, WARNING: NOTICE}[result] if waived else result,
        "where": hit.where or entry.where,
        "message": hit.message + (" (waived)" if waived else ""),
        "remedy": remedy,
        "waivable": waivable,
        "waived": waived,
    }


def refuse(result: dict, migration_id: str) -> t.NoReturn:
    """Fail with each error's id, what, where, and what to do; the result goes along."""
    lines = ["migration %s is not started: %s found, nothing was touched." % (migration_id, counted(result["counts"]["errors"], "error"))]
    for finding in result["findings"]:
        if finding["result"] == ERROR:
            lines.append("%(id)s [%(where)s] %(message)s. What to do: %(remedy)s." % finding)
    refusal = Refusal("\n".join(lines))
    # run_module hands it on. What is well is left out: a failure should fit a screen.
    bad = [finding for finding in result["findings"] if finding["result"] != OK]
    refusal.facts = {"changed": False, **result, "findings": bad}
    raise refusal
