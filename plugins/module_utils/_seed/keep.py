# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What may never be erased, whoever permits it: a server that is the primary, or may be. Asked by the plan, and by what erases."""

from __future__ import annotations

import time
import typing as t

from .._bridge.call import call
from .._errors import Refusal
from .._migration.history import DAMAGED, told_fence, told_journals
from .._server.base import Flavour
from .._state.fences import ARMED, COMMITTED
from .._state.paths import SCHEMA
from .context import mark

if t.TYPE_CHECKING:
    from .context import Seed

# Phases of a journal in which its target is the primary, or may be.
PROMOTED = ("cutting_over", "committed", "done", "rolling_back")
# A copy that broke may have brought the schema and not yet its table.
IS_MARKED = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = 'marker'"
MARKERS = "SELECT migration_id AS i, role AS r, created_at AS c FROM `%s`.marker ORDER BY created_at, migration_id" % SCHEMA


def committed_words(fence: dict) -> str:
    """A commit, as the middle of a sentence: by whom, when, to whom, and where that is known from."""
    since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(fence["at"]))
    return "by migration %s at %s to %s (%s on its host)" % (fence["migration_id"], since, fence["promoted"] or "another server", fence["path"])


def read_markers(server: Flavour) -> list[dict]:
    """The marks of the migrations whose source this server was, or the server that its data was copied from."""
    if not server.connection.value(IS_MARKED, (SCHEMA,)):
        return []
    return [{"migration_id": str(row["i"]), "role": str(row["r"]), "created_at": str(row["c"])} for row in server.connection.rows(MARKERS)]


def is_closed(server: Flavour) -> bool:
    """Whether ordinary accounts cannot write; a loader may."""
    return (server.connection.variable("read_only") or "OFF").upper() not in ("OFF", "0", "NO")


def why_kept(source: dict, target: dict) -> list[str]:
    """Why the target may not be erased.

    :param source: fence, fence_unknown (as told_fence), read_only
    :param target: the same, and journals (as told_journals) and markers (as read_markers)
    """
    reasons = []
    if source["fence_unknown"]:
        reasons.append("it is not known whether the source was cut over: %s" % source["fence_unknown"])
    elif source["fence"] and source["fence"]["state"] == COMMITTED:
        reasons.append("the source was cut over %s: what was written since is not on the source" % committed_words(source["fence"]))
    elif source["fence"] and source["fence"]["state"] == ARMED:
        reasons.append("migration %s is cutting the source over, or died at it" % source["fence"]["migration_id"])
    elif source["read_only"]:
        reasons.append("the source takes no writes: another server may have taken over")
    return reasons + _by_target(target)


def _by_target(target: dict) -> list[str]:
    reasons = []
    if target["fence_unknown"]:
        reasons.append("it is not known whether the target was a primary: %s" % target["fence_unknown"])
    elif target["fence"] and target["fence"]["state"] == COMMITTED:
        reasons.append("the target was a primary itself, and was fenced for good %s" % committed_words(target["fence"]))
    elif target["fence"] and target["fence"]["state"] == ARMED:
        reasons.append("migration %s is taking the target's clients away, or died at it" % target["fence"]["migration_id"])
    for journal in target["journals"]:
        if journal["phase"] in PROMOTED:
            reasons.append("the target is the new primary of migration %s, or may be: its journal says %s" % tuple(journal.values()))
        elif journal["phase"] == DAMAGED:
            reasons.append("the journal of migration %s on the target's host cannot be read" % journal["migration_id"])
    if target["markers"] and not target["read_only"]:
        # A copy is read-only until it is promoted.
        ids = ", ".join(sorted({marker["migration_id"] for marker in target["markers"]}))
        reasons.append("the target takes writes and holds the marker of migration %s: it is a primary, whatever journals are left" % ids)
    return reasons


def check_may_erase(seed: Seed) -> None:
    """Refuse to erase a target that is a primary, or may be, by what both hosts know now.

    :raises Refusal: with why
    """
    target = seed.target
    known = call(seed.options["migration_id"], "fence", {})
    place = target.identity.datadir
    here = {
        **told_fence(place),
        "journals": told_journals(mark(target)),
        "markers": read_markers(target),
        "read_only": is_closed(target),
    }
    # Whether the source takes writes was the plan's to ask; a copy may be read from a source that is closed for a moment.
    reasons = why_kept({**known, "read_only": False}, here)
    if reasons:
        raise Refusal("%s: it must not be erased, and nothing was touched: %s" % (target.connection.name, "; ".join(reasons)))
