# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The lease: the fence's time limit, kept by the source's own host. It reopens the source unless the commit ended it before.

It ends in exactly one of two ways, "committed" or "fired", and which one is decided by who makes its outcome's file first.
That file is the commit itself: whoever finds a cutover in doubt asks for it. The timer's work can be asked for early, by an
undo, and then only leaves the timer less to do; so there is no moment at which nobody would open the source.
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
import typing as t
from contextlib import contextmanager

from .._errors import MigrationError, Refusal, ServerError
from .._jobs.payload import BOOT
from .._server.base import Flavour
from .._server.connection import Connection, connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.files import open_lock, read_json, read_text, remove, sync_directory, take_lock, write_json, write_text
from .._state.paths import directory
from .events import set_scheduler
from .hold import remove_hold
from .turn import turn

OTHERS = (
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND ID <> CONNECTION_ID()"
)


NO_SUCH_ACCOUNT = 1396  # ER_CANNOT_USER
NO_SUCH_THREAD = 1094  # ER_NO_SUCH_THREAD
COMMITTED, FIRED = "committed", "fired"
# A boot ends the timer: a unit beside it does its work then. https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html
UNITS = "/etc/systemd/system"
BOOT_UNIT = """[Unit]
Description=Open the source again after a cutover that this host's end has interrupted
After=mariadb.service mysql.service
[Service]
ExecStart=%s
[Install]
WantedBy=multi-user.target
"""
# How long one that asks for the timer's work waits for it.
FINISH_SECONDS = 20.0


def _paths(folder: str, token: str) -> tuple[str, str]:
    """The armed lease, which stays until its work is done, and the word that it ended with, which stays for good."""
    if not token.isalnum():
        raise Refusal("%r names no lease" % token[:40])
    return tuple(os.path.join(folder, "lease-%s.%s" % (token, end)) for end in ("json", "outcome"))  # type: ignore[return-value]


