# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Swapping a data directory's content: the directory itself may be a mount point or a link, and stays.

The old content waits in one folder inside until the new server has answered; whatever breaks before, it goes back.
"""

from __future__ import annotations

import os
import shutil

from ...._state.files import sync_directory, sync_filesystem

NEW, OLD = ".nordbridge-new", ".nordbridge-old"
# Stands in OLD once all of the old content is there: whatever lies beside it from then on is new.
ALL_ASIDE = ".all-aside"
OURS = (NEW, OLD)


def entries(datadir: str) -> list[str]:
    """What is in the directory, but our two folders."""
    return [name for name in os.listdir(datadir) if name not in OURS]


def make_room(datadir: str) -> str:
    """An empty folder for the new content, the server's own, after what a dead run left has been put back or removed."""
    restore(datadir)
    new, owner = os.path.join(datadir, NEW), os.stat(datadir)
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o700)
    os.chown(new, owner.st_uid, owner.st_gid)
    return new


def bring_in(datadir: str) -> None:
    """Put the old content aside and the new one in its place. It belongs to the server's user already: see tree.py."""
    new, old = os.path.join(datadir, NEW), os.path.join(datadir, OLD)
    os.mkdir(old, 0o700)
    for name in entries(datadir):
        os.rename(os.path.join(datadir, name), os.path.join(old, name))
    with open(os.path.join(old, ALL_ASIDE), "w", encoding="ascii"):
        pass
    sync_directory(old)
    sync_directory(datadir)
    for name in os.listdir(new):
        os.rename(os.path.join(new, name), os.path.join(datadir, name))
    os.rmdir(new)
    sync_directory(datadir)


def restore(datadir: str) -> bool:
    """Put the old content back; False where none was put aside."""
    old = os.path.join(datadir, OLD)
    if not os.path.isdir(old):
        return False
    mark = os.path.join(old, ALL_ASIDE)
    if os.path.exists(mark):
        for name in entries(datadir):
            _remove(os.path.join(datadir, name))
        os.unlink(mark)
    for name in os.listdir(old):
        os.rename(os.path.join(old, name), os.path.join(datadir, name))
    os.rmdir(old)
    sync_directory(datadir)
    return True


def forget_old(datadir: str) -> None:
    """Remove the old content: the new server has answered.

    Only once the new one is on the disk: mbstream leaves that to the kernel, and the server believes that its pages are there.
    """
    sync_filesystem(datadir)
    shutil.rmtree(os.path.join(datadir, OLD), ignore_errors=True)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
