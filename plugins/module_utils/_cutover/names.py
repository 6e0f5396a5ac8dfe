# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the two servers are called in messages: a cutover fences the source, a rollback the new server, by the same steps."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import MigrationError


@dataclass(frozen=True)
class Names:
    """The words that differ between a cutover and a rollback.

    :param course: the journal's key, and the word for the whole
    :param fenced: the server that stops taking writes
    :param promoted: the server that takes over
    :param kept: what an undo leaves, beside a fenced server that is writable again
    :param connections: how the connections C(source), C(watch) and C(target) are called in their errors
    :param promoted_agent: how the agent on the promoted server's host is called, where that is another host
    """

    course: str
    fenced: str
    promoted: str
    kept: str
    connections: t.Mapping[str, str]
    promoted_agent: str = ""

    def fill(self, text: str, **facts: t.Any) -> str:
        """A message from its text, which names C(%(fenced)s), C(%(promoted)s) and C(%(course)s), and the facts that it tells."""
        return text % {"course": self.course, "fenced": self.fenced, "promoted": self.promoted, "kept": self.kept, **facts}

    def error(self, text: str, **facts: t.Any) -> MigrationError:
        """The same as an error."""
        return MigrationError(self.fill(text, **facts))


CUTOVER_NAMES = Names(
    "cutover", "the source", "the target", "the target replicates", {"source": "source", "watch": "watch", "target": "target"}
)
ROLLBACK_NAMES = Names(
    "rollback",
    "the new server",
    "the old server",
    "nothing has moved",
    {"source": "the new server", "watch": "the new server", "target": "the old server"},
    "the agent on the old server's host",
)
