# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of its server's past: a record that cannot be read is never no record."""

from __future__ import annotations

import json
import os

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.history import told_fence, told_journals
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.fences import (
    COMMITTED,
    Fence,
    decide_fence,
    fence_path,
    place_fence,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal

PLACE = "/var/lib/mysql/"


def placed(root: str, state: str) -> Fence:
    fence = place_fence(Fence("armed", "shop", "t1", PLACE, promoted="oslo-db1 (mariadb 10.11.18)", at=5.0), root)
    assert decide_fence(fence, state, root) == state
    return fence


def test_a_server_that_was_never_fenced_has_no_record(tmp_path):
    assert told_fence(PLACE, str(tmp_path)) == {"fence": None, "fence_unknown": ""}


def test_the_record_is_told_with_its_file(tmp_path):
    placed(str(tmp_path), COMMITTED)
    told = told_fence(PLACE, str(tmp_path))
    assert told["fence_unknown"] == "" and json.loads(json.dumps(told)) == told
    assert {name: told["fence"][name] for name in ("state", "migration_id", "promoted", "at")} == {
        "state": "committed", "migration_id": "shop", "promoted": "oslo-db1 (mariadb 10.11.18)", "at": 5.0,
    }  # fmt: skip
    assert os.path.exists(told["fence"]["path"])
    assert told_fence("/var/lib/mysql2/", str(tmp_path))["fence"] is None


def test_a_record_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    fence = placed(str(tmp_path), COMMITTED)
    path = fence_path(Fence(**{**fence.__dict__, "state": COMMITTED}), str(tmp_path))
    for text in ("", "{", "[]", '{"migration_id": "shop"}'):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        told = told_fence(PLACE, str(tmp_path))
        assert told["fence"] is None and path in told["fence_unknown"], text

    def refuse(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "listdir", refuse)
    told = told_fence(PLACE, str(tmp_path))
    assert told["fence"] is None and "fences: Permission denied" in told["fence_unknown"]


def test_journals_of_this_server_and_no_other(tmp_path):
    root = str(tmp_path)
    assert told_journals("u1", str(tmp_path / "none")) == []
    Journal(os.path.join(root, "a")).update("done", seed={"target": "u1"}, cutover={"done": ["commit", "confirm"]})
    Journal(os.path.join(root, "b")).update("done", seed={"target": "u2"}, cutover={"done": ["commit", "confirm"]})
    Journal(os.path.join(root, "c")).update("begun")
    os.mkdir(os.path.join(root, "source-only"))
    assert told_journals("u1", root) == [{"migration_id": "a", "phase": "done"}, {"migration_id": "c", "phase": "new"}]


def test_a_journal_that_cannot_be_read_is_not_none(tmp_path):
    root = str(tmp_path)
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"format": 99}'), ("d", ""), ("e", '{"format": 1, "seed": []}')):
        os.mkdir(os.path.join(root, name))
        with open(os.path.join(root, name, "state.json"), "w", encoding="utf-8") as stream:
            stream.write(text)
    os.mkdir(os.path.join(root, "f"))
    os.symlink("nowhere", os.path.join(root, "f", "state.json"))
    assert {entry["migration_id"]: entry["phase"] for entry in told_journals("u1", root)} == {
        **dict.fromkeys("abcde", "damaged"), "f": "new",
    }  # fmt: skip
