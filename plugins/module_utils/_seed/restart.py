# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Restarting a server for a setting that only a start brings, and never beside a cutover: it would be in the middle of a write stop."""

from __future__ import annotations

import time

from .._binlog.apply import check_local
from .._errors import MigrationError
from .._migration.guard import changing_server
from .._server.connection import connect
from .._server.endpoint import Endpoint, from_options
from .._server.flavour import open_flavour
from .service import restart_server


def restart(params: dict, check_mode: bool) -> dict:
    """Restart this host's server, and wait until it answers; the module's one function.

    :param params: the login; service, migration_id, timeout (seconds)
    :raises MigrationError: where it does not come back in time
    """
    endpoint = from_options(params)
    with connect(endpoint) as connection:
        server = open_flavour(connection)
        check_local(server, endpoint)
    with changing_server(params["migration_id"], server.identity.datadir, "the restart of this server", check_mode):
        if not check_mode:
            restart_server(server.name, params["service"], params["timeout"])
            _await(endpoint, params["timeout"])
    return {"changed": True}


def _await(endpoint: Endpoint, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with connect(endpoint, read_timeout=10):
                return
        except MigrationError as error:
            if time.monotonic() > deadline:
                raise MigrationError("the server was restarted and does not answer after %g s: %s" % (seconds, error)) from None
            time.sleep(0.5)
