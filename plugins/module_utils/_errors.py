# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The errors that rules raise. A module turns each into one clear failure; nothing else is caught."""
from __future__ import annotations


class MigrationError(Exception):
    """Something failed. The text names what, where, and the next step; never a secret.

    :ivar facts: the same as data, for a module's result
    """

    facts: dict = {}


class Refusal(MigrationError):
    """Bad input or an unsafe situation, found before anything was touched."""


class ServerError(MigrationError):
    """A server answered with an error.

    :param errno: the server's (or client library's) error number, 0 where there is none
    """

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class MissingLibrary(MigrationError):
    """A library that the managed host's Python lacks.

    :param library: its name on PyPI
    :param reason: what to do, as the end of a sentence
    :param traceback: of its import
    """

    def __init__(self, library: str, reason: str, traceback: str) -> None:
        super().__init__("%s is missing for the Python that Ansible uses on this host: %s" % (library, reason))
        self.library, self.reason, self.traceback = library, reason, traceback
