# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The test file: reserved, removed whatever happens, and what killed runs have left of theirs."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import re
import secrets
import stat
from typing import Dict, Iterator

from .error import DiskIoError
from .options import RAND_BLOCK_BYTES

FILE_PREFIX = ".nordbridge-disk-io-check-"
FILE_MODE = 0o600
LEFTOVER_AGE_S = 3600
_LEFTOVER_NAME = re.compile(re.escape(FILE_PREFIX) + r"[0-9a-f]{16}\Z")
_REFUSES_DIRECT = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP)
_CANNOT_RESERVE = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


def find_leftovers(directory: str, now: float) -> Dict[str, int]:
    """Test files of killed runs: regular files with our name that nobody has written to for an hour.

    Returns their paths with the bytes each of them holds.
    """
    found = {}
    for entry in os.scandir(directory):
        if not _LEFTOVER_NAME.match(entry.name):
            continue
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(info.st_mode) and now - info.st_mtime > LEFTOVER_AGE_S:
            found[entry.path] = info.st_blocks * 512
    return found


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@contextlib.contextmanager
def reserved_file(directory: str, size_bytes: int) -> Iterator[int]:
    """A new file of that size with mode 0600, as a descriptor; removed whatever happens.

    The blocks are reserved at once, so that a full disk shows here and not half way through. Raises DiskIoError
    where the file cannot be made.
    """
    path = os.path.join(directory, FILE_PREFIX + secrets.token_hex(8))
    descriptor = -1
    try:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
            _reserve(descriptor, size_bytes)
        except OSError as error:
            raise DiskIoError("The test file in %s cannot be made (%s); nothing is left of it." % (directory, error.strerror)) from error
        yield descriptor
    finally:
        remove(path)
        if descriptor >= 0:
            os.close(descriptor)


def _reserve(descriptor: int, size_bytes: int) -> None:
    """Give the file its blocks, or only its size where the file system cannot reserve."""
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
        os.ftruncate(descriptor, size_bytes)


def accepts_direct_io(filename: str) -> bool:
    """Whether the file can be written past the page cache: one 16 KiB block is written, aligned to a page."""
    try:
        descriptor = os.open(filename, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _REFUSES_DIRECT:
            return False
        raise
    try:
        with mmap.mmap(-1, RAND_BLOCK_BYTES) as block:
            os.pwrite(descriptor, block, 0)
    except OSError as error:
        if error.errno in _REFUSES_DIRECT:
            return False
        raise
    finally:
        os.close(descriptor)
    return True
