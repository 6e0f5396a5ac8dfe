# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Before the coordinates count nobody may write to the binary log as statements, or with parts of rows, any more."""

# serve() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import time
import typing as t

from ..._binlog.sessions import complete, old_sessions
from ..._bridge.call import call
from ..._errors import Refusal
from ..._server.connection import connect
from ..._server.endpoint import Endpoint
from ..._server.flavour import open_flavour

if t.TYPE_CHECKING:
    from ..context import Seed

PAUSE_SECONDS, NAMED = 2.0, 5


def serve(request: dict) -> None:
    """The agent's verb C(writers): tell the sessions that do not write rows, and whole ones, to the binary log.

    :param request: login (an endpoint's fields)
    """
    with connect(Endpoint(**request["login"]), "source") as connection:
        print(json.dumps({"old": old_sessions(open_flavour(connection), complete(connection.id))}))


def await_new_sessions(seed: Seed, sleep: t.Callable[[float], t.Any] = time.sleep, clock: t.Callable[[], float] = time.monotonic) -> None:
    """Wait until all sessions write rows; nobody's is ended.

    :raises Refusal: with the sessions that are left when the time is over
    """
    limit = seed.options["max_transaction_seconds"]
    deadline = clock() + limit
    while True:
        old = call(seed.options["migration_id"], "writers", {})["old"]
        if not old:
            return
        shown = "; ".join(old[:NAMED]) + ("; and %d more" % (len(old) - NAMED) if len(old) > NAMED else "")
        if clock() >= deadline:
            raise Refusal(
                "%d sessions on the source still write statements or parts of rows to its binary log, which would not be the same on the "
                "target: %s. Waited %d s (migration_target_max_transaction_seconds); have these clients reconnect, and run the same command again"
                % (len(old), shown, limit)
            )
        seed.progress.say("waiting", "for sessions that write to the binary log as before: %s" % shown)
        sleep(PAUSE_SECONDS)
