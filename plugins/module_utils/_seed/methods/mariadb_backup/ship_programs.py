# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Lending programs: the source hands out its own backup program and server, with all that they load, as one archive."""

from __future__ import annotations

import os
import re
import sys
import tarfile

from ...._child import run_child
from ...._errors import MigrationError
from ...conditions import PROGRAMS, find

# What the agent hands out at the target's word. None of it is secret: it is what the packages installed.
SHIPPED = ("mariadb-backup", "mariadbd")
# Messages and the collations that are not built in, where packages put them.
SHARES = ("/usr/share/mysql", "/usr/share/mariadb")
LOADER = "loader"


def ship_programs(_request: dict) -> None:
    """Write a tar archive of the programs, their libraries, the loader, messages and collations to standard output."""
    paths = {name: find(PROGRAMS[name]) for name in SHIPPED}
    missing = [name for name, path in paths.items() if not path]
    if missing:
        raise MigrationError("the source's host lacks %s" % ", ".join(missing))
    files = {"bin/" + name: path for name, path in paths.items()}
    for path in paths.values():
        files.update(libraries(_ldd(path)))
    if LOADER not in files:
        raise MigrationError("the loader of %s is not known on the source's host: ldd names none" % ", ".join(paths.values()))
    files.update(_shared())
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", dereference=True) as archive:
        for name, path in sorted(files.items()):
            archive.add(path, arcname=name, recursive=False)


def libraries(told: str) -> dict[str, str]:
    """Name in the archive to path on this host, of all that ldd names.

    :raises MigrationError: where a library is not found
    """
    found = {}
    for line in told.splitlines():
        words = re.match(r"\s*(\S+)(?: => (/\S+|not found))?(?: \(0x[0-9a-f]+\))?$", line)
        name, path = words.groups() if words else ("", None)
        if path == "not found":
            raise MigrationError("the source's own program lacks the library %s" % name)
        if path:
            found["lib/" + os.path.basename(name)] = path
        elif name.startswith("/"):
            found[LOADER] = name
    return found


def _ldd(path: str) -> str:
    done = run_child([find(PROGRAMS["ldd"]) or "ldd", path], capture_output=True, text=True)
    if done.returncode:
        raise MigrationError("ldd %s failed: %s" % (path, done.stderr.strip()))
    return done.stdout


def _shared() -> dict[str, str]:
    found = {}
    for share in SHARES:
        message = os.path.join(share, "english", "errmsg.sys")
        charsets = os.path.join(share, "charsets")
        if os.path.exists(message):
            found["share/errmsg.sys"] = message
        if os.path.isdir(charsets):
            found.update({"share/charsets/" + name: os.path.join(charsets, name) for name in os.listdir(charsets) if name.endswith(".xml")})
    return found
