# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a server's fence: one server, one record; the first who decides wins; damage is no absence."""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import fences
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.fences import ARMED, COMMITTED, FIRED, RELEASED, Fence

PLACE = "/var/lib/mysql"


@pytest.fixture
def root(tmp_path):
    return str(tmp_path / "state")


def armed(root, token="t1", migration_id="shop", server=PLACE):
    return fences.place_fence(Fence(ARMED, migration_id, token, server, promoted="oslo-db1", at=5.0), root)


def files(root):
    return sorted(os.listdir(root + "/fences"))


def test_a_server_without_one_has_none(root):
    assert fences.read_fence(PLACE, root) is None
    assert fences.find_fence("t1", root) is None


def test_what_is_placed_is_read_whole_and_its_owners_alone(root):
    fence = armed(root)
    assert fences.read_fence(PLACE + "/", root) == fence == Fence(ARMED, "shop", "t1", PLACE, 1, "oslo-db1", 5.0)
    assert fences.find_fence("t1", root) == fence
    assert stat.S_IMODE(os.stat(fences.fence_path(fence, root)).st_mode) == 0o600
    assert fences.read_fence("/srv/other", root) is None


def test_the_number_grows_and_the_record_before_goes(root):
    armed(root)
    fence = armed(root, "t2", "crm")
    assert fence.number == 2 and len(files(root)) == 1
    assert fences.read_fence(PLACE, root).migration_id == "crm"
    assert fences.read_fence(PLACE, root, "t1") is None
    other = armed(root, "t3", server="/srv/other")
    assert other.number == 1 and len(files(root)) == 2


def test_the_first_who_decides_wins(root):
    fence = armed(root)
    assert fences.decide_fence(fence, COMMITTED, root) == COMMITTED
    assert fences.decide_fence(fence, FIRED, root) == COMMITTED
    assert fences.read_fence(PLACE, root).state == COMMITTED
    assert fences.decide_fence(fences.read_fence(PLACE, root), RELEASED, root) == RELEASED


def test_a_decision_about_a_fence_that_another_has_replaced_changes_nothing(root):
    fence = armed(root)
    armed(root, "t2", "crm")
    assert fences.decide_fence(fence, COMMITTED, root) == ""
    assert fences.read_fence(PLACE, root).state == ARMED


def test_a_decision_is_put_on_the_disk_and_needs_no_room_there(root, monkeypatch):
    fence, synced = armed(root), []

    def refused(*_args):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(fences, "sync_directory", synced.append)
    monkeypatch.setattr(fences, "write_text", refused)
    assert fences.decide_fence(fence, FIRED, root) == FIRED
    assert synced == [root + "/fences"]


def test_a_disk_that_does_not_take_it_is_no_decision(root, monkeypatch):
    fence = armed(root)

    def rename(_old, _new):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(fences.os, "rename", rename)
    with pytest.raises(OSError):
        fences.decide_fence(fence, COMMITTED, root)
    assert fences.read_fence(PLACE, root).state == ARMED


@pytest.mark.parametrize("text", ["", "{", "[]", '{"migration_id": 1, "more": 2}'])
def test_a_record_that_cannot_be_read_is_not_taken_for_none(root, text):
    path = fences.fence_path(armed(root), root)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    with pytest.raises(MigrationError, match="cannot be read"):
        fences.read_fence(PLACE, root)


def test_one_at_a_time_and_not_for_ever(root):
    with fences.fence_lock(PLACE, root):
        with pytest.raises(MigrationError, match="has held the record"):
            with fences.fence_lock(PLACE, root, 0.05):
                pass
        with fences.fence_lock("/srv/other", root, 0.05):
            pass
    with fences.fence_lock(PLACE, root, 0.05):
        pass


def test_the_newest_is_told_by_its_number_and_not_by_letters(root):
    for number in range(1, 12):
        assert armed(root, "t%d" % number).number == number
    assert fences.read_fence(PLACE, root).token == "t11"


def test_a_decision_is_only_from_the_state_that_was_read(root):
    fence = armed(root)
    fences.decide_fence(fence, COMMITTED, root)
    committed = fences.read_fence(PLACE, root)
    assert fences.decide_fence(committed, RELEASED, root) == RELEASED
    assert fences.decide_fence(committed, FIRED, root) == RELEASED
    assert fences.decide_fence(fence, COMMITTED, root) == RELEASED


def test_of_many_at_once_one_wins_and_all_learn_which(root):
    fence, answers, gate = armed(root), [], threading.Barrier(8)

    def decide(state):
        gate.wait()
        answers.append(fences.decide_fence(fence, state, root))

    threads = [threading.Thread(target=decide, args=((FIRED, COMMITTED)[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and set(answers) == {fences.read_fence(PLACE, root).state}


def test_what_is_beside_the_records_is_none(root):
    with fences.fence_lock(PLACE, root):
        pass
    fence = armed(root)
    with open(fences.fence_path(fence, root) + ".123.tmp", "w", encoding="utf-8") as stream:
        stream.write("half")
    assert fences.read_fence(PLACE, root) == fence == fences.find_fence("t1", root)


def test_a_name_that_just_changes_is_looked_for_again(root, monkeypatch):
    """The list is read, and the decision falls before its entry is opened; or the list has neither name."""
    fence = armed(root)
    real, lists = fences._names, []

    def names(server, root):
        found = real(server, root)
        lists.append(found)
        if len(lists) == 1:
            return []
        if len(lists) == 2:
            fences.decide_fence(fence, COMMITTED, root)
        return found

    monkeypatch.setattr(fences, "_names", names)
    assert fences.read_fence(PLACE, root).state == COMMITTED
    assert len(lists) == 3


class TestDisk:
    """Nobody goes by a decision that a power cut could take back."""

    @pytest.fixture
    def done(self, monkeypatch):
        done = []
        for name in ("rename", "unlink"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, lambda *paths, name=name, real=real: (done.append(name), real(*paths))[1])
        real_sync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda handle: (done.append("sync " + kind(handle)), real_sync(handle))[1])

        def kind(handle):
            return "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"

        return done

    def test_the_record_before_the_fence_is_armed(self, root, done):
        armed(root)
        assert done == ["sync file", "rename", "sync folder"]

    def test_the_new_one_before_the_old_one_goes(self, root, done):
        armed(root)
        del done[:]
        armed(root, "def")
        assert done == ["sync file", "rename", "sync folder", "unlink", "sync folder"]

    def test_a_decision(self, root, done):
        fence = armed(root)
        del done[:]
        fences.decide_fence(fence, COMMITTED, root)
        assert done == ["rename", "sync folder"]

    def test_a_decision_that_the_disk_does_not_take_is_an_error(self, root, monkeypatch):
        fence = armed(root)

        def full(_folder):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(fences, "sync_directory", full)
        with pytest.raises(OSError, match="No space"):
            fences.decide_fence(fence, COMMITTED, root)


def test_whose_lease_stands_beside_a_migrations_own(root):
    assert fences.armed_beside("shop", root) == []
    armed(root)
    assert fences.armed_beside("shop", root) == [] and fences.armed_beside("crm", root) == ["shop"]
    other = armed(root, "t2", "crm", "/srv/mysql")
    assert fences.armed_beside("shop", root) == ["crm"]
    fences.decide_fence(other, FIRED, root)
    assert fences.armed_beside("shop", root) == []
