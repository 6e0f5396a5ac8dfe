# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Option files as the servers read them: their order, their groups, the last value that counts.

Rules: https://dev.mysql.com/doc/refman/en/option-files.html and https://mariadb.com/kb/en/configuring-mariadb-with-option-files/
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

DEPTH = 10  # of includes, as in the servers' my_default.c


@dataclass(frozen=True)
class Line:
    """One option as it was read; C(path) and C(number) say where: empty and 0 for one of the command line."""

    path: str
    group: str
    name: str
    value: str | None
    number: int = 0


class OptionFiles:
    """The files of one server, walked in its reading order.

    :param roots: the files that it starts with, in order
    :param overlay: path -> text for a file that is not (or not so) on disk yet; only for planning
    """

    def __init__(self, roots: t.Sequence[str], overlay: dict | None = None) -> None:
        self.roots = list(roots)
        self.overlay = {os.path.realpath(path): text for path, text in (overlay or {}).items()}
        # After a walk: the directories of !includedir, and the files' real paths, both in reading order.
        self.folders: list[str] = []
        self.files: list[str] = []

    def lines(self) -> list[Line]:
        """All options of all groups, in reading order."""
        self.folders, self.files = [], []
        return [line for root in self.roots for line in self._file(root, 0)]

    def _file(self, path: str, depth: int) -> t.Iterator[Line]:
        group = ""
        self.files.append(os.path.realpath(path))
        for number, raw in enumerate(self._text(path).splitlines(), start=1):
            text = raw.strip()
            include = re.match(r"!(include|includedir)\s+(.+)", text)
            if include and depth < DEPTH:
                for inner in self._included(include.group(1), include.group(2).strip()):
                    yield from self._file(inner, depth + 1)
            elif text.startswith("["):
                group = text[1:].partition("]")[0].strip()
            elif text and text[0] not in "#;!":
                name, equals, value = text.partition("=")
                yield Line(path, group, name.strip(), unquoted(value) if equals else None, number)

    def _included(self, kind: str, path: str) -> list[str]:
        if kind == "include":
            return [path]
        self.folders.append(path)
        try:
            names = set(os.listdir(path))
        except OSError:
            names = set()
        names |= {os.path.basename(extra) for extra in self.overlay if os.path.dirname(extra) == os.path.realpath(path)}
        return [os.path.join(path.rstrip("/"), name) for name in sorted(names) if name.endswith(".cnf")]

    def _text(self, path: str) -> str:
        planned = self.overlay.get(os.path.realpath(path))
        if planned is not None:
            return planned
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:
            # The servers pass over files that are not there or that they may not read.
            return ""


def unquoted(value: str) -> str:
    """An option's value without a comment behind it and without its quotes."""
    text = value.strip()
    if text[:1] in ("'", '"') and text.find(text[0], 1) > 0:
        return text[1 : text.find(text[0], 1)]
    return text.partition("#")[0].strip()
