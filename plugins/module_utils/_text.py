# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Text from servers, programs and other hosts, made fit to be shown.

A name, a version comment or an error message may hold a terminal's control sequences (ECMA-48: ESC, and the C1 controls that some
terminals obey), or characters that turn the direction of writing. All that is shown to a person passes here.
"""

from __future__ import annotations

import re
import typing as t

# Controls but for the tab and the line's end, what is invisible or turns the direction, lone surrogates.
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with each hidden character as its escape, as \\x1b or \\u202e. Text without any comes back as it is."""
    return HIDDEN.sub(_escape, text)


def _escape(found: t.Match[str]) -> str:
    number = ord(found.group(0))
    return "\\x%02x" % number if number < 256 else "\\u%04x" % number


def visible_data(data: t.Any) -> t.Any:
    """Lists and dictionaries with every text in them made visible; other values as they are."""
    if isinstance(data, str):
        return visible(data)
    if isinstance(data, dict):
        return {visible_data(name): visible_data(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [visible_data(value) for value in data]
    return data


def tail(text: bytes, limit: int = 800) -> str:
    """The end of a program's messages, on one line."""
    return visible(" ".join(text.decode("utf-8", "replace").split())[-limit:])
