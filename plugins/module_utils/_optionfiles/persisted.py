# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What SET PERSIST keeps: it wins over every option file and the command line."""

from __future__ import annotations

from .._server.base import Flavour
from .table import PERSISTS, Table, by_version


def read_persisted(server: Flavour, table: Table) -> dict:
    """The table's settings among the persisted ones: variable -> canonical value."""
    if not by_version(PERSISTS, server.name, server.version):
        return {}
    rows = server.connection.rows("SELECT VARIABLE_NAME AS n, VARIABLE_VALUE AS v FROM performance_schema.persisted_variables")
    return table.resolve((str(row["n"]), str(row["v"])) for row in rows)
