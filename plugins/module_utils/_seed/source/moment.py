# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Accounts and coordinates of one moment: the accounts are read before the coordinates and again once these are known.

Where both readings are equal and no statement about accounts was begun in between, what was read is what stood at the coordinates.
Else a password, a revocation or a dropped account would be lost, or come a second time by replication and stop it (error 1396).
Both readings are the agent's, on the source's own host: through the tunnel some hundred accounts take minutes, in which accounts change.
"""

# serve() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import threading
import time
import typing as t
from dataclasses import asdict

from ..._bridge.call import call
from ..._errors import MigrationError
from ..._server.connection import connect
from ..._server.endpoint import Endpoint
from ..._server.flavour import open_flavour
from ..accounts import Accounts, differing, read_accounts

# How often a snapshot is taken again, and how often the second reading is tried where the source does not answer.
SNAPSHOTS, READINGS, PAUSE_SECONDS = 5, 3, 2.0
ANSWER_SECONDS = 600.0
NAMED = 5


class AccountsMoved(MigrationError):
    """Accounts changed while the snapshot was taken: it is of no use, and another may be."""


def serve(request: dict) -> None:
    """The agent's verb C(accounts): tell all accounts, and how many statements about accounts had begun before and after.

    :param request: login (an endpoint's fields)
    """
    with connect(Endpoint(**request["login"]), "source") as connection:
        source = open_flavour(connection)
        before = source.account_changes()
        accounts = asdict(read_accounts(source))
        print(json.dumps({"before": before, "accounts": accounts, "after": source.account_changes()}))


def ask(migration_id: str) -> dict:
    """What the agent tells of the accounts."""
    return call(migration_id, "accounts", {}, ANSWER_SECONDS)


def moved(first: dict, second: dict) -> str:
    """Who changed between two readings, in words; empty for nobody."""
    names = differing(Accounts(**first["accounts"]), Accounts(**second["accounts"]))
    if names:
        more = " and %d more" % (len(names) - NAMED) if len(names) > NAMED else ""
        return ", ".join(names[:NAMED]) + more
    begun = second["after"] - first["before"]
    return "%d statements about accounts were begun" % begun if begun else ""


class Moment:
    """The accounts of a snapshot's coordinates.

    :param read: reads them (see ask)
    """

    def __init__(self, read: t.Callable[[], dict], pause: float = PAUSE_SECONDS) -> None:
        self._read = read
        self._pause = pause
        self.accounts = Accounts()
        self._first: dict = {}
        self._thread: threading.Thread | None = None
        self._wrong: MigrationError | None = None

    def begin(self) -> Accounts:
        """Read them: the coordinates come after this."""
        self._first, self._thread, self._wrong = self._read(), None, None
        self.accounts = Accounts(**self._first["accounts"])
        return self.accounts

    def known(self) -> None:
        """The coordinates are known: read again, beside whatever goes on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._again, daemon=True)
            self._thread.start()

    def check(self) -> None:
        """Fail where it has turned out already that the readings differ.

        :raises AccountsMoved: naming who changed
        """
        if self._wrong:
            raise self._wrong

    def settle(self) -> None:
        """Wait until it is known that the accounts are those of the coordinates."""
        self.known()
        t.cast(threading.Thread, self._thread).join()
        self.check()

    def _again(self) -> None:
        try:
            told = moved(self._first, self._patiently())
            if told:
                self._wrong = AccountsMoved("accounts, roles or grants changed on the source while its snapshot was taken: %s" % told)
        except MigrationError as error:
            self._wrong = error
        except Exception as error:  # pylint: disable=broad-except  # what is not known to be equal is not equal
            self._wrong = MigrationError("the accounts could not be read again: unexpected %s" % type(error).__name__)

    def _patiently(self) -> dict:
        for number in range(1, READINGS + 1):
            try:
                return self._read()
            except MigrationError:
                if number == READINGS:
                    raise
                time.sleep(self._pause)
        raise MigrationError("the accounts were not read again")
