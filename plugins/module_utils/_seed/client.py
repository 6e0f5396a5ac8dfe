# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The target's own client, which loads what a dump says."""

from __future__ import annotations

from .._server.base import Flavour
from .._server.session import AS_THEY_ARE, PATIENT
from .pipeline import Stage, client_words
from .source.dump_command import find_program

# What each connection of the loader sets first: the load is no history of the target's own.
LOADER_SESSION = "SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = 0, %s, %s" % (PATIENT, AS_THEY_ARE)


def client_stage(target: Flavour, handle: int, session: str, schema: str = "") -> Stage:
    """The target's own client, reading statements.

    :param handle: the file with its login, which stays open until it has ended
    :param session: what its session sets first
    """
    client = find_program(list(target.client_programs))
    words = [
        client,
        "--defaults-file=/proc/self/fd/%d" % handle,
        "--init-command=" + session,
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
        # No command of the client's own but \C and DELIMITER: none that starts a program or writes a file.
        "--binary-mode",
        # A dump is what the source says: it must not have this host's files read by a program that runs as root.
        "--local-infile=0",
    ]
    return Stage(client, words + (["--database=" + schema] if schema else []), (handle,), client_words)
