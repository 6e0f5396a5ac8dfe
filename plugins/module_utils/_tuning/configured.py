# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What variables have at a server's next start, and which of them somebody wrote down.

The running values do not tell: they may be what an earlier migration left, whose journal is gone.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._optionfiles.program import Program, find_program
from .._optionfiles.table import PERSISTS, by_version
from .._server.base import Flavour


@dataclass(frozen=True)
class Configured:
    """A variable's value at the next start.

    :param written: whether an option file, the command line or SET PERSIST says so, and not only the program
    """

    value: str
    written: bool


def configured(server: Flavour, names: t.Iterable[str], program: Program | None = None) -> dict[str, Configured]:
    """The variables at the next start, as far as they are known.

    :param names: of global variables
    :raises MigrationError: where the server's program cannot be asked, as from another host
    """
    names = tuple(names)
    program = program or find_program(server)
    values, said = program.values(), written([name for name, _value in program.print_defaults()], names)
    compiled, kept = _compiled(server, names), _persisted(server, names)
    found = {}
    for name in names:
        if name in kept:
            found[name] = Configured(kept[name], True)
        elif name in said and name in values:
            found[name] = Configured(values[name], True)
        elif name in compiled or name in values:
            found[name] = Configured(compiled.get(name, values.get(name, "")), False)
    return found


def written(options: t.Iterable[str], names: t.Iterable[str]) -> set[str]:
    """Which variables options stand for: with dashes, with loose-, cut short as servers took them for long."""
    said, names = set(), tuple(names)
    for option in options:
        plain = re.sub(r"^(loose|skip|disable|enable|maximum)_", "", option.strip().lower().replace("-", "_"))
        said |= {plain} & set(names) or {name for name in names if len(plain) > 4 and name.startswith(plain)}
    return said


def _compiled(server: Flavour, names: tuple) -> dict[str, str]:
    """MariaDB's own word for what it has where nobody wrote anything; MySQL has none, and its program prints it rightly."""
    if server.name != "mariadb":
        return {}
    rows = server.connection.rows(
        "SELECT LOWER(VARIABLE_NAME) AS n, DEFAULT_VALUE AS v FROM information_schema.SYSTEM_VARIABLES"
        " WHERE DEFAULT_VALUE IS NOT NULL AND LOWER(VARIABLE_NAME) IN (%s)" % ", ".join(["%s"] * len(names)),
        names,
    )
    return {str(row["n"]): str(row["v"]) for row in rows}


def _persisted(server: Flavour, names: tuple) -> dict[str, str]:
    """What SET PERSIST keeps, which wins over files and command line."""
    if not by_version(PERSISTS, server.name, server.version):
        return {}
    rows = server.connection.rows(
        "SELECT VARIABLE_NAME AS n, VARIABLE_VALUE AS v FROM performance_schema.persisted_variables"
        " WHERE VARIABLE_NAME IN (%s)" % ", ".join(["%s"] * len(names)),
        names,
    )
    return {str(row["n"]): str(row["v"]) for row in rows}
