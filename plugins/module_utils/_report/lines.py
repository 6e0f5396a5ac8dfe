# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Lines that fit a terminal: long ones are continued under their own text."""

from __future__ import annotations

import re
import textwrap
import typing as t

from .._text import visible

COLUMNS = 100
# A line's own beginning, under whose end the rest is continued: blanks, a mark such as "[E] P25", or a name before two blanks.
HEAD = re.compile(r"^( *(?:\[\w\] \w+ |[A-Za-z -]{1,12}  +)?)")


def fitted(lines: t.Iterable[str], columns: int = COLUMNS) -> list[str]:
    """The lines, each in as many as it needs. Words are never cut: a command can be copied."""
    out: list[str] = []
    for text in lines:
        for line in [visible(one) for one in str(text).splitlines()] or [""]:
            head = HEAD.match(line)
            indent = " " * min(len(head.group(1)) if head else 0, columns // 2)
            command = "ansible-playbook " in line
            parts = textwrap.wrap(
                line, columns - 2 * command, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
            ) or [""]  # fmt: skip
            # A command that is copied with its line breaks stays one for a shell.
            out += [part + " \\" * (command and part is not parts[-1]) for part in parts]
    return out
