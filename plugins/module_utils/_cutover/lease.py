# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The lease: the fence's time limit, kept by the source's own host. It reopens the source unless somebody took it before.

It ends in exactly one of two ways, and one rename decides which: the commit takes it, or its timer fires. That heals a
dead target, a dead controller and a cut network without anybody's help; and a commit that comes too late learns it.
"""

# Run by the agent and by its own timer, not in a module: it answers on standard output.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

from .._errors import MigrationError, Refusal
from .._jobs.payload import BOOT
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.files import read_text, remove, write_json, write_text
from .._state.paths import directory
from .events import set_scheduler
from .hold import remove_hold

OTHERS = (
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND ID <> CONNECTION_ID()"
)


def _paths(folder: str, token: str) -> tuple[str, str, str]:
    """The armed lease, the one that somebody holds who ended it, and the word that stays."""
    if not token.isalnum():
        raise Refusal("%r names no lease" % token[:40])
    return tuple(os.path.join(folder, "lease-%s.%s" % (token, end)) for end in ("json", "ended", "outcome"))  # type: ignore[return-value]


def arm(request: dict) -> None:
    """Start the timer.

    :param request: migration_id, token, seconds, login (an endpoint's fields), hold (path), accounts, scheduler
    """
    folder = directory(request["migration_id"])
    write_json(_paths(folder, request["token"])[0], request)
    payload = os.path.join(folder, "agent.zip")
    command = [sys.executable, "-I", "-c", BOOT % "_cutover.lease", payload, folder, request["token"]]
    seconds = float(request["seconds"])
    if os.path.isdir("/run/systemd/system") and shutil.which("systemd-run"):
        unit = "nordbridge-%s-lease-%s" % (request["migration_id"], request["token"])
        wrapped = ["systemd-run", "--quiet", "--collect", "--unit", unit, "--on-active", "%dms" % int(seconds * 1000)]
        done = subprocess.run(wrapped + ["--timer-property=AccuracySec=100ms", "--"] + command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MigrationError("the lease's timer could not be armed: %s" % done.stderr.strip())
        return
    subprocess.Popen(  # pylint: disable=consider-using-with  # it outlives this process on purpose
        command + [str(seconds)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def end(folder: str, token: str, word: str) -> bool:
    """End a lease with a word; False where it had ended with another. Asking again gives the same answer."""
    armed, ended, outcome = _paths(folder, token)
    try:
        os.rename(armed, ended)
    except FileNotFoundError:
        return read_text(outcome) == word
    if word == "taken":
        # It holds a password: only the word stays.
        write_text(outcome, word)
        remove(ended)
        return True
    write_text(outcome, word)
    return True


def take(request: dict) -> bool:
    """Take the lease for the commit or for an undo; False where its timer has fired."""
    return end(directory(request["migration_id"]), request["token"], "taken")


def settle(request: dict) -> bool:
    """See that nothing of a lease is under way, before an undo or another attempt; False where that cannot be said.

    One that has fired may be waiting for a server that restarts, or have died with its host: it is ended, for the undo
    that asks does the same work.
    """
    _armed, ended, _outcome = _paths(directory(request["migration_id"]), request["token"])
    if not os.path.exists(ended):
        return True
    if not shutil.which("systemctl"):
        return False
    unit = "nordbridge-%s-lease-%s.service" % (request["migration_id"], request["token"])
    subprocess.run(["systemctl", "stop", unit], capture_output=True, check=False)
    remove(ended)
    return True


def serve(request: dict) -> None:
    """Arm, then wait on the same connection for the word to take it: a new one would cost the write stop its handshake."""
    arm(request)
    print(json.dumps({"armed": True}), flush=True)
    if sys.stdin.readline().strip() == "take":
        print(json.dumps({"taken": take(request)}), flush=True)


def reopen(server: Flavour, request: dict) -> None:
    """Make the source writable again, as it was before the cutover began."""
    connection = server.connection
    for row in connection.rows(OTHERS):
        # One of them may hold MariaDB's read lock.
        connection.run("KILL %d" % int(row["id"]))
    server.open_fence()
    connection.run("SET SESSION sql_log_bin = 0")
    for user, host in request["accounts"]:
        server.lock_account(user, host, False)
    set_scheduler(server, request["scheduler"])
    remove_hold(request["hold"])


def fire(folder: str, token: str, pause: float = 1.0) -> None:
    """The timer's end: reopen, and try again until the server answers, for it may be restarting."""
    if not end(folder, token, "fired"):
        return
    ended = _paths(folder, token)[1]
    with open(ended, encoding="utf-8") as stream:
        request = json.load(stream)
    while True:
        try:
            with connect(Endpoint(**request["login"]), "source", read_timeout=30) as connection:
                reopen(open_flavour(connection), request)
            break
        except MigrationError as error:
            print(error, file=sys.stderr)
            time.sleep(pause)
    remove(ended)


def main() -> None:
    """Run by the timer: BOOT passes the pack first, then the folder and the token; without systemd the seconds to wait."""
    if len(sys.argv) > 4:
        time.sleep(float(sys.argv[4]))
    fire(sys.argv[2], sys.argv[3])
