# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The permission to erase what a target holds: it counts once, and not for what came after it.

A word that was left in an inventory would else erase, years later, whatever a target holds then.
"""

from __future__ import annotations

import time

KEY = "erasures"


def word(migration_id: str, state: dict) -> str:
    """What permits the next erasure: the migration's id, and from the second on how many it will have been.

    :param state: the journal's; it keeps the erasures of all attempts
    """
    used = len(state.get(KEY, []))
    return "%s@%d" % (migration_id, used + 1) if used else migration_id


def permits(wipe: str, migration_id: str, state: dict) -> bool:
    """Whether this word permits it."""
    return wipe == word(migration_id, state)


def erasure(state: dict, wipe: str, schemas: list[str], server: str, datadir: str) -> dict:
    """The journal's entry for a use of it: what it was for, and where. It counts once."""
    return {KEY: [*state.get(KEY, []), {"at": time.time(), "word": wipe, "schemas": schemas, "server": server, "datadir": datadir}]}


def asks(migration_id: str, state: dict) -> str:
    """What to do for it, as the end of a sentence."""
    used = state.get(KEY, [])
    if not used:
        return "if they may be ERASED, run again with -e wipe_target=%s" % migration_id
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(used[-1]["at"]))
    return (
        "the permission -e wipe_target=%s was used at %s, for %s of %s, and does not count for what came since; if that may be ERASED, too,"
        " run again with -e wipe_target=%s"
        % (used[-1]["word"], at, ", ".join(used[-1]["schemas"]), used[-1]["server"], word(migration_id, state))
    )
