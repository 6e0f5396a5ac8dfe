# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The last look before the fence: refuse early, freeze nothing."""

from __future__ import annotations

import typing as t

from .._errors import Refusal
from .._replication.health import error_text
from .._replication.heartbeat import arrives, lag
from .._replication.status import only_status
from .._seed.target_checks import check_apart
from .._server.base import Flavour
from .blockers import blockers
from .hold import prove_hold
from .names import CUTOVER_NAMES, Names


def check_ready(source: Flavour, target: Flavour, options: dict, against: t.Sequence[str] = ()) -> None:
    """Refuse where the cutover would stall, lose, or meet surprises.

    :param options: migration_id, max_lag, max_transaction_seconds, target_hold
    :param against: what the source's host says of the hold, see hold_reasons
    :raises Refusal: with every reason at once, but for the replica's where sessions are in the way
    """
    check_apart(source, target)
    reasons = session_reasons(source, options) + _positions(source, target) + hold_reasons(against) + _unheld(target, options)
    if not reasons:
        # It writes a heartbeat, which would wait for what those sessions hold or wait for.
        reasons = replication_reasons(source, target, options)
    if reasons:
        raise Refusal("not cut over, and nothing was frozen: %s" % "; ".join(reasons))


def replication_reasons(source: Flavour, target: Flavour, options: dict, names: Names = CUTOVER_NAMES) -> list[str]:
    """Why the target is not ready to be waited for."""
    status = only_status(target)
    if not status.configured:
        return [names.fill("%(promoted)s is not a replica")]
    reasons = []
    if not status.running:
        reasons.append(
            names.fill(
                "%(promoted)s's replication threads do not both run: %(why)s", why=error_text(status) or status.io_state or "they are stopped"
            )
        )
    if status.source_server_id and status.source_server_id != source.identity.server_id:
        reasons.append(
            names.fill(
                "%(promoted)s replicates from server_id %(seen)d, not from %(fenced)s (%(wanted)d)",
                seen=status.source_server_id,
                wanted=source.identity.server_id,
            )
        )
    if not arrives(source.connection, target.connection, options["migration_id"], options["max_lag"]):
        behind = lag(source.connection, target.connection, options["migration_id"])
        reasons.append(
            names.fill(
                "%(promoted)s is %(behind)s behind, more than max_lag %(limit).1f s",
                behind="by an unknown time" if behind is None else "%.1f s" % behind,
                limit=options["max_lag"],
            )
        )
    return reasons


def session_reasons(source: Flavour, options: dict, names: Names = CUTOVER_NAMES) -> list[str]:
    """Why the source's sessions would make the fence wait, or suffer from it."""
    return blockers(source, options["max_transaction_seconds"], names)


def hold_reasons(against: t.Sequence[str], names: Names = CUTOVER_NAMES) -> list[str]:
    """Why the source would be open after a restart behind the commit."""
    if not against:
        return []
    words = "a restart would open %(fenced)s again behind the %(course)s, and its hold could not keep it closed: %(against)s"
    return [names.fill(words, against="; ".join(against))]


def _unheld(target: Flavour, options: dict) -> list[str]:
    """Why the target, which is this host's, would be open after a restart before its promotion."""
    against = prove_hold(target, options["target_hold"])
    return ["the target would take writes after a restart, before it is promoted: %s" % "; ".join(against)] if against else []


def closed_words(places: t.Sequence[str]) -> dict:
    """A warning for a promoted server that its next restart would close, by what nobody of us wrote."""
    return {"restart": ["the promoted server would be closed by its next restart: %s" % one for one in places]}


def _positions(source: Flavour, target: Flavour) -> list[str]:
    return state_reasons(source.read_only(), target.read_only()) + foreign_reasons(target.gtid_foreign(source))


def state_reasons(source_closed: bool, target_closed: bool, names: Names = CUTOVER_NAMES) -> list[str]:
    """Why the two servers are not as they should be before the fence: one writable, one closed."""
    reasons = []
    if source_closed:
        reasons.append(names.fill("%(fenced)s is read-only already"))
    if not target_closed:
        reasons.append(names.fill("%(promoted)s is writable before it is promoted: set read_only on it and find out who wrote"))
    return reasons


def foreign_reasons(foreign: str, names: Names = CUTOVER_NAMES) -> list[str]:
    """Why a target with transactions of its own cannot be promoted.

    :param foreign: their GTIDs
    """
    return [names.fill("%(promoted)s holds transactions that did not come from %(fenced)s: %(foreign)s", foreign=foreign)] if foreign else []
