#!/usr/bin/python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system that keeps what was synced and nothing else: what a machine's disk has when its power fails.

    forgetful.py WORK KEPT MOUNTPOINT -f -o allow_other,…

All that is read and written goes to files below WORK. What a process syncs (fsync, fdatasync, O_SYNC) is copied to the same file
below KEPT. Names, sizes at creation and owners are kept at once, as on a file system whose journal is quick. Power fails by
killing this process and all that used it; what is below KEPT then is the disk. Debian: python3-fuse.
"""

from __future__ import annotations

import errno
import os
import sys

import fuse

fuse.fuse_python_api = (0, 2)
CHUNK = 1 << 20
# By inode of the file below WORK: the ranges that were written since the last sync.
DIRTY: dict[int, list[tuple[int, int]]] = {}
ROOTS = {"work": "", "kept": ""}


def work(path: str) -> str:
    """The file that everybody sees."""
    return ROOTS["work"] + path


def kept(path: str) -> str:
    """The file that survives."""
    return ROOTS["kept"] + path


def both(change, *paths: str) -> None:
    """The same change of names below both."""
    change(*(work(path) for path in paths))
    change(*(kept(path) for path in paths))


class File:
    """An open file: one handle below each."""

    def __init__(self, path: str, flags: int, *mode: int) -> None:
        made = mode and not os.path.exists(work(path))
        self.direct_io = False
        self.keep_cache = False
        self.synchronous = bool(flags & (os.O_SYNC | os.O_DSYNC))
        # Whoever may open it at all is the kernel's to say (default_permissions); what is written is read again at a sync.
        self.fd = os.open(work(path), os.O_RDWR | flags & (os.O_CREAT | os.O_TRUNC), *mode)
        self.kept = os.open(kept(path), os.O_RDWR | (os.O_CREAT if mode else 0), *(mode or (0o600,)))
        if made:
            context = fuse.FuseGetContext()
            for handle in (self.fd, self.kept):
                os.fchown(handle, context["uid"], context["gid"])
        self.inode = os.fstat(self.fd).st_ino

    def read(self, length: int, offset: int) -> bytes:
        """Called by fuse, as all that follows."""
        return os.pread(self.fd, length, offset)

    def write(self, data: bytes, offset: int) -> int:
        count = os.pwrite(self.fd, data, offset)
        DIRTY.setdefault(self.inode, []).append((offset, count))
        if self.synchronous:
            self.fsync(False)
        return count

    def fsync(self, _data_only: bool) -> None:
        """The one way to the disk."""
        size = os.fstat(self.fd).st_size
        os.ftruncate(self.kept, size)
        for offset, count in DIRTY.pop(self.inode, []):
            end = min(offset + count, size)
            while offset < end:
                offset += os.pwrite(self.kept, os.pread(self.fd, min(CHUNK, end - offset), offset), offset)

    def flush(self) -> None:
        """A file that is closed is not synced."""

    def release(self, _flags: int) -> None:
        os.close(self.fd)
        os.close(self.kept)

    def fgetattr(self) -> os.stat_result:
        return os.fstat(self.fd)

    def ftruncate(self, length: int) -> None:
        os.ftruncate(self.fd, length)


class Forgetful(fuse.Fuse):
    """Names go to both at once."""

    def getattr(self, path: str) -> os.stat_result:
        return os.lstat(work(path))

    def readlink(self, path: str) -> str:
        return os.readlink(work(path))

    def readdir(self, path: str, _offset: int):
        for name in [".", "..", *os.listdir(work(path))]:
            yield fuse.Direntry(name)

    def unlink(self, path: str) -> None:
        both(os.unlink, path)

    def rmdir(self, path: str) -> None:
        both(os.rmdir, path)

    def symlink(self, target: str, path: str) -> None:
        for root in (work, kept):
            os.symlink(target, root(path))

    def rename(self, path: str, to: str) -> None:
        both(os.rename, path, to)

    def link(self, path: str, to: str) -> None:
        both(os.link, path, to)

    def chmod(self, path: str, mode: int) -> None:
        both(lambda name: os.chmod(name, mode), path)

    def chown(self, path: str, user: int, group: int) -> None:
        both(lambda name: os.chown(name, user, group, follow_symlinks=False), path)

    def truncate(self, path: str, length: int) -> None:
        os.truncate(work(path), length)

    def mknod(self, path: str, mode: int, device: int) -> None:
        both(lambda name: os.mknod(name, mode, device), path)
        self._own(path)

    def mkdir(self, path: str, mode: int) -> None:
        both(lambda name: os.mkdir(name, mode), path)
        self._own(path)

    def _own(self, path: str) -> None:
        context = fuse.FuseGetContext()
        self.chown(path, context["uid"], context["gid"])

    def utime(self, path: str, times) -> None:
        os.utime(work(path), times)

    def access(self, path: str, mode: int) -> int | None:
        return None if os.access(work(path), mode) else -errno.EACCES

    def statfs(self) -> os.statvfs_result:
        return os.statvfs(work("/"))


def main() -> None:
    """Serve until killed."""
    ROOTS["work"], ROOTS["kept"] = (os.path.abspath(path) for path in sys.argv[1:3])
    os.umask(0)
    server = Forgetful(version="forgetful", dash_s_do="setsingle")
    server.file_class = File
    server.multithreaded = False
    server.parse(sys.argv[3:], errex=1)
    server.main()


if __name__ == "__main__":
    main()
