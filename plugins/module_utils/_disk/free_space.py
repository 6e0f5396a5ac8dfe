# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The directory that is to be measured: whether it can be, its room and its file system."""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple, Optional, Tuple

from .error import DiskIoError
from .options import MIB, Settings, parse_reserve

MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")


class Space(NamedTuple):
    """Room on the file system, in bytes; free is what an unprivileged user may take."""

    total: int
    free: int


def require_directory(path: str) -> str:
    """The real path of the data directory. Raises DiskIoError where it cannot hold a test file."""
    if not os.path.isabs(path):
        raise DiskIoError("path: %s is not an absolute path." % path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise DiskIoError("path: %s cannot be read (%s). Create it first, or correct path." % (path, error.strerror)) from error
    if not stat.S_ISDIR(mode):
        raise DiskIoError("path: %s is not a directory. Name the data directory itself." % path)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DiskIoError(
            "path: %s cannot be read and written by uid %d. Run the task with become, and check that the file system"
            " is not mounted read-only." % (path, os.geteuid())
        )
    return os.path.realpath(path)


def disk_space(path: str) -> Space:
    """Room on the file system that holds path."""
    info = os.statvfs(path)
    return Space(total=info.f_blocks * info.f_frsize, free=info.f_bavail * info.f_frsize)


def require_space(settings: Settings, space: Space) -> int:
    """Refuse to fill the disk. Returns the reserve in bytes; raises DiskIoError where size would eat into it."""
    reserve = parse_reserve(settings.min_free_after, space.total)
    if space.free - settings.size_bytes < reserve:
        raise DiskIoError(
            "Not enough room in %s: %s are free, the test file takes %s, and %s must stay free"
            " (min_free_after=%s). Nothing was written. Free some space, or choose a smaller size."
            % (settings.path, _mib(space.free), _mib(settings.size_bytes), _mib(reserve), settings.min_free_after)
        )
    return reserve


def _mib(size_bytes: int) -> str:
    return "%.1f MiB" % (size_bytes / MIB)


def find_filesystem(path: str, mounts: str) -> Tuple[Optional[str], Optional[str]]:
    """(mount point, type) of the file system that holds the real path, from the text of /proc/self/mounts."""
    best: Tuple[Optional[str], Optional[str]] = (None, None)
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), fields[1])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # A later mount on the same point hides the earlier one.
        if inside and len(point) >= len(best[0] or ""):
            best = (point, fields[2])
    return best


def read_mounts() -> str:
    """The text of /proc/self/mounts, or nothing where it cannot be read."""
    try:
        with open("/proc/self/mounts", "r", encoding="utf-8", errors="surrogateescape") as handle:
            return handle.read()
    except OSError:
        return ""
