# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Removing things from a host: each is gone or named."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import time
import typing as t
from contextlib import suppress

from .._bridge.authorized_keys import keys_lock, without_entry
from .._bridge.sshd import release_user
from .._child import run_child
from .._errors import MigrationError
from .._state.fences import armed_beside
from .._state.files import sync_directory
from .things import AGENT_HOME, KEYS, UNITS, Thing

SYSTEMCTL_SECONDS = 120.0
# A process that was killed is gone when its parent has seen it.
GONE_SECONDS = 5.0
STOPPED = ("inactive", "failed")


def remove_all(found: list[Thing], migration_id: str, root: str = "/") -> tuple[list[str], list[str]]:
    """What was removed, and what could not be, with the reason."""
    removed, left = [], []
    for thing in found:
        try:
            removed.append(thing.words + (REMOVERS[thing.kind](thing, migration_id, root) or ""))
        except (OSError, MigrationError) as error:
            left.append("%s: %s" % (thing.words, getattr(error, "strerror", None) or error))
    if any(thing.kind == "unit" for thing in found) and _managed(root):
        run_child(["systemctl", "daemon-reload"], SYSTEMCTL_SECONDS, capture_output=True)
    return removed, left


def _managed(root: str) -> bool:
    return root == "/" and os.path.isdir("/run/systemd/system")


def _systemctl(*words: str) -> str:
    """:raises MigrationError: where systemctl refuses"""
    done = run_child(["systemctl", *words], SYSTEMCTL_SECONDS, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise MigrationError("systemctl %s failed: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


def _remove_unit(thing: Thing, _migration_id: str, root: str) -> None:
    """Stop it and its instances, see that nothing of it runs, and only then take its file away.

    :raises MigrationError: where something of it still runs
    """
    if _managed(root):
        # Of a template the instances run; systemctl takes a pattern for them to stop, and none to disable.
        pattern = thing.name.replace("@.", "@*.")
        _systemctl("disable", "--", thing.name)
        _systemctl("stop", "--", pattern)
        shown = _systemctl("list-units", "--all", "--plain", "--no-legend", "--", pattern).split("\n")
        running = [line.split()[0] for line in shown if line.split()[2:3] and line.split()[2] not in STOPPED]
        if running:
            raise MigrationError("%s still runs" % ", ".join(running))
    path = os.path.join(root, UNITS.lstrip("/"), thing.name)
    os.unlink(path)
    sync_directory(os.path.dirname(path))


def _remove_key(thing: Thing, migration_id: str, root: str) -> str:
    """Rewrite the file without the line, under its writers' lock, and end what the key has open.

    sshd asks for a key, its address and its date when somebody logs in, and never again.

    :raises MigrationError: where another migration cuts over, which must not lose its tunnel; or where what it has open stays open
    """
    path, home = os.path.join(root, thing.where.lstrip("/")), thing.where[: -len(KEYS) - 1]
    with keys_lock(path):
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            before, found = stream.read(), os.fstat(stream.fileno())
        after = without_entry(before, thing.name)
        if after.strip() and home != AGENT_HOME and (busy := armed_beside(migration_id)):
            raise MigrationError(
                "its sessions cannot be told from those of migration %s, which cuts over: run the same command again then" % busy[0]
            )
        _write_anew(path, after, found)
    ended = _end_sessions(home, migration_id, bool(after.strip())) if root == "/" else 0
    return ", with %d process%s of its sessions" % (ended, "" if ended == 1 else "es") if ended else ""


def _write_anew(path: str, text: str, like: os.stat_result) -> None:
    """With its owner and mode: sshd reads it whole at any time."""
    place = path + ".nordbridge"
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
        os.fchown(stream.fileno(), like.st_uid, like.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(like.st_mode))
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(place, path)
    sync_directory(os.path.dirname(path))


def _end_sessions(home: str, migration_id: str, shared: bool) -> int:
    """End the sessions of a home's user; how many processes they had.

    Which of several keys a session was opened with, nobody can say afterwards. The agent's programs name their migration. The tunnels of
    other migrations come back by themselves: their units start them again.

    :param shared: other migrations have keys there
    :raises MigrationError: where a process does not end
    """
    uid = _uid(home)
    if uid is None:
        return 0
    chosen = set(_processes(uid, "%s/%s/" % (home, migration_id) if shared and home == AGENT_HOME else ""))
    for pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while left := chosen & set(_processes(uid, "")):
        if time.monotonic() > deadline:
            raise MigrationError("processes of its sessions do not end: %s" % ", ".join(map(str, sorted(left))))
        time.sleep(0.05)
    return len(chosen)


def _uid(home: str) -> int | None:
    return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_dir == home), None)


def _processes(uid: int, names: str) -> t.Iterator[int]:
    """The processes of a user whose words name something, each with its parent where that is the same user's: sshd's own of the session."""
    if uid == 0:
        return
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            folder = "/proc/" + name
            if os.stat(folder).st_uid != uid or _state(folder) == "Z" or names not in _words(folder):
                continue
            yield int(name)
            parent = _stat(folder)[1]
            if names and os.stat("/proc/" + parent).st_uid == uid:
                yield int(parent)


def _stat(folder: str) -> list[str]:
    """State and parent, proc_pid_stat(5): behind the program's name, which may have anything in it."""
    with open(folder + "/stat", encoding="utf-8", errors="replace") as stream:
        return stream.read().rpartition(")")[2].split()


def _state(folder: str) -> str:
    return _stat(folder)[0]


def _words(folder: str) -> str:
    with open(folder + "/cmdline", encoding="utf-8", errors="replace") as stream:
        return stream.read().replace("\0", " ")


def _remove_path(thing: Thing, _migration_id: str, root: str) -> None:
    path = os.path.join(root, thing.name.lstrip("/"))
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
    sync_directory(os.path.dirname(path))


def _remove_rules(thing: Thing, _migration_id: str, root: str) -> None:
    """:raises MigrationError: where sshd does not take it"""
    release_user(thing.name, root)


def _remove_user(thing: Thing, _migration_id: str, root: str) -> None:
    """:raises MigrationError: where userdel refuses, as while a process of the user's runs"""
    done = run_child(["userdel", "--root", root, thing.name] if root != "/" else ["userdel", thing.name], capture_output=True, text=True)
    if done.returncode:
        raise MigrationError("userdel failed: %s" % done.stderr.strip())


REMOVERS: dict[str, t.Callable[[Thing, str, str], t.Optional[str]]] = {
    "unit": _remove_unit, "key": _remove_key, "path": _remove_path, "rules": _remove_rules, "user": _remove_user,
}  # fmt: skip
