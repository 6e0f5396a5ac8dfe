# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The last look before the fence: refuse early, freeze nothing."""

from __future__ import annotations

from .._errors import Refusal
from .._replication.health import error_text
from .._replication.heartbeat import arrives, lag
from .._replication.status import only_status
from .._seed.guard import LONG_TRANSACTIONS
from .._seed.landing import check_apart
from .._server.base import Flavour

DDL = (
    "SELECT ID AS id, USER AS user, TIME AS seconds, LEFT(INFO, 40) AS info FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query'"
    " AND INFO REGEXP '^[[:space:]]*(ALTER|CREATE|DROP|TRUNCATE|RENAME|OPTIMIZE|REPAIR)[[:space:]]' AND ID <> CONNECTION_ID()"
)


def check_ready(source: Flavour, target: Flavour, options: dict) -> None:
    """Refuse where the cutover would stall, lose, or meet surprises.

    :param options: migration_id, max_lag, max_transaction_seconds
    :raises Refusal: with every reason at once
    """
    check_apart(source, target)
    reasons = replication_reasons(source, target, options) + session_reasons(source, options) + _positions(source, target)
    if reasons:
        raise Refusal("not cut over, and nothing was frozen: %s" % "; ".join(reasons))


def replication_reasons(source: Flavour, target: Flavour, options: dict) -> list[str]:
    """Why the target is not ready to be waited for."""
    status = only_status(target)
    if not status.configured:
        return ["the target replicates from nobody"]
    reasons = []
    if not status.running:
        reasons.append(
            "the target's replication threads do not both run: %s" % (error_text(status) or status.io_state or "they are stopped")
        )
    if status.source_server_id and status.source_server_id != source.identity.server_id:
        reasons.append(
            "the target replicates from server_id %d, not from this source (%d)" % (status.source_server_id, source.identity.server_id)
        )
    if not arrives(source.connection, target.connection, options["migration_id"], options["max_lag"]):
        behind = lag(source.connection, target.connection, options["migration_id"])
        reasons.append(
            "the target is %s behind, more than max_lag %.1f s" % ("unknown" if behind is None else "%.1f s" % behind, options["max_lag"])
        )
    return reasons


def session_reasons(source: Flavour, options: dict) -> list[str]:
    """Why the source's sessions would make the fence wait, or suffer from it."""
    reasons = []
    for row in source.connection.rows(LONG_TRANSACTIONS, (options["max_transaction_seconds"],)):
        reasons.append(
            "session %s of %s has a transaction open for %s s (max_transaction_seconds is %d): the fence would wait for it or break it"
            % (row["id"], row["user"], row["seconds"], options["max_transaction_seconds"])
        )
    for row in source.connection.rows(DDL):
        reasons.append("session %s of %s runs DDL for %s s: %s" % (row["id"], row["user"], row["seconds"], row["info"]))
    prepared = source.connection.rows("XA RECOVER")
    if prepared:
        reasons.append("%d XA transactions are prepared on the source and neither committed nor rolled back" % len(prepared))
    return reasons


def _positions(source: Flavour, target: Flavour) -> list[str]:
    reasons = []
    if source.read_only():
        reasons.append("the source is read-only already")
    if not target.read_only():
        reasons.append("the target is writable before it is promoted: set read_only on it and find out who wrote")
    extra = target.gtid_foreign(source)
    if extra:
        reasons.append("the target holds transactions that did not come from the source: %s" % extra)
    return reasons
