# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The methods, and the choice among them: the fastest that is safe for the pair, and why not the others."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import Refusal
from . import clone, mariadb_backup
from .context import Seed
from .dump import seed_by_dump
from .logical import copy_logically


@dataclass(frozen=True)
class Method:
    """A way of copying.

    :param obstacle: why it cannot serve a pair; empty where it can
    :param copy: does it, and returns schemas, tables, bytes, crossed, seconds, coordinates
    """

    name: str
    obstacle: t.Callable[[Seed], str]
    copy: t.Callable[[Seed], dict]


# Fastest first.
METHODS = (
    Method("mariadb-backup", mariadb_backup.obstacle, mariadb_backup.copy),
    Method("clone", clone.obstacle, clone.copy),
    Method("dump", lambda seed: "", lambda seed: copy_logically(seed, seed_by_dump)),
)
NAMES = ["auto"] + [method.name for method in METHODS]


def choose(seed: Seed, wanted: str) -> tuple[Method, dict[str, str]]:
    """The method to take, and the obstacles of those that were not taken.

    :raises Refusal: where a named method cannot serve this pair
    """
    not_taken: dict[str, str] = {}
    for method in METHODS:
        if wanted not in ("auto", method.name):
            continue
        reason = method.obstacle(seed)
        if not reason:
            return method, not_taken
        not_taken[method.name] = reason
    raise Refusal(
        "the method %s cannot serve this pair: %s; nothing was touched" % (wanted, "; ".join("%s: %s" % item for item in not_taken.items()))
    )
