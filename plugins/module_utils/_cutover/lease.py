# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The lease: the fence's time limit, kept by the fenced server's own host. It opens the server unless the commit ended it before.

It ends in exactly one of two ways, "committed" or "fired", by who decides first about the fence's record (see _state/fences.py).
That record is the commit itself: whoever finds a cutover in doubt asks for it. What the lease does at its end is done by a service
that was started when it was armed (lease_service.py), and may be asked for early by an undo.
"""

# Run by the agent, not in a module: it answers on standard output.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import typing as t

from .._accounts.logins import KEEP_FILE
from .._errors import MigrationError, Refusal, ServerError
from .._jobs.payload import boot
from .._jobs.record import boot_id, is_locked
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.fences import ARMED, COMMITTED, FIRED, RELEASED, Fence, decide_fence, fence_lock, find_fence, place_fence, read_fence
from .._state.files import open_lock, read_json, remove, sync_directory, take_lock, write_json, write_text
from .._state.paths import directory
from .access import end_sessions, give_privileges, open_server, sessions_left, strangers_privileges, take_privileges
from .hold import check_place, place_hold

# A boot ends the service: a unit beside it starts it then. https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html
UNITS = "/etc/systemd/system"
BOOT_UNIT = """[Unit]
Description=Keep the word of a cutover on this server through a restart of its host
After=mariadb.service mysql.service
[Service]
ExecStart=%s
Restart=always
RestartSec=1
SuccessExitStatus=9
RestartPreventExitStatus=9
[Install]
WantedBy=multi-user.target
"""
# Started again however it dies, but not when it says that its work is done; the last to be killed for memory.
# https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
DONE = 9
LASTING = (
    "Restart=always", "RestartSec=200ms", "StartLimitIntervalSec=0", "OOMScoreAdjust=-1000", "SuccessExitStatus=%d" % DONE,
    "RestartPreventExitStatus=%d" % DONE,
)  # fmt: skip
# How long its start may take; how long one that asks for its work waits for it, and then does it itself.
READY_SECONDS = 15.0
FINISH_SECONDS = 20.0
STAND_IN_SECONDS = 3.0
SQL_SECONDS = 10
# A word over the connection that armed the lease is no longer than this.
MAX_WORD = 200
NOT_GIVEN = "this host has lost its own record of the privileges that were taken; see whether these accounts need theirs again: %s"
# How long sessions that were asked to end are waited for.
ENDING_SECONDS = 2.0


def lease_path(folder: str, token: str) -> str:
    """What a lease needs for its work. It holds a password, and stays as long as the server's being closed is this migration's."""
    if not token.isalnum():
        raise Refusal("%r is not the name of a lease" % token[:40])
    return os.path.join(folder, "lease-%s.json" % token)


def lock_path(folder: str, token: str) -> str:
    """Locked by the one process that opens or closes the server by this lease."""
    return lease_path(folder, token)[: -len("json")] + "lock"


def elapsed() -> float:
    """Seconds since the host's boot, the time of a suspended machine included: the same clock for all of its processes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_over(request: dict) -> bool:
    """Whether a lease's time has ended: a boot ends it, too."""
    return bool(elapsed() >= request["deadline"] or request["boot_id"] != boot_id())


def arm(request: dict, server: Flavour) -> dict:
    """Start a lease.

    :param request: migration_id, token, seconds, login (an endpoint's fields), hold (path), scheduler, promoted (who would take over)
    :param server: the server of this host
    :returns: what is in the lease's file
    :raises MigrationError: where this host could not open its server, or another migration has fenced it: found later, it helps nobody
    """
    folder, token = directory(request["migration_id"]), request["token"]
    check_place(request["hold"])
    place, login = server.identity.datadir, own_login(folder, request["login"])
    if login != request["login"]:
        check_guard(server, login)
    with fence_lock(place):
        check_free(place, request["migration_id"])
        kept = {
            **{name: request[name] for name in ("migration_id", "token", "hold", "scheduler")},
            "login": login,
            "accounts": strangers_privileges(server),
            "server": place,
            "boot_id": boot_id(),
            "deadline": elapsed() + float(request["seconds"]),
        }
        write_json(lease_path(folder, token), kept)
        place_fence(Fence(ARMED, request["migration_id"], token, place, promoted=request.get("promoted", ""), at=time.time()))
    _start(request["migration_id"], token, folder)
    deadline = time.monotonic() + READY_SECONDS
    while not is_locked(lock_path(folder, token)):
        if time.monotonic() > deadline:
            raise MigrationError("the lease's service on %s did not start within %g s" % (server.identity.hostname, READY_SECONDS))
        time.sleep(0.02)
    return kept


