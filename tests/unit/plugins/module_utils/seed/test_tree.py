# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree that arrived: what no backup holds is refused with its name, and nothing is followed."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import tree
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.tree import Strange, check_tree, read_plain, write_plain

USER = os.getuid()
BACKUP = (
    "ibdata1", "ib_logfile0", "undo001", "aria_log.00000001", "aria_log_control", "ib_buffer_pool", "backup-my.cnf",
    "xtrabackup_checkpoints", "mariadb_backup_binlog_info", "mysql/db.opt", "mysql/user.MAD", "mysql/user.MAI", "mysql/plugin.frm",
    "shop/t.ibd", "shop/t#P#p0.ibd", "shop/a@0020b.frm", "shop/FTS_0000000000000012_BEING_DELETED.ibd", "shop/t.TRG", "shop/t.isl",
    "@00e4/t.CSV", "#mysql50#a b/t.MYI", "#rocksdb/000012.sst", "#rocksdb/MANIFEST-000001", "sys/x.frm",
)  # fmt: skip


@pytest.fixture
def backup(tmp_path):
    """An unpacked backup."""
    for name in BACKUP:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    return tmp_path


def refused(folder, *words, **more):
    """The refusal names the entry and says what it is."""
    with pytest.raises(Strange) as found:
        check_tree(str(folder), USER, **more)
    for word in words:
        assert word in str(found.value)


def test_a_backup_is_taken(backup):
    assert check_tree(str(backup), USER) == len(BACKUP)


@pytest.mark.parametrize("place", ["", "shop/"])
@pytest.mark.parametrize("points_to", ["/etc/passwd", "t.ibd", "/nowhere", "/etc"])
def test_a_symbolic_link(backup, place, points_to):
    os.symlink(points_to, backup / (place + "evil.ibd"))
    refused(backup, place + "evil.ibd", "a symbolic link")


def test_a_folder_that_is_a_link_is_not_entered(backup):
    os.symlink("/", backup / "crm")
    refused(backup, "crm", "a symbolic link")


def test_a_fifo_is_not_waited_for(backup):
    os.mkfifo(backup / "shop/t.MYD")
    refused(backup, "shop/t.MYD", "a fifo")


def test_a_socket(backup, monkeypatch):
    monkeypatch.chdir(backup)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("ibdata2")
        refused(backup, "ibdata2", "a socket")


def test_a_device(backup):
    try:
        os.mknod(backup / "shop/t.MYD", 0o20600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    refused(backup, "shop/t.MYD", "a device")


def test_a_hard_link(backup):
    os.link(backup / "ibdata1", backup / "ibdata2")
    refused(backup, "a hard link")


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
@pytest.mark.parametrize("name", ["shop/t.ibd", "shop"])
def test_a_bit_that_gives_rights(backup, mode, name):
    (backup / name).chmod(mode)
    refused(backup, name, "setuid or setgid")


def test_anothers_file(backup):
    with pytest.raises(Strange, match="belongs to user %d, not to the server's 4711" % USER):
        check_tree(str(backup), 4711)


@pytest.mark.parametrize(
    "name",
    [
        "my.cnf", ".my.cnf", "auto.cnf", "evil.so", "shop/evil.so", "shop/evil.cnf", "shop/deep/t.ibd", "evil", "-x.ibd", "ib_logfile0.so",
        "shop/a\x1b[31m.ibd", "shop/\n.ibd", ".ssh/t.ibd", "-C/t.ibd", "#rocksdb/.", "xtrabackup_evil", "ibdata1\n", "shop/\u00e4.ibd",
    ],
)  # fmt: skip
def test_a_name_that_no_server_gives(backup, name):
    path = backup / name
    if name.endswith("/."):
        path = backup / "#rocksdb/so."
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("x")
    refused(backup, "is none of the names")


def test_the_name_is_told_without_its_control_characters(backup):
    (backup / "shop/a\x1b]0;owned\x07.ibd").write_text("x")
    refused(backup, "shop/a\\x1b]0;owned\\x07.ibd")


def test_the_targets_own_names_for_the_tablespace(backup):
    (backup / "system.dat").write_text("x")
    refused(backup, "system.dat")
    assert check_tree(str(backup), USER, more={"system.dat"}) == len(BACKUP) + 1


def test_what_a_server_leaves_is_known_only_behind_one(backup):
    (backup / "mariadb_upgrade_info").write_text("x")
    refused(backup, "mariadb_upgrade_info")
    assert check_tree(str(backup), USER, served=True) == len(BACKUP) + 1


def test_the_top_itself_is_no_link(backup, tmp_path_factory):
    link = tmp_path_factory.mktemp("other") / "link"
    link.symlink_to(backup)
    with pytest.raises(OSError):
        check_tree(str(link), USER)


def test_a_plain_file_is_read_and_nothing_else(backup):
    handle = tree.open_folder(str(backup))
    os.symlink("/etc/passwd", backup / "link")
    os.mkfifo(backup / "fifo")
    try:
        assert read_plain(handle, "ibdata1") == b"x" and read_plain(handle, "absent") is None
        for name in ("link", "fifo", "shop"):
            with pytest.raises(Strange, match="no plain file"):
                read_plain(handle, name)
        with pytest.raises(Strange, match="larger than 0 bytes"):
            read_plain(handle, "ibdata1", 0)
    finally:
        os.close(handle)


def test_a_file_is_written_in_place_of_a_link(backup, tmp_path_factory):
    victim = tmp_path_factory.mktemp("etc") / "victim"
    victim.write_text("mine")
    os.symlink(victim, backup / "new.cnf")
    handle = tree.open_folder(str(backup))
    try:
        write_plain(handle, "new.cnf", "ours", (USER, os.getgid()))
    finally:
        os.close(handle)
    assert victim.read_text() == "mine" and (backup / "new.cnf").read_text() == "ours"
    assert (backup / "new.cnf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["../evil.ibd", "/tmp/evil.ibd", "shop/../../evil.ibd", "shop/\x1b[31m"])
def test_a_name_that_was_passed_over_ends_the_copy(name):
    said = "[00] 2026-11-28 14:53:12 mbstream: invalid filename %s\n" % name
    with pytest.raises(Strange, match="no backup of a server holds that") as refused:
        tree.check_unpacked(b"[00] starting\n" + said.encode())
    assert "\x1b" not in str(refused.value) and name[:5].strip("\x1b") in str(refused.value)
    tree.check_unpacked(b"[00] 2026-11-28 14:53:12 completed OK!\n")
