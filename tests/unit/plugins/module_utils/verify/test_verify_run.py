# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job around the comparison: what is tried again, and what the record says."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify import run
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.definitions import Found
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.results import TableResult
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.strength import STRENGTHS


class Alignment:
    """Fails with each of these, and succeeds."""

    def __init__(self, *errors):
        self.errors, self.tries = list(errors), 0

    def open(self):
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "a pair"


@pytest.fixture
def aligned(monkeypatch):
    monkeypatch.setattr(run, "changing", lambda _folder, _task: nullcontext())
    monkeypatch.setattr(run.time, "sleep", lambda _seconds: None)
    told = []
    work = SimpleNamespace(folder="/x", progress=SimpleNamespace(say=lambda _phase, text: told.append(text)))
    return lambda alignment: (run.Verification._aligned(work, alignment), told)


def test_a_lock_that_was_not_had_is_waited_for_again(aligned):
    alignment = Alignment(ServerError("Lock wait timeout", 1205), MigrationError("another place"))
    assert aligned(alignment)[0] == "a pair" and alignment.tries == 3


def test_it_is_not_tried_for_ever(aligned):
    alignment = Alignment(*[ServerError("Lock wait timeout", 1205)] * 20)
    with pytest.raises(ServerError, match="Lock wait"):
        aligned(alignment)
    assert alignment.tries == run.ALIGNMENTS


def test_what_is_refused_is_not_tried_again(aligned):
    alignment = Alignment(Refusal("cut over meanwhile"))
    with pytest.raises(Refusal):
        aligned(alignment)
    assert alignment.tries == 1


def test_the_record_names_what_differs_apart_from_what_could_not_be_compared():
    tables = {
        "shop.a": TableResult("shop.a", rows=5, since=100.0, done=True),
        "shop.b": TableResult("shop.b", rows=3, since=90.0, done=True, differences={"changed": 1}),
        "shop.c": TableResult("shop.c", since=95.0, done=True, why="its engine", uncomparable=True),
    }
    work = SimpleNamespace(
        results=SimpleNamespace(tables=tables), strength=STRENGTHS["sha"], options={"exclude": ["x.*"]}, place="0-1-9", how={"a lock": 2},
        began=0.0, stood=[0.1, 0.3], locked=0.02, throttle=None,
    )  # fmt: skip
    found = Found([SimpleNamespace(full=name) for name in tables], {"shop.d": "it is missing on the target"}, {})
    record = run.record_of(work, found)
    assert record["unequal"] == {"shop.d": "it is missing on the target", "shop.b": "1 row changed"} and record["unequal_tables"] == 2
    assert record["uncompared"] == {"shop.c": "its engine"} and record["tables"] == 4 and record["rows"] == 8
    assert record["since"] == 90.0 and record["applier_stood_seconds"] == 0.3 and record["source_locked_seconds"] == 0.02
    assert record["excluded"] == ["x.*"] and record["snapshots"] == {"a lock": 2}
