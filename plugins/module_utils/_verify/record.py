# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What is known of the copied rows' equality: the journal's record of the last whole verification, and what a cutover makes of it."""

from __future__ import annotations

import time
import typing as t

#: The journal's key, and the warning's name in the cutover's result.
VERIFICATION, NAME = "verification", "data_not_compared"
NOT_COMPARED = (
    "there is no record of a row-level comparison of source and target: that they are equal rests on the copy's own checks and on "
    "replication without an error"
)
NAMED = 5


def differing(record: dict) -> dict[str, str]:
    """The tables that were found unequal, and how."""
    return {name: told for name, told in record.get("unequal", {}).items() if told}


def not_alike_reason(record: dict | None) -> str:
    """Which definitions or accounts were found to differ; empty where none is known to."""
    parity = (record or {}).get("parity") or {}
    different = parity.get("different") or {}
    if not different:
        return ""
    more = parity.get("different_count", 0) - len(different)
    return "these differ between source and target: %s%s" % (words_of(different), "; %d in all" % (more + len(different)) if more > 0 else "")


def words_of(unequal: t.Mapping[str, str]) -> str:
    """Some of the tables, with how they differ."""
    named = ["%s (%s)" % item for item in list(unequal.items())[:NAMED]]
    more = len(unequal) - len(named)
    return "; ".join(named) + ("; and %d more" % more if more else "")


def warnings_of(state: dict) -> dict[str, str]:
    """What a cutover cannot vouch for, by name: by the journal's state."""
    record = state.get(VERIFICATION)
    words = not_verified_reason(record, 0)
    if not words and record and record.get("uncompared"):
        words = "the verification could not compare all tables: %s" % words_of(record["uncompared"])
    if not words and record and (record.get("parity") or {}).get("unread"):
        words = "the verification could not read all definitions: %s" % ", ".join(record["parity"]["unread"][:NAMED])
    return {NAME: words} if words else {}


def not_equal_reason(record: dict | None) -> str:
    """Why a cutover would promote a server whose rows are known to differ; empty where nothing is known to."""
    unequal = differing(record or {})
    return "the verification found tables that differ between source and target: %s" % words_of(unequal) if unequal else ""


def not_verified_reason(record: dict | None, max_age: float, now: float | None = None) -> str:
    """Why the rows do not count as compared; empty where they do.

    :param max_age: seconds that the oldest comparison may be old; 0 for any age
    """
    if not record:
        return NOT_COMPARED
    age = (time.time() if now is None else now) - record["since"]
    if max_age and age > max_age:
        return "the last verification began %.1f h ago; the limit is %.1f h. Run the playbook verify again" % (age / 3600, max_age / 3600)
    return not_alike_reason(record)
