# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Views on views, which a dump does not carry whole.

A dump makes a stand-in for each view (SELECT 1 AS ...) and then, by name, each view itself. One that comes before its base is made on
a stand-in: with a check option it is refused (error 1368), and without one MariaDB remembers that nothing can be written through it:
UPDATE fails with 1288 for ever, while information_schema calls it updatable and its definition is the source's (seen on 10.11). So
check options are taken off on the way, and at the end such views are made once more, each behind its bases.
"""

from __future__ import annotations

import os

from ...._errors import MigrationError
from ...._server.base import Flavour
from ...._server.connection import Connection, encoded
from ...._server.endpoint import Endpoint, client_options
from ...client import LOADER_SESSION, client_stage
from ...pipeline import Pipeline, Stage
from ...source.dump_command import private_file
from ..floats import quoted

VIEWS = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, VIEW_DEFINITION AS d, CHECK_OPTION AS k, CHARACTER_SET_CLIENT AS c,"
    " COLLATION_CONNECTION AS o FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN %s ORDER BY 1, 2"
)
# What is read with one mode is said with the same: where the target's own has NO_BACKSLASH_ESCAPES, text would become another.
READ_MODE = "SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'"
# Both dump programs write it as a line of its own behind the view's. Looked at only there: text of the application may say the same.
REMOVE = r"/^\/\*!50001 VIEW /{n;s/^\/\*!50002 WITH [A-Z]* CHECK OPTION \*\/;$/;/}"


def option_remover(source: Connection, schemas: list) -> list[Stage]:
    """The stage of a pipeline that takes check options off a dump's views; none where the source has no such view."""
    checked = [row for row in _views(source, schemas) if row["k"] != "NONE"]
    return [Stage("sed on the target", ["env", "LC_ALL=C", "sed", "-e", REMOVE])] if checked else []


def make_again(source: Flavour, target: Flavour, schemas: list, login: Endpoint) -> int:
    """Make the target's views on views, and those with a check option, as the source has them. Returns how many.

    :param login: the target's
    :raises MigrationError: with the client's words
    """
    rows = in_order(_views(source.connection, schemas))
    if not rows:
        return 0
    source.connection.run(READ_MODE)
    script = READ_MODE.encode() + b";\n" + b"".join(_statements(source.connection, row) for row in rows)
    handle = private_file(client_options(login))
    try:
        loader = client_stage(target, handle, LOADER_SESSION + target.loader_defaults)
        Pipeline([loader], script, []).run()
    except MigrationError as error:
        raise MigrationError(
            "views on views, and those with a check option, could not be made: %s; fix or drop on the source the view that is named, "
            "and run the same command again" % error
        ) from None
    finally:
        os.close(handle)
    return len(rows)


def in_order(rows: list[dict]) -> list[dict]:
    """The views to be made again, each behind those that it lies on."""
    names = {"%s.%s" % (quoted(row["s"]), quoted(row["n"])): row for row in rows}
    # A name within a text of the view's counts, too: one view too many is made again, and none too few.
    bases = {name: {base for base in names if base != name and base in row["d"]} for name, row in names.items()}
    left = {name for name, row in names.items() if bases[name] or row["k"] != "NONE"}
    found: list[dict] = []
    while left:
        ready = sorted(name for name in left if not bases[name] & left) or sorted(left)  # texts may seem to lie on each other
        found += [names[name] for name in ready]
        left -= set(ready)
    return found


def _views(source: Connection, schemas: list) -> list[dict]:
    return source.rows(VIEWS, (tuple(schemas),)) if schemas else []


def _statements(source: Connection, row: dict) -> bytes:
    """A view again. It remembers the character set in which its maker spoke, so it is said in that one."""
    told = source.row("SHOW CREATE VIEW %s.%s" % (quoted(row["s"]), quoted(row["n"])))["Create View"]
    create = "%s;\n" % told.replace("CREATE ", "CREATE OR REPLACE ", 1)
    text = encoded(create, row["c"])
    speech = "SET character_set_client = %s, collation_connection = %s;\n" % (row["c"], row["o"]) if text else ""
    return ("SET NAMES utf8mb4;\nUSE %s;\n%s" % (quoted(row["s"]), speech)).encode() + (text or create.encode())
