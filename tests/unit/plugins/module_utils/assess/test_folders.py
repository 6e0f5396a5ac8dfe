# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders that are written to, as their file systems tell."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import folders


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above_it(tmp_path, monkeypatch):
    asked = []
    real = os.statvfs
    monkeypatch.setattr(folders.os, "statvfs", lambda path: asked.append(path) or real(path))
    (one, two) = folders.read_folders(str(tmp_path / "conf.d/zz.cnf"), {str(tmp_path / "a/b/c"): 7})
    assert asked == [str(tmp_path), str(tmp_path)]
    assert (one["needs_mb"], one["read_only"], two["path"]) == (7, False, str(tmp_path / "conf.d"))
    assert one["free_mb"] > 0


@pytest.mark.parametrize(("files", "left", "told"), [(1000, 7, 7), (0, 0, -1)])
def test_a_file_system_that_counts_no_inodes_has_them(monkeypatch, files, left, told):
    seen = SimpleNamespace(f_bavail=100, f_frsize=1 << 20, f_files=files, f_favail=left, f_flag=os.ST_RDONLY)
    monkeypatch.setattr(folders.os, "statvfs", lambda _path: seen)
    (found,) = folders.read_folders("", {"/": 5})
    assert found == {"path": "/", "needs_mb": 5, "free_mb": 100, "free_inodes": told, "read_only": True}


def test_every_place_is_looked_at():
    assert {entry["path"] for entry in folders.read_folders("")} == set(folders.PLACES)
