# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a line of the table of checks says."""

from __future__ import annotations

import typing as t

ERROR, WARNING, NOTICE, OK = "error", "warning", "notice", "ok"
SOURCE, TARGET, BOTH, MIGRATION = "source", "target", "both", "migration"


class Check(t.NamedTuple):
    """One line of the table.

    :param severity: what a hit usually is; a rule can say otherwise for one hit
    :param where: the server that is to be changed
    :param remedy: what to do
    :param needs: (side, topic) of facts without which the check cannot be made
    :param waivable: whether the operator may take the risk, by its id
    """

    id: str
    title: str
    severity: str
    where: str
    remedy: str
    needs: tuple = ()
    waivable: bool = False


def of_source(*topics: str) -> tuple:
    """Facts of the source that a check needs, by topic."""
    return tuple((SOURCE, topic) for topic in topics)


def of_target(*topics: str) -> tuple:
    """Facts of the target that a check needs, by topic."""
    return tuple((TARGET, topic) for topic in topics)
