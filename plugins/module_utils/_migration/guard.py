# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Acting on what is so now: whatever changes a server reads how far the migration is in the process that acts, under one lock.

A play reads the phase minutes or hours before its tasks act. Meanwhile somebody else may have cut over, and a task that prepares a
target would close the new primary. So the cutover's and the rollback's jobs hold a lock of the migration for their whole life, and
each task that changes a server holds it while it acts, and looks at the journal behind it.
"""

from __future__ import annotations

import os
import time
import typing as t
from contextlib import ExitStack, contextmanager, suppress

from .._bridge.call import call
from .._errors import MigrationError, Refusal
from .._state.fences import ARMED, COMMITTED, Fence, fence_lock, read_fence
from .._state.files import make_directory, open_lock, read_text, take_lock
from .._state.journal import Journal
from .._state.paths import directory
from .phase import phase_of

LOCK = "change.lock"
# A cutover holds the lock for seconds. What holds it longer is named, and the same command tries again.
WAIT_SECONDS = 60.0
# The target is nobody's primary: it may be prepared, filled, and made a replica.
BEFORE = ("new", "seeding", "seeded", "ready")
# The new server serves.
AFTER = ("done", "rolling_back")

# What this very process holds: a job's own parts may ask for what the job has.
_held: set[str] = set()


@contextmanager
def exclusive(folder: str, holder: str, seconds: float = WAIT_SECONDS) -> t.Iterator[None]:
    """One at a time changes a migration's servers.

    :param folder: the migration's directory on its target
    :param holder: who, for those that wait
    :raises MigrationError: where another has it for longer, with its name and process
    """
    path = os.path.join(folder, LOCK)
    if path in _held:
        yield
        return
    make_directory(folder)
    with open_lock(path) as lock:
        if not take_lock(lock, seconds):
            raise MigrationError(
                "%s is not done: %s has been changing the servers of migration %s for more than %g s; wait for its end, and run the same"
                " command again" % (holder, read_text(path).strip() or "another process", os.path.basename(folder), seconds)
            )
        # For the words of those that wait: a disk that is full or read-only takes none, and the lock is held all the same.
        with suppress(OSError):
            lock.truncate(0)
            lock.write("%s (process %d)\n" % (holder, os.getpid()))
            lock.flush()
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


@contextmanager
def changing(folder: str, task: str, phases: t.Collection[str] = BEFORE, seconds: float = WAIT_SECONDS) -> t.Iterator[dict]:
    """Hold the lock, and go on only in a phase in which the task is right; gives the journal's state as it is now.

    :param folder: the migration's directory on its target
    :param task: what is to be done, as the beginning of a sentence
    :param phases: in which it may be done. A cutover that has begun and died counts as none where its source's host says so
    :raises Refusal: with what has happened meanwhile, and what to do
    """
    migration_id = os.path.basename(folder)
    with exclusive(folder, task, seconds):
        state = Journal(folder).read()
        words = why_not_now(migration_id, state, phases, lambda token: _decided(migration_id, token))
        if words:
            raise Refusal("%s is not done, and nothing was changed: %s" % (task, words))
        yield state


def _decided(migration_id: str, token: str) -> str:
    return str(call(migration_id, "decided", {"token": token})["state"])


def why_not_now(migration_id: str, state: dict, phases: t.Collection[str], decided: t.Callable[[str], str]) -> str:
    """Why a task must not be done at this moment, as the end of a sentence; empty where it may.

    :param decided: asks the source's host how the cutover of a token ended
    """
    phase = phase_of(state)
    if phase in phases:
        return ""
    who = "migration %s" % migration_id
    go_on = "run the playbook cutover with -e cutover=%s, which carries it on or undoes it" % migration_id
    if phase == "cutting_over" and "ready" in phases:
        words = _in_doubt(state, decided)
        return "%s %s; %s" % (who, words, go_on) if words else ""
    at = _when(state)
    words = {
        "cutting_over": "has a cutover that began and has not ended; %s" % go_on,
        "committed": "was cut over%s meanwhile, and the cutover is not finished; run the playbook cutover with -e cutover=%s, it goes forward"
        " only" % (at, migration_id),
        "done": "was cut over%s meanwhile, and the target is the primary now: nothing is left to be prepared; the playbook status tells how it"
        " stands" % at,
        "rolling_back": "is being rolled back; run the playbook rollback with -e rollback=%s, which finishes it" % migration_id,
        "rolled_back": "was rolled back meanwhile; the playbook migrate says what it takes to start over",
    }.get(phase, "was not cut over: it is in phase %s" % phase)
    return "%s %s" % (who, words)


def _in_doubt(state: dict, decided: t.Callable[[str], str]) -> str:
    """A cutover's job died: whether it was committed is its source's host's to know."""
    token = state["cutover"].get("facts", {}).get("lease", "")
    try:
        found = decided(token) if token else ""
    except MigrationError as error:
        return "has a cutover that began and has not ended, and its source's host does not say how it stands (%s)" % error
    if found == COMMITTED:
        return "was cut over%s, says its source's host, and the cutover is not finished" % _when(state)
    if found == ARMED:
        return "is being cut over, or its cutover died and the source opens by itself in a moment"
    return ""


def _when(state: dict) -> str:
    facts = state.get("cutover", {}).get("facts", {})
    at = facts.get("writable_at") or facts.get("fenced_at")
    return " at %s" % _clock(at) if at else ""


@contextmanager
def unfenced(place: str, task: str, committed_too: bool = True) -> t.Iterator[None]:
    """Hold the lock of a server's fence on its own host, and go on only where no cutover is closing the server, or has closed it.

    For what is done on a source's host, where there is no journal.

    :param place: the server's data directory
    :param committed_too: not where another migration's old server becomes a target
    :raises Refusal: with whose fence it is, and what to do
    """
    with fence_lock(place):
        words = why_fenced(read_fence(place), committed_too)
        if words:
            raise Refusal("%s is not done, and nothing was changed: %s" % (task, words))
        yield


def why_fenced(fence: Fence | None, committed_too: bool = True) -> str:
    """Why a server must be left alone, by the record of its fence; empty where it need not."""
    if fence is not None and fence.state == ARMED:
        return (
            "migration %s is cutting this server over since %s, or died at it; its lease ends by itself: run the same command again then"
            % (fence.migration_id, _clock(fence.at))
        )
    if fence is not None and fence.state == COMMITTED and committed_too:
        return "this server was cut over by migration %s at %s%s and is closed for good; the playbook status of %s tells how it stands" % (
            fence.migration_id, _clock(fence.at), " to %s" % fence.promoted if fence.promoted else "", fence.migration_id,
        )  # fmt: skip
    return ""


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


@contextmanager
def changing_server(migration_id: str | None, place: str, task: str, check_mode: bool) -> t.Iterator[None]:
    """What a module needs that changes a server of this host: of a target by its journal, of every server by its fence's record.

    :param migration_id: the migration whose target it is; None for a source, and where there is no migration
    :param place: the server's data directory
    """
    with ExitStack() as stack:
        if not check_mode:
            if migration_id:
                stack.enter_context(changing(directory(migration_id), task))
            stack.enter_context(unfenced(place, task, committed_too=not migration_id))
        yield
