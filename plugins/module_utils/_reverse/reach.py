# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent's look at the new server from the old one's host: the very path, account and password that replication will use."""

# Run by the agent, not in a module: it answers on standard output.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import json

from .._server.connection import connect
from .._server.endpoint import Endpoint


def reach(request: dict) -> None:
    """Log in and tell who answers.

    :param request: login, an endpoint's fields
    """
    with connect(Endpoint(**request["login"]), "the new server, from the old one's host", read_timeout=15) as connection:
        row = connection.row("SELECT @@server_id AS server_id, @@hostname AS hostname")
        grants = [str(next(iter(found.values()))) for found in connection.rows("SHOW GRANTS")]
    replicates = any("REPLICATION SLAVE" in text.upper() for text in grants)
    print(json.dumps({"server_id": int(row["server_id"]), "hostname": row["hostname"], "replicates": replicates}))
