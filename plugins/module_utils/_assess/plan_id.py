# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A plan's id: a digest for each part of what the plan rests on, so that a plan that was approved can be held against today's facts.

It is worked out from the facts alone: nothing has to be kept, and a refusal still names the parts that have changed. What grows or
moves by itself (rows, bytes, lag, sessions) is no part of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import asdict

from .catalogue import SOURCE, TARGET
from .changes import Change
from .check_input import CheckInput

DIGITS = 4
#: Settings that tell where the migration stands, and not what is asked for.
OF_THE_MOMENT = (
    "cutover", "seed_state", "phase", "wipe_permission", "distrust", "verified_at", "renewed", "plan", "plan_begun", "source_log", "target_log",
    "missing_programs", "way", "sshd", "listening", "session_script",
    "restart_cost", "restart_reasons", "restart_required", "source_server_id", "target_server_id",
)  # fmt: skip


def _server(facts: dict) -> t.Any:
    return [facts["identity"][name] for name in ("flavour", "version_text", "hostname", "port", "datadir", "server_uuid")]


def _settings(facts: dict) -> t.Any:
    names = ("sql_mode", "time_zone", "system_time_zone", "character_set_server", "collation_server", "lower_case_table_names", "innodb_page_size")
    return [[facts[name] for name in names], (facts.get("setups") or {}).get("variables")]


def _definitions(facts: dict) -> t.Any:
    schemas = [[one["name"], one["tables"], one["views"]] for one in facts["schemas"]]
    return [schemas, facts["events"], facts["not_innodb_count"], facts["without_primary_key_count"], facts["versioned_tables"]]


def _asked(case: CheckInput) -> t.Any:
    return {name: value for name, value in asdict(case.settings).items() if name not in OF_THE_MOMENT}


#: The parts, in the id's order.
PARTS: tuple[tuple[str, t.Callable[[CheckInput, str, t.Sequence[Change]], t.Any]], ...] = (
    ("the source's server", lambda case, _method, _changes: _server(case.side(SOURCE))),
    ("the source's settings", lambda case, _method, _changes: _settings(case.side(SOURCE))),
    ("the source's schemas and tables", lambda case, _method, _changes: _definitions(case.side(SOURCE))),
    ("the target's server", lambda case, _method, _changes: _server(case.side(TARGET))),
    ("the target's settings", lambda case, _method, _changes: _settings(case.side(TARGET))),
    ("what the target holds", lambda case, _method, _changes: [one["name"] for one in case.side(TARGET)["schemas"]]),
    ("the migration's settings", lambda case, _method, _changes: _asked(case)),
    ("the copy's method", lambda _case, method, _changes: method),
    ("what is changed on the hosts", lambda _case, _method, changes: [list(change) for change in changes]),
)
PLAN_ID = re.compile(r"[0-9a-f]{%d}(?:-[0-9a-f]{%d}){%d}\Z" % (DIGITS, DIGITS, len(PARTS) - 1))


def plan_id(case: CheckInput, method: str, changes: t.Sequence[Change]) -> str:
    """The id, for example 8f3a-01bc-…: one group of hexadecimal digits a part."""
    return "-".join(_digest(part(case, method, changes)) for _name, part in PARTS)


def _digest(value: t.Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:DIGITS]


def differences(approved: str, now: str) -> list[str]:
    """The parts that differ between two ids, by their names.

    :param approved: checked against PLAN_ID before
    """
    return [name for (name, _part), one, other in zip(PARTS, approved.split("-"), now.split("-")) if one != other]
