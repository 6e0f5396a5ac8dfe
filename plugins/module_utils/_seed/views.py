# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Views with a check option, which a dump cannot carry where they lie on other views.

A dump makes a stand-in for each view (SELECT 1 AS ...) and then, by name, each view anew. One WITH CHECK OPTION whose base is still
a stand-in is refused: error 1368, "CHECK OPTION on non-updatable view" (seen on MariaDB 10.11). So the option is taken off on the
way, and such views are made whole when all others are.
"""

from __future__ import annotations

import os

from .._errors import MigrationError
from .._server.base import Flavour
from .._server.connection import Connection, encoded
from .._server.endpoint import Endpoint, client_options
from .client import LOADER_SESSION, client_stage
from .dump_command import private_file
from .floats import quoted
from .pipeline import Pipeline, Stage

CHECKED = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, CHARACTER_SET_CLIENT AS c, COLLATION_CONNECTION AS o FROM information_schema.VIEWS"
    " WHERE CHECK_OPTION <> 'NONE' AND TABLE_SCHEMA IN %s ORDER BY 1, 2"
)
# Both dump programs write it as a line of its own behind the view's. Looked at only there: text of the application may say the same.
REMOVE = r"/^\/\*!50001 VIEW /{n;s/^\/\*!50002 WITH [A-Z]* CHECK OPTION \*\/;$/;/}"


def option_remover(source: Connection, schemas: list) -> list[Stage]:
    """The stage of a pipeline that takes the option off a dump's views; none where the source has no such view."""
    found = source.rows(CHECKED, (tuple(schemas),)) if schemas else []
    return [Stage("sed on the target", ["env", "LC_ALL=C", "sed", "-e", REMOVE])] if found else []


def make_checked(source: Flavour, target: Flavour, schemas: list, login: Endpoint) -> int:
    """Make the source's views with a check option on the target, over those without. Returns how many.

    :param login: the target's
    :raises MigrationError: with the client's words
    """
    rows = source.connection.rows(CHECKED, (tuple(schemas),)) if schemas else []
    if not rows:
        return 0
    script = b"".join(_statements(source.connection, row) for row in rows)
    handle = private_file(client_options(login))
    try:
        loader = client_stage(target, handle, LOADER_SESSION + target.loader_defaults)
        Pipeline([loader], script, []).run()
    except MigrationError as error:
        names = ", ".join("%(s)s.%(n)s" % row for row in rows)
        raise MigrationError("views with a check option (%s): %s" % (names, error)) from None
    finally:
        os.close(handle)
    return len(rows)


def _statements(source: Connection, row: dict) -> bytes:
    """A view anew. It remembers the character set in which its maker spoke, so it is said in that one."""
    told = source.row("SHOW CREATE VIEW %s.%s" % (quoted(row["s"]), quoted(row["n"])))["Create View"]
    create = "%s;\n" % told.replace("CREATE ", "CREATE OR REPLACE ", 1)
    text = encoded(create, row["c"])
    speech = "SET character_set_client = %s, collation_connection = %s;\n" % (row["c"], row["o"]) if text else ""
    return ("SET NAMES utf8mb4;\nUSE %s;\n%s" % (quoted(row["s"]), speech)).encode() + (text or create.encode())
