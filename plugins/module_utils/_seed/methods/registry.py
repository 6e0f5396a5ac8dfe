# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The methods, and the choice among them: the fastest that is safe for the pair, and why not the others."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._errors import Refusal
from ..context import Seed
from .clone import clone
from .dump.dump import seed_by_dump
from .logical import copy_logically
from .mariadb_backup import mariadb_backup
from .mydumper import mydumper


@dataclass(frozen=True)
class Method:
    """A way of copying.

    :param obstacle: why it cannot serve a pair of conditions (source, target); empty where it can
    :param copy: does it, and returns schemas, tables, bytes, crossed, seconds, coordinates
    :param starts_over: whether a try that failed leaves the target as it was, or what can be gone on with, so that the next may follow
        by itself
    :param goes_on: whether it goes on with the dump that an earlier try left on the target's disk
    :param only_by_name: why V(auto) does not take it; empty where it does
    """

    name: str
    obstacle: t.Callable[[dict, dict], str]
    copy: t.Callable[[Seed], dict]
    starts_over: bool = True
    goes_on: bool = False
    only_by_name: str = ""


class Choice(t.NamedTuple):
    """What is taken, and why each of the others is not."""

    method: Method
    not_taken: dict[str, str]


# Fastest first.
METHODS = (
    Method("mariadb-backup", mariadb_backup.obstacle, mariadb_backup.copy),
    Method("clone", clone.obstacle, clone.copy),
    Method("mydumper", mydumper.obstacle, mydumper.copy, goes_on=True, only_by_name=mydumper.ONLY_BY_NAME),
    Method("dump", lambda source, target: "", lambda seed: copy_logically(seed, seed_by_dump), starts_over=False),
)
NAMES = ["auto"] + [method.name for method in METHODS]


def choose(source: dict, target: dict, wanted: str) -> Choice:
    """The fastest method that can serve, or the one that is named.

    :param source: its conditions (conditions.py)
    :param target: the target's
    :raises Refusal: where a named method cannot serve this pair
    """
    obstacles = {method.name: method.obstacle(source, target) for method in METHODS}
    able = [method for method in METHODS if not obstacles[method.name] and wanted in ("" if method.only_by_name else "auto", method.name)]
    if not able:
        raise Refusal("the method %s cannot serve this pair: %s" % (wanted, obstacles[wanted]))
    taken = able[0]
    instead = "%s is faster" % taken.name if wanted == "auto" else "%s was asked for" % taken.name
    named = {method.name: method.only_by_name for method in METHODS} if wanted == "auto" else {}
    return Choice(taken, {name: text or named.get(name) or instead for name, text in obstacles.items() if name != taken.name})


def change_of_choice(planned: str, choice: Choice) -> str:
    """Why the method is another one than the plan said; empty where it is the planned one, or nothing was planned."""
    if planned in ("", choice.method.name):
        return ""
    return "planned was %s; meanwhile: %s" % (planned, choice.not_taken[planned])
