# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The guard of a closed server: a service of its own host, which keeps it closed for good by an account that no other host knows."""

from __future__ import annotations

import typing as t

from .._cutover.lease import lease_path
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.fences import COMMITTED, last_of
from .._state.files import read_json
from .._state.paths import directory

SQL_SECONDS = 30


def guard_file(migration_id: str) -> str:
    """The file of the guard that keeps this host's server closed for a migration; empty where there is none."""
    fence = last_of(migration_id)
    if fence is None or fence.state != COMMITTED:
        return ""
    path = lease_path(directory(migration_id), fence.token)
    return path if read_json(path) is not None else ""


def guard_login(path: str) -> Endpoint:
    """How it logs in."""
    kept: t.Any = read_json(path)
    return Endpoint(**kept["login"])


def guard_session(path: str) -> Flavour:
    """A session of its account, which keeps the privileges that all others have lost.

    :raises ServerError: where the server does not answer
    """
    return open_flavour(connect(guard_login(path), "the closed server", SQL_SECONDS))
