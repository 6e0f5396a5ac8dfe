# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may never be erased, in the process that erases."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import keep
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import run as seed_run

NOTHING: dict = {"fence": None, "fence_unknown": ""}
OPEN_SOURCE = {**NOTHING, "read_only": False}
COPY = {**NOTHING, "read_only": True, "journals": [], "markers": []}
MARKED = [{"migration_id": "shop", "role": "source", "created_at": "2026-11-01"}]


def fence(state):
    return {"state": state, "migration_id": "shop", "promoted": "oslo-db1", "at": 0.0, "path": "/records/f"}


def test_a_target_of_which_nothing_is_known_may_be_erased():
    assert keep.why_kept(OPEN_SOURCE, COPY) == []
    assert keep.why_kept(OPEN_SOURCE, {**COPY, "read_only": False}) == [], "data of the user's own: the permission is theirs"
    assert keep.why_kept(OPEN_SOURCE, {**COPY, "markers": MARKED}) == [], "a copy that was never promoted"
    assert keep.why_kept({**OPEN_SOURCE, "fence": fence("released")}, {**COPY, "fence": fence("released")}) == []
    assert keep.why_kept({**OPEN_SOURCE, "fence": fence("fired")}, {**COPY, "journals": [{"migration_id": "shop", "phase": "seeding"}]}) == []


@pytest.mark.parametrize(("words", "source", "target"), [
    ("the source was cut over by migration shop at 1970-01-01 00:00 UTC to oslo-db1 (/records/f", {"fence": fence("committed")}, {}),
    ("migration shop is cutting the source over", {"fence": fence("armed")}, {}),
    ("/records/f: damaged", {"fence_unknown": "/records/f: damaged"}, {}),
    ("the source takes no writes", {"read_only": True}, {}),
    ("the target was a primary itself", {}, {"fence": fence("committed")}),
    ("is taking the target's clients away", {}, {"fence": fence("armed")}),
    ("/records/f: damaged", {}, {"fence_unknown": "/records/f: damaged"}),
    ("the new primary of migration shop, or may be: its journal says done", {}, {"journals": [{"migration_id": "shop", "phase": "done"}]}),
    ("its journal says committed", {}, {"journals": [{"migration_id": "shop", "phase": "committed"}]}),
    ("its journal says cutting_over", {}, {"journals": [{"migration_id": "shop", "phase": "cutting_over"}]}),
    ("its journal says rolling_back", {}, {"journals": [{"migration_id": "shop", "phase": "rolling_back"}]}),
    ("journal of migration shop on the target's host cannot be read", {}, {"journals": [{"migration_id": "shop", "phase": "damaged"}]}),
    ("takes writes and holds the marker of migration shop", {}, {"read_only": False, "markers": MARKED}),
])  # fmt: skip
def test_a_server_that_is_or_may_be_the_primary_is_kept(words, source, target):
    reasons = keep.why_kept({**OPEN_SOURCE, **source}, {**COPY, **target})
    assert len(reasons) == 1 and words in reasons[0]


class Server:
    """A server with its variables."""

    def __init__(self, marked=False, read_only="ON"):
        self.identity = SimpleNamespace(datadir="/var/lib/mysql/", server_uuid="u1", hostname="oslo-db1", label="oslo-db1")
        self.connection, self.read_only = self, read_only
        self.name, self.marked = "target", marked

    def variable(self, _name):
        return self.read_only

    def value(self, sql, args):
        assert (sql, args) == (keep.IS_MARKED, ("nordbridge_migration",))
        return int(self.marked)

    def rows(self, _sql):
        assert self.marked, "a table that is not there"
        return [{"i": "shop", "r": "source", "c": "2026-11-01"}]


def asked(monkeypatch, answer, target):
    """The seed's check, with what the source's host answers and nothing on this one."""
    requests = []

    def call(migration_id, verb, request):
        requests.append((migration_id, verb, request))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(keep, "call", call)
    monkeypatch.setattr(keep, "told_fence", lambda _place: dict(NOTHING))
    monkeypatch.setattr(keep, "told_journals", lambda _known_as: [])
    keep.check_may_erase(SimpleNamespace(source=Server(), target=target, options={"migration_id": "shop"}))
    return requests


def test_the_process_that_erases_asks_both_hosts(monkeypatch):
    assert asked(monkeypatch, NOTHING, Server()) == [("shop", "fence", {})]
    assert asked(monkeypatch, NOTHING, Server(marked=True))
    with pytest.raises(Refusal, match="must not be erased, and nothing was touched: the source was cut over by migration shop"):
        asked(monkeypatch, {**NOTHING, "fence": fence("committed")}, Server())
    with pytest.raises(Refusal, match="takes writes and holds the marker"):
        asked(monkeypatch, NOTHING, Server(marked=True, read_only="OFF"))
    with pytest.raises(MigrationError, match="no answer"):
        asked(monkeypatch, MigrationError("no answer"), Server())


def test_each_try_of_a_copy_asks_again_before_it_begins(monkeypatch):
    done = []
    seed = SimpleNamespace(options={"migration_id": "shop", "tries": 2, "fast_load": True}, source_login=None, source=None, target=Server(), watch=None)
    seed.look_again = lambda: done.append("looked")
    monkeypatch.setattr(seed_run, "check_may_erase", lambda _seed: done.append("asked"))
    for name in ("relaxed_copy", "loader_only", "Beater"):
        monkeypatch.setattr(seed_run, name, lambda *_args: __import__("contextlib").nullcontext())
    monkeypatch.setattr(seed_run, "check_marker", lambda *_args: None)
    monkeypatch.setattr(seed_run, "begin", lambda *_args: True)

    def tries(seed, copy, _number, _note):
        copy(seed)
        return {**copy(seed), "coordinates": {}}

    monkeypatch.setattr(seed_run, "copy_in_tries", tries)
    seed.watch = SimpleNamespace(check_covered=lambda _coordinates: None, notes=[])
    method = SimpleNamespace(goes_on=True, starts_over=True, copy=lambda _seed: done.append("copied") or {})
    seed_run._copy(seed, method, None, {})
    assert done == ["asked", "copied", "asked", "copied", "looked"]
