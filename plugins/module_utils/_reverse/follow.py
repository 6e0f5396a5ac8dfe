# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Reverse replication: proven before the cutover freezes anything, started after it, looked at ever after."""

from __future__ import annotations

import os
import typing as t
from contextlib import ExitStack, contextmanager

from .._bridge.call import call
from .._errors import MigrationError, Refusal
from .._migration.guard import AFTER, changing
from .._migration.phase import phase_of
from .._replication import desired as wanted
from .._replication.apply import apply
from .._replication.health import error_text
from .._replication.plan import Plan, make_plan
from .._replication.status import ReplicaStatus, only_status
from .._replication.wait import wait_until_running
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint, read_login_file
from .._server.flavour import open_flavour
from .._server.transport import requires_tls
from .._state.journal import Journal
from .._state.paths import directory
from .accounts import BACK_FILE
from .rules import why_not


@contextmanager
def open_pair(migration_id: str) -> t.Iterator[tuple[Flavour, Flavour]]:
    """The old server over the bridge, and the new one."""
    folder = directory(migration_id)
    with connect(read_login_file(os.path.join(folder, "source.json")), "the old server", 60) as old:
        with connect(read_login_file(os.path.join(folder, "target.json")), "the new server", 60) as new:
            yield open_flavour(old), open_flavour(new)


def reverse(params: dict, check_mode: bool) -> dict:
    """Prove the way back before the cutover, and have the old server follow after it; the module's one function.

    :param params: migration_id, applier_threads, start_timeout (seconds), allow_logged_passwords
    :raises Refusal: with all that stands in the way
    """
    journal = Journal(directory(params["migration_id"]))
    state = journal.read()
    phase = phase_of(state)
    if check_mode and not os.path.exists(os.path.join(journal.directory, BACK_FILE)):
        return {"changed": True, "phase": phase, "following": False, "statements": [], "diff": {"before": "", "after": ""}}
    if phase == "rolled_back":
        raise Refusal("migration %s was rolled back: there is nothing left to follow" % params["migration_id"])
    with ExitStack() as stack:
        if phase in AFTER and not check_mode:
            state = stack.enter_context(changing(journal.directory, "reverse replication", AFTER))
        old, new = stack.enter_context(open_pair(params["migration_id"]))
        _refuse(reasons(old, new) + _reach(params["migration_id"], new))
        if phase not in AFTER:
            return {"changed": False, "phase": phase, "following": False, "statements": [], "diff": {"before": "", "after": ""}}
        result = follow(params, state, old, new, check_mode)
        if not check_mode and state.get("reverse", {}).get("status") != "following":
            journal.update("reverse replication: the old server follows", reverse={"status": "following"})
    return {"phase": phase, "following": True, **result}


def reasons(old: Flavour, new: Flavour) -> list[str]:
    """Why the old server could not follow the new one, by versions and settings."""
    found = [why_not(new.identity, old.identity)]
    values = new.connection.variables("log_bin", "log_slave_updates", "log_replica_updates")
    if values.get("log_bin", "").upper() != "ON":
        found.append("the new server has no binary log (log_bin)")
    # What it has applied and not logged would be missing for a server that asks it for a position before its promotion.
    if "ON" not in (values.get("log_slave_updates", "").upper(), values.get("log_replica_updates", "").upper()):
        found.append("the new server does not log what it replicates (log_replica_updates, log_slave_updates)")
    if not (old.gtid_on and new.gtid_on):
        found.append("gtid_mode is not ON on both servers, and only GTIDs tell the old server where to go on")
    if old.identity.server_id == new.identity.server_id:
        found.append("both servers have the server_id %d" % old.identity.server_id)
    return [text for text in found if text]


