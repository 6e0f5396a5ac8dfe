# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mutant: one place of a file, broken. By hand it is told by its text, so that it survives the text's moving about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

UTILS = "plugins/module_utils/"


@dataclass(frozen=True)
class Mutant:
    """A mutant of the table.

    :param file: below plugins/module_utils
    :param what: what no longer happens, or what happens instead, in words
    :param before: stands once in the file
    :param after: stands there instead
    :param equivalent: why no test can tell the two apart; empty where one must
    """

    file: str
    what: str
    before: str
    after: str
    equivalent: str = ""


@dataclass(frozen=True)
class Broken:
    """A mutant in its file.

    :param file: from the tree's root
    :param line: where it is
    :param text: the whole file's
    """

    file: str
    line: int
    what: str
    text: str
    equivalent: str = ""

    @property
    def name(self) -> str:
        """For messages."""
        return "%s:%d %s" % (self.file, self.line, self.what)


def apply(mutant: Mutant, root: Path) -> Broken:
    """Find the mutant's place.

    :raises ValueError: where its text is not there, or more than once, or is no other text
    """
    path = root / UTILS / mutant.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    count = text.count(mutant.before) if mutant.before else 0
    if count != 1 or mutant.before == mutant.after:
        raise ValueError("%s, %r: its text is found %d times and should be once: %s" % (mutant.file, mutant.what, count, mutant.before))
    start = text.index(mutant.before)
    broken = text[:start] + mutant.after + text[start + len(mutant.before) :]
    compile(broken, str(path), "exec")
    return Broken(UTILS + mutant.file, text.count("\n", 0, start) + 1, mutant.what, broken, mutant.equivalent)