def own_login(folder: str, login: dict) -> dict:
    """How this host's guard logs in: by an account of its own where there is one, whose password has no date and is known to no other host."""
    kept: t.Any = read_json(os.path.join(folder, KEEP_FILE))
    return {**login, "user": kept["user"], "password": kept["password"]} if kept else login


def check_guard(server: Flavour, login: dict) -> None:
    """Refuse to close a server that the guard could not open again.

    :raises MigrationError: where its account is not there, has another password, or lacks the privileges
    """
    words = "the account by which this host would open its server again, %s@localhost, %%s; run the playbook migrate again" % login["user"]
    try:
        connect(Endpoint(**login), "the fenced server, from its own host", read_timeout=SQL_SECONDS).close()
    except ServerError as error:
        raise MigrationError(words % ("cannot log in (%s)" % error)) from None
    if [login["user"], "localhost"] not in [list(entry[:2]) for entry in server.privileged_accounts()]:
        raise MigrationError(words % "lacks the privileges for it")


def check_free(place: str, migration_id: str) -> None:
    """Refuse a server that another fence holds, or whose last one has not been opened yet.

    :raises MigrationError: with whose it is, and what to do
    """
    fence = read_fence(place)
    if fence is None or fence.state == RELEASED:
        return
    who = "migration %s" % fence.migration_id
    if fence.state == COMMITTED:
        raise MigrationError(
            "this server was cut over by %s%s: it is closed for good, and must not be opened. %s"
            % (
                who, " to %s" % fence.promoted if fence.promoted else "",
                "Give the same command again: it goes forward" if fence.migration_id == migration_id
                else "Migration %s cannot be cut over any more" % migration_id,
            )
        )  # fmt: skip
    if fence.state == ARMED:
        raise MigrationError("%s is cutting this server over, or its job died: its lease ends by itself; wait and try again" % who)
    if os.path.exists(lease_path(directory(fence.migration_id), fence.token)):
        raise MigrationError("the lease of %s has ended and is still opening this server: wait until the server answers" % who)


