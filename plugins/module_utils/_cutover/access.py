# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Who may write on a fenced server, decided on its own host: privileges are taken and given back, sessions ended, the server opened.

Read-only alone is one variable: a session with the privilege writes through it on MariaDB, a routine of such a definer does so for
anybody, and on both flavours one statement sets it back. So nobody keeps these privileges but the migration's own accounts, and
all sessions that logged in while they had them are ended.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from .._accounts.logins import is_anothers, may_hold_the_fence
from .._errors import MigrationError, ServerError
from .._server.base import Flavour
from .._server.connection import Connection
from .._state.files import sync_directory
from .events import set_scheduler

OWN_PREFIX = "nordbridge_"
WHO_AM_I = "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"
NO_SUCH_THREAD = 1094  # ER_NO_SUCH_THREAD
# Sessions that log in just now are among them: their privileges may have been read already.
STRANGERS = (
    "SELECT ID AS id, USER AS user, SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AS own FROM information_schema.PROCESSLIST"
    " WHERE COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
    " AND USER NOT IN ('system user', 'event_scheduler') AND ID <> CONNECTION_ID()"
)
# One that rolls back writes nothing any more, however long that takes.
STILL_THERE = (
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST p WHERE p.ID IN %s AND NOT EXISTS (SELECT 1 FROM information_schema.INNODB_TRX x"
    " WHERE x.trx_mysql_thread_id = p.ID AND x.trx_state = 'ROLLING BACK')"
)
OTHERS = (
    "SELECT ID AS id, USER AS user, SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AS own FROM information_schema.PROCESSLIST"
    " WHERE ID <> CONNECTION_ID()"
)

# Between two looks for sessions that were asked to end.
LOOK_SECONDS = 0.002


def strangers_privileges(server: Flavour) -> list[list]:
    """What is to be taken: see Flavour.privileged_accounts; the migration's own accounts keep theirs."""
    own = str(server.connection.value(WHO_AM_I))
    return [entry for entry in server.privileged_accounts() if is_stranger(entry[0], own)]


def is_stranger(user: str, own: str) -> bool:
    """Whether an account is none of the migration's that we are logged in for: another migration's is a stranger like all others."""
    return not user.startswith(OWN_PREFIX) or is_anothers(user, own)


def take_privileges(server: Flavour, accounts: list[list]) -> None:
    """Take them from all, without a word in the binary log: they would be taken on the new server, too."""
    server.connection.run("SET SESSION sql_log_bin = 0")
    for user, host, privileges, _grantable in accounts:
        server.take_privileges(user, host, privileges)


def give_privileges(server: Flavour, accounts: list[list]) -> None:
    """Give them back. An account that was dropped meanwhile needs none.

    :raises MigrationError: after all others have theirs, with what failed
    """
    failed = []
    server.connection.run("SET SESSION sql_log_bin = 0")
    for user, host, privileges, grantable in accounts:
        try:
            server.give_privileges(user, host, privileges, grantable)
        except ServerError as error:
            if error.errno not in server.no_such_account:
                failed.append("%s to %s@%s: %s" % (", ".join(privileges), user, host, error))
    if failed:
        raise MigrationError("privileges could not be given back: %s" % "; ".join(failed))


def end_sessions(connection: Connection) -> list[int]:
    """Ask everybody's sessions but replicas' and our own to end; their numbers."""
    found = [int(row["id"]) for row in connection.rows(STRANGERS, ()) if is_stranger(str(row["user"]), str(row["own"]))]
    for session in found:
        end_session(connection, session)
    return found


def end_session(connection: Connection, number: int) -> None:
    """End a session, which may have ended by itself."""
    try:
        connection.run("KILL %d" % number)
    except ServerError as error:
        if error.errno != NO_SUCH_THREAD:
            raise


def sessions_left(connection: Connection, ended: list[int], seconds: float = 0.0) -> int:
    """How many of the ended sessions are there still, after a wait of at most so many seconds. KILL only asks."""
    deadline = time.monotonic() + seconds
    while True:
        left = int(connection.value(STILL_THERE, (ended,)) or 0) if ended else 0
        if not left or time.monotonic() >= deadline:
            return left
        # The commit waits for this with writes stopped.
        time.sleep(LOOK_SECONDS)


def open_server(server: Flavour, request: dict, opened: bool = False, end_own: bool = True) -> list[str]:
    """Make a fenced server writable again, as it was before the cutover began; what is left to be done, in words.

    Writes first: a file that cannot be removed, or a privilege that cannot be given, must not keep it closed.

    :param request: hold (path), accounts (as taken), scheduler
    :param opened: it is open already: only what may be left is done
    :param end_own: end the migration's other sessions first: one of them may hold MariaDB's read lock, or wait for it
    :raises MigrationError: where it is not writable
    """
    left = []
    folder = os.path.dirname(request["hold"])
    try:
        # Before it is open: a restart from here on opens it, too. One that comes in between would leave it closed.
        os.unlink(request["hold"])
    except FileNotFoundError:
        pass
    except OSError as error:
        left.append("%s: %s: remove it, or the server is read-only after its next restart" % (request["hold"], error.strerror))
    if not opened:
        _open(server, end_own)
    try:
        give_privileges(server, request["accounts"])
    except MigrationError as error:
        left.append(str(error))
    set_scheduler(server, request["scheduler"])
    with suppress(OSError):
        sync_directory(folder)
    return left


def our_others(connection: Connection) -> list[int]:
    """The sessions of the migration's own that may hold a fence, but this one; by whichever of its accounts."""
    return [int(row["id"]) for row in connection.rows(OTHERS) if may_hold_the_fence(str(row["user"]), str(row["own"]))]


def _open(server: Flavour, end_own: bool) -> None:
    for number in our_others(server.connection) if end_own else ():
        end_session(server.connection, number)
    server.open_fence()
    if server.read_only():
        raise MigrationError("%s still answers that it is read-only" % server.connection.name)


def close_again(server: Flavour) -> bool:
    """Close a server that somebody has opened, and end those who may write; whether it was open."""
    was_open = not server.read_only()
    if was_open:
        server.set_read_only(True)
        end_sessions(server.connection)
    if server.scheduler_runs():
        set_scheduler(server, "OFF")
    return was_open
