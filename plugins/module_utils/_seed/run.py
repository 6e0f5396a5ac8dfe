# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The seed job: checks, accounts, copy, proof, and the coordinates set on the target."""

from __future__ import annotations

import time

from .._bridge.call import call
from .._errors import MigrationError, Refusal
from .._jobs.progress import Progress
from .._migration.guard import changing
from .._replication.heartbeat import Beater
from .._replication.trust import begin
from .._server.base import Flavour
from .._server.connection import LONG_SECONDS, connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._server.identity import described
from .._state.journal import Journal
from .._state.paths import SCHEMA, directory
from .._state.permission import erasure
from .._tuning.relax import relaxed_copy
from .conditions import read_conditions, read_host
from .context import Seed, mark
from .keep import check_may_erase
from .methods.mydumper.dump_directory import forget_others
from .methods.registry import Method, change_of_choice, choose
from .programs import check_programs
from .source.old_sessions import await_new_sessions
from .source.one_source import check_one_source
from .target_checks import check_apart, check_target, loader_only
from .watch.tries import copy_in_tries
from .watch.watch import Watch


def run(options: dict, progress: Progress) -> dict:
    """Seed the target.

    :param options: migration_id, method, borrow_programs (see upgrade.py), planned (what the plan named), source_login and target_login
        (files), wipe, dump_file, service (the target's unit), threads, load_streams, hold_seconds (of mydumper),
        max_transaction_seconds, lock_wait (seconds), zstd_level, clone_compression (see clone.py); bandwidth, nice, ionice (see
        throttle.py), tries, target_reserve_mb, source_reserve_mb, lock_seconds, watch_seconds (see watch.py)
    """
    folder = directory(options["migration_id"])
    journal = Journal(folder)
    source_login, target_login = read_login_file(options["source_login"]), read_login_file(options["target_login"])
    with changing(folder, "the copy"), connect(source_login, "source", LONG_SECONDS) as one:
        seed = Seed(open_flavour(one), open_flavour(connect(target_login, "target", LONG_SECONDS)), source_login, target_login, options, progress, [])
        try:
            return _seed(seed, journal)
        finally:
            seed.target.connection.close()


def _seed(seed: Seed, journal: Journal) -> dict:
    source, target, options = seed.source, seed.target, seed.options
    seed.progress.say("checking", "source %s, target %s" % (source.identity.label, target.identity.label))
    check_one_source(seed)
    await_new_sessions(seed)
    check_apart(source, target)
    state, known_as = journal.read(), mark(target)
    if state.get("cutover", {}).get("begun"):
        raise Refusal("the cutover of %s has begun: its target is not copied again" % options["migration_id"])
    check_may_erase(seed)
    ours = unfinished(state.get("seed", {}), known_as)
    seed.erase, strange = check_target(target, options["migration_id"], ours, options["wipe"], state)
    choice = choose(*_conditions(seed), options["method"])
    method, changed = choice.method, change_of_choice(options.get("planned", ""), choice)
    if changed:
        seed.progress.say("choosing", "%s; %s" % (method.name, changed))
    check_programs(seed, method.name)
    # Only what this copy brings is its own: a later run may erase that without being asked, and nothing else.
    entry: dict = {"status": "running", "target": known_as, "erased": seed.erase}
    reasons = {"method": method.name, "not_taken": choice.not_taken, **({"changed_choice": changed} if changed else {})}
    entry.update(reasons)
    # For whoever finds the target down after this process was killed.
    entry.update(datadir=target.identity.datadir, flavour=target.name, service=options["service"])
    entry["schemas"] = sorted({*source.user_schemas(), *seed.erase})
    with Watch(seed) as seed.watch:
        # A copy that starts again is behind again, whatever an earlier catch-up found.
        journal.update("seed started", seed=entry, catchup=None, **_erasure(seed, state, strange))
        result = _copy(seed, method, journal, entry)
    result = {**entry, **result, "status": "done", "target": mark(seed.target)}
    journal.update("seed done", seed=result)
    return result


def _erasure(seed: Seed, state: dict, strange: list[str]) -> dict:
    """The use of the permission to erase, where it is used."""
    identity = seed.target.identity
    return erasure(state, seed.options["wipe"], strange, described(identity), identity.datadir) if strange else {}


def _conditions(seed: Seed) -> tuple[dict, dict]:
    """What decides the method, as both servers and their hosts are now."""
    source, target, options = seed.source, seed.target, seed.options
    there = call(options["migration_id"], "host", {})
    here = read_host(target.name, options["service"], target.identity.datadir)
    return read_conditions(source, there), {**read_conditions(target, here), "borrow": options["borrow_programs"]}


def _copy(seed: Seed, method: Method, journal: Journal, entry: dict) -> dict:
    """Copy, in as many tries as are allowed, each of them journalled; and see that what arrived can be replicated from."""
    tried: list[dict] = []

    def note(failed: dict) -> None:
        tried.append({**failed, "at": time.time()})
        journal.update("seed try %d of %d failed" % (failed["try"], failed["of"]), seed={**entry, "tried": tried})

    def copy(seed: Seed) -> dict:
        # A try may come minutes after the one before.
        check_may_erase(seed)
        return method.copy(seed)

    if not begin(seed.source, journal, seed.options["migration_id"], method.goes_on):
        forget_others(seed.target.identity.datadir, seed.options["migration_id"])
    tries = seed.options["tries"] if method.starts_over else 1
    with relaxed_copy(lambda: seed.target, journal, seed.options["fast_load"]), loader_only(seed), Beater(seed.source_login, seed.options["migration_id"]):
        result = copy_in_tries(seed, copy, tries, note)
        seed.look_again()
        check_marker(seed.target, seed.options["migration_id"])
    seed.watch.check_covered(result["coordinates"])
    return {**result, "tried": tried, "notes": seed.watch.notes}


def unfinished(entry: dict, mark: str) -> list[str] | None:
    """The schemas of an earlier copy onto this target that did not end; None where there is none, or it did."""
    if entry.get("target") != mark or entry.get("status") != "running":
        return None
    return entry.get("schemas", [])


def check_marker(target: Flavour, migration_id: str) -> None:
    """Fail where the source's marker of this migration did not arrive with the data: the wrong server was copied."""
    if target.connection.value("SELECT COUNT(*) FROM `%s`.marker WHERE migration_id = %%s" % SCHEMA, (migration_id,)) != 1:
        raise MigrationError("the data that arrived holds no marker of migration %s: the bridge leads to another server" % migration_id)
