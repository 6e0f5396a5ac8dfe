# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a server said last: a start that fails has its cause there, and nowhere else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t

from .._errors import MigrationError

LINES, LETTERS, SECONDS = 12, 1500, 15.0
# Where a configuration names the server's log: read by the server's own program, with what it includes.
GROUPS = {"mariadb": ("mysqld", "mariadb", "mariadbd", "server"), "mysql": ("mysqld", "server")}
NAMED = re.compile(r"--log[-_]error=(.+)")
PROBLEM = re.compile(r"\[ERROR\]|\[Warning\]|error|fail|cannot|denied|abort|signal", re.IGNORECASE)


def last_words(flavour: str, unit: str) -> str:
    """The end of the server's log, one line, for a message; empty where nothing can be read. Errors come before what else was said."""
    lines = _journal(unit) + _file(flavour)
    bad = [line for line in lines if PROBLEM.search(line)]
    text = " | ".join((bad or lines)[-LINES:])
    return text[-LETTERS:]


def with_last_words(flavour: str, unit: str, start: t.Callable[[], None]) -> None:
    """Start a server.

    :raises MigrationError: with what the server said last, where it does not start
    """
    try:
        start()
    except MigrationError as error:
        words = last_words(flavour, unit)
        raise type(error)("%s%s" % (error, "; its log ends: %s" % words if words else "")) from None


def _journal(unit: str) -> list[str]:
    told = _run(["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=40", "--unit=" + unit])
    return [line for line in map(str.strip, told.splitlines()) if line]


def _file(flavour: str) -> list[str]:
    """The end of the file that the configuration names as the server's log."""
    told = _run(["my_print_defaults", *GROUPS[flavour]])
    found = NAMED.findall(told)
    if not found or not os.path.isfile(found[-1].strip()):
        return []
    try:
        with open(found[-1].strip(), "rb") as stream:
            stream.seek(max(0, os.path.getsize(found[-1].strip()) - 16384))
            return [line for line in stream.read().decode("utf-8", "replace").splitlines()[-40:] if line.strip()]
    except OSError:
        return []


def _run(command: list[str]) -> str:
    if not shutil.which(command[0]):
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
