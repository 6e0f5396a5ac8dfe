# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The hold: a drop-in configuration file that keeps a server read-only and its events still across a restart.

It counts when it is read back as the server will read it: other files, the unit's command line, what SET PERSIST keeps, and a file of
statements that is run at each start can all open the server again.
"""

from __future__ import annotations

import os
import re
import typing as t

from .._errors import MigrationError, Refusal
from .._optionfiles.dropin import DropIn, default_path
from .._optionfiles.persisted import read_persisted
from .._optionfiles.program import find_program
from .._optionfiles.table import Setting, Table
from .._server.base import Flavour
from .._state.files import read_text, remove

NAME = "zz-nordbridge-hold.cnf"
MARK = "# Written by nordbridge.mysql_migration"
LIVE = "live"

SETTINGS = (
    Setting("read_only", "switch", LIVE, {"mysql": (((5, 7), "read_only"),), "mariadb": (((12, 0, 1), ""), ((10, 5), "read_only"))}),
    # From this version on it says how closed: any word but OFF is.
    Setting(
        "read_only_how",
        "word",
        LIVE,
        {"mariadb": (((12, 0, 1), "read_only"),)},
        words=("OFF", "ON", "NO_LOCK", "NO_LOCK_NO_ADMIN"),
        also={"": "ON", "NO_LOCK": "ON", "NO_LOCK_NO_ADMIN": "ON"},
    ),
    Setting("super_read_only", "switch", LIVE, {"mysql": (((5, 7), "super_read_only"),)}),
    # A scheduler that is disabled at start is as still as one that is off, and cannot be set.
    Setting(
        "event_scheduler",
        "word",
        LIVE,
        {"mysql": (((5, 7), "event_scheduler"),), "mariadb": (((10, 5), "event_scheduler"),)},
        words=("OFF", "ON", "DISABLED"),
        also={"": "ON", "DISABLED": "OFF"},
    ),
    Setting("init_file", "path", LIVE, {"mysql": (((5, 7), "init_file"),), "mariadb": (((10, 5), "init_file"),)}),
)
# What in a file of statements that is run at each start can undo the hold.
UNDOING = re.compile(r"\b(?:super_)?read_only\b|\bevent_scheduler\b", re.IGNORECASE)
CLOSING = ("read_only", "super_read_only")


def hold_text(group: str, settings: t.Iterable) -> str:
    """The file's content."""
    lines = [MARK + ": this server must not take writes.", "[%s]" % group]
    lines += ["%s = %s" % (name, value) for name, value in settings]
    return "\n".join(lines) + "\n"


class Hold:
    """One server's hold, and what would be in force beside it. The agent writes the file as root: only this server's own settings."""

    def __init__(self, server: Flavour, path: str) -> None:
        check_place(path)
        self.server = server
        self.table = Table(SETTINGS, server.name, server.version)
        self.wanted = dict(server.hold_settings)
        # MySQL: one that is set to OFF behind the start would clear super_read_only, or leave it without effect.
        self.closed = {"read_only": "ON", **self.wanted}
        self.text = hold_text(server.option_group, server.hold_settings)
        self.dropin = DropIn(
            os.path.realpath(path), find_program(server), self.table, MARK, "the hold has to lie in the directory that they include last"
        )

    @property
    def placed(self) -> bool:
        """Whether the file says already what it should."""
        return self.dropin.before == self.text

    def against(self, text: str | None = None) -> list[str]:
        """Why the server would not be closed after its next start, each with what to do; empty where it would.

        :param text: of the file, where it is not written
        """
        program = self.dropin.program
        found = ["%s: remove or change that" % one for one in self.dropin.against(self.wanted, text)]
        found += [
            "SET PERSIST keeps %s = %s, which wins over every file: run RESET PERSIST %s" % (name, value, name)
            for name, value in read_persisted(self.server, self.table).items()
            if self.closed.get(name, value) != value
        ]
        found += self._at_start(text)
        if program.unit is not None and program.unit.stale:
            found.append("the files of %s were changed since systemd read them: run systemctl daemon-reload" % program.unit.name)
        return found

    def _at_start(self, text: str | None) -> list[str]:
        lines = self.dropin.lines({} if text is None else {self.dropin.path: text})
        file = self.table.resolve((line.name, line.value) for line in lines).get("init_file")
        path = os.path.join(self.server.identity.datadir, file or "")
        numbers = [str(number) for number, line in enumerate(read_text(path).splitlines(), 1) if UNDOING.search(line)] if file else []
        if not numbers:
            return []
        place = self.dropin.place("init_file", str(file), lines)
        return ["the statements of %s are run at each start (init_file by %s): take out line %s" % (path, place, ", ".join(numbers))]

    def running(self) -> list[str]:
        """What is not closed now."""
        values = {name: self.server.connection.variable(name) for name in self.closed}
        return [
            "%s is %s now: SET GLOBAL %s = %s" % (name, values[name], name, self.closed[name])
            for name in self.closed
            if self.table.canonical(name, values[name] or "OFF") != self.closed[name]
        ]

    def closed_elsewhere(self) -> list[str]:
        """What would keep the server closed after its next start without this file."""
        lines = self.dropin.lines({self.dropin.path: ""})
        effective = self.table.resolve((line.name, line.value) for line in lines)
        names = [name for name in CLOSING if effective.get(name) == "ON"]
        found = ["%s is ON by %s" % (name, self.dropin.place(name, "ON", lines)) for name in names]
        kept = read_persisted(self.server, self.table)
        return found + ["%s is ON by SET PERSIST (RESET PERSIST %s)" % (name, name) for name in CLOSING if kept.get(name) == "ON"]


