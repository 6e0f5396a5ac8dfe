# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Holding up the source's commits until several sessions have one snapshot.

The lock is taken by the agent on the source's own host, and its time limit runs there: where the network dies meanwhile, or the copy,
the source's clients go on all the same. A program's own lock, taken through the tunnel, would stand until somebody notices.
MariaDB's backup stages hold up commits and nothing else; they flush no tables and wait for no reader.
https://mariadb.com/kb/en/backup-stage/
"""

# serve() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import select
import sys
import time
import typing as t
from contextlib import suppress

from ..._bridge.call import agent_command
from ..._bridge.json_lines import JsonLinesProcess
from ..._errors import MigrationError
from ..._server.base import Flavour
from ..._server.connection import connect
from ..._server.endpoint import Endpoint
from ..._server.flavour import open_flavour

# What the hold costs beside its statements: ssh, Python and the agent's start are in front of it.
START_SECONDS = 30.0
END_SECONDS = 5.0


def place(source: Flavour) -> dict:
    """Where the source's binary log stands: file, position, and the GTIDs up to there."""
    file, position = source.binlog_position()
    return {"file": file, "position": position, "gtid": source.gtid_written() if source.gtid_on else ""}


def serve(request: dict) -> None:
    """The agent's verb `freeze`: hold up commits, say where the binary log stands, and let go at a word, at its end, or in time.

    :param request: login (an endpoint's fields), lock_wait (seconds for the lock), seconds (that it may be held)
    """
    with connect(Endpoint(**request["login"]), "source") as connection:
        source = open_flavour(connection)
        connection.run("SET SESSION lock_wait_timeout = %d" % int(request["lock_wait"]))
        asked = time.monotonic()
        # Where anything fails from here on, the end of the connection ends the hold.
        connection.run(source.statement("backup_lock"))
        connection.run(source.statement("hold_commits"))
        _say({"place": place(source)})
        left = float(request["seconds"]) - (time.monotonic() - asked)
        ready, _write, _error = select.select([sys.stdin], [], [], max(0.0, left))
        word, after = bool(ready and sys.stdin.readline(200)), place(source)
        connection.run(source.statement("backup_unlock"))
        _say({"asked": word, "place": after, "seconds": round(time.monotonic() - asked, 3)})


def _say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


class CommitBlock:
    """The other side: commits are held up within it, until release() or the time is up."""

    def __init__(self, migration_id: str, request: dict, command: list | None = None) -> None:
        """Prepare.

        :param request: of the verb
        :param command: another way to the agent than ssh
        """
        self.command = command or agent_command(migration_id, "freeze")
        self.request = request
        self.place: dict = {}
        self._process: JsonLinesProcess | None = None

    def __enter__(self) -> CommitBlock:
        why = "the source's commits could not be held up: the agent"
        self._process = JsonLinesProcess(self.command, why + " is gone", why + " gave no answer")
        try:
            self._process.say(json.dumps(self.request))
            self.place = self._process.answer(START_SECONDS + float(self.request["lock_wait"]))["place"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def release(self) -> float:
        """Let the commits go on. Returns for how many seconds they were held up.

        :raises MigrationError: where the hold had ended by itself before, or the source went on under it
        """
        talk = t.cast(JsonLinesProcess, self._process)
        with suppress(MigrationError):
            talk.say("release")  # else it has let go by itself, and said so
        told = talk.answer(START_SECONDS)
        if not told["asked"] or told["place"] != self.place:
            raise MigrationError(
                "the snapshots took longer than the %.1f s for which the source's commits may be held up (migration_target_seed_hold_seconds): "
                "they are not of one time, and nothing was copied" % float(self.request["seconds"])
            )
        return float(told["seconds"])

    def __exit__(self, *_exc: object) -> None:
        """Whatever happened: the end of its input lets the agent go on at once."""
        if self._process:
            self._process.close(END_SECONDS)
