#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DBA would use instead: a short program on the new server's host, with its connections opened before anything stops.

    foils.py script|orchestrator-order < LOGINS

LOGINS is JSON: client (mysql or mariadb), source and target (what PyMySQL's connect takes), haproxy (its socket). It prints
when it began to stop writes and when the new server was writable, in seconds since the epoch. No undo, no lease, no check
but the wait's answer.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

FENCE = {"mariadb": "SET GLOBAL read_only = ON", "mysql": "SET GLOBAL super_read_only = ON"}
POSITION = {"mariadb": "SELECT @@global.gtid_binlog_pos", "mysql": "SELECT @@global.gtid_executed"}
WAIT = {"mariadb": "SELECT MASTER_GTID_WAIT(%s, 30)", "mysql": "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, 30)"}
COORDINATES = {"mariadb": "SHOW MASTER STATUS", "mysql": "SHOW BINARY LOG STATUS"}
TURN = ("disable server mysql/us-db1", "shutdown sessions server mysql/us-db1", "enable server mysql/oslo-db1")
#: orchestrator looks each half second (retryInterval) whether the replica is there, and for its ReasonableMaintenanceReplicationLagSeconds.
LOOK_S, PATIENCE_S = 0.5, 20.0


def ask(cursor: Any, text: str, *values: Any) -> dict[str, Any]:
    """One row of a statement."""
    cursor.execute(text, values)
    return cursor.fetchone() or {}


def turn(path: str) -> None:
    """Send the clients to the new server."""
    for words in TURN:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(path)
            asked.sendall(words.encode() + b"\n")
            asked.recv(4096)


def by_gtid(client: str, source: Any, target: Any) -> None:
    """The script's wait: for the source's GTID, by the target itself."""
    (position,) = ask(source, POSITION[client]).values()
    (late,) = ask(target, WAIT[client], position.replace("\n", "")).values()
    if late:
        raise SystemExit("foils: the target did not arrive")


def by_coordinates(client: str, source: Any, target: Any) -> None:
    """orchestrator's wait: it reads the source's file and position, and looks now and then at the replica's."""
    end = ask(source, COORDINATES[client])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status = ask(target, "SHOW REPLICA STATUS")
        file, place = (
            next(status[name] for name in status if name in names)
            for names in (("Relay_Master_Log_File", "Relay_Source_Log_File"), ("Exec_Master_Log_Pos", "Exec_Source_Log_Pos"))
        )
        if (file, int(place)) >= (end["File"], int(end["Position"])):
            return
        if time.monotonic() > deadline:
            raise SystemExit("foils: the target did not arrive")
        time.sleep(LOOK_S)


WAITS = {"script": by_gtid, "orchestrator-order": by_coordinates}


def main() -> None:
    """Connect, and then the cutover."""
    import pymysql

    given, wait = json.load(sys.stdin), WAITS[sys.argv[1]]
    options = {"autocommit": True, "cursorclass": pymysql.cursors.DictCursor}
    source, target = (pymysql.connect(**given[side], **options).cursor() for side in ("source", "target"))
    closed_at = time.time()
    source.execute(FENCE[given["client"]])
    wait(given["client"], source, target)
    for text in ("STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL read_only = OFF"):
        target.execute(text)
    opened_at = time.time()
    turn(given["haproxy"])
    print(json.dumps({"closed_at": closed_at, "opened_at": opened_at}))


if __name__ == "__main__":
    main()
