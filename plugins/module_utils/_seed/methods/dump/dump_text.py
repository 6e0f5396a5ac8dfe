# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a dump says of itself: the coordinates in its head, the trailer at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...._errors import MigrationError

TRAILER = b"-- Dump completed"
# Enough for the head of a server with thousands of GTID intervals.
HEAD_BYTES = 1 << 20
# MariaDB prints its GTID position behind the data.
TAIL_BYTES = 1 << 16
TABLE_MARK = b"\n-- Table structure for table `"


PLACE = r"(?:MASTER|SOURCE)_LOG_FILE='([^']+)', (?:MASTER|SOURCE)_LOG_POS=(\d+)"


@dataclass(frozen=True)
class Coordinates:
    """Where the seed stands in the source's binary log.

    :param gtid: MySQL's set or MariaDB's position; empty where the source has no GTIDs
    """

    file: str
    position: int
    gtid: str


def parse_coordinates(head: bytes, end: bytes = b"") -> Coordinates:
    """The coordinates from a dump's head and end.

    :raises MigrationError: where they are not there
    """
    text = head.decode("utf-8", "replace")
    place = re.search(PLACE, text)
    if not place:
        raise MigrationError("the dump's head holds no binary log coordinates; is the binary log on at the source?")
    mariadb = re.search(r"^-- SET GLOBAL gtid_slave_pos='([^']*)'", text + end.decode("utf-8", "replace"), re.M)
    mysql = re.search(r"GTID_PURGED\s*=\s*(?:/\*!80000 '\+'\*/\s*)?'\+?([^']*)'", text)
    found = mariadb or mysql
    return Coordinates(place.group(1), int(place.group(2)), "".join(found.group(1).split()) if found else "")


def holds_coordinates(head: bytes) -> bool:
    """Whether the coordinates have come: the snapshot stands then."""
    return bool(re.search(PLACE + ";", head.decode("utf-8", "replace")))


class DumpReader:
    """Watches a dump's text go by: keeps its head and tail, and tells which table is passing."""

    def __init__(self) -> None:
        self.head = b""
        self.tail = b""
        self.total = 0
        self.tables = 0
        self._edge = b""

    def feed(self, chunk: bytes) -> int:
        """Take a chunk; returns how many tables began in it."""
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        self.total += len(chunk)
        self.tail = (self.tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
        # A mark may lie across two chunks.
        window = self._edge + chunk
        begun = window.count(TABLE_MARK)
        self._edge = window[-(len(TABLE_MARK) - 1) :]
        self.tables += begun
        return begun

    def check_complete(self) -> None:
        """Fail where the dump's last line is missing: it was cut off, whatever the exit codes say."""
        if TRAILER not in self.tail:
            raise MigrationError("the dump is cut off: its last line (%r) is missing after %d bytes" % (TRAILER.decode(), self.total))
