# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the logical methods share: accounts as statements before the data, grants after it, exact floats, the proof."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from .._jobs.progress import Progress, duration, size
from .._server.base import Flavour
from .accounts import create_accounts, grant_rights, read_accounts
from .catalogue import read_catalogue
from .context import Seed
from .floats import repair_floats
from .landing import check_arrived, clear_landing
from .views import make_again

# Either connection is idle for as long as the rows take: hours, where servers hang up after eight by themselves.
IDLE_SECONDS = 30 * 86400
# Copies the rows and definitions: schemas, catalogue, coordinates, tables, bytes, crossed, seconds.
Loader = t.Callable[[Flavour, Flavour, dict, Progress], dict]


def copy_logically(seed: Seed, load: Loader, kept: tuple | None = None) -> dict:
    """Erase, carry the accounts, copy, prove, and set the coordinates.

    :param kept: the source's file and position of a dump whose load goes on: nothing is erased then
    """
    target, progress = seed.target, seed.progress
    for server in (seed.source, target):
        server.connection.run("SET SESSION wait_timeout = %d" % IDLE_SECONDS)
    clear_landing(target, [] if kept else seed.erase)
    progress.say("accounts", "accounts and grants as statements")
    accounts = read_accounts(seed.source)
    create_accounts(target, accounts)
    options = {**seed.options, "source": asdict(seed.source_login), "target": asdict(seed.target_login)}
    with seed.watch.armed(snapshot_now=not kept, needs=kept):
        result = load(seed.source, target, options, progress)
    progress.say("proving", "%s in %s; counting objects" % (size(result["bytes"]), duration(result["seconds"])))
    result["exact_floats"] = repair_floats(seed.source, target, result["schemas"], lambda text: progress.say("floats", text))
    result["refused_grants"] = grant_rights(target, accounts)
    # Behind the grants: what a view lies on is looked at with its definers' rights.
    result["views_made_again"] = make_again(seed.source, target, result["schemas"], seed.target_login)
    # MySQL names no columns of a view that its definer has no rights for.
    catalogue = result.pop("catalogue")
    check_arrived(catalogue, read_catalogue(target.connection, result["schemas"]))
    if result["coordinates"]["gtid"]:
        target.set_gtid_position(result["coordinates"]["gtid"])
    result.update(objects=len(catalogue), accounts=len(accounts.create))
    return result
