# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the logical methods share: accounts as statements before the data, grants after it, exact floats, the proof."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ..._jobs.progress import duration, size
from ..._state.paths import directory
from ..accounts import Accounts, check_settings, create_accounts, grant_rights
from ..catalogue import read_catalogue
from ..context import Seed
from ..source.moment import SNAPSHOTS, AccountsMoved, Moment, ask
from ..target_checks import check_arrived, clear_target
from .dump.views import make_again
from .floats import repair_floats

# Copies the rows and definitions: schemas, catalogue, coordinates, tables, bytes, crossed, seconds. It tells the moment as soon as the
# coordinates are known, and has it settled before it ends.
Loader = t.Callable[[Seed, dict, Moment], dict]


class Kept(t.NamedTuple):
    """A dump whose load goes on: the source's place that it is of, and the accounts of that place."""

    place: tuple[str, int]
    accounts: Accounts


def copy_logically(seed: Seed, load: Loader, kept: Kept | None = None) -> dict:
    """Erase, carry the accounts, copy, prove, and set the coordinates.

    :param kept: a dump whose load goes on: nothing is erased then, and no account is read again
    :raises AccountsMoved: where accounts changed each time that the snapshot was taken
    """
    told = check_settings(seed.source, seed.target)
    moment = Moment(lambda: ask(seed.options["migration_id"]))
    for number in range(1, SNAPSHOTS + 1):
        try:
            result, accounts = _copy_of_moment(seed, load, moment, kept)
            break
        except AccountsMoved as error:
            if number == SNAPSHOTS:
                raise AccountsMoved("%s; so it was %d times: run the same command again when nobody changes definitions" % (error, number)) from None
            seed.progress.say("again", "%s: snapshot %d of at most %d" % (error, number + 1, SNAPSHOTS))
    return _finish(seed, result, accounts, told)


def _copy_of_moment(seed: Seed, load: Loader, moment: Moment, kept: Kept | None) -> tuple[dict, Accounts]:
    """One snapshot, loaded; whatever an earlier one left goes."""
    ours = {*seed.erase, *seed.source.user_schemas()}
    clear_target(seed.target, [] if kept else [schema for schema in seed.target.user_schemas() if schema in ours])
    seed.progress.say("accounts", "accounts and grants as statements")
    accounts = kept.accounts if kept else moment.begin()
    create_accounts(seed.target, accounts, directory(seed.options["migration_id"]))
    options = {**seed.options, "source": asdict(seed.source_login), "target": asdict(seed.target_login)}
    with seed.watch.armed(snapshot_now=not kept, needs=kept.place if kept else None):
        return load(seed, options, moment), accounts


def _finish(seed: Seed, result: dict, accounts: Accounts, told: list[str]) -> dict:
    # Both connections were idle for as long as the rows took.
    seed.look_again()
    target, progress = seed.target, seed.progress
    progress.say("proving", "%s in %s; counting objects" % (size(result["bytes"]), duration(result["seconds"])))
    result["exact_floats"] = repair_floats(seed.source, target, result["schemas"], lambda text: progress.say("floats", text))
    result["refused_grants"] = grant_rights(target, accounts)
    for text in told + result["refused_grants"]:
        progress.say("accounts", text)
        seed.watch.notes.append(text)
    # Behind the grants: what a view lies on is looked at with its definers' rights.
    result["views_made_again"] = make_again(seed.source, target, result["schemas"], seed.target_login)
    # MySQL names no columns of a view that its definer has no rights for.
    catalogue = result.pop("catalogue")
    check_arrived(catalogue, read_catalogue(target.connection, result["schemas"]))
    if result["coordinates"]["gtid"]:
        target.set_gtid_position(result["coordinates"]["gtid"])
    result.update(objects=len(catalogue), accounts=len(accounts.create))
    return result
