# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or absent, and what of them a power cut leaves."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import files


@pytest.fixture
def done(monkeypatch):
    """What reaches the disk, in order, with the name of the folder or file."""
    done = []
    rename, fsync = os.rename, os.fsync

    def renamed(old, new):
        done.append(("rename", os.path.basename(new)))
        rename(old, new)

    def synced(handle):
        done.append(("sync", os.path.basename(os.readlink("/proc/self/fd/%d" % handle)).split(".")[0]))
        fsync(handle)

    monkeypatch.setattr(files.os, "rename", renamed)
    monkeypatch.setattr(files.os, "fsync", synced)
    return done


@pytest.mark.parametrize("write", [files.write_text, files.write_json])
def test_the_content_first_then_its_name_then_the_folder(tmp_path, done, write):
    write(str(tmp_path / "state"), "x")
    assert done == [("sync", "state"), ("rename", "state"), ("sync", tmp_path.name)]


@pytest.mark.parametrize("write", [files.write_text, files.write_json])
def test_what_needs_not_survive_does_not_wait(tmp_path, done, write):
    write(str(tmp_path / "state"), "x", durable=False)
    assert done == [("rename", "state")]


def test_a_removal_reaches_the_disk_too(tmp_path, done):
    (tmp_path / "gone").write_text("x")
    assert files.remove(str(tmp_path / "gone")) is True
    assert done == [("sync", tmp_path.name)]
    assert files.remove(str(tmp_path / "gone")) is False


def test_texts_and_bytes_and_what_is_not_there(tmp_path):
    path = str(tmp_path / "a" / "b" / "text")
    assert (files.read_text(path), files.read_json(path)) == ("", None)
    files.write_text(path, "grün")
    assert files.read_text(path) == "grün"
    files.write_text(path, b"\xff\x00")
    assert open(path, "rb").read() == b"\xff\x00"
    files.write_json(path, {"a": [1]})
    assert files.read_json(path) == {"a": [1]} and files.read_text(path).endswith("\n")
    assert os.listdir(tmp_path / "a" / "b") == ["text"]


def test_a_file_is_for_others_only_where_that_was_said(tmp_path):
    files.write_text(str(tmp_path / "a"), "x", mode=0o644)
    files.write_text(str(tmp_path / "b"), "x")
    assert [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in "ab"] == [0o644, 0o600]


def test_each_folder_on_the_way_is_its_owners_alone(tmp_path):
    files.make_directory(str(tmp_path / "a" / "b"))
    files.make_directory(str(tmp_path / "a" / "b"))
    assert {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("a", "a/b")} == {0o700}


def test_a_lock_that_is_there_serves_on_a_file_system_that_is_read_only(tmp_path, monkeypatch):
    path = str(tmp_path / "lock")
    files.open_lock(path).close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    real, number = os.open, [errno.EROFS]

    def refused(name, flags, *mode):
        if name == path and flags & os.O_WRONLY:
            raise OSError(number[0], "no")
        return real(name, flags, *mode)

    monkeypatch.setattr(files.os, "open", refused)
    with files.open_lock(path) as lock:
        assert files.take_lock(lock, 0)
    number[0] = errno.ENOSPC
    with pytest.raises(OSError):
        files.open_lock(path)


@pytest.mark.parametrize(("answer", "all_of_them"), [(0, False), (1, True), (OSError(2, "no such program"), True)])
def test_a_file_system_is_synced_one_way_or_the_other(monkeypatch, answer, all_of_them):
    asked, synced = [], []

    class Done:
        returncode = answer

    def run(command, _seconds, **_options):
        asked.append(command)
        if isinstance(answer, OSError):
            raise answer
        return Done

    monkeypatch.setattr(files, "run_child", run)
    monkeypatch.setattr(files.os, "sync", lambda: synced.append(1))
    files.sync_filesystem("/x")
    assert asked == [["sync", "-f", "/x"]] and bool(synced) is all_of_them
