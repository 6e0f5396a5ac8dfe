# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Questions to a server, with what it would not answer noted: a rule that needs that says "not checked" and is not silent."""

from __future__ import annotations

import re
import typing as t

from .._errors import ServerError
from .._server.connection import Connection
from .._server.events import read_events

SYSTEM = "('mysql', 'information_schema', 'performance_schema', 'sys')"
# access denied (schema, login, table, column, statement, routine), and XA RECOVER's own word for it
_DENIED = (1044, 1045, 1142, 1143, 1227, 1370, 1401)
# unknown schema, table, variable, or plugin; binary log off: this server has no such thing
_ABSENT = (1049, 1109, 1146, 1193, 1286, 1381, 1682)
# A server error's text without the connection before it and the hint behind it.
_REASON = re.compile(r"^.*?: (\[\d+\] .*?\(statement: .*\)).*$", re.DOTALL)


class Reader:
    """Questions to a server, with what it would not answer noted.

    :ivar unreadable: dicts of topic and message
    :ivar without_grants: the server runs with skip-grant-tables
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.unreadable: list[dict] = []
        self.without_grants = False

    def ask(self, topic: str, question: t.Callable[[], t.Any], otherwise: t.Any = None) -> t.Any:
        """The answer to a question, or what stands for none.

        :raises ServerError: for any error but a lacking privilege and a lacking feature
        """
        try:
            return question()
        except ServerError as error:
            if error.errno in _DENIED:
                self.note(topic, _REASON.sub(r"\1", str(error)))
            elif error.errno not in _ABSENT:
                raise
            return otherwise

    def rows(self, topic: str, sql: str) -> list[dict]:
        """The rows of a statement; none where it is refused or the server has no such thing."""
        return self.ask(topic, lambda: self.connection.rows(sql), [])

    def number(self, topic: str, sql: str) -> int | None:
        """The first value as a number."""
        rows = self.ask(topic, lambda: read_events(self.connection, sql), [])
        value = next(iter(rows[0].values()), None) if rows else None
        return None if value is None else int(value)

    def note(self, topic: str, message: str) -> None:
        """Note that a topic could not be read."""
        self.unreadable.append({"topic": topic, "message": message})
