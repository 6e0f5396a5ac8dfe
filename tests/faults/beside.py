# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else is on the old server's host: programs with privileges that go on through the cutover and after it, by root's socket.

Each is a line of a table. What a writer of these was told to be written must be on the new primary, like the ledger's rows.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass

#: In the command line of the program, to be found by.
MARK = "faults-beside"
PASSWORD = "faults-beside-b7"
SOCKET = "/run/mysqld/mysqld.sock"
NOTES = "/root/%s.log" % MARK

#: The accounts and routines, made before the migration: they are carried like any others.
ROUTINES = (
    f"CREATE USER boss@localhost IDENTIFIED BY '{PASSWORD}'",
    "GRANT ALL PRIVILEGES ON *.* TO boss@localhost WITH GRANT OPTION",
    f"CREATE USER caller@localhost IDENTIFIED BY '{PASSWORD}'",
    "CREATE DEFINER = root@localhost PROCEDURE ledger.stray(IN number BIGINT) SQL SECURITY DEFINER"
    " INSERT INTO ledger.probes VALUES ('definer', number)",
    "GRANT EXECUTE ON PROCEDURE ledger.stray TO caller@localhost",
    "CREATE DEFINER = root@localhost EVENT ledger.stray_event ON SCHEDULE EVERY 1 SECOND DISABLE DO"
    " INSERT INTO ledger.probes SELECT 'event', COALESCE(MAX(n), 0) + 1 FROM ledger.probes WHERE server = 'event'",
)


@dataclass(frozen=True)
class Beside:
    """A program that goes on.

    :param statements: {n} is a number that grows with each try
    :param again: a connection for each try, as a client from cron makes one
    :param every_s: seconds between two tries
    :param rows: it writes a row of its name and number, which must not be lost
    :param before: what root says on the source before it starts
    """

    name: str
    statements: tuple[str, ...] = ()
    user: str = "root"
    again: bool = False
    every_s: float = 0.03
    rows: bool = True
    before: str = ""


def _row(name: str) -> tuple[str, ...]:
    return ("INSERT INTO ledger.probes VALUES ('%s', {n})" % name,)


BESIDE = {
    one.name: one
    for one in (
        Beside("root_cron", _row("root_cron"), again=True),
        Beside("root_session", _row("root_session")),
        Beside("all_session", _row("all_session"), "boss"),
        Beside("definer", ("CALL ledger.stray({n})",), "caller"),
        # Nobody is told that it has written: both binary logs are asked, as for all.
        Beside("event", rows=False, before="ALTER EVENT ledger.stray_event ENABLE"),
        Beside("config_tool", ("SET GLOBAL super_read_only = 0", "SET GLOBAL read_only = 0"), again=True, every_s=1.0, rows=False),
    )
}

#: Runs on the source's host. Each try's number and outcome go into a file: 0, or the server's error.
PROGRAM = r'''
import json, sys, time
import pymysql
one, password, socket, notes = json.loads(sys.argv[2])
number, connection = 0, None
with open(notes, "w", buffering=1) as out:
    while True:
        time.sleep(one["every_s"])
        number += 1
        for text in one["statements"]:
            code = 0
            try:
                if connection is None:
                    connection = pymysql.connect(
                        unix_socket=socket, user=one["user"], password="" if one["user"] == "root" else password, autocommit=True,
                        connect_timeout=3, read_timeout=20)
                with connection.cursor() as cursor:
                    cursor.execute(text.format(n=number))
            except Exception as error:
                code = error.args[0] if error.args and isinstance(error.args[0], int) else -1
                if connection is not None and not 1000 <= code < 2000:
                    connection = None
        if one["again"] and connection is not None:
            connection.close()
            connection = None
        out.write("%d %s %f\n" % (number, code, time.time()))
'''


def start_line(one: Beside) -> str:
    """The shell's line that starts it, out of reach of the shell's end."""
    told = json.dumps([asdict(one), PASSWORD, SOCKET, NOTES])
    return "setsid python3 -c %s %s %s >/root/%s.out 2>&1 </dev/null &" % (shlex.quote(PROGRAM), MARK, shlex.quote(told), MARK)


def done(notes: str) -> tuple[list[int], int]:
    """The numbers of the tries that went well, and how many did not."""
    tries = [line.split() for line in notes.splitlines() if len(line.split()) == 3]
    good = [int(number) for number, code, _at in tries if code == "0"]
    return good, len(tries) - len(good)
