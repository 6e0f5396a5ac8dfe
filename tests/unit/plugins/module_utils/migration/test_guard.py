# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes a server acts on what is so now, and not beside a cutover."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration import guard
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import fences
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.fences import ARMED, COMMITTED, FIRED, RELEASED, Fence
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal

READY = {"seed": {"status": "done"}, "catchup": {"lag": 0.1}}
FACTS = {"lease": "a1", "fenced_at": 1800000000.0}
BEGUN = {**READY, "cutover": {"begun": ["lease", "fence"], "done": [], "facts": FACTS}}
COMMIT = {**READY, "cutover": {"begun": ["fence"], "done": ["commit"], "facts": FACTS}}
DONE = {**READY, "cutover": {"done": ["commit", "confirm"], "facts": {**FACTS, "writable_at": 1800000001.0}}}
BACK = {**DONE, "rollback": {"done": ["commit"]}}
GONE_BACK = {**DONE, "rollback": {"done": ["commit", "confirm"]}}

HOLDER = """
import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("the job cutover (process 7)", file=lock, flush=True)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path):
    """A migration's directory."""
    return str(tmp_path / "shop")


@pytest.fixture
def holder(folder):
    """Another process that has the lock, as a cutover's job has."""
    Journal(folder).update("ready", **READY)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder + "/" + guard.LOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def never(_token: str) -> str:
    raise AssertionError("nobody had to be asked")


@pytest.mark.parametrize("state", [{}, {"seed": {"status": "running"}}, {"seed": {"status": "done"}}, READY])
def test_before_a_cutover_a_target_may_be_prepared(state):
    assert guard.why_not_now("shop", state, guard.BEFORE, never) == ""


@pytest.mark.parametrize(
    "state, phases, words",
    [
        (COMMIT, guard.BEFORE, ["was cut over at 2027-01-15 08:00:00 UTC", "not finished", "-e cutover=shop", "forward only"]),
        (DONE, guard.BEFORE, ["was cut over at 2027-01-15 08:00:01 UTC", "the target is the primary now", "status"]),
        (BACK, guard.BEFORE, ["is being rolled back", "-e rollback=shop"]),
        (GONE_BACK, guard.BEFORE, ["was rolled back"]),
        (READY, guard.AFTER, ["was not cut over", "ready"]),
        (BEGUN, guard.AFTER, ["has not ended", "-e cutover=shop"]),
        (COMMIT, guard.AFTER, ["-e cutover=shop"]),
    ],
)
def test_what_happened_meanwhile_is_said(state, phases, words):
    told = guard.why_not_now("shop", state, phases, never)
    assert told.startswith("migration shop ")
    assert all(word in told for word in words), told


@pytest.mark.parametrize("found", ["", FIRED, RELEASED])
def test_a_cutover_that_died_and_was_not_committed_keeps_nobody(found):
    assert guard.why_not_now("shop", BEGUN, guard.BEFORE, lambda token: {"a1": found}[token]) == ""


def test_one_that_died_before_its_lease_was_armed_needs_no_asking():
    state = {**READY, "cutover": {"begun": ["lease"], "facts": {}}}
    assert guard.why_not_now("shop", state, guard.BEFORE, never) == ""


@pytest.mark.parametrize("found, words", [(COMMITTED, "says its source's host"), (ARMED, "is being cut over")])
def test_a_cutover_in_doubt_is_decided_by_the_sources_host(found, words):
    told = guard.why_not_now("shop", BEGUN, guard.BEFORE, lambda _token: found)
    assert words in told and "-e cutover=shop" in told


def test_where_that_host_is_silent_nothing_is_done():
    def silent(_token):
        raise MigrationError("no answer from 100% of them")

    told = guard.why_not_now("shop", BEGUN, guard.BEFORE, silent)
    assert "no answer from 100% of them" in told and "-e cutover=shop" in told


def test_the_phase_is_read_behind_the_lock(folder):
    journal = Journal(folder)
    journal.update("ready", **READY)
    with guard.changing(folder, "mysql_hold") as state:
        assert state["catchup"] == READY["catchup"]
    journal.update("done", cutover=DONE["cutover"])
    with pytest.raises(Refusal, match="mysql_hold is not done, and nothing was changed: migration shop was cut over"):
        with guard.changing(folder, "mysql_hold"):
            raise AssertionError("it went on")


