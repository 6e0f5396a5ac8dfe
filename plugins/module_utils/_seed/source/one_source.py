# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""One source: all that a copy asks of it, over the bridge and on its own host, must be one server's answers.

Behind a balancer one connection reads the data and another the coordinates, each of them right and the two together wrong.
"""

# serve() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import typing as t
from dataclasses import asdict

from ..._bridge.call import call
from ..._server.connection import connect
from ..._server.endpoint import Endpoint
from ..._server.identity import check_one_server, from_facts, read_identity

if t.TYPE_CHECKING:
    from ..context import Seed

# Beside the copy's own connection. A balancer that takes turns is found by the first, one that picks by load or chance perhaps later.
MORE = 3


def serve(request: dict) -> None:
    """The agent's verb C(who): tell the identity of the server on this host.

    :param request: login (an endpoint's fields)
    """
    with connect(Endpoint(**request["login"]), "source") as connection:
        print(json.dumps(asdict(read_identity(connection))))


def check_one_source(seed: Seed) -> None:
    """Refuse an address that leads to several servers, or to another one than that on the source's host.

    :raises Refusal: naming both
    """
    login, found = seed.source_login, [seed.source.identity]
    found.append(from_facts(call(seed.options["migration_id"], "who", {})))
    open_now = [connect(login, "source") for _number in range(MORE)]
    try:
        found += [read_identity(connection) for connection in open_now]
    finally:
        for connection in open_now:
            connection.close()
    check_one_server(found, "source")