def predict_hold(server: Flavour, path: str) -> list[str]:
    """Why the server would not stay closed by the file, were it written; see Hold.against."""
    return _told(lambda hold: hold.against(hold.text), server, path)


def prove_hold(server: Flavour, path: str) -> list[str]:
    """Why the server is not closed now, or would not be after its next start; empty where the file is there and followed."""

    def proof(hold: Hold) -> list[str]:
        return (hold.against() if hold.placed else ["%s is not there as it was written" % path]) + hold.running()

    return _told(proof, server, path)


def opened_by_nobody(server: Flavour, path: str) -> list[str]:
    """What would keep the server closed after its next start once the file is gone; empty where nothing is known to."""
    try:
        return Hold(server, path).closed_elsewhere()
    except MigrationError:
        return []


def hold_beside(server: Flavour) -> dict:
    """What the plan has to know of a server that is to be held: against and closed, see above.

    :raises MigrationError: where it cannot be told, as on another host
    """
    path = default_path(find_program(server), NAME)
    return {"path": path, "against": predict_hold(server, path), "closed": opened_by_nobody(server, path)}


def _told(proof: t.Callable[[Hold], list[str]], server: Flavour, path: str) -> list[str]:
    """What cannot be shown does not hold."""
    check_place(path)
    try:
        return proof(Hold(server, path))
    except MigrationError as error:
        return [str(error)]


def place_hold(server: Flavour, path: str) -> bool:
    """Write the file and see that the server will follow it; False where it was there already.

    :raises MigrationError: where it would not, with what is against it; the file is as it was before
    """
    hold = Hold(server, path)
    if not hold.placed:
        # The server's own user reads it, and there is nothing secret in it.
        hold.dropin.write(hold.text)
    try:
        against = hold.against()
        if against:
            raise MigrationError(in_words(server, against))
    except BaseException:
        if not hold.placed:
            hold.dropin.restore()
        raise
    return not hold.placed


def in_words(server: Flavour, against: list[str]) -> str:
    """Why a server cannot be held."""
    return "%s would not be closed after its next restart: %s" % (server.identity.label, "; ".join(against))


def remove_hold(path: str) -> bool:
    """Remove the file; False where there was none."""
    check_place(path)
    return remove(path)


def hold_server(server: Flavour, path: str, check_mode: bool) -> dict:
    """Write the file, set the same at run time, and see that both are so."""
    hold = Hold(server, path)
    running = {name: server.connection.variable(name) or "" for name in hold.closed}
    differ = [name for name in hold.closed if hold.table.canonical(name, running[name]) != hold.closed[name]]
    expected = {name: hold.closed[name] if name in differ else running[name] for name in hold.closed}
    if check_mode:
        against = hold.against(hold.text)
        if against:
            raise MigrationError(in_words(server, against))
    else:
        place_hold(server, path)
        for name in differ:
            server.connection.run("SET GLOBAL %s = %s" % (name, hold.closed[name]))
        against = hold.running()
        if against:
            raise MigrationError("%s is not closed: %s" % (server.identity.label, "; ".join(against)))
    diff = {
        "before": hold.dropin.before + _shown(running), "after": hold.text + _shown(expected), "before_header": path, "after_header": path
    }  # fmt: skip
    return {"changed": not hold.placed or bool(differ), "read_only": server.read_only(), "diff": diff}


def _shown(running: dict) -> str:
    return "".join("running %s = %s\n" % item for item in sorted(running.items()))


def check_place(path: str) -> None:
    """Refuse a path where the server would not find the file, or that is another file's.

    :raises Refusal: with the path
    """
    if os.path.basename(path) != NAME or not re.match(r"^/etc(/[\w.-]+)+$", path) or ".." in path:
        raise Refusal("%s is not a place for %s" % (path, NAME))
    if not os.path.isdir(os.path.dirname(path)):
        raise Refusal("%s is no folder of this server's configuration" % os.path.dirname(path))
