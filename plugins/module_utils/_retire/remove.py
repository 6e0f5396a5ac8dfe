# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Removing things from a host: each is gone or named."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

from .._state.files import sync_directory
from .things import UNITS, Thing

SYSTEMCTL_SECONDS = 60


def remove_all(found: list[Thing], root: str = "/") -> tuple[list[str], list[str]]:
    """What was removed, and what could not be, with the reason."""
    removed, left = [], []
    for thing in found:
        try:
            REMOVERS[thing.kind](thing, root)
            removed.append(thing.words)
        except (OSError, subprocess.SubprocessError) as error:
            left.append("%s: %s" % (thing.words, getattr(error, "strerror", None) or error))
    if any(thing.kind == "unit" for thing in found) and root == "/":
        _systemctl("daemon-reload")
    return removed, left


def _systemctl(*words: str) -> None:
    if os.path.isdir("/run/systemd/system"):
        # Of a unit that is not loaded there is nothing to stop.
        subprocess.run(["systemctl", *words], capture_output=True, timeout=SYSTEMCTL_SECONDS, check=False)


def _remove_unit(thing: Thing, root: str) -> None:
    if root == "/":
        _systemctl("disable", "--now", "--", *_running(thing.name))
    path = os.path.join(root, UNITS.lstrip("/"), thing.name)
    os.unlink(path)
    sync_directory(os.path.dirname(path))


def _running(name: str) -> list[str]:
    """A template's instances, which are what runs of it."""
    return [name.replace("@.", "@*.")] if "@." in name else [name]


def _remove_key(thing: Thing, root: str) -> None:
    """Write the file anew without the line, with its owner and mode: sshd reads it whole at any time."""
    path = os.path.join(root, thing.where.lstrip("/"))
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        before, found = stream.read(), os.fstat(stream.fileno())
    after = "".join(line for line in before.splitlines(keepends=True) if not line.rstrip("\r\n").endswith(" " + thing.name))
    place = path + ".nordbridge"
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(after)
        os.fchown(stream.fileno(), found.st_uid, found.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(found.st_mode))
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(place, path)
    sync_directory(os.path.dirname(path))


def _remove_path(thing: Thing, root: str) -> None:
    path = os.path.join(root, thing.name.lstrip("/"))
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
    sync_directory(os.path.dirname(path))


REMOVERS = {"unit": _remove_unit, "key": _remove_key, "path": _remove_path}
