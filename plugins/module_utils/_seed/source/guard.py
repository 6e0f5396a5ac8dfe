# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Guards on the source while it is copied: nothing of ours may make its clients wait."""

from __future__ import annotations

from ..._errors import Refusal, ServerError
from ..._server.background import BackgroundTask
from ..._server.base import Flavour
from ..._server.connection import connect
from ..._server.endpoint import Endpoint

LONG_TRANSACTIONS = (
    "SELECT p.ID AS id, p.USER AS user, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS seconds"
    " FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id"
    " WHERE t.trx_started < NOW() - INTERVAL %s SECOND ORDER BY seconds DESC"
)
LONG_STATEMENTS = (
    "SELECT ID AS id, USER AS user, TIME AS seconds FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query' AND TIME > %s"
    " AND ID <> CONNECTION_ID() ORDER BY TIME DESC"
)
PENDING_LOCKS = (
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = %s AND TIME > %s AND (INFO LIKE 'FLUSH%%' OR INFO LIKE 'LOCK%%')"
)


def check_transactions(source: Flavour, seconds: int) -> None:
    """Refuse to start a copy that needs a global lock while something old runs: the lock would wait for it, and everybody for the lock.

    :raises Refusal: with the sessions' numbers, users and ages
    """
    found = source.connection.rows(LONG_TRANSACTIONS, (seconds,)) + source.connection.rows(LONG_STATEMENTS, (seconds,))
    if found:
        names = sorted({"session %s of %s for %s s" % (row["id"], row["user"], row["seconds"]) for row in found})
        raise Refusal(
            "%s: transactions or statements older than %d s are open (%s); the copy's snapshot would wait for them and hold up all "
            "writes: wait for their end, or raise max_transaction_seconds" % (source.connection.name, seconds, "; ".join(names[:5]))
        )


class LockWatch(BackgroundTask):
    """Ends our own dump's lock request when it has waited too long; never a stranger's session."""

    def __init__(self, login: Endpoint, user: str, seconds: int) -> None:
        super().__init__()
        self.login = login
        self.user = user
        self.seconds = seconds
        self.killed = 0

    def in_background(self) -> None:
        try:
            with connect(self.login, "source", read_timeout=30) as connection:
                while not self.ended.wait(1.0):
                    for row in connection.rows(PENDING_LOCKS, (self.user, self.seconds)):
                        connection.run("KILL %d" % int(row["id"]))
                        self.killed += 1
        except ServerError:
            # Without the watch the dump's own lock_wait_timeout still bounds it; the copy tells if the source is gone.
            return
