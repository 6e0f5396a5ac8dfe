# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A drop-in file of ours: its place, and the proof that the server will follow it."""

from __future__ import annotations

import os
import stat

from .._errors import MigrationError, Refusal
from .._state.files import read_text, remove, write_text
from .files import Line, OptionFiles
from .program import Program
from .table import Table


def read_own(path: str, mark: str) -> tuple[str, dict]:
    """Our drop-in's text and its settings as they stand there; empty where there is none.

    :param mark: what every file of ours says

    :raises Refusal: where a file of that name is somebody else's
    """
    text = read_text(path)
    if text.strip() and mark not in text:
        raise Refusal("%s exists and was not written by this module: choose another config_file, or move that file away" % path)
    return text, {line.name.replace("-", "_"): line.value or "" for line in OptionFiles([path]).lines()}


def default_path(program: Program, name: str) -> str:
    """A drop-in of that name in the directory that the server reads last."""
    files = OptionFiles(program.roots())
    files.lines()
    folders = [folder for folder in files.folders if os.path.isdir(folder)]
    if not folders:
        raise Refusal(
            "none of the server's option files (%s) includes a directory: set config_file to a file that the server reads, "
            "or add an !includedir line to one of them" % (", ".join(program.roots()) or "it was started with --no-defaults")
        )
    return os.path.join(folders[-1].rstrip("/"), name)


def check_place(path: str) -> str:
    """The real path of the file to write.

    :raises Refusal: where it cannot be written
    """
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    if not os.path.isabs(path) or not os.path.isdir(folder):
        raise Refusal("config_file %s: its directory does not exist, or the path is not absolute" % path)
    if not os.access(folder, os.W_OK):
        raise Refusal("config_file %s: this user may not write in %s; run as root (become: true)" % (path, folder))
    return real


class DropIn:
    """The file with what it held before, so that it can be put back.

    :param table: the settings that it is about
    :param mark: see read_own
    :param elsewhere: what to do where the server does not read it or reads something else later
    """

    def __init__(self, path: str, program: Program, table: Table, mark: str, elsewhere: str) -> None:
        self.path = path
        self.program = program
        self.table = table
        self.elsewhere = elsewhere
        self.before, self.own = read_own(path, mark)
        self.existed = os.path.exists(path)

    def configured(self) -> dict:
        """What the server would follow at its next start, by its own program: variable -> canonical value."""
        return self.table.resolve(self.program.print_defaults())

    def write(self, text: str) -> None:
        """Write, readable by the server's user; an existing file keeps its mode."""
        mode = stat.S_IMODE(os.stat(self.path).st_mode) if self.existed else 0o644
        write_text(self.path, text, mode)

    def restore(self) -> None:
        """As it was before."""
        if self.existed:
            self.write(self.before)
        else:
            remove(self.path)

    def prove(self, wanted: dict) -> None:
        """Fail where the server would not follow the file as it is on disk.

        :raises MigrationError: naming what overrides which setting
        """
        self._insist(self.against(wanted))

    def predict(self, wanted: dict, text: str) -> None:
        """The same proof for a text that is not written: for check mode."""
        self._insist(self.against(wanted, text))

    def against(self, wanted: dict, text: str | None = None) -> list[str]:
        """What would be in force after a restart instead of what is wanted, and by what.

        :param text: of the file where it is not written, for which the option files are read; else the server's program is asked
        :raises MigrationError: where the server does not read the file at all
        """
        lines = self.lines({} if text is None else {self.path: text})
        effective = self.configured() if text is None else self.table.resolve((line.name, line.value) for line in lines)
        asked = self.table.resolve(wanted.items())
        return [self._blame(name, asked[name], effective.get(name), lines) for name in wanted if effective.get(name) != asked[name]]

    def lines(self, overlay: dict) -> list[Line]:
        """The server's options in reading order, the command line last."""
        groups = self.table.groups(self.program.group_suffix)
        files = OptionFiles(self.program.roots(), overlay)
        lines = [line for line in files.lines() if line.group in groups]
        if self.path not in files.files:
            # Other files may happen to say the same today; a file that is not read proves nothing.
            raise MigrationError(
                "%s is not among the files that the server reads (it begins with %s): %s"
                % (self.path, ", ".join(self.program.roots()) or "none: --no-defaults", self.elsewhere)
            )
        return lines + [Line("", "", name, value) for name, value in self.program.command_line()]

    def place(self, name: str, value: str, lines: list[Line]) -> str:
        """Where a setting gets a value from, beside this file; empty where nobody says so."""
        others = [
            line
            for line in lines
            if self.table.meaning(line.name, line.value) == (name, value)
            # The command line's have no path.
            and not (line.path and os.path.realpath(line.path) == self.path)
        ]
        if not others:
            return ""
        return "line %d of %s" % (others[-1].number, others[-1].path) if others[-1].path else self.program.command_line_name

    def _insist(self, against: list[str]) -> None:
        if against:
            raise MigrationError(
                "the settings of %s would not be in force after a restart: %s. Remove or change the other value, or %s"
                % (self.path, "; ".join(against), self.elsewhere)
            )

    def _blame(self, name: str, asked: str, got: str | None, lines: list[Line]) -> str:
        if got is None:
            return "%s is not read at all (the server's option files are %s)" % (name, ", ".join(self.program.roots()) or "none")
        place = self.place(name, got, lines) or "another place"
        return "%s would be %s by %s instead of %s" % (name, got or "empty", place, asked or "empty")
