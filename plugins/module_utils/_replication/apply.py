# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Run a plan, and the whole of it: observe, plan, apply, wait."""
from __future__ import annotations

from contextlib import ExitStack

from .._errors import MigrationError, ServerError
from .._migration.guard import changing
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import from_options as endpoint_from_options
from .._server.flavour import open_flavour
from .._server.unlogged import run_unlogged
from .._state.journal import Journal
from .._state.paths import directory
from . import desired as wanted
from .encryption import refuse_clear_text
from .hints import hint_for
from .lives import told_ahead
from .plan import Plan, make_plan
from .status import ReplicaStatus, only_status
from .trust import ahead_words, note, remedy
from .wait import wait_until_running


def apply(flavour: Flavour, plan: Plan, waived: bool = False) -> None:
    """Run the plan's steps in their order.

    :param waived: a password may stand in a log that cannot be silenced
    :raises ServerError: with the statement that failed, a hint, and (as facts) those that were run before it
    """
    for number, step in enumerate(plan.steps):
        try:
            if step.secrets:
                run_unlogged(flavour, step.sql, step.args, waived)
            else:
                flavour.connection.run(step.sql, step.args or None)
        except ServerError as error:
            raise _failed(flavour, plan, number, error) from None


def _failed(flavour: Flavour, plan: Plan, number: int, error: ServerError) -> ServerError:
    """The error with its hint; a replica that was running before is running again, as far as its server lets it."""
    done = [one.shown() for one in plan.steps[:number]]
    texts = [str(error), hint_for(error.errno, str(error))]
    if plan.resumes and done:
        start = flavour.statement("start_replica")
        try:
            flavour.connection.run(start)
            done.append(start)
            texts.append("the replica was started again")
        except ServerError as again:
            texts.append("the replica is stopped and could not be started again: %s" % again)
    failed = ServerError("; ".join(text for text in texts if text), error.errno)
    failed.facts = {"changed": bool(done), "statements": done}
    return failed


def set_up(params: dict, check_mode: bool) -> dict:
    """Make a server the replica that the options describe; the module's one function."""
    with ExitStack() as stack:
        if params.get("migration_id") and not check_mode:
            stack.enter_context(changing(directory(params["migration_id"]), "mysql_replica_setup"))
        connection = stack.enter_context(connect(endpoint_from_options(params), "replica"))
        flavour = open_flavour(connection)
        connection.name = "replica %s" % flavour.identity.label
        desired = wanted.from_options(params, flavour)
        status = only_status(flavour, settings=True)
        plan = make_plan(flavour, status, desired)
        if plan.encrypts:
            refuse_clear_text(desired.settings["source_host"], desired.settings["source_port"])
        result = {
            "changed": bool(plan.steps),
            "statements": [step.shown() for step in plan.steps],
            "diff": {
                "before": plan.before,
                "after": plan.after,
                "before_header": "replication on %s" % flavour.identity.hostname,
                "after_header": "replication on %s" % flavour.identity.hostname,
            },
        }
        if not check_mode:
            apply(flavour, plan, params["allow_logged_passwords"])
            if desired.state == "started":
                _wait(flavour, plan, desired, result, params.get("migration_id") or "")
            status = only_status(flavour, settings=True)
        return dict(result, status=status.as_dict())


def _wait(flavour: Flavour, plan: Plan, desired: wanted.Desired, result: dict, migration_id: str) -> None:
    try:
        wait_until_running(lambda: only_status(flavour), desired.start_timeout, flavour.connection.name, just_started=plan.starts)
    except MigrationError as error:
        status = only_status(flavour, settings=True)
        told = _distrusted(error, status, migration_id)
        told.facts = dict(result, status=status.as_dict())
        raise told from None


def _distrusted(error: MigrationError, status: ReplicaStatus, migration_id: str) -> MigrationError:
    """The error; of a migration's target that its source refuses as being ahead, journalled and with what leads out of it."""
    if not migration_id or not told_ahead(status.last_io_errno, status.last_io_error):
        return error
    journal = Journal(directory(migration_id))
    note(journal, ahead_words(status))
    return ServerError("%s; %s" % (error, remedy(migration_id, journal.read())), getattr(error, "errno", 0))