def _reach(migration_id: str, new: Flavour) -> list[str]:
    """Have the old server's host log in to the new one, by the way and the account of the replication to come."""
    login = read_login_file(os.path.join(directory(migration_id), BACK_FILE))
    try:
        answer = call(migration_id, "reach", {"user": login.user, "password": login.password})
    except MigrationError as error:
        return ["the old server's host cannot log in to the new server: %s" % error]
    if answer["server_id"] != new.identity.server_id:
        return ["at the other end of the way back is %(hostname)s with server_id %(server_id)d, which is not the new server" % answer]
    return [] if answer["replicates"] else ["the account for reverse replication lacks REPLICATION SLAVE"]


def _refuse(found: list[str]) -> None:
    if found:
        raise Refusal("reverse replication is not possible, and nothing was changed: %s" % "; ".join(found))


def follow(params: dict, state: dict, old: Flavour, new: Flavour, check_mode: bool) -> dict:
    """Have the old server replicate from where the cutover's fence stood."""
    login = read_login_file(os.path.join(directory(params["migration_id"]), BACK_FILE))
    gtid = state["cutover"]["facts"]["position"]["gtid"]
    status = only_status(old, settings=True)
    _refuse(_unsafe(old, new, status, gtid))
    desired = wanted.from_options(_options(params, login, gtid, requires_tls(new.connection)), old)
    plan = make_plan(old, status, desired)
    if not check_mode:
        apply(old, plan, params["allow_logged_passwords"])
        wait_until_running(lambda: only_status(old), desired.start_timeout, old.connection.name, just_started=plan.starts)
    return {"changed": bool(plan.steps), "statements": [step.shown() for step in plan.steps], "diff": _diff(old, plan)}


def _unsafe(old: Flavour, new: Flavour, status: ReplicaStatus, gtid: str) -> list[str]:
    """What would make the old server differ from the new one, or take writes from two sides."""
    found = []
    if not old.read_only():
        found.append("the old server is writable: somebody opened it after the cutover")
    if not gtid:
        found.append("the cutover recorded no GTID position")
    elif status.configured:
        if status.source_server_id and status.source_server_id != new.identity.server_id:
            found.append("the old server replicates from server_id %d, which is not the new server" % status.source_server_id)
    elif old.gtid_extra(old.gtid_written(), gtid):
        found.append("the old server wrote after the cutover: it holds %s, and the fence stood at %s" % (old.gtid_written(), gtid))
    return found


def _options(params: dict, login: Endpoint, gtid: str, secure: bool = False) -> dict:
    """What mysql_replica_setup would be told."""
    options = {name: spec.get("default") for name, spec in wanted.argument_spec().items()}
    options.update(
        source_host=login.host,
        source_port=login.port,
        source_user=login.user,
        source_password=login.password,
        gtid=gtid,
        # The tunnel proves who is there; a server may insist on TLS all the same.
        tls="verify_ca" if login.tls_ca else "required" if secure else "off",
        tls_ca=login.tls_ca or None,
        applier_threads=params["applier_threads"],
        start_timeout=params["start_timeout"],
        connect_retry=5,
        # The port of the way back is this migration's own: a change of it is no other source.
        replace_source=True,
    )
    return options


def _diff(old: Flavour, plan: Plan) -> dict:
    header = "replication on %s" % old.identity.hostname
    return {"before": plan.before, "after": plan.after, "before_header": header, "after_header": header}


def health(params: dict, _check_mode: bool) -> dict:
    """How far the old server is behind, in transactions: the heartbeat does not beat after the cutover, and this writes nothing."""
    phase = phase_of(Journal(directory(params["migration_id"])).read())
    if phase not in AFTER:
        return {"changed": False, "phase": phase, "following": False}
    with open_pair(params["migration_id"]) as (old, new):
        status = only_status(old)
        # The old server's first: what it has then, the new one must have a moment later.
        applied = old.gtid_applied()
        written = new.gtid_written()
        return {
            "changed": False,
            "phase": phase,
            "following": status.configured,
            "running": status.running,
            "error": error_text(status),
            "transactions_behind": old.gtid_count(written, applied) if status.configured else None,
            "seconds_behind_by_server": status.seconds_behind,
            "old_read_only": old.read_only(),
            "new_read_only": new.read_only(),
        }
