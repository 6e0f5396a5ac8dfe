# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a clone sends over the wire: at most how much a second, and whether it is compressed."""

from __future__ import annotations

import time
import typing as t
from contextlib import contextmanager

from ...context import Seed

# https://dev.mysql.com/doc/refman/en/clone-plugin-options-variables.html: MiB a second, on the recipient.
LIMIT = "clone_max_network_bandwidth"
COMPRESSION = "clone_enable_compression"
# Bytes a second that a way must carry for data to go as it is. Measured where both servers shared two cores: a compressed clone took
# in 31 MB/s of data and sent less than half of it. What lies above that is room for servers with more cores, and was not measured.
WIDE = 40_000_000.0
# A row that no link can compress away, far below the usual max_allowed_packet: a larger one than that would arrive as NULL, at once.
PIECE = 512 << 10
ROWS = "SELECT REPEAT(RANDOM_BYTES(1024), %d) AS piece FROM (%%s) AS pieces" % (PIECE >> 10)
# A connection's pace grows with what has arrived, and the first of it fills the buffers on the way.
WARM_UP, PIECES = 4, 16


class Wire(t.NamedTuple):
    """How a clone crosses, and why."""

    compressed: bool
    words: str


def choose_wire(seed: Seed) -> Wire:
    """Whether to compress; where that is for us to say, by what the way carries."""
    wish = seed.options["clone_compression"]
    if wish != "auto":
        return Wire(wish == "always", "CLONE %s on the wire: clone_compression is %s" % ("compresses" if wish == "always" else "does not compress", wish))
    connection, bandwidth = seed.source.connection, seed.options["bandwidth"] * 125000.0
    carries = speed(lambda pieces: connection.rows(ROWS % " UNION ALL ".join(["SELECT 1"] * pieces)) if pieces else connection.value("SELECT 1"))
    narrow = min(carries, bandwidth or carries) < WIDE
    told = "the way from the source carries about %.0f MB/s" % (carries / 1e6)
    if bandwidth and bandwidth < carries:
        told += ", of which %.0f MB/s may be used" % (bandwidth / 1e6)
    return Wire(narrow, "CLONE %s on the wire: %s" % ("compresses" if narrow else "does not compress", told))


def speed(fetch: t.Callable[[int], object], clock: t.Callable[[], float] = time.monotonic) -> float:
    """Bytes a second that come from the source over one connection. The round trip is taken off: a clone does not ask again and again.

    :param fetch: gets so many pieces in one answer
    """

    def took(pieces: int) -> float:
        began = clock()
        fetch(pieces)
        return clock() - began

    fetch(WARM_UP)
    trip = min(took(0) for _again in range(3))
    return PIECE * PIECES / max(took(PIECES) - trip, 1e-6)


@contextmanager
def carried(seed: Seed, compressed: bool) -> t.Iterator[None]:
    """The recipient takes no more than the bandwidth, compressed or not, and what it was set to before where its server goes on with it.

    A clone that works ends in a restart, which brings the configured values back by itself.
    """
    connection, bandwidth = seed.target.connection, seed.options["bandwidth"]
    before = {LIMIT: str(int(connection.variable(LIMIT) or 0)), COMPRESSION: connection.variable(COMPRESSION) or "OFF"}
    # Whole MiB a second, and 0 is no limit.
    wanted = {LIMIT: str(max(1, bandwidth * 1000000 // 8 >> 20))} if bandwidth else {}
    _set(seed, {**before, **wanted, COMPRESSION: "ON" if compressed else "OFF"})
    try:
        yield
    except BaseException:
        # The connection may be one that was interrupted, or went with the server; another try needs one that works.
        seed.reopen_target()
        _set(seed, before)
        raise


def _set(seed: Seed, values: dict[str, str]) -> None:
    for name, value in values.items():
        seed.target.connection.run("SET GLOBAL %s = %s" % (name, value))
