# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A statement of a plan, and how it is shown."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """A statement and the values bound into it; those at the places of C(secrets) are shown to nobody."""

    sql: str
    args: tuple = field(default=(), repr=False)
    secrets: frozenset = frozenset()

    def shown(self) -> str:
        """The statement for results and messages, from the template and never from what is sent."""
        values = tuple("'***'" if place in self.secrets else _literal(value) for place, value in enumerate(self.args))
        return self.sql % values if values else self.sql


def _literal(value: t.Any) -> str:
    return str(value) if isinstance(value, (int, float)) else "'%s'" % str(value).replace("'", "''")
