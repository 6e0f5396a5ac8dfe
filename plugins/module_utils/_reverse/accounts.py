# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The migration's accounts on the target: who follows it after the cutover, and who fences it for a rollback."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

from .._accounts.logins import BACK, CONTROL, account, make_password
from .._accounts.own import Own, OwnAccounts
from .._errors import Refusal
from .._jobs.record import observe
from .._migration.guard import BEFORE, changing
from .._server.base import Flavour
from .._server.endpoint import Endpoint, login_text
from .._state.files import read_text, write_text
from .._state.paths import directory, job_directory

BACK_FILE, FENCE_FILE = "back.json", "fence.json"
# A cutover that died is to be carried on by the command that begins with this, however it stands: the lock is free, so that nobody
# promotes meanwhile, and a target that is closed was so before.
PHASES = (*BEFORE, "cutting_over", "done")


def prepare_target(server: Flavour, options: dict, check_mode: bool) -> dict:
    """Make the accounts and their login files. Nothing of it enters the binary log: the old server must not get them back.

    :param options: migration_id; unix_socket (of the target); hosts (where the old server comes from, empty for no reverse
        replication), require_tls; host, port, tls, tls_ca (how the old server reaches this one); key_days (after which the password of
        the account that follows ends); allow_logged_passwords
    """
    with ExitStack() as stack:
        if not check_mode:
            stack.enter_context(changing(directory(options["migration_id"]), "mysql_migration_target", PHASES))
        return _prepare(server, options, check_mode)


def _prepare(server: Flavour, options: dict, check_mode: bool) -> dict:
    folder = directory(options["migration_id"])
    control = account(CONTROL, options["migration_id"])
    fence = _login(folder, FENCE_FILE, user=control, unix_socket=options["unix_socket"])
    # No date: in a rollback this host's own guard logs in by it, and must outlive what it guards.
    files, accounts = {FENCE_FILE: fence}, [Own(control, "localhost", fence.password, False, server.known_privileges())]
    if options["hosts"]:
        reach = {name: options[name] for name in ("host", "port", "tls", "tls_ca")}
        back = files[BACK_FILE] = _login(folder, BACK_FILE, user=account(BACK, options["migration_id"]), **reach)
        tls, days = options["require_tls"], options["key_days"]
        accounts += [Own(back.user, host, back.password, tls, ("REPLICATION SLAVE",), days) for host in options["hosts"]]
    stale = [name for name, login in files.items() if read_text(os.path.join(folder, name)) != login_text(login)]
    if stale and not check_mode:
        # Before the accounts: a password that no file knows would help nobody.
        for name in stale:
            write_text(os.path.join(folder, name), login_text(files[name]))
    own = OwnAccounts(server, options["migration_id"], options["allow_logged_passwords"])
    plan = _ensure(own, accounts, True)
    if plan and not check_mode:
        _apply(own, options["migration_id"], accounts)
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


def _ensure(own: OwnAccounts, accounts: list[Own], check_mode: bool) -> list[str]:
    own.plan = []
    for one in accounts:
        own.ensure(one, check_mode)
    return own.plan


def _apply(own: OwnAccounts, migration_id: str, accounts: list[Own]) -> None:
    """Make them, also on a target that is held: administrators are let in for that moment, and nobody else."""
    _check_still(migration_id)
    server = own.server
    held = server.read_only()
    server.connection.run("SET SESSION sql_log_bin = 0")
    if not held:
        _ensure(own, accounts, False)
        return
    server.admit_loader()
    try:
        _ensure(own, accounts, False)
    finally:
        server.set_read_only(True)


def _check_still(migration_id: str) -> None:
    """Refuse while a cutover or rollback runs: closing a target again that it has just promoted would undo its work."""
    for job in ("cutover", "rollback"):
        if observe(job_directory(migration_id, job)).state == "running":
            raise Refusal("a %s runs: run the same command again when it is done" % job)
