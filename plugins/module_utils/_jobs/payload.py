# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The collection's own code, packed for a host: jobs and the agent run it after the module's temporary files are gone."""

from __future__ import annotations

import io
import os
import shlex
import typing as t
import zipfile

PREFIX = "ansible_collections/nordbridge/mysql_migration/plugins/module_utils/"
# What `python3 -I -c` runs: the pack goes onto the path, then one function of it is called.
FIXED_DATE = (2020, 1, 1, 0, 0, 0)


def boot(main: t.Callable[[], t.Any]) -> str:
    """A program for C(python -c), whose first word is the pack: it calls a function of it.

    :param main: a function of a module of module_utils; that its caller imports it is what has it packed
    """
    return "import sys; sys.path.insert(0, sys.argv[1]); from %s import %s; %s()" % (main.__module__, main.__name__, main.__name__)


def launcher_text(python: str, main: t.Callable[[], t.Any], *arguments: str) -> str:
    """A program's launcher: a shell script, because what a key or a unit runs should be readable.

    :param arguments: the pack, and what the program itself takes
    """
    words = [python, "-I", "-c", boot(main), *arguments]
    return "#!/bin/sh\n# A program of nordbridge.mysql_migration.\nexec %s\n" % " ".join(map(shlex.quote, words))


def pack() -> bytes:
    """A zip of this collection's module_utils. The same code gives the same bytes, so that a second run sees no change."""
    members = dict(_members())
    parts = PREFIX.rstrip("/").split("/")
    for depth in range(1, len(parts) + 1):
        members.setdefault("/".join(parts[:depth]) + "/__init__.py", b"")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def _members() -> t.Iterator[tuple[str, bytes]]:
    """Name and content of each file: from the module's own pack on a managed host, from the tree elsewhere."""
    loader = globals().get("__loader__")
    archive = getattr(loader, "archive", "")
    if archive:
        with zipfile.ZipFile(archive) as source:
            for name in source.namelist():
                if name.startswith(PREFIX) and name.endswith(".py"):
                    yield name, source.read(name)
        return
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder, _folders, files in os.walk(top):
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(folder, file)
                with open(path, "rb") as stream:
                    yield PREFIX + os.path.relpath(path, top).replace(os.sep, "/"), stream.read()
