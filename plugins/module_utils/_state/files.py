# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Files that are whole or absent: written beside and renamed, never readable by others."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
import typing as t

from .._child import WORK_SECONDS, run_child


def make_directory(path: str) -> None:
    """Make a directory for its owner only, and so each of its parents that is missing: makedirs' mode is the last one's alone."""
    parent = os.path.dirname(path)
    if parent not in ("", path) and not os.path.isdir(parent):
        make_directory(parent)
    os.makedirs(path, mode=0o700, exist_ok=True)


def open_lock(path: str) -> t.IO[str]:
    """A file to hold a lock on, not readable by others. One that is there serves on a file system that has become read-only, too."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        handle = os.open(path, os.O_RDONLY)
    return os.fdopen(handle, "w", encoding="utf-8")


def take_lock(lock: t.IO[str], seconds: float | None) -> bool:
    """Wait for a lock; False where the time is over. None waits for ever."""
    if seconds is None:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return True
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)


def write_text(path: str, text: str | bytes, mode: int = 0o600, durable: bool = True) -> None:
    """Write a file so that a crash leaves the old or the new content, never a part.

    :param durable: wait until it would survive a power cut; what is only for watching needs not, and the wait costs milliseconds
    """
    folder = os.path.dirname(path)
    make_directory(folder)
    temporary = "%s.%d.tmp" % (path, os.getpid())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text.encode("utf-8") if isinstance(text, str) else text)
        stream.flush()
        if durable:
            os.fsync(stream.fileno())
    os.rename(temporary, path)
    if durable:
        sync_directory(folder)


def sync_directory(folder: str) -> None:
    """Make renames and removals in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_filesystem(folder: str) -> None:
    """Put all that was written to a folder's file system onto its disk: programs that unpack files do not."""
    try:
        done = run_child(["sync", "-f", folder], WORK_SECONDS, capture_output=True).returncode
    except OSError:
        done = 1
    if done:
        # A sync without that option; then all file systems.
        os.sync()


def write_json(path: str, data: t.Any, durable: bool = True) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n", durable=durable)


def read_json(path: str) -> t.Any:
    """The content of a JSON file, or None where there is no such file."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return None


def read_bytes(path: str) -> bytes:
    """A file's content; empty where there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def read_text(path: str) -> str:
    """The content of a file; empty where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def remove(path: str) -> bool:
    """Remove a file; False where there was none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    sync_directory(os.path.dirname(path))
    return True