def _start(migration_id: str, token: str, folder: str) -> None:
    # It works by what is here.
    from . import lease_service  # noqa: PLC0415

    command = [sys.executable, "-I", "-c", boot(lease_service.main), os.path.join(folder, "agent.zip"), folder, token]
    if not (os.path.isdir("/run/systemd/system") and shutil.which("systemd-run")):
        subprocess.Popen(  # pylint: disable=consider-using-with  # it outlives this process on purpose
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        return
    _place_boot_unit(migration_id, token, command)
    wrapped = ["systemd-run", "--quiet", "--collect", "--unit", "nordbridge-%s-lease-%s" % (migration_id, token)]
    wrapped += ["--property=%s" % one for one in LASTING]
    done = subprocess.run(wrapped + ["--"] + command, capture_output=True, text=True, timeout=READY_SECONDS, check=False)
    if done.returncode:
        raise MigrationError("the lease's service could not be started: %s" % done.stderr.strip())


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


def forget(request: dict) -> None:
    """Remove what a lease needed for its work, the password last: while it is there, the work counts as not done.

    :raises OSError: where a file cannot be removed
    """
    for path in _boot_unit(request["migration_id"], request["token"]):
        remove(path)
    remove(lease_path(directory(request["migration_id"]), request["token"]))


def decide(place: str, token: str, state: str) -> str:
    """Decide how a lease ends; the state that holds, empty where the server's record is another's by now."""
    fence = read_fence(place, token=token)
    if fence is None:
        return ""
    return decide_fence(fence, state) if fence.state == ARMED else fence.state


class Session:
    """The agent's part of a cutover: what is asked over the connection that armed the lease, by facts of this host."""

    def __init__(self, server: Flavour, kept: dict) -> None:
        self.server = server
        self.kept = kept
        self.ended: list[int] = []  # those that were asked to end, and were not seen to be gone
        self.words: dict[str, t.Callable[[], dict]] = {
            "hold": self.hold,
            "privileges": self.privileges,
            "sessions": self.sessions,
            "take": self.take,
            "end": self.end,
        }

    def _standing(self) -> None:
        """Act only under a lease that stands: it will undo what is done now."""
        fence = read_fence(self.kept["server"], token=self.kept["token"])
        if fence is None or fence.state != ARMED or is_over(self.kept):
            raise MigrationError("the lease has ended")

    def hold(self) -> dict:
        """Write the configuration that keeps the server closed through a restart, and prove it, under the lease that will remove it."""
        with fence_lock(self.kept["server"]):
            self._standing()
            changed = place_hold(self.server, self.kept["hold"])
            if decide_state(self.kept) != ARMED:
                # It ended meanwhile, and may have looked for the file before it was there.
                remove(self.kept["hold"])
                raise MigrationError("the lease has ended: the server is not fenced")
        return {"changed": changed}

    def privileges(self) -> dict:
        """Take the privileges by which others could write on the fenced server, or open it.

        Not beside the lease's end, which gives them back; and a process that was stopped in between looks once more.
        """
        with fence_lock(self.kept["server"]):
            self._standing()
            take_privileges(self.server, self.kept["accounts"])
            if decide_state(self.kept) != ARMED:
                give_privileges(self.server, self.kept["accounts"])
                raise MigrationError("the lease has ended")
        kept = strangers_privileges(self.server)
        if kept:
            raise MigrationError("these accounts kept the privilege to write on a read-only server: %s" % names_of(kept))
        return {"taken": len(self.kept["accounts"])}

    def sessions(self) -> dict:
        """End everybody's sessions: they may have logged in with privileges that their accounts have lost since."""
        self._standing()
        self.ended = end_sessions(self.server.connection)
        return {"ended": len(self.ended), "left": self._left()}

    def _left(self) -> int:
        """How many are still there. Once all are gone there is nothing more to ask: a server gives no session's number twice."""
        left = sessions_left(self.server.connection, self.ended, max(0.0, min(ending_seconds(self.kept), ENDING_SECONDS)))
        if not left:
            self.ended = []
        return left

    def take(self) -> dict:
        """End the lease by the commit, unless somebody could still write, or its time is over."""
        left = self._left()
        if left:
            return {"taken": False, "why": "%d sessions that logged in before the fence do not end" % left}
        if not self.server.read_only():
            return {"taken": False, "why": "the server is not read-only any more: somebody has opened it"}
        if is_over(self.kept):
            return {"taken": False, "why": "the lease's time is over"}
        state = decide(self.kept["server"], self.kept["token"], COMMITTED)
        return {"taken": state == COMMITTED, "why": "" if state == COMMITTED else "the lease has ended, and the server has opened itself again"}

    def end(self) -> dict:
        """End the lease by its work."""
        return finish(self.kept)

    def unknown(self) -> dict:
        """The answer to anything else."""
        raise MigrationError("a lease accepts the requests %s" % ", ".join(sorted(self.words)))


def ending_seconds(kept: dict) -> float:
    """What is left of a lease."""
    return float(kept["deadline"] - elapsed())


def names_of(accounts: list[list]) -> str:
    """Accounts for a message."""
    return ", ".join("%s@%s" % (user, host) if host else "the role %s" % user for user, host, *_rest in accounts)


def serve(request: dict) -> None:
    """Arm, then answer on the same connection: a new one would cost the write stop its handshake."""
    with connect(Endpoint(**request["login"]), "the fenced server, from its own host", read_timeout=SQL_SECONDS) as connection:
        session = Session(open_flavour(connection), {})
        session.kept = arm(request, session.server)
        _answer({"word": "arm", "armed": True, "accounts": session.kept["accounts"]})
        for line in iter(lambda: sys.stdin.readline(MAX_WORD), ""):
            word = line.strip()
            try:
                _answer({"word": word, **session.words.get(word, session.unknown)()})
            except (MigrationError, OSError) as error:
                _answer({"word": word, "error": str(error)})


def _answer(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def finish(request: dict) -> dict:
    """End a lease by doing its work now, unless the commit has ended it.

    :param request: migration_id, token
    :returns: outcome, one of committed and fired; settled, False where the work is not done yet and the service goes on with it;
        owner, the migration that has fenced the server since, if another has: then nothing of it was touched
    """
    folder, token = directory(request["migration_id"]), request["token"]
    kept: t.Any = read_json(lease_path(folder, token))
    # The record knows of the commit, too, where the lease's own file is gone.
    fence = find_fence(token)
    state = "" if fence is None else decide_fence(fence, FIRED) if fence.state == ARMED else fence.state
    if state == COMMITTED:
        return {"outcome": COMMITTED, "settled": True, "owner": ""}
    if kept is not None and state == "":
        # Another fence has come since: whatever is to be done about this server is its lease's.
        forget(kept)
    other = read_fence(kept["server"]) if kept is not None and state == "" else None
    settled = kept is None or state == "" or _settled(folder, token)
    return {"outcome": FIRED, "settled": settled, "owner": other.migration_id if other else ""}


def _settled(folder: str, token: str) -> bool:
    """Wait for the service's work; where no service does it, do it here."""
    deadline = time.monotonic() + FINISH_SECONDS
    stand_in = time.monotonic() + (STAND_IN_SECONDS if is_locked(lock_path(folder, token)) else 0.0)
    while time.monotonic() < deadline:
        if not os.path.exists(lease_path(folder, token)):
            return True
        if time.monotonic() >= stand_in:
            with open_lock(lock_path(folder, token)) as lock:
                kept = read_json(lease_path(folder, token)) if take_lock(lock, 0.0) else None
                if kept is not None and _worked(kept):
                    return True
        time.sleep(0.02)
    return False


def _worked(kept: dict) -> bool:
    try:
        return work(kept)
    except MigrationError as error:
        print(error, file=sys.stderr, flush=True)
        time.sleep(0.5)
        return False


def work(kept: dict, server: Flavour | None = None, opened: bool = False) -> bool:
    """A fired lease's work: open the server. Under the lease's lock. Whether nothing is left to be done.

    :param server: a connection that is kept for it
    :param opened: it is open already, and only what was left is to be done
    :raises MigrationError: where the server does not answer, or is not writable
    """
    if server is None:
        with connect(Endpoint(**kept["login"]), "the fenced server, from its own host", read_timeout=SQL_SECONDS) as connection:
            return work(kept, open_flavour(connection))
    left = open_server(server, kept, opened)
    for words in left:
        print("the server is writable again; left to be done: %s" % words, file=sys.stderr, flush=True)
    if left:
        return False
    forget(kept)
    return True


def decide_state(kept: dict) -> str:
    """The state of a lease's record; empty where it has none any more."""
    fence = read_fence(kept["server"], token=kept["token"])
    return fence.state if fence else ""


def release(request: dict) -> dict:
    """Open a server for good that a commit had closed: a rollback has made it the primary again.

    :param request: migration_id, token (of the cutover that closed it), login, hold (path), accounts (as the other side knows that they
        were taken), scheduler
    :returns: left, what is still to be done, in words. A privilege is given back by this host's own record alone: a host that could name
        accounts and privileges would give itself what it likes
    :raises MigrationError: where another migration has closed it since
    """
    folder = directory(request["migration_id"])
    with connect(Endpoint(**request["login"]), "the old server, from its own host", read_timeout=SQL_SECONDS) as connection:
        server = open_flavour(connection)
        with fence_lock(server.identity.datadir):
            fence = read_fence(server.identity.datadir)
            if fence is not None and fence.migration_id != request["migration_id"] and fence.state in (ARMED, COMMITTED):
                raise MigrationError("migration %s has closed this server since: it is not opened" % fence.migration_id)
            if fence is not None and fence.state == COMMITTED:
                decide_fence(fence, RELEASED)
            kept: t.Any = read_json(lease_path(folder, request["token"])) if request["token"] else None
            # Nobody holds a lock on it any more, and the rollback's job goes on with its own session.
            own = kept or {"hold": request["hold"], "accounts": [], "scheduler": request["scheduler"]}
            left = open_server(server, own, end_own=False)
            if kept is None and request["accounts"]:
                left = [*left, NOT_GIVEN % names_of(request["accounts"])]
            if kept is not None and not left:
                forget(kept)
    return {"changed": True, "left": left}