def test_who_holds_it_is_named_and_not_waited_for_for_ever(folder, holder):
    with pytest.raises(MigrationError, match=r"mysql_hold is not done: the job cutover \(process 7\) has been changing .* shop for more than 0.2 s"):
        with guard.changing(folder, "mysql_hold", seconds=0.2):
            raise AssertionError("it went on")


def test_a_holder_that_ends_is_waited_for(folder, holder):
    holder.kill()
    with guard.changing(folder, "mysql_hold", seconds=20):
        pass


def test_a_jobs_own_parts_do_not_wait_for_the_job(folder):
    with guard.exclusive(folder, "the job cutover"), guard.exclusive(folder, "relaxing", seconds=0):
        with guard.changing(folder, "anything", seconds=0):
            pass
    assert not guard._held  # pylint: disable=protected-access


def test_an_error_frees_it(folder):
    with pytest.raises(ZeroDivisionError), guard.exclusive(folder, "one"):
        raise ZeroDivisionError
    with guard.exclusive(folder, "another", seconds=0):
        pass


# --- on a server's own host ---


def fence(state: str, migration_id: str = "other") -> Fence:
    return Fence(state, migration_id, "t1", "/var/lib/mysql", promoted="oslo-db1", at=1800000000.0)


@pytest.mark.parametrize("found", [None, fence(FIRED), fence(RELEASED)])
def test_an_open_server_may_be_changed(found):
    assert guard.why_fenced(found) == ""


def test_one_that_is_being_closed_or_is_closed_for_good_may_not():
    assert "migration other is cutting this server over since 2027-01-15 08:00:00 UTC" in guard.why_fenced(fence(ARMED))
    told = guard.why_fenced(fence(COMMITTED))
    assert "cut over by migration other at 2027-01-15 08:00:00 UTC to oslo-db1" in told and "closed for good" in told
    # Another migration's old server may become a target; not while it is still being cut over.
    assert guard.why_fenced(fence(COMMITTED), committed_too=False) == ""
    assert guard.why_fenced(fence(ARMED), committed_too=False)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with records of its own, and one migration's directory."""
    root = str(tmp_path / "root")
    for name in ("read_fence", "fence_lock"):
        monkeypatch.setattr(guard, name, partial(getattr(fences, name), root=root))
    monkeypatch.setattr(guard, "directory", lambda name: str(tmp_path / name))
    return root


def test_a_source_is_asked_by_its_own_hosts_record(host):
    with guard.changing_server(None, "/var/lib/mysql", "the restart of this server", False):
        pass
    fences.place_fence(fence(ARMED), host)
    with pytest.raises(Refusal, match="the restart of this server is not done, and nothing was changed: migration other is cutting"):
        with guard.changing_server(None, "/var/lib/mysql", "the restart of this server", False):
            raise AssertionError("it went on")
    with guard.changing_server(None, "/var/lib/mysql", "a plan", True):
        pass


def test_a_target_is_asked_by_its_journal_and_by_its_record(host, tmp_path):
    fences.place_fence(fence(COMMITTED), host)
    with guard.changing_server("shop", "/var/lib/mysql", "mysql_hold", False):
        with pytest.raises(MigrationError, match="another process"), fences.fence_lock("/var/lib/mysql", host, 0.0):
            pass
    Journal(str(tmp_path / "shop")).update("done", **DONE)
    with pytest.raises(Refusal, match="was cut over"), guard.changing_server("shop", "/var/lib/mysql", "mysql_hold", False):
        raise AssertionError("it went on")


def test_a_lease_that_stands_is_found_by_its_migration(tmp_path):
    root = str(tmp_path)
    assert not fences.armed_by("other", root)
    found = fences.place_fence(fence(ARMED), root)
    assert fences.armed_by("other", root) and not fences.armed_by("shop", root)
    fences.decide_fence(found, COMMITTED, root)
    assert not fences.armed_by("other", root)


def test_who_waits_reads_the_holders_name_and_nothing_of_the_one_before(tmp_path):
    with guard.exclusive(str(tmp_path), "a holder with a long name"):
        pass
    with guard.exclusive(str(tmp_path), "seed"):
        assert (tmp_path / guard.LOCK).read_text() == "seed (process %d)\n" % os.getpid()
