#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open-loop client: writes arrive at fixed times, whether or not earlier ones have been answered.

    arrivals.py --endpoint FILE --rate PER_SECOND --out FILE [--connections 16]    until SIGTERM

Each arrival is one row of ledger.probes (server 'arrivals'), tried until it is acknowledged. Its latency counts from the time
it was meant to begin: a client that waits for one answer before it asks again would hide all but one of the slow requests.
FILE gets a line an arrival: number, intended and acknowledged (microseconds of the monotonic clock; 0 for never), tries.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "molecule/shared"))

import pymysql  # noqa: E402
from ledger_files import Dialer, Failure, mono_us, read_login  # noqa: E402

SERVER = "arrivals"
INSERT = "INSERT INTO ledger.probes VALUES ('" + SERVER + "', %d)"
#: ER_DUP_ENTRY: an earlier try was done, and its answer was lost.
DONE_BEFORE = 1062
PATIENCE_S = 1.0
PAUSE_S = 0.003
#: How many refusals in a row until the connection is made anew: behind a proxy only that finds the new server.
REFUSALS = 8


class Arrival(NamedTuple):
    """A write; times in microseconds of the monotonic clock, acknowledged_us 0 where it never was."""

    number: int
    intended_us: int
    acknowledged_us: int
    tries: int

    def line(self) -> str:
        """The file's line."""
        return "%d\t%d\t%d\t%d\n" % self


class Client:
    """The arrivals, and the connections that take them."""

    def __init__(self, endpoint: Path, rate: float) -> None:
        self.endpoint, self.every_us = endpoint, 1e6 / rate
        self.begun_us = mono_us()
        self.numbers = itertools.count()
        self.taken: list[Arrival] = []
        self.end = threading.Event()

    def work(self) -> None:
        """Take arrivals one after another; where all connections are busy, the next one is late, and that counts."""
        dialer, connection = Dialer(PATIENCE_S, PATIENCE_S), None  # type: Dialer, Any
        while not self.end.is_set():
            number = next(self.numbers)
            intended = int(self.begun_us + number * self.every_us)
            if self.end.wait(max(0.0, (intended - mono_us()) / 1e6)):
                return
            tries, done, refused = 0, 0, 0
            while not done and not self.end.is_set():
                tries += 1
                try:
                    connection = connection or dialer.open(read_login(self.endpoint), autocommit=True)
                    connection.query(INSERT % number)
                    done = mono_us()
                except (pymysql.MySQLError, Failure, OSError, AttributeError, ValueError) as error:
                    if error.args[:1] == (DONE_BEFORE,):
                        done = mono_us()
                        continue
                    refused += 1
                    answered = isinstance(error, pymysql.MySQLError) and 1000 <= int(error.args[0] or 0) < 2000
                    if not answered or refused % REFUSALS == 0:
                        _close(connection)
                        connection = None
                    time.sleep(PAUSE_S)
            self.taken.append(Arrival(number, intended, done, tries))
        _close(connection)


def _close(connection: Any) -> None:
    if connection is not None:
        connection._force_close()


def read(path: Path) -> list[Arrival]:
    """The arrivals of a file, in order."""
    return [Arrival(*map(int, line.split("\t"))) for line in path.read_text(encoding="utf-8").splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until it is told to end, and then write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True, help="arrivals a second")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.rate <= 0:
        parser.error("--rate must be positive")
    client = Client(given.endpoint, given.rate)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_unused: client.end.set())
    workers = [threading.Thread(target=client.work) for _unused in range(given.connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    given.out.write_text("".join(arrival.line() for arrival in sorted(client.taken)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
