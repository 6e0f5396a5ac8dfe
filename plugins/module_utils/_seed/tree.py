# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The tree of files that arrived: looked at entry by entry before any program or anybody of ours reads it.

It belongs to the server's user, and programs that the source may have made wrote it. So nothing is followed: folders are opened by the
descriptor of the one above them, and files only where they are plain (openat(2), O_NOFOLLOW).
What mbstream itself does: it passes over absolute and upward names, and can make nothing but folders and plain files. The check of the
tree does not rest on it; what it has passed over ends the copy all the same.
"""

from __future__ import annotations

import os
import re
import stat
import typing as t

from .._errors import MigrationError
from .._text import visible

# What mariadb-backup copies: storage/innobase/mariadb's extra/mariabackup/backup_copy.cc, and InnoDB's and RocksDB's own files.
# The first is of one kind of name only: what stands in a schema's folder.
TABLE_FILE = re.compile(
    r"db\.opt|[A-Za-z0-9_@$#~. +=,-]+\.(ibd|frm|MYD|MYI|MAD|MAI|MRG|TRG|TRN|ARM|ARZ|CSM|CSV|opt|par|isl|new|ibd\.(meta|delta|new))"
)
SCHEMA_FOLDER = re.compile(r"[A-Za-z0-9_@$#~+=,][A-Za-z0-9_@$#~. +=,-]*")
ROCKS_FOLDER, ROCKS_FILE = "#rocksdb", re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9]")
TOP_FILE = re.compile(
    r"ibdata\d+|ib_logfile\d+|ibtmp\d+|ib_buffer_pool|undo\d{3}|aria_log\.\d{8}|aria_log_control|backup-my\.cnf"
    r"|(xtrabackup|mariadb_backup)_(checkpoints|info|binlog_info|slave_info|galera_info|logfile|binlog_pos_innodb)|donor_galera_info"
)
# What a server that ran on the files may have left besides.
SERVER_FILE = re.compile(r"(mysql|mariadb)_upgrade_info|ddl_recovery(-backup)?\.log|tc\.log|multi-master\.info|undo_\d+_trunc\.log")
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
}
OPENED = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
NAME_BYTES = 512
# mbstream of MariaDB 10.5 to 11.8, tried.
PASSED_OVER = re.compile(rb"mbstream: invalid filename (.*)")


class Strange(MigrationError):
    """What arrived holds what no backup holds."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            "the source sent %s, which %s: no backup of a server holds that. Nothing of it was read, and the target's files are as they were;"
            " look at the source's host before anything else" % (visible(path[:NAME_BYTES]), what)
        )


def check_unpacked(messages: bytes) -> None:
    """Refuse a stream of which mbstream has left something out: it passes over names that lead elsewhere, and ends with 0 all the same.

    :param messages: all that it said
    """
    found = PASSED_OVER.search(messages)
    if found:
        raise Strange(found.group(1).decode("utf-8", "replace"), "leads out of the folder of the copy")


def check_tree(top: str, user: int, more: t.Container[str] = (), served: bool = False) -> int:
    """Refuse a tree with anything in it but the plain files and folders of a backup. Returns the number of files.

    :param user: whose all of it must be
    :param more: names of further files at its top, as the target's own innodb_data_file_path has them
    :param served: whether a server has run on it meanwhile
    :raises Strange: naming the first such entry
    """
    handle = open_folder(top)
    try:
        return _check(handle, "", user, more, served)
    finally:
        os.close(handle)


def open_folder(path: str, above: int | None = None) -> int:
    """A folder's descriptor, which the caller closes.

    :raises OSError: where it is none, or a link to one
    """
    return os.open(path, OPENED | os.O_DIRECTORY, dir_fd=above)


def _check(handle: int, place: str, user: int, more: t.Container[str], served: bool) -> int:
    count = 0
    for name in os.listdir(handle):
        path = os.path.join(place, name)
        seen = os.stat(name, dir_fd=handle, follow_symlinks=False)
        check_entry(path, seen, user)
        if not stat.S_ISDIR(seen.st_mode):
            if not (_known(place, name, served) or (not place and name in more)):
                raise Strange(path, "is none of the names of such files")
            count += 1
            continue
        if place or not (SCHEMA_FOLDER.fullmatch(name) or name == ROCKS_FOLDER):
            raise Strange(path, "is none of the names of a schema's folder")
        below = open_folder(name, handle)
        try:
            count += _check(below, name, user, more, served)
        finally:
            os.close(below)
    return count


def check_entry(path: str, seen: os.stat_result, user: int, folders: bool = True) -> None:
    """Refuse an entry that is no plain file or folder of a user's.

    :param seen: of lstat
    :param folders: whether it may be a folder
    :raises Strange: naming it
    """
    kind = stat.S_IFMT(seen.st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR and not folders):
        raise Strange(path, "is %s" % KINDS.get(kind, "a folder"))
    if kind == stat.S_IFREG and seen.st_nlink != 1:
        raise Strange(path, "is another name of some file (a hard link)")
    if seen.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise Strange(path, "has a setuid or setgid bit")
    if seen.st_uid != user:
        raise Strange(path, "belongs to user %d, not to the server's %d" % (seen.st_uid, user))


def _known(place: str, name: str, served: bool) -> bool:
    if place == ROCKS_FOLDER:
        return bool(ROCKS_FILE.fullmatch(name))
    if place:
        return bool(TABLE_FILE.fullmatch(name))
    return bool(TOP_FILE.fullmatch(name) or (served and SERVER_FILE.fullmatch(name)))


def read_plain(handle: int, name: str, limit: int = 1 << 20) -> bytes | None:
    """The content of a plain file in a folder; None where there is none by that name.

    :param handle: the folder's descriptor
    :raises Strange: where it is a link, a device, a fifo, or larger than the limit
    """
    try:
        opened = os.open(name, OPENED, dir_fd=handle)
    except FileNotFoundError:
        return None
    except OSError:
        raise Strange(name, "is no plain file") from None
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise Strange(name, "is no plain file")
    with os.fdopen(opened, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise Strange(name, "is larger than %d bytes" % limit)
    return data


def write_plain(handle: int, name: str, text: str, owner: tuple[int, int]) -> None:
    """A new file in the place of the one by that name, whatever that was.

    :param handle: the folder's descriptor
    """
    remove_plain(handle, name)
    opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=handle)
    with os.fdopen(opened, "w", encoding="ascii") as stream:
        os.fchown(opened, *owner)
        stream.write(text)


def remove_plain(handle: int, name: str) -> bool:
    """Remove a file of a folder; False where there is none by that name."""
    try:
        os.unlink(name, dir_fd=handle)
    except FileNotFoundError:
        return False
    return True
