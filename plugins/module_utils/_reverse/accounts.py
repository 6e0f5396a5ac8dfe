# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The migration's accounts on the target: who follows it after the cutover, and who fences it for a rollback."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

from .._accounts.logins import CONTROL, account, make_password
from .._accounts.own import OwnAccounts
from .._errors import Refusal
from .._jobs.record import observe
from .._server.base import Flavour
from .._server.endpoint import Endpoint, login_text
from .._state.files import read_text, write_text
from .._state.guard import BEFORE, changing
from .._state.paths import directory, job_directory

BACK = "nordbridge_back"
BACK_FILE, FENCE_FILE = "back.json", "fence.json"
# A cutover that died is to be carried on by the command that begins with this, however it stands: the lock is free, so that nobody
# promotes meanwhile, and a target that is closed was so before.
PHASES = (*BEFORE, "cutting_over", "done")


def prepare_target(server: Flavour, options: dict, check_mode: bool) -> dict:
    """Make the accounts and their login files. Nothing of it enters the binary log: the old server must not get them back.

    :param options: migration_id; unix_socket (of the target); hosts (where the old server comes from, empty for no reverse
        replication), require_tls; host, port, tls, tls_ca (how the old server reaches this one)
    """
    with ExitStack() as stack:
        if not check_mode:
            stack.enter_context(changing(directory(options["migration_id"]), "mysql_migration_target", PHASES))
        return _prepare(server, options, check_mode)


def _prepare(server: Flavour, options: dict, check_mode: bool) -> dict:
    folder = directory(options["migration_id"])
    control = account(CONTROL, options["migration_id"])
    fence = _login(folder, FENCE_FILE, user=control, unix_socket=options["unix_socket"])
    files, accounts = {FENCE_FILE: fence}, [(control, "localhost", fence.password, False, server.known_privileges())]
    if options["hosts"]:
        reach = {name: options[name] for name in ("host", "port", "tls", "tls_ca")}
        back = files[BACK_FILE] = _login(folder, BACK_FILE, user=BACK, **reach)
        accounts += [(BACK, host, back.password, options["require_tls"], ("REPLICATION SLAVE",)) for host in options["hosts"]]
    stale = [name for name, login in files.items() if read_text(os.path.join(folder, name)) != login_text(login)]
    if stale and not check_mode:
        # Before the accounts: a password that no file knows would help nobody.
        for name in stale:
            write_text(os.path.join(folder, name), login_text(files[name]))
    plan = _ensure(server, options["migration_id"], accounts, True)
    if plan and not check_mode:
        _apply(server, options["migration_id"], accounts)
    lines = "".join(line + "\n" for line in plan + ["login file %s" % name for name in stale])
    diff = {"before": "", "after": lines, "before_header": "target", "after_header": "target"}
    return {"changed": bool(plan or stale), "plan": plan, "diff": diff}


def _login(folder: str, name: str, **fields: object) -> Endpoint:
    """The login as it should be, with the password that its file holds already."""
    try:
        kept = json.loads(read_text(os.path.join(folder, name)) or "{}").get("password", "")
    except ValueError:
        kept = ""
    return Endpoint(password=kept or make_password(), **fields)  # type: ignore[arg-type]


def _ensure(server: Flavour, migration_id: str, accounts: list, check_mode: bool) -> list[str]:
    own = OwnAccounts(server, migration_id)
    for user, host, password, tls, privileges in accounts:
        own.ensure(user, host, password, tls, privileges, check_mode)
    return own.plan


def _apply(server: Flavour, migration_id: str, accounts: list) -> None:
    """Make them, also on a target that is held: administrators are let in for that moment, and nobody else."""
    _check_still(migration_id)
    held = server.read_only()
    server.connection.run("SET SESSION sql_log_bin = 0")
    if not held:
        _ensure(server, migration_id, accounts, False)
        return
    server.admit_loader()
    try:
        _ensure(server, migration_id, accounts, False)
    finally:
        server.set_read_only(True)


def _check_still(migration_id: str) -> None:
    """Refuse while a cutover or rollback runs: closing a target again that it has just promoted would undo its work."""
    for job in ("cutover", "rollback"):
        if observe(job_directory(migration_id, job)).state == "running":
            raise Refusal("a %s runs: run the same command again when it is done" % job)
