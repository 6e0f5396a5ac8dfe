# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a source's restarts mean for its replica, as pure rules.

A source whose commits do not wait for its disk and whose host dies starts again with less than its replica has: rows, or only the
binary log's end (MariaDB's sync_binlog is 0 by default, its InnoDB's commits are on the disk). It then gives the same GTIDs, or the
same positions, to other rows. As soon as it is past the replica's position no error tells of it any more, and the two differ for ever.

Neither flavour's status tells how its last run ended, and error logs lie anywhere. The binary log tells, and by SQL: a server that
shuts down ends its last file with a Stop event, one that goes on in another file with Rotate, and one that died with neither.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

# How a file of the binary log ends.
ROTATED, STOPPED, TORN = "rotated", "stopped", "torn"
# The restarts between two looks: none, all of them clean, one that was not, and one of which nothing is known.
NONE, CLEAN, UNCLEAN, UNSEEN = "none", "clean", "unclean", "unseen"
# The clock and the uptime are read at different times, and whole seconds.
SAME_START = 2


@dataclass(frozen=True)
class Life:
    """A source at one moment.

    :param started_at: of its server, by its own clock
    :param boot: which start of its host this is; empty where the host cannot be asked
    :param log: the binary log that it writes
    :param flush: innodb_flush_log_at_trx_commit
    """

    started_at: int
    boot: str
    log: str
    sync_binlog: int
    flush: int

    @property
    def durable(self) -> bool:
        """Whether what a client was told is on the disk. MariaDB's 3 syncs more often than 1."""
        return self.sync_binlog == 1 and self.flush in (1, 3)

    def as_dict(self) -> dict:
        """For the journal."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entry: dict) -> Life:
        """From the journal, which may hold more."""
        return cls(**{name: entry[name] for name in cls.__dataclass_fields__})


def may_have_restarted(before: Life, now: Life) -> bool:
    """Whether it is worth looking at how its files ended."""
    return abs(before.started_at - now.started_at) > SAME_START


def restarts(before: Life, now: Life, ends: t.Sequence[str] | None) -> str:
    """What lies between two looks.

    :param ends: how each file of the binary log ended, from the one of the first look to the one before that of the second; None
        where that cannot be seen any more. A restart that was not seen to be clean counts as none
    """
    if not may_have_restarted(before, now):
        return NONE
    if ends is None:
        return UNSEEN
    if TORN in ends:
        return UNCLEAN
    # A clock that was set looks like a restart, and ends no file.
    return CLEAN if STOPPED in ends else NONE


def lost(before: Life, now: Life, ends: t.Sequence[str] | None) -> str:
    """Why a source may have lost what its replica has; empty where it cannot."""
    how = restarts(before, now, ends)
    if how in (NONE, CLEAN) or (before.durable and now.durable):
        return ""
    # A server that dies alone has handed all to the operating system, unless InnoDB kept its log to itself.
    if before.boot and before.boot == now.boot and before.flush and now.flush:
        return ""
    lax = now if before.durable else before
    words = {UNCLEAN: "was not shut down, as its binary log shows", UNSEEN: "was restarted, and nothing shows that it was shut down before"}
    return (
        "the source %s, while its commits did not wait for its disk (sync_binlog=%d, innodb_flush_log_at_trx_commit=%d): it may have lost"
        " what the target has, and have given its GTIDs or positions to other rows" % (words[how], lax.sync_binlog, lax.flush)
    )


# Words of a source that refuses a replica because that one is ahead of it. What it only no longer keeps ("purged") is another matter.
AHEAD = (
    "which is not in the master's binlog",
    "has more gtids than the",
    "impossible position",
    "position > file size",
)
AHEAD_ERRNOS = (1236, 13114)


def told_ahead(errno: int, text: str) -> bool:
    """Whether a receiver's error says that the replica is past its source's end."""
    return errno in AHEAD_ERRNOS and any(words in text.lower() for words in AHEAD)


def past_end(file: str, position: int, files: dict[str, int]) -> bool:
    """Whether a replica has read past the end of one of its source's binary logs.

    :param files: the source's, with their sizes, read after the replica's position
    """
    return file in files and position > files[file]
