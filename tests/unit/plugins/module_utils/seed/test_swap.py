# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Swapping a data directory: a crash between any two renames loses nothing of the old content."""

from __future__ import annotations

import os

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.mariadb_backup import swap

OLD_FILES = {"ibdata1": "old", "mysql/user.frm": "old", "shop/t.ibd": "old"}
NEW_FILES = {"ibdata1": "new", "mysql/user.frm": "new", "crm/t.ibd": "new"}


class Crash(Exception):
    """The power goes."""


def fill(top, files):
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def content(top):
    return {str(path.relative_to(top)): path.read_text() for path in top.rglob("*") if path.is_file()}


@pytest.fixture
def datadir(tmp_path):
    fill(tmp_path, OLD_FILES)
    fill(tmp_path / swap.NEW, NEW_FILES)
    return tmp_path


def test_new_content_takes_the_place_and_old_waits(datadir):
    swap.bring_in(str(datadir))
    aside = {swap.OLD + "/" + name: text for name, text in {**OLD_FILES, swap.ALL_ASIDE: ""}.items()}
    assert content(datadir) == {**NEW_FILES, **aside}
    swap.forget_old(str(datadir))
    assert content(datadir) == NEW_FILES


def test_restore_after_the_whole_swap(datadir):
    swap.bring_in(str(datadir))
    assert swap.restore(str(datadir)) is True
    assert content(datadir) == OLD_FILES


def test_restore_without_a_swap_changes_nothing(tmp_path):
    fill(tmp_path, OLD_FILES)
    assert swap.restore(str(tmp_path)) is False
    assert content(tmp_path) == OLD_FILES


@pytest.mark.parametrize("survived", range(7))
def test_a_crash_between_any_two_renames_loses_nothing(datadir, monkeypatch, survived):
    count, rename = iter(range(100)), os.rename

    def crashing(source, target):
        if next(count) == survived:
            raise Crash
        rename(source, target)

    monkeypatch.setattr(swap.os, "rename", crashing)
    try:
        swap.bring_in(str(datadir))
        # Three renames each way: only then there is nothing left to crash.
        assert survived >= 6
    except Crash:
        assert survived < 6
    monkeypatch.setattr(swap.os, "rename", rename)
    swap.make_room(str(datadir))
    assert content(datadir) == OLD_FILES
    assert os.listdir(datadir / swap.NEW) == []


def test_the_old_content_stays_until_the_new_is_on_the_disk(datadir, monkeypatch):
    swap.bring_in(str(datadir))
    seen = []
    monkeypatch.setattr(swap, "sync_filesystem", lambda folder: seen.append((folder, (datadir / swap.OLD / "ibdata1").exists())))
    swap.forget_old(str(datadir))
    assert seen == [(str(datadir), True)] and not (datadir / swap.OLD).exists()
