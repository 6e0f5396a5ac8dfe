# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The plan for people."""

from __future__ import annotations

import typing as t

from . import changes
from .catalogue import ERROR, NOTICE, WARNING
from .check_input import CheckInput, counted, size

_LETTERS = {ERROR: "E", WARNING: "W", NOTICE: "N"}


def plan_text(case: CheckInput, result: dict, found: t.Sequence[changes.Change], doubt: bool) -> list[str]:
    """The plan for people, a line an entry.

    :param result: preflight.check's
    :param found: the changes that come
    :param doubt: it is not sure which server is the primary: what would be done then is not told
    """
    source, target, asked = case.source, case.target, case.settings
    lines = [
        "MIGRATION PLAN %s  %s -> %s" % (asked.migration_id, source["identity"]["label"], target["identity"]["label"]),
        "                nothing has been changed",
        " DATA       %s, %s, %s, about %d rows"
        % (counted(len(source["schemas"]), "schema"), counted(source["tables"], "table"), size(source["bytes"]), source["rows_estimate"]),
    ]
    lines += _copy(result["seed"])
    lines.append(" PREFLIGHT  %s" % result["summary"])
    for severity in (ERROR, WARNING, NOTICE):
        for finding in result["findings"]:
            if finding["result"] == severity:
                lines.append("  [%s] %s [%s] %s" % (_LETTERS[severity], finding["id"], finding["where"], finding["message"]))
                lines.append("        %s%s" % (finding["remedy"], _waive_hint(finding)))
    labels = {"source": source["identity"]["hostname"], "target": target["identity"]["hostname"]}
    lines += changes.lines(found, labels)
    if not asked.committed and not doubt:
        lines.append(
            " CUTOVER    undone after %g s of write stop; whatever dies before it is committed, the source opens by itself within %g s"
            % (asked.cutover_budget, asked.cutover_lease)
        )
    if result["plan_id"]:
        lines.append(" PLAN ID    %s" % result["plan_id"])
    lines.append(" NEXT       %s" % _next(case, result))
    if not asked.committed and not result["counts"]["errors"] and asked.phase == "migrate" and not result["standing"]:
        lines.append("            (it stops before the cutover)")
    return lines


def _copy(seed: dict) -> list[str]:
    """How the data would be copied."""
    if not seed["method"]:
        return []
    return [" COPY       %s" % seed["method"]] + ["             not %s: %s" % item for item in seed["not_taken"].items()]


def _waive_hint(finding: dict) -> str:
    needed = finding["waivable"] and not finding["waived"] and finding["result"] == ERROR and "-e waive=" not in finding["remedy"]
    return "   waive: -e waive=%s" % finding["id"] if needed else ""


def _next(case: CheckInput, result: dict) -> str:
    asked = case.settings
    if result["counts"]["errors"]:
        return "remove the errors above, then run the same command again"
    if asked.committed or result["standing"]:
        return "nothing: the cutover is done"
    if asked.seed_state == "done" and asked.phase in ("ready", "cutover"):
        return "ansible-playbook nordbridge.mysql_migration.cutover -i INVENTORY -e cutover=%s" % asked.migration_id
    words = ["ansible-playbook nordbridge.mysql_migration.migrate -i INVENTORY"]
    words += ["-e migration_source_allow_restart=true"] if asked.source_allow_restart else []
    words += ["-e wipe_target=%s" % asked.permission] if asked.wipe_is_ours else []
    words += ["-e waive=%s" % ",".join(asked.waive)] if asked.waive else []
    return " ".join(words)
