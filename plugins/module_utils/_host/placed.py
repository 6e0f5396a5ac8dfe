# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Folders and files that a role places on a host, all of them in one go: each task on its own costs an ssh execution or two.

They are root's, and hold no secrets: the diff shows them.
"""

from __future__ import annotations

import os
import stat
import typing as t
from dataclasses import dataclass

from .._errors import MigrationError, Refusal
from .._state.files import make_directory, read_text, write_text
from .units import Unit, run_units

# Where a file that was written makes systemd read its files again, whether or not one of the units is made of it.
SYSTEMD = "/etc/systemd/system/"


@dataclass(frozen=True)
class Kind:
    """How something lies on the disk; mode is 0 where there is nothing."""

    mode: int = 0
    owner: int = 0
    folder: bool = False


def look(path: str) -> Kind:
    """What is at a path; the last part of it is not followed where it is a link.

    :raises Refusal: where it is neither a file nor a folder
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return Kind()
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        raise Refusal("%s is neither a file nor a folder: move it out of the way and run the same command again" % path)
    return Kind(stat.S_IMODE(found.st_mode), found.st_uid, stat.S_ISDIR(found.st_mode))


def read_mode(text: str) -> int:
    """An octal mode.

    :raises Refusal: where it is none
    """
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 < mode <= 0o777:
        raise Refusal("the mode %r is not an octal number from 0001 to 0777" % text)
    return mode


def place(params: dict, check_mode: bool) -> dict:
    """Make folders, write files, and have units run that need them.

    :param params: folders (path, mode), files (path, content, mode), units (name, restart, and restart_for: paths, of which one that was
        written has the unit restarted)
    :returns: changed, written (the files' paths), units (those that were started, restarted or enabled), diff (one for each difference)
    :raises MigrationError: where something cannot be written, or a unit does not run
    """
    diffs: list[dict] = []
    try:
        for folder in params["folders"]:
            diffs += _folder(folder["path"], read_mode(folder["mode"]), check_mode)
        written = [one["path"] for one in params["files"] if _file(one, diffs, check_mode)]
    except OSError as error:
        raise MigrationError("%s: %s" % (error.filename, error.strerror)) from None
    units = [Unit(one["name"], one["restart"] or any(path in written for path in one["restart_for"])) for one in params["units"]]
    changed_units = run_units(units, check_mode, any(path.startswith(SYSTEMD) for path in written))
    return {"changed": bool(diffs or changed_units), "written": written, "units": changed_units, "diff": diffs}


def _folder(path: str, mode: int, check_mode: bool) -> list[dict]:
    found = look(path)
    if found.mode and not found.folder:
        raise Refusal("%s is a file and not a folder: move it out of the way and run the same command again" % path)
    if (found.mode, found.owner) == (mode, os.geteuid()):
        return []
    if not check_mode:
        make_directory(os.path.dirname(path))
        os.makedirs(path, exist_ok=True)
        os.chown(path, os.geteuid(), os.getegid())
        os.chmod(path, mode)
    return [_diff(path, _words(found) if found.mode else "", _words(Kind(mode, os.geteuid(), True)))]


def _file(wanted: dict[str, t.Any], diffs: list[dict], check_mode: bool) -> bool:
    """Whether it was written, or would be."""
    path, mode = wanted["path"], read_mode(wanted["mode"])
    found = look(path)
    if found.folder:
        raise Refusal("%s is a folder and not a file: move it out of the way and run the same command again" % path)
    before = read_text(path)
    right = Kind(mode, os.geteuid())
    if found == right and before == wanted["content"]:
        return False
    if not check_mode:
        write_text(path, wanted["content"], mode=mode)
    # The mode is part of the difference where it is one.
    heads = ("", "") if found in (Kind(), right) else (_words(found), _words(right))
    diffs.append(_diff(path, heads[0] + before, heads[1] + wanted["content"]))
    return True


def _words(kind: Kind) -> str:
    return "mode %04o, owner %d\n" % (kind.mode, kind.owner)


def _diff(path: str, before: str, after: str) -> dict[str, str]:
    return {"before": before, "after": after, "before_header": path, "after_header": path}
