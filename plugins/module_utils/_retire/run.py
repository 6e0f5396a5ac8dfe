# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Retire a migration on one of its hosts: see that nothing of it is needed any more, remove it, and tell what stays and what could not go."""

from __future__ import annotations

import os
import time
import typing as t
from contextlib import ExitStack

from .._accounts.own import CLONE_LOADED
from .._errors import MigrationError, Refusal
from .._jobs.record import observe
from .._migration.guard import exclusive
from .._migration.phase import JOBS, phase_of
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import from_options
from .._server.flavour import open_flavour
from .._state.fences import ARMED, COMMITTED, Fence, fence_lock, last_of, read_fence
from .._state.files import read_json
from .._state.journal import Journal
from .._state.paths import directory, job_directory
from .guard import guard_file, guard_login, guard_session
from .remove import remove_all
from .server import Part, admins, changeable, own_accounts, own_plugin, own_replication, own_rows, remove_parts
from .things import SOURCE, TARGET, kept, others, things

# Between its begin and its end a migration needs all that it has.
BUSY = {
    "cutting_over": "a cutover has begun and has not ended: run the playbook cutover with -e cutover=%s, which carries it on or undoes it",
    "committed": "the cutover is committed and not finished: run the playbook cutover with -e cutover=%s, it goes forward only",
    "rolling_back": "a rollback is not finished: run the playbook rollback with -e rollback=%s",
}
FOLLOWING = "%s by the migration's own account still runs here; to end it: -e retire_replication=%s"


class Retired(t.NamedTuple):
    """What became of it, in words."""

    removed: list[str]
    stays: list[str]
    left: list[str]


def retire(params: dict, check_mode: bool) -> dict:
    """The module's one function.

    :param params: migration_id, side (source or target), replication (the id, where replication of the migration's own may be ended), and
        a login
    :raises Refusal: with all that is still needed, before anything is touched
    """
    migration_id, side = params["migration_id"], params["side"]
    with ExitStack() as stack:
        if side == TARGET:
            _check_journal(migration_id)
            if not check_mode:
                stack.enter_context(exclusive(directory(migration_id), "migration_retire"))
                _check_journal(migration_id)
        _check_fence(last_of(migration_id), migration_id)
        done = _retire(params, check_mode, stack)
        changed = bool(done.removed)
        journal = Journal(directory(migration_id))
        if side == TARGET and not check_mode and not done.left and "retired" not in journal.read():
            changed = True
            journal.update("retired", retired={"at": time.time(), "removed": done.removed})
    lines = "".join(line + "\n" for line in done.removed)
    header = "migration %s on its %s" % (migration_id, side)
    diff = {"before": lines, "after": "", "before_header": header, "after_header": header}
    return {"changed": changed, **done._asdict(), "diff": diff}


def _check_journal(migration_id: str) -> None:
    """Refuse while a job runs, or a cutover or rollback has no end."""
    for job in JOBS:
        if observe(job_directory(migration_id, job)).state == "running":
            raise Refusal("migration %s is not retired, and nothing was changed: its job %s runs" % (migration_id, job))
    phase = phase_of(Journal(directory(migration_id)).read())
    if phase in BUSY:
        raise Refusal("migration %s is not retired, and nothing was changed: %s" % (migration_id, BUSY[phase] % migration_id))


def _check_fence(fence: Fence | None, migration_id: str) -> None:
    if fence is not None and fence.state == ARMED:
        raise Refusal(
            "migration %s is not retired, and nothing was changed: the lease of a cutover or rollback stands on this host, and ends by itself;"
            " run the same command again then" % migration_id
        )


