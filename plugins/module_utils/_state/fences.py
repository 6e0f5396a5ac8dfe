# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Who has fenced a server, and whether that was committed: one file a server, on the server's own host, for all migrations.

The file is made whole when a lease is armed. From then on only its first bytes change, in place and under its lock: the word of
the decision needs no room on the disk, and there is one decision however many processes ask for one.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from .._errors import MigrationError
from .files import make_directory, open_lock, take_lock, write_text
from .paths import ROOT

ARMED, FIRED, COMMITTED, RELEASED = "armed", "fired", "committed", "released"
# The word and its line break, padded: a fixed place in the file's first sector.
WIDTH = 16
LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Fence:
    """A server's last fence.

    :param state: ARMED: it may be closed, and a lease opens it again; FIRED: the lease has ended, it is open or about to be;
        COMMITTED: it is closed for good, another server is the primary; RELEASED: a rollback has made it the primary again
    :param server: the server's data directory, which tells several servers on one host apart
    :param promoted: which server took over, in words
    :param at: seconds since the epoch, of the arming
    """

    state: str
    migration_id: str
    token: str
    server: str
    promoted: str = ""
    at: float = 0.0


def fence_path(server: str, root: str = ROOT) -> str:
    """The file of the server with that data directory."""
    name = hashlib.sha256(os.path.realpath(server).encode()).hexdigest()[:12]
    return os.path.join(root, "fences", name)


def read_fence(server: str, root: str = ROOT) -> Fence | None:
    """A server's last fence; None where it never had one.

    :raises MigrationError: for a file that cannot be understood: nobody may take that for a server without a fence
    """
    path = fence_path(server, root)
    try:
        with open(path, encoding="utf-8") as stream:
            return _parsed(stream.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise MigrationError("the record of the fence of %s cannot be read (%s: %s)" % (server, path, error)) from None


def _parsed(text: str) -> Fence:
    return Fence(state=text[:WIDTH].strip(), **json.loads(text[WIDTH:]))


def _text(fence: Fence) -> str:
    facts = asdict(fence)
    return "%s\n%s\n" % (facts.pop("state").ljust(WIDTH - 1), json.dumps(facts, sort_keys=True))


@contextmanager
def fence_lock(server: str, root: str = ROOT, seconds: float | None = LOCK_SECONDS) -> t.Iterator[None]:
    """One at a time decides about a server's fence.

    :raises MigrationError: where the lock is not had in time
    """
    path = fence_path(server, root)
    make_directory(os.path.dirname(path))
    with open_lock(path + ".lock") as lock:
        if not take_lock(lock, seconds):
            raise MigrationError("another process decides about the fence of %s for more than %g s" % (server, seconds or 0))
        yield


def place_fence(fence: Fence, root: str = ROOT) -> None:
    """Make the record, for a fence that is to be armed. Under the lock."""
    write_text(fence_path(fence.server, root), _text(fence))


def decide_fence(fence: Fence, state: str, root: str = ROOT) -> Fence:
    """Write the word of a decision over the one before, in place, and have the disk keep it. Under the lock.

    :raises OSError: where the disk does not take it
    """
    handle = os.open(fence_path(fence.server, root), os.O_RDWR)
    try:
        os.pwrite(handle, (state.ljust(WIDTH - 1) + "\n").encode(), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    return replace(fence, state=state)