def arm(request: dict) -> None:
    """Start the timer.

    :param request: migration_id, token, seconds, login (an endpoint's fields), hold (path), accounts, scheduler
    :raises MigrationError: where this host could not open its server: found at the timer's end, that would help nobody
    """
    folder, token = directory(request["migration_id"]), request["token"]
    with connect(Endpoint(**request["login"]), "source, from its own host", read_timeout=10):
        pass
    write_json(_paths(folder, token)[0], request)
    payload = os.path.join(folder, "agent.zip")
    command = [sys.executable, "-I", "-c", BOOT % "_cutover.lease", payload, folder, token]
    seconds = float(request["seconds"])
    if not (os.path.isdir("/run/systemd/system") and shutil.which("systemd-run")):
        subprocess.Popen(  # pylint: disable=consider-using-with  # it outlives this process on purpose
            command + [str(seconds)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        return
    _place_boot_unit(request["migration_id"], token, command)
    unit = "nordbridge-%s-lease-%s" % (request["migration_id"], token)
    wrapped = ["systemd-run", "--quiet", "--collect", "--unit", unit, "--on-active", "%dms" % int(seconds * 1000)]
    done = subprocess.run(wrapped + ["--timer-property=AccuracySec=100ms", "--"] + command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MigrationError("the lease's timer could not be armed: %s" % done.stderr.strip())


def _boot_unit(migration_id: str, token: str) -> tuple[str, str]:
    """The boot's unit and the link that has it started."""
    name = "nordbridge-%s-boot-%s.service" % (migration_id, token)
    return os.path.join(UNITS, name), os.path.join(UNITS, "multi-user.target.wants", name)


def _place_boot_unit(migration_id: str, token: str, command: list[str]) -> None:
    """Files alone: they are read at the next boot, and nothing has to be reloaded for them now."""
    unit, link = _boot_unit(migration_id, token)
    words = ['"%s"' % word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") for word in command]
    write_text(unit, BOOT_UNIT % " ".join(words), mode=0o644)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(unit, link)
    sync_directory(os.path.dirname(link))


def _forget(request: dict) -> None:
    """Remove what a lease needed for its work: it holds a password."""
    for path in _boot_unit(request["migration_id"], request["token"]):
        remove(path)
    remove(_paths(directory(request["migration_id"]), request["token"])[0])


def decide(folder: str, token: str, word: str) -> str:
    """The word that a lease ends with: this one, or another that was there first. Asking again gives the same answer."""
    outcome = _paths(folder, token)[1]
    own = "%s.%d" % (outcome, os.getpid())
    write_text(own, word)
    try:
        # The word appears with its name or not at all, and the first name stays.
        os.link(own, outcome)
        sync_directory(folder)
    except FileExistsError:
        pass
    finally:
        os.unlink(own)
    return read_text(outcome)


def take(request: dict) -> bool:
    """End the lease by the commit; False where it has fired."""
    folder = directory(request["migration_id"])
    with turn(folder, request["turn"]):
        return decide(folder, request["token"], COMMITTED) == COMMITTED


def finish(request: dict) -> dict:
    """End the lease by doing its timer's work now, unless the commit has ended it.

    :returns: outcome, one of committed and fired; settled, False where the work could not be done yet and the timer goes on with it
    """
    folder, token = directory(request["migration_id"]), request["token"]
    outcome = decide(folder, token, FIRED)
    return {"outcome": outcome, "settled": outcome == COMMITTED or open_source(folder, token, FINISH_SECONDS)}


def placed_under(request: dict, place: t.Callable[[], bool]) -> bool:
    """Place the hold while the lease stands that will remove it, and not beside its removal.

    :raises MigrationError: where the lease has ended
    """
    folder, token = directory(request["migration_id"]), request["token"]
    armed, outcome = _paths(folder, token)
    with _reopening(folder, FINISH_SECONDS) as free:
        if not free or not os.path.exists(armed) or os.path.exists(outcome):
            raise MigrationError("the lease has ended: the source is not held")
        return place()


def serve(request: dict) -> None:
    """Arm, then wait on the same connection for the word to take it: a new one would cost the write stop its handshake."""
    with turn(directory(request["migration_id"]), request["turn"]):
        arm(request)
    print(json.dumps({"armed": True}), flush=True)
    if sys.stdin.readline().strip() == "take":
        taken = take(request)
        print(json.dumps({"taken": taken}), flush=True)
        if taken:
            _forget(request)


def open_account(server: Flavour, user: str, host: str) -> None:
    """Open an account that was closed; one that was dropped meanwhile needs no opening."""
    try:
        server.lock_account(user, host, False)
    except ServerError as error:
        if error.errno != NO_SUCH_ACCOUNT:
            raise


def end_session(connection: Connection, number: int) -> None:
    """End a session, which may have ended by itself."""
    try:
        connection.run("KILL %d" % number)
    except ServerError as error:
        if error.errno != NO_SUCH_THREAD:
            raise


def reopen(request: dict) -> None:
    """Make the source writable again, as it was before the cutover began."""
    # First: a restart from here on opens the source, too. Last, one that comes between would leave it closed.
    remove_hold(request["hold"])
    with connect(Endpoint(**request["login"]), "source", read_timeout=30) as connection:
        server = open_flavour(connection)
        for row in connection.rows(OTHERS):
            # One of them may hold MariaDB's read lock, or wait for it. It may also have ended by itself.
            end_session(connection, int(row["id"]))
        server.open_fence()
        connection.run("SET SESSION sql_log_bin = 0")
        for user, host in request["accounts"]:
            open_account(server, user, host)
        set_scheduler(server, request["scheduler"])


@contextmanager
def _reopening(folder: str, seconds: float | None) -> t.Iterator[bool]:
    """One at a time does a lease's work, for each ends the others' sessions. Gives False where the time is over."""
    with open_lock(os.path.join(folder, "reopen.lock")) as lock:
        yield take_lock(lock, seconds)


def open_source(folder: str, token: str, seconds: float | None = None, pause: float = 1.0) -> bool:
    """A fired lease's work, tried until the server answers, for it may be restarting; False where the time is over.

    :param seconds: None for as long as it takes
    """
    armed, _outcome = _paths(folder, token)
    deadline = None if seconds is None else time.monotonic() + seconds
    with _reopening(folder, seconds) as free:
        while free:
            request = read_json(armed)
            if request is None:
                return True  # somebody has done it
            try:
                reopen(request)
                _forget(request)
                return True
            except MigrationError as error:
                print(error, file=sys.stderr)
            if deadline is not None and time.monotonic() + pause > deadline:
                return False
            time.sleep(pause)
    return False


def fire(folder: str, token: str) -> None:
    """The timer's end, or the boot that ended the timer."""
    if decide(folder, token, FIRED) == FIRED:
        open_source(folder, token)
        return
    request = read_json(_paths(folder, token)[0])
    if request is not None:
        _forget(request)


def main() -> None:
    """Run by the timer: BOOT passes the pack first, then the folder and the token; without systemd the seconds to wait."""
    if len(sys.argv) > 4:
        time.sleep(float(sys.argv[4]))
    fire(sys.argv[2], sys.argv[3])