def _retire(params: dict, check_mode: bool, stack: ExitStack) -> Retired:
    """In check mode what would be removed."""
    migration_id, side = params["migration_id"], params["side"]
    guard = guard_file(migration_id)
    left: list[str] = []
    parts: list[Part] = []
    server = _server(params, guard, left)
    if server is not None:
        stack.callback(server.connection.close)
        if not check_mode:
            # Decided and done under one lock: nobody arms a lease meanwhile.
            stack.enter_context(fence_lock(server.identity.datadir))
        own = read_fence(server.identity.datadir)
        _check_fence(own, migration_id)
        if own is not None and own.state == COMMITTED and own.migration_id != migration_id:
            left.append("accounts and marker: this server is closed by migration %s, whose playbook retire comes first" % own.migration_id)
        else:
            parts = _parts(server, params, guard_login(guard).user if guard else "")
    found = things(migration_id, side, bool(guard))
    words = [part.words for part in parts] + [thing.words for thing in found]
    if check_mode:
        return Retired(_distinct(words), _stays(params, server, guard), left)
    removed = _in_server(params, server, parts, guard, left) if server is not None else []
    gone, failed = remove_all(found, migration_id)
    return Retired(_distinct(removed + gone), _stays(params, server, guard), left + failed)


def _server(params: dict, guard: str, left: list[str]) -> Flavour | None:
    """A session, by the guard's account where there is one: the administrators' have lost the privileges that it takes."""
    try:
        return guard_session(guard) if guard else open_flavour(connect(from_options(params), params["side"]))
    except MigrationError as error:
        left.append("accounts and marker: %s" % error)
        return None


def _parts(server: Flavour, params: dict, keeper: str) -> list[Part]:
    migration_id, side = params["migration_id"], params["side"]
    following = own_replication(server, side, migration_id)
    if following and params["replication"] != migration_id:
        raise Refusal(
            "migration %s is not retired, and nothing was changed: %s" % (migration_id, FOLLOWING % (following[0].words, migration_id))
        )
    return [
        *following,
        *own_accounts(server, migration_id, keeper),
        *own_rows(server, migration_id),
        *own_plugin(server, _clone_loaded(migration_id, side)),
    ]


def _clone_loaded(migration_id: str, side: str) -> bool:
    """Whether the plugin clone was loaded for the copy; each host knows that of its own server."""
    folder = directory(migration_id)
    if side == TARGET:
        return bool(Journal(folder).read().get("seed", {}).get(CLONE_LOADED))
    return bool((read_json(os.path.join(folder, "accounts.json")) or {}).get(CLONE_LOADED))


def _in_server(params: dict, server: Flavour, parts: list[Part], guard: str, left: list[str]) -> list[str]:
    """What was removed in the server."""
    if not parts:
        return []
    opens = bool(guard) and server.administrators_admitted
    others = admins(server) if opens else []
    if others:
        left.append(
            "accounts and marker: this server is closed, and to change them it must be open for administrators for a moment, in which %s could"
            " write: lock these accounts, or revoke CONNECTION_ADMIN from them, on a copy of this server" % ", ".join(others)
        )
        return []
    before = server.gtid_written() if guard else ""
    try:
        with ExitStack() as stack:
            # Of a closed server the administrator has lost what its guard has kept; where that is needed no more, the guard opens and closes.
            worker = open_flavour(stack.enter_context(connect(from_options(params), params["side"]))) if opens else server
            closed = stack.enter_context(changeable(server))
            remove_parts(worker, parts, closed)
    except MigrationError as error:
        left.append("accounts and marker: %s" % error)
        return []
    if guard and server.gtid_written() != before:
        left.append("this server is closed, and somebody wrote on it meanwhile: %s" % server.gtid_extra(server.gtid_written(), before))
    return [part.words for part in parts]


def _stays(params: dict, server: Flavour | None, guard: str) -> list[str]:
    """What the migration leaves on this host on purpose."""
    migration_id, side = params["migration_id"], params["side"]
    paths = kept(migration_id, side, bool(guard))
    found = ["%s (what the migration did)" % os.path.dirname(paths[0])] if paths and side == TARGET else []
    if guard:
        found.append(
            "the guard that keeps this server closed: %s, its account on the server's own socket, the unit nordbridge-%s-boot-…, the record"
            " in /var/lib/mysql_migration/fences, and zz-nordbridge-hold.cnf" % (guard, migration_id)
        )
    elif server is not None and server.read_only():
        found.append("read_only: this server takes no writes; zz-nordbridge-hold.cnf keeps it so")
    if others(migration_id, side):
        found.append("the users of the agent and of the tunnels with sshd's rules for them: other migrations of this host use them")
    if side == SOURCE:
        found.append("zz-nordbridge-binlog.cnf, the settings of the source's binary log")
    return found


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))
