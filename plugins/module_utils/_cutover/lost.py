# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a rollback without reverse replication would lose: counted in transactions, and in rows where that is cheap."""

from __future__ import annotations

from .._replication.status import only_status
from .._server.base import Flavour
from .._state.paths import SCHEMA
from .history import rows_in_words, rows_since

# Beyond this the rows are left uncounted: the transactions are known anyway.
SECONDS = 20.0


def lost_writes(new: Flavour, old: Flavour, cutover: dict, rows: bool = True) -> dict:
    """What the new server holds and the old one does not.

    :param cutover: the facts of the cutover
    :param rows: also count rows by table, from the binary log on this host
    :returns: transactions, from and to (GTIDs), tables ({name: {inserted, updated, deleted}} or None where they were not counted),
        own (transactions of the migration's own heartbeat, None likewise), kept_in (where the writes stay readable)
    """
    base = cutover["position"]["gtid"]
    if only_status(old).configured:
        base = old.gtid_applied()
    written = new.gtid_written()
    place = cutover.get("promoted_position") or {}
    # An old server that followed for a while has some of it: the log would have to be read from a place that nobody noted.
    counted = rows_since(new, place, SECONDS) if rows and place and base == cutover["position"]["gtid"] else None
    own = sum(counted.pop("%s.heartbeat" % SCHEMA, {}).values()) if counted is not None else None
    kept = "%(file)s:%(position)d" % place if place else ""
    return {
        "transactions": new.gtid_count(written, base),
        "from": base,
        "to": written,
        "tables": counted,
        "own": own,
        "kept_in": kept,
    }


def in_words(lost: dict, most: int = 20) -> str:
    """The list for people, on one line."""
    text = "%d transactions (%s to %s)" % (lost["transactions"], lost["from"] or "the beginning", lost["to"])
    if lost["own"]:
        text += ", %d of them the migration's own heartbeat" % lost["own"]
    if lost["tables"] is None:
        return text + "; their rows were not counted"
    parts = []
    for name, kinds in lost["tables"].items():
        parts.append("%s %s" % (name, rows_in_words(kinds)))
    if len(parts) > most:
        parts[most:] = ["and %d more tables" % (len(parts) - most)]
    return "%s; rows: %s" % (text, "; ".join(parts) or "none")
