# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""After a rollback the target is nobody's fenced server any more: it is about to be erased, and gets its privileges back."""

from __future__ import annotations

import glob
import os
import typing as t

from .._migration.guard import changing
from .._migration.renew import renew
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.fences import COMMITTED, RELEASED, decide_fence, fence_lock, read_fence
from .._state.files import read_json
from .._state.paths import directory
from .access import give_privileges
from .lease import SQL_SECONDS, forget


def begin_anew(params: dict, check_mode: bool) -> dict:
    """See renew; the module's one function."""
    result = renew(params, True)
    if check_mode or not result["changed"]:
        return result
    folder = directory(params["migration_id"])
    with changing(folder, "starting over", ("rolled_back",)):
        for path in sorted(glob.glob(os.path.join(folder, "lease-*.json"))):
            give_up(read_json(path))
        return renew(params, False)


def give_up(kept: t.Any) -> None:
    """End the service that keeps this host's server closed. It stays read-only: so does every target until it is promoted."""
    with fence_lock(kept["server"]):
        fence = read_fence(kept["server"], token=kept["token"])
        if fence is not None and fence.state == COMMITTED:
            decide_fence(fence, RELEASED)
        with connect(Endpoint(**kept["login"]), "target", read_timeout=SQL_SECONDS) as connection:
            server = open_flavour(connection)
            server.admit_loader()
            try:
                give_privileges(server, kept["accounts"])
            finally:
                server.set_read_only(True)
        forget(kept)
