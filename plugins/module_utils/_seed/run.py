# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The seed job: checks, accounts, copy, proof, and the coordinates set on the target."""

from __future__ import annotations

from dataclasses import asdict

from .._errors import MigrationError, Refusal
from .._jobs.progress import Progress, duration, size
from .._replication.heartbeat import Beater
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._state.journal import Journal
from .._state.paths import SCHEMA, directory
from .accounts import create_accounts, grant_rights, read_accounts
from .catalogue import read_catalogue
from .dump import Method, seed_by_dump
from .floats import repair_floats
from .landing import admitted, check_apart, check_arrived, check_landing, clear_landing

METHODS: dict[str, Method] = {"dump": seed_by_dump}


def run(options: dict, progress: Progress) -> dict:
    """Seed the target.

    :param options: migration_id, method, source_login and target_login (files), source_socket, wipe, dump_file,
        max_transaction_seconds, lock_wait (seconds), zstd_level
    """
    journal = Journal(directory(options["migration_id"]))
    source_login, target_login = read_login_file(options["source_login"]), read_login_file(options["target_login"])
    with connect(source_login, "source") as one, connect(target_login, "target") as other:
        source, target = open_flavour(one), open_flavour(other)
        progress.say("checking", "source %s, target %s" % (source.identity.label, target.identity.label))
        check_apart(source, target)
        state = journal.read()
        if state.get("cutover", {}).get("begun"):
            raise Refusal("the cutover of %s has begun: its target is not copied anew" % options["migration_id"])
        ours = unfinished(state.get("seed", {}), _mark(target))
        erase = check_landing(target, options["migration_id"], ours, options["wipe"])
        # Only what this copy brings is its own: a later run may erase that without being asked, and nothing else.
        entry = {"status": "running", "method": options["method"], "target": _mark(target), "erased": erase}
        entry["schemas"] = sorted({*source.user_schemas(), *erase})
        # A copy that starts anew is behind again, whatever an earlier catch-up found.
        journal.update("seed started", seed=entry, catchup=None)
        with admitted(target), Beater(source_login, options["migration_id"]):
            result = _copy(source, target, erase, {**options, "source": asdict(source_login), "target": asdict(target_login)}, progress)
        result.update(status="done", method=options["method"], target=_mark(target))
        journal.update("seed done", seed=result)
        return result


def _copy(source: Flavour, target: Flavour, erase: list, options: dict, progress: Progress) -> dict:
    """Erase, carry the accounts, copy, prove, and set the coordinates."""
    clear_landing(target, erase)
    progress.say("accounts", "accounts and grants as statements")
    accounts = read_accounts(source)
    create_accounts(target, accounts)
    result = METHODS[options["method"]](source, target, options, progress)
    progress.say("proving", "%s in %s; counting objects" % (size(result["bytes"]), duration(result["seconds"])))
    catalogue = result.pop("catalogue")
    check_arrived(catalogue, read_catalogue(target.connection, result["schemas"]))
    check_marker(target, options["migration_id"])
    result["exact_floats"] = repair_floats(source, target, result["schemas"], lambda text: progress.say("floats", text))
    result["refused_grants"] = grant_rights(target, accounts)
    if result["coordinates"]["gtid"]:
        target.set_gtid_position(result["coordinates"]["gtid"])
    result.update(objects=len(catalogue), accounts=len(accounts.create))
    return result


def unfinished(entry: dict, mark: str) -> list[str] | None:
    """The schemas of an earlier copy onto this target that did not end; None where there is none, or it did."""
    if entry.get("target") != mark or entry.get("status") != "running":
        return None
    return entry.get("schemas", [])


def _mark(target: Flavour) -> str:
    identity = target.identity
    return identity.server_uuid or "%s:%s" % (identity.hostname, identity.datadir)


def check_marker(target: Flavour, migration_id: str) -> None:
    """Fail where the source's marker of this migration did not arrive with the data: the wrong server was copied."""
    if target.connection.value("SELECT COUNT(*) FROM `%s`.marker WHERE migration_id = %%s" % SCHEMA, (migration_id,)) != 1:
        raise MigrationError("the data that arrived holds no marker of migration %s: the bridge leads to another server" % migration_id)
