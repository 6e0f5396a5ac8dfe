# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Who has fenced a server, and whether that was committed: kept on the server's own host, for all migrations.

The record is made whole when a lease is armed. A decision is a change of its name, and of many who decide the first one wins: that
needs no room on the disk, and no lock that a process which hangs could hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

from .._errors import MigrationError
from .files import make_directory, open_lock, remove, sync_directory, take_lock, write_text
from .paths import ROOT

ARMED, FIRED, COMMITTED, RELEASED = "armed", "fired", "committed", "released"
STATES = (ARMED, FIRED, COMMITTED, RELEASED)
LOCK_SECONDS = 10.0
TRIES = 5


@dataclass(frozen=True)
class Fence:
    """A server's last fence.

    :param state: ARMED: it may be closed, and a lease opens it again; FIRED: the lease has ended, it is open or about to be;
        COMMITTED: it is closed for good, another server is the primary; RELEASED: a rollback has made it the primary again
    :param server: the server's data directory, which tells several servers on one host apart
    :param number: grows with each fence of this server
    :param promoted: which server took over, in words
    :param at: seconds since the epoch, of the arming
    """

    state: str
    migration_id: str
    token: str
    server: str
    number: int = 0
    promoted: str = ""
    at: float = 0.0


def _folder(root: str) -> str:
    return os.path.join(root, "fences")


def _key(server: str) -> str:
    return hashlib.sha256(os.path.realpath(server).encode()).hexdigest()[:12]


def fence_path(fence: Fence, root: str = ROOT) -> str:
    """The record's file in the fence's state."""
    return os.path.join(_folder(root), "%s.%d.%s.%s" % (_key(fence.server), fence.number, fence.token, fence.state))


def _names(server: str, root: str) -> list[str]:
    """The server's records, the newest last; one whose state just changes may stand there twice or not at all."""
    try:
        found = [name for name in os.listdir(_folder(root)) if name.startswith(_key(server) + ".") and name.rpartition(".")[2] in STATES]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda name: int(name.split(".")[1]))


def read_fence(server: str, root: str = ROOT, token: str = "") -> Fence | None:
    """A server's last fence, or the one with a token; None where it has none.

    :raises MigrationError: for a record that cannot be understood: nobody may take that for a server without a fence
    """
    error: Exception | None = None
    path = ""
    for _try in range(TRIES):
        names = [name for name in _names(server, root) if not token or name.split(".")[2] == token]
        if not names:
            # Seen twice: a list that is read while a name changes may have neither.
            continue
        path = os.path.join(_folder(root), names[-1])
        try:
            with open(path, encoding="utf-8") as stream:
                return Fence(state=names[-1].rpartition(".")[2], **json.load(stream))
        except (OSError, ValueError, TypeError) as found:  # its state has just changed; or it is damaged
            error = found
    if error is None:
        return None
    raise MigrationError("the record of the fence of %s cannot be read (%s: %s)" % (server, path, error))


def find_fence(token: str, root: str = ROOT) -> Fence | None:
    """The record with a token, whichever server's it is; None where it is gone."""
    try:
        names = [name for name in os.listdir(_folder(root)) if name.split(".")[2:3] == [token]]
    except FileNotFoundError:
        return None
    for name in names:
        with suppress(FileNotFoundError, ValueError):
            with open(os.path.join(_folder(root), name), encoding="utf-8") as stream:
                return read_fence(json.load(stream)["server"], root, token)
    return None


def last_of(migration_id: str, root: str = ROOT) -> Fence | None:
    """A migration's newest record on this host; None where it has none."""
    try:
        names = [name for name in os.listdir(_folder(root)) if name.rpartition(".")[2] in STATES]
    except FileNotFoundError:
        return None
    found = [fence for fence in (find_fence(name.split(".")[2], root) for name in names) if fence and fence.migration_id == migration_id]
    return max(found, key=lambda fence: fence.at, default=None)


def armed_by(migration_id: str, root: str = ROOT) -> bool:
    """Whether a lease of that migration stands on this host."""
    fence = last_of(migration_id, root)
    return fence is not None and fence.state == ARMED


def armed_beside(migration_id: str, root: str = ROOT) -> list[str]:
    """The other migrations of which a lease stands on this host."""
    try:
        names = [name for name in os.listdir(_folder(root)) if name.rpartition(".")[2] == ARMED]
    except FileNotFoundError:
        return []
    found = [find_fence(name.split(".")[2], root) for name in names]
    return sorted({fence.migration_id for fence in found if fence and fence.state == ARMED} - {migration_id})


@contextmanager
def fence_lock(server: str, root: str = ROOT, seconds: float | None = LOCK_SECONDS) -> t.Iterator[None]:
    """One at a time makes, or acts on, a server's record.

    :raises MigrationError: where the lock is not had in time
    """
    make_directory(_folder(root))
    with open_lock(os.path.join(_folder(root), _key(server) + ".lock")) as lock:
        if not take_lock(lock, seconds):
            raise MigrationError("another process has held the record of the fence of %s for %g s" % (server, seconds or 0))
        yield


def place_fence(fence: Fence, root: str = ROOT) -> Fence:
    """Make the record of a fence that is to be armed, instead of those before it. Under the lock."""
    older = _names(fence.server, root)
    fence = replace(fence, number=int(older[-1].split(".")[1]) + 1 if older else 1)
    facts = asdict(fence)
    del facts["state"]
    write_text(fence_path(fence, root), json.dumps(facts, sort_keys=True) + "\n")
    for name in older:
        remove(os.path.join(_folder(root), name))
    return fence


def decide_fence(fence: Fence, state: str, root: str = ROOT) -> str:
    """Decide about a fence in a state that may change; the state that holds, empty where another fence has come since.

    :param fence: as it was read; only from this state it changes
    :raises OSError: where the disk does not take it
    """
    try:
        os.rename(fence_path(fence, root), fence_path(replace(fence, state=state), root))
    except FileNotFoundError:
        found = read_fence(fence.server, root, fence.token)
        return found.state if found else ""
    sync_directory(_folder(root))
    return state
