# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the module to the cutover's job, and the wait for its outcome."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import launch, lease_client, location
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.outcome import RUNNING, UNDECIDED, UNDONE, Ended
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.launch import Hangs
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.record import JobStatus

PARAMS = {
    "migration_id": "shop", "gate": "shop", "rehearse": False, "budget": 5.0, "lease": 10.0, "fence_seconds": 2.0, "switches": [],
    "old_address": None, "new_address": None, "verify_max_age": 24, "rehearsal_max_age": 0,
}  # fmt: skip
DONE = JobStatus("succeeded", 1, {"attempt": 1}, "", "")


@pytest.fixture
def kit(monkeypatch):
    """What launching asks and starts, noted."""
    kit = SimpleNamespace(log=[], state="running")

    def launch_job(job, _function, options, check_mode, again=False):
        kit.log.append(("launch", job, check_mode, again))
        assert not {"gate", "old_address", "verify_max_age"} & set(options)
        return {"changed": True, "state": kit.state, "result": {}}

    monkeypatch.setattr(launch, "launch_job", launch_job)
    monkeypatch.setattr(launch, "check_verified", lambda _params: kit.log.append("verified"))
    monkeypatch.setattr(launch, "check_rehearsed", lambda _params: kit.log.append("rehearsed"))
    monkeypatch.setattr(launch.run, "check_seeded", lambda _journal, _id: kit.log.append("seeded"))
    monkeypatch.setattr(launch, "await_end", lambda *_args: kit.log.append("waited") or (DONE, []))
    return kit


def test_a_cutover_is_asked_for_its_times_its_comparison_and_its_copy_first(kit):
    with pytest.raises(Refusal, match="lease"):
        launch.launch_cutover({**PARAMS, "lease": 1.0}, False)
    assert kit.log == []
    launch.launch_cutover(PARAMS, False)
    assert kit.log == ["verified", "rehearsed", "seeded", ("launch", "cutover", False, False), "waited"]


def test_a_rehearsal_needs_neither_and_is_one_each_time(kit):
    launch.launch_cutover({**PARAMS, "rehearse": True}, False)
    assert kit.log == ["seeded", ("launch", "cutover", False, True), "waited"]


def test_nothing_is_waited_for_in_check_mode_or_where_all_is_done(kit):
    launch.launch_cutover(PARAMS, True)
    assert "waited" not in kit.log and "seeded" not in kit.log
    kit.state = "succeeded"
    assert launch.launch_cutover(PARAMS, False)["state"] == "succeeded"
    assert "waited" not in kit.log


@pytest.fixture
def waiting(monkeypatch):
    """A job's ends, one after another."""
    kit = SimpleNamespace(ends=[], again=0, ended=[], can_end=True)

    def wait(_folder, seconds):
        assert seconds == 5.0 + launch.OVERHEAD_SECONDS
        found = kit.ends.pop(0)
        if isinstance(found, MigrationError):
            raise found
        return found

    def end(folder, suspect):
        kit.ended.append((folder, suspect))
        return kit.can_end

    monkeypatch.setattr(launch, "wait", wait)
    monkeypatch.setattr(launch, "end", end)
    monkeypatch.setattr(launch, "ended_words", lambda _folder, _suspect: "it was ended")
    monkeypatch.setattr(launch, "job_directory", lambda _id, job: "/jobs/" + job)
    kit.hangs = Hangs("/jobs/cutover", SimpleNamespace(words="progress"))

    def again():
        kit.again += 1

    kit.wait = lambda: launch.await_end(PARAMS, "cutover", "the source", again)
    return kit


def test_a_job_that_hangs_is_ended_and_started_again(waiting):
    waiting.ends = [waiting.hangs, DONE]
    assert waiting.wait() == (DONE, ["it was ended"])
    assert waiting.again == 1 and waiting.ended == [("/jobs/cutover", waiting.hangs.suspect)]


def test_one_that_ended_by_itself_meanwhile_is_not_told_to_have_been_ended(waiting):
    waiting.ends, waiting.can_end = [waiting.hangs, DONE], False
    assert waiting.wait() == (DONE, []) and waiting.again == 1


def test_one_that_hangs_for_ever_is_told(waiting):
    waiting.ends = [waiting.hangs] * (launch.HANGS + 1)
    with pytest.raises(Ended, match="see what stops it") as ended:
        waiting.wait()
    assert ended.value.facts == {"outcome": RUNNING} and waiting.again == launch.HANGS


@pytest.mark.parametrize(("facts", "outcome"), [({"outcome": UNDONE}, UNDONE), ({}, UNDECIDED)])
def test_a_job_that_failed_ends_with_what_it_says(waiting, facts, outcome):
    waiting.ends = [waiting.hangs, JobStatus("failed", 1, {}, "wait failed: x", "", facts)]
    with pytest.raises(Ended, match="it was ended; wait failed: x") as ended:
        waiting.wait()
    assert ended.value.facts == {"outcome": outcome}


class Process:
    """The connection to the fenced server's host."""

    answers: list = []
    commands: list = []
    seconds: list = []

    def __init__(self, command, *_words):
        self.commands.append(command)
        self.closed = False

    def say(self, _line):
        return None

    def answer(self, seconds):
        self.seconds.append(seconds)
        return self.answers.pop(0)

    def close(self):
        return None


@pytest.fixture
def process(monkeypatch):
    monkeypatch.setattr(lease_client, "JsonLinesProcess", Process)
    monkeypatch.setattr(lease_client, "agent_command", lambda migration_id, verb: ["ssh", migration_id, verb])
    Process.answers, Process.commands, Process.seconds = [{"word": "arm", "armed": True, "accounts": []}], [], []
    return Process


def test_the_lease_is_armed_over_the_bridge_or_by_the_command_that_was_given(process):
    lease_client.Lease("shop", {})
    process.answers.append({"word": "arm", "armed": True, "accounts": []})
    lease_client.Lease("shop", {}, "the new server", ["env", "here"])
    assert process.commands == [["ssh", "shop", "lease"], ["env", "here"]]


def test_a_lease_that_is_not_armed_is_none(process):
    process.answers[:] = [{"word": "arm", "armed": False, "accounts": []}]
    with pytest.raises(MigrationError, match="the new server's host did not arm the lease"):
        lease_client.Lease("shop", {}, "the new server")


def test_an_answer_that_nobody_waited_for_costs_no_time_of_its_own(process):
    lease = lease_client.Lease("shop", {})
    process.answers += [{"word": "sessions", "ended": 1}, {"word": "take", "taken": True, "why": ""}]
    del process.seconds[:]
    assert lease.take(0.25) == ""
    assert len(process.seconds) == 2 and all(0 <= seconds <= 0.25 for seconds in process.seconds)


@pytest.mark.parametrize("opened_before", [True, False])
def test_the_old_server_stays_open_across_a_restart_once_its_host_has_released_it(monkeypatch, opened_before):
    asked = []
    monkeypatch.setattr(location, "call", lambda _id, verb, _request, **_more: asked.append(verb) or {})
    place = location.FencedHere({"migration_id": "shop", "cutover": {"lease": "t1"}})
    if opened_before:
        place.open_promoted(SimpleNamespace(set_read_only=lambda _on: None))
    place.unhold_promoted()
    assert asked == ["release"], "once, by whichever step comes first"
