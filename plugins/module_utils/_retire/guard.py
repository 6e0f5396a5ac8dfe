# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The guard of a closed server goes on with a password of its own, which nobody on the other host knows.

A server that a cutover or a rollback has closed is kept closed by a service of its own host, for good. It logs in by the migration's
control account from the server's socket; until here the other host knew that password, too.
"""

from __future__ import annotations

import typing as t

from .._accounts.logins import make_password
from .._cutover.lease import lease_path
from .._errors import MigrationError, ServerError
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._server.unlogged import run_unlogged, unlogged
from .._state.fences import COMMITTED, last_of
from .._state.files import read_json, write_json
from .._state.paths import directory

SQL_SECONDS = 30
WRONG_PASSWORD = 1045  # ER_ACCESS_DENIED_ERROR


def guard_file(migration_id: str) -> str:
    """The file of the guard that keeps this host's server closed for a migration; empty where there is none."""
    fence = last_of(migration_id)
    if fence is None or fence.state != COMMITTED:
        return ""
    path = lease_path(directory(migration_id), fence.token)
    return path if read_json(path) is not None else ""


def guard_session(path: str) -> Flavour:
    """A session of the guard's account: it keeps the privileges that all others have lost.

    :raises ServerError: where the server does not answer
    """
    kept: t.Any = read_json(path)
    error: ServerError | None = None
    for login in [kept["login"], *([kept["login_before"]] if "login_before" in kept else [])]:
        try:
            return open_flavour(connect(Endpoint(**login), "the closed server", SQL_SECONDS))
        except ServerError as failure:
            error = failure
    raise t.cast(ServerError, error)


def is_renewed(path: str) -> bool:
    """Whether the password is the guard's own."""
    kept: t.Any = read_json(path)
    return bool(kept.get("own_password")) and "login_before" not in kept


def renew(path: str, server: Flavour, waived: bool) -> None:
    """Give it one: into its file before the server has it, beside the one that holds until then. Under the fence's lock.

    :param server: a session of guard_session, which may write just now
    """
    kept: t.Any = read_json(path)
    if "login_before" not in kept:
        kept = {**kept, "login_before": kept["login"], "login": {**kept["login"], "password": make_password()}}
        write_json(path, kept)
    server.connection.run("SET SESSION sql_log_bin = 0")
    words, value, plain = server.identified_by(kept["login"]["password"])
    sql, args = "ALTER USER %%s@'localhost' %s" % words, (kept["login"]["user"], value)
    if plain:
        run_unlogged(server, sql, args, waived)
    else:
        with unlogged(server):
            server.connection.run(sql, args)
    try:
        connect(Endpoint(**kept["login"]), "the closed server", SQL_SECONDS).close()
    except ServerError as error:
        raise MigrationError("the guard's new password is not accepted, and the one before it stays beside it in %s: %s" % (path, error)) from None
    kept = {name: one for name, one in kept.items() if name != "login_before"}
    write_json(path, {**kept, "own_password": True})
