# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The drop-in file: its text, its place, and the proof that the server will follow it."""
from __future__ import annotations

import os
import stat

from .._errors import MigrationError, Refusal
from .._state.files import read_text, remove, write_text
from .optionfiles import Line, OptionFiles, meaning, resolve
from .program import Program
from .settings import Version, option_groups

NAME = "zz-nordbridge-binlog.cnf"
MARK = "# Written by nordbridge.mysql_migration.mysql_binlog_config."
HEADER = (
    MARK,
    "# Changes here are lost at its next run. To undo it, remove this file, and restart the server where it has to.",
    "# The name sorts last on purpose: the servers read their directories by name, and the last value of a setting counts.",
)


def render(wanted: dict) -> str:
    """The file's text: complete, and the same for the same settings."""
    return "\n".join(HEADER + ("[mysqld]",) + tuple(("%s = %s" % pair).rstrip() for pair in wanted.items())) + "\n"


def read_own(path: str) -> tuple[str, dict]:
    """Our drop-in's text and its settings as they stand there; empty where there is none.

    :raises Refusal: where a file of that name is somebody else's
    """
    text = read_text(path)
    if text.strip() and MARK not in text:
        raise Refusal("%s exists and was not written by this module: choose another config_file, or move that file away" % path)
    return text, {line.name.replace("-", "_"): line.value or "" for line in OptionFiles([path]).lines()}


def default_path(program: Program) -> str:
    """The drop-in in the directory that the server reads last."""
    files = OptionFiles(program.roots())
    files.lines()
    folders = [folder for folder in files.folders if os.path.isdir(folder)]
    if not folders:
        raise Refusal(
            "none of the server's option files (%s) includes a directory: set config_file to a file that the server reads, "
            "or add an !includedir line to one of them" % (", ".join(program.roots()) or "it was started with --no-defaults")
        )
    return os.path.join(folders[-1].rstrip("/"), NAME)


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

    :param flavour: with C(version), the names by which the file's settings go
    """

    def __init__(self, path: str, program: Program, flavour: str, version: Version) -> None:
        self.path = path
        self.program = program
        self.flavour = flavour
        self.version = version
        self.before, self.own = read_own(path)
        self.existed = os.path.exists(path)

    def configured(self) -> dict:
        """What the server would follow at its next start, by its own program: variable -> canonical value."""
        return resolve(self.program.print_defaults(), self.flavour, self.version)

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
        self._compare(wanted, self.configured(), self._lines({}))

    def predict(self, wanted: dict, text: str) -> None:
        """The same proof for a text that is not written, from reading the option files: for check mode."""
        lines = self._lines({self.path: text})
        pairs = [(line.name, line.value) for line in lines]
        self._compare(wanted, resolve(pairs, self.flavour, self.version), lines)

    def _lines(self, overlay: dict) -> list[Line]:
        """The server's options in reading order, the command line last."""
        groups = option_groups(self.flavour, self.version, self.program.group_suffix)
        files = OptionFiles(self.program.roots(), overlay)
        lines = [line for line in files.lines() if line.group in groups]
        if self.path not in files.files:
            # Other files may happen to say the same today; a file that is not read proves nothing.
            raise MigrationError(
                "%s is not among the files that the server reads (it begins with %s). Set config_file to one in a directory "
                "that they include, or do not set it" % (self.path, ", ".join(self.program.roots()) or "none: --no-defaults")
            )
        return lines + [Line("", "", name, value) for name, value in self.program.command_line()]

    def _compare(self, wanted: dict, effective: dict, lines: list[Line]) -> None:
        asked = resolve(wanted.items(), self.flavour, self.version)
        lost = [name for name in wanted if effective.get(name) != asked[name]]
        if lost:
            raise MigrationError(
                "the settings of %s would not be in force after a restart: %s. Remove or change the other value, "
                "or set config_file to a file that the server reads later"
                % (self.path, "; ".join(self._blame(name, asked[name], effective.get(name), lines) for name in lost))
            )

    def _blame(self, name: str, asked: str, got: str | None, lines: list[Line]) -> str:
        if got is None:
            return "%s is not read at all (the server's option files are %s)" % (name, ", ".join(self.program.roots()) or "none")
        others = [
            line
            for line in lines
            if line.path != self.path and meaning(line.name, line.value, self.flavour, self.version) == (name, got)
        ]
        place = (others[-1].path or "the command line of the running server") if others else "another place"
        return "%s would be %s by %s instead of %s" % (name, got or "empty", place, asked or "empty")
