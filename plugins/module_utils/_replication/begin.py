# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Where replication begins: the seed's position, where a source is new here."""

from __future__ import annotations

from .._errors import Refusal
from .._server.base import Flavour
from .change import ADDRESS
from .desired import Desired
from .status import ReplicaStatus
from .step import Step


def begin_steps(flavour: Flavour, status: ReplicaStatus, desired: Desired, changed: dict) -> list[Step]:
    """The statements that declare it. A running replica's own position is never touched.

    :raises Refusal: where it is not given, or declaring it could lose data
    """
    if status.configured and not ADDRESS & set(changed):
        return []
    if desired.settings["positioning"] == "gtid":
        return _declare(flavour, status, desired)
    if not desired.log_file or desired.log_position is None:
        raise Refusal("%s: positioning file needs source_log_file and source_log_pos, both from the seed" % flavour.connection.name)
    return []


def _declare(flavour: Flavour, status: ReplicaStatus, desired: Desired) -> list[Step]:
    """The seed's GTIDs, as those that this server has applied."""
    name = flavour.connection.name
    if not flavour.gtid_on:
        raise Refusal("%s: gtid_mode is not ON here: set it, or use positioning: file" % name)
    if desired.gtid is None:
        _check_own(flavour)
        return []
    applied = flavour.gtid_applied()
    if not desired.gtid or (applied and flavour.gtid_includes(applied, desired.gtid)):
        return []
    foreign = applied if status.configured else flavour.gtid_in_the_way(desired.gtid)
    if foreign:
        raise Refusal(
            "%s: holds the GTIDs %s, and the seed's position %s is not among them: declaring it would need a reset, which could lose "
            "data silently. If this server is to be overwritten by the seed, empty it first (%s and a new load); else choose "
            "another target" % (name, foreign, desired.gtid, flavour.statement("reset_binlogs"))
        )
    return [Step(sql, tuple(args)) for sql, args in flavour.gtid_position_statements(desired.gtid)]


def _check_own(flavour: Flavour) -> None:
    """Refuse to begin at this server's own position where it has none."""
    if not flavour.gtid_replicated():
        raise Refusal(
            "%s: holds nothing of another server's GTIDs, and gtid is not given: give the seed's; an empty gtid means to replicate "
            "from the source's first binary log" % flavour.connection.name
        )
