# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The program mydumper: what it must be able to do, how it is asked, and what it says of itself."""

from __future__ import annotations

import re
import typing as t

from ...._errors import MigrationError
from ..dump.dump_text import Coordinates

PROGRAM = "mydumper"
# All that it is asked for, by the names of its own help.
NEEDED = (
    "--build-empty-files", "--chunk-filesize", "--complete-insert", "--defaults-file", "--no-locks", "--no-schemas", "--no-views",
    "--outputdir", "--regex", "--threads", "--trx-consistency-only", "--use-savepoints", "--verbose",
)  # fmt: skip
# Files of at most so many megabytes: pieces of one table are loaded side by side.
CHUNK_MB = 64
# What it says once each of its sessions has its snapshot, and the source's commits may go on.
SNAPSHOTS_STAND = "Transactions started, unlocking tables"
COMPLETE = "Finished dump at:"
# It sets none of these, and only MariaDB knows them all. The source's own could cut a table off, or change how strings are written; and a
# session of which nobody hears any more must not keep the source's old rows for ever.
SESSION = (
    "SET SESSION sql_mode = '', lock_wait_timeout = %d, net_write_timeout = 3600, max_statement_time = 0,"
    " idle_transaction_timeout = 3600, idle_readonly_transaction_timeout = 3600"
)


def lacking(help_text: str) -> list[str]:
    """The needed options that a help does not name."""
    known = set(re.findall(r"--[a-z][a-z0-9-]*", help_text))
    return [option for option in NEEDED if option not in known]


def options(folder: str, threads: int, pattern: str) -> list[str]:
    """The arguments; there is no secret among them.

    No rows by ranges of a key: that is guessed from an estimate, and reads negative numbers as very large ones (get_chunks_for_table).

    :param pattern: for the names of the tables, as schema.table
    """
    return [
        "--no-schemas",
        "--no-views",
        "--no-locks",
        "--trx-consistency-only",
        "--use-savepoints",
        "--complete-insert",
        "--build-empty-files",
        "--chunk-filesize=%d" % CHUNK_MB,
        "--threads=%d" % threads,
        "--regex=%s" % pattern,
        "--outputdir=%s" % folder,
        "--verbose=3",
    ]


def option_file(client_options: str, lock_wait: int) -> str:
    """The text of its option file: the login, and what each of its sessions sets first."""
    return "%s[mydumper]\ninit-command=%s\n" % (client_options, SESSION % lock_wait)


def parse_metadata(text: str) -> Coordinates:
    """The coordinates that it wrote beside the rows.

    :raises MigrationError: where they are not there, or it did not come to its end
    """
    # A replica's own coordinates may follow, in a block of the same form.
    found = re.search(r"^SHOW MASTER STATUS:\n\tLog: ([^\n]+)\n\tPos: (\d+)\n\tGTID:(.*?)\n\n", text, re.S | re.M)
    if not found or COMPLETE not in text:
        raise MigrationError("mydumper's metadata is not whole: it holds no coordinates, or no end")
    gtid = "".join(found.group(3).split())
    return Coordinates(found.group(1).strip(), int(found.group(2)), "" if gtid == "(null)" else gtid)


def complaints(lines: t.Iterable[str]) -> list[str]:
    """What it called critical; not all of that is in its exit code."""
    return [line.partition("**: ")[2].strip() or line.strip() for line in lines if "CRITICAL" in line]
