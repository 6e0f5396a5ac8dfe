# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a rollback without reverse replication would lose: counted in transactions, and in rows where that is cheap."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import typing as t
from collections import Counter

from .._replication.status import only_status
from .._server.base import Flavour
from .._state.paths import SCHEMA

PROGRAMS = ("mariadb-binlog", "mysqlbinlog")
# Beyond this the rows are left uncounted: the transactions are known anyway.
SECONDS = 20.0
ROW = re.compile(r"^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)+)`\.`((?:[^`]|``)+)`")
VERBS = {"INSERT INTO": "inserted", "UPDATE": "updated", "DELETE FROM": "deleted"}


def lost_writes(new: Flavour, old: Flavour, cutover: dict, rows: bool = True) -> dict:
    """What the new server holds and the old one does not.

    :param cutover: the facts of the cutover
    :param rows: also count rows by table, from the binary log on this host
    :returns: transactions, from and to (GTIDs), tables ({name: {inserted, updated, deleted}} or None where they were not counted),
        own (transactions of the migration's own heartbeat, None likewise), kept_in (where the writes stay readable)
    """
    base = cutover["position"]["gtid"]
    if only_status(old).configured:
        base = old.gtid_applied()
    written = new.gtid_written()
    place = cutover.get("promoted_position") or {}
    # An old server that followed for a while has some of it: the log would have to be read from a place that nobody noted.
    counted = _rows(new, place) if rows and place and base == cutover["position"]["gtid"] else None
    own = sum(counted.pop("%s.heartbeat" % SCHEMA, {}).values()) if counted is not None else None
    kept = "%(file)s:%(position)d" % place if place else ""
    return {
        "transactions": new.gtid_count(written, base),
        "from": base,
        "to": written,
        "tables": counted,
        "own": own,
        "kept_in": kept,
    }


def _rows(new: Flavour, place: dict) -> dict[str, dict[str, int]] | None:
    """Rows by table and kind since a place in the binary log; None where it cannot be read in time."""
    program = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    folder = os.path.dirname(new.connection.variable("log_bin_basename") or "")
    names = [str(row["Log_name"]) for row in new.connection.rows("SHOW BINARY LOGS")]
    if not program or not folder or place["file"] not in names:
        return None
    files = [os.path.join(folder, name) for name in names[names.index(place["file"]) :]]
    command = [program, "--no-defaults", "--base64-output=DECODE-ROWS", "--verbose", "--start-position=%d" % place["position"], *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        counts = _count(t.cast(t.BinaryIO, process.stdout), time.monotonic() + SECONDS)
        if counts is None:
            process.kill()
    return counts if process.returncode == 0 else None


def _count(lines: t.Iterable[bytes], deadline: float) -> dict[str, dict[str, int]] | None:
    found: dict[str, Counter] = {}
    for number, line in enumerate(lines):
        if number % 10000 == 0 and time.monotonic() > deadline:
            return None
        match = ROW.match(line.decode("utf-8", "replace")) if line.startswith(b"### ") else None
        if match:
            name = ".".join(part.replace("``", "`") for part in match.group(2, 3))
            found.setdefault(name, Counter())[VERBS[match.group(1)]] += 1
    return {name: dict(found[name]) for name in sorted(found)}


def in_words(lost: dict, most: int = 20) -> str:
    """The list for people, on one line."""
    text = "%d transactions (%s to %s)" % (lost["transactions"], lost["from"] or "the beginning", lost["to"])
    if lost["own"]:
        text += ", %d of them the migration's own heartbeat" % lost["own"]
    if lost["tables"] is None:
        return text + "; their rows were not counted"
    parts = []
    for name, kinds in lost["tables"].items():
        parts.append("%s %s" % (name, ", ".join("%d %s" % (kinds[verb], verb) for verb in VERBS.values() if verb in kinds)))
    if len(parts) > most:
        parts[most:] = ["and %d more tables" % (len(parts) - most)]
    return "%s; rows: %s" % (text, "; ".join(parts) or "none")
