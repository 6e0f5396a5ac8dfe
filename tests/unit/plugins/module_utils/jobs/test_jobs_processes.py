# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as real processes in a temporary folder, without systemd."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent import dispatch
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs import launch as launching
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs import payload, pulse
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.launch import fingerprint, launch, wait
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.record import observe
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.watch import Stillness, interpret, look_command
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.files import read_json

# A member of the pack for these tests alone: a job that does what its options say.
TRIAL = b"""
import json, time
from ._errors import MigrationError
def run(options, progress):
    progress.say("trial", "at work")
    open(options["mark"], "a").write("x")
    time.sleep(options.get("seconds", 0))
    if options.get("fail") == "known":
        try:
            raise ValueError(options["secret"])
        except ValueError as error:
            raise MigrationError("it broke; do that") from error
    if options.get("fail"):
        raise ValueError(options["secret"])
    return {"answer": 42}
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    real = payload._members

    def members():
        yield from real()
        yield payload.PREFIX + "_trial.py", TRIAL

    monkeypatch.setattr(payload, "_members", members)
    # As on a host without systemd: the job must not depend on what runs the tests.
    monkeypatch.setattr(launching.shutil, "which", lambda _name: None)
    folder = str(tmp_path / "job")
    trial = SimpleNamespace(__module__=launching.runner.TOP + "._trial", __name__="run")
    pids = []

    def start(again=False, **options):
        options = {"mark": str(tmp_path / "mark"), "secret": "hunter2", **options}
        launched, status = launch(folder, "unit", trial, options, again)
        # The lock comes first, the rest a moment later.
        deadline = time.monotonic() + 10
        while (read_json(os.path.join(folder, "started.json")) or {}).get("attempt") != status.attempt and time.monotonic() < deadline:
            time.sleep(0.01)
        pids.append(read_json(os.path.join(folder, "started.json"))["pid"])
        return launched, status

    start.folder, start.mark, start.pids = folder, tmp_path / "mark", pids
    yield start
    for pid in set(pids):
        if observe(folder).state == "running":
            os.kill(pid, signal.SIGKILL)


def read(job, name):
    with open(os.path.join(job.folder, name), encoding="utf-8") as stream:
        return stream.read()


def ended(job):
    deadline = time.monotonic() + 10
    while observe(job.folder).state == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    return observe(job.folder)


def test_never_started_is_absent(tmp_path):
    assert observe(str(tmp_path)).state == "absent"


def test_started_then_finished_and_not_done_twice(job):
    launched, _status = job()
    assert launched == "started"
    status = wait(job.folder, 10)
    assert (status.state, status.result, status.attempt) == ("succeeded", {"answer": 42}, 1)
    launched, status = job()
    assert (launched, status.result) == ("finished", {"answer": 42})
    assert job.mark.read_text() == "x"


def test_attach_while_it_runs_whatever_the_options(job):
    job(seconds=4.0)
    assert job(seconds=4.0)[0] == "attached"
    assert job(seconds=0)[0] == "attached"
    assert wait(job.folder, 20).state == "succeeded"
    assert job.mark.read_text() == "x"


def test_it_does_not_belong_to_the_session_that_started_it(job):
    job(seconds=1.0)
    assert os.getsid(job.pids[0]) == job.pids[0] != os.getsid(0)


def test_changed_options_or_again_start_anew(job):
    job()
    wait(job.folder, 10)
    assert job(other=1)[0] == "started"
    assert wait(job.folder, 10).attempt == 2
    assert job(other=1, again=True)[0] == "started"
    assert wait(job.folder, 10).attempt == 3


def test_killed_is_lost_and_starts_anew(job):
    job(seconds=60)
    os.kill(job.pids[0], signal.SIGKILL)
    status = ended(job)
    assert status.state == "lost"
    assert "it was killed" in status.error
    launched, status = job(seconds=0)
    assert (launched, wait(job.folder, 10).state) == ("started", "succeeded")


def test_an_outcome_of_an_earlier_attempt_is_not_taken_for_this_one(job):
    job()
    wait(job.folder, 10)
    job(seconds=60)
    os.kill(job.pids[-1], signal.SIGKILL)
    assert ended(job).state == "lost"


@pytest.mark.parametrize(("attempt", "state"), [(1, "lost"), (2, "succeeded")])
def test_whose_outcome_it_is(tmp_path, attempt, state):
    (tmp_path / "spec.json").write_text('{"attempt": 2}')
    (tmp_path / "outcome.json").write_text(json.dumps({"attempt": attempt, "ok": True}))
    assert observe(str(tmp_path)).state == state


def test_a_restarted_host_is_told_from_a_kill(tmp_path):
    (tmp_path / "spec.json").write_text('{"attempt": 2}')
    (tmp_path / "started.json").write_text('{"boot_id": "another"}')
    assert "the host was restarted" in observe(str(tmp_path)).error


def test_a_signal_is_a_failure_with_words(job):
    job(seconds=60)
    while not job.mark.exists():
        time.sleep(0.01)
    os.kill(job.pids[0], signal.SIGTERM)
    status = ended(job)
    assert status.state == "failed" and "ended by a signal" in status.error


def test_a_known_failure_is_told_and_its_cause_kept_out_of_the_log(job):
    job(fail="known")
    status = wait(job.folder, 10)
    assert (status.state, status.error) == ("failed", "it broke; do that")
    log = read(job, "log")
    assert "it broke; do that" in log and "ValueError" in log and "_trial.py" in log
    assert "hunter2" not in log


def test_an_unforeseen_failure_tells_its_kind_and_never_its_text(job):
    job(fail="other")
    status = wait(job.folder, 10)
    assert status.state == "failed" and "unexpected ValueError" in status.error
    for name in ("log", "outcome.json"):
        assert "hunter2" not in read(job, name)
    assert "_trial.py" in read(job, "log")


def test_a_failed_job_starts_anew_with_the_same_options(job):
    job(fail="known")
    wait(job.folder, 10)
    assert job(fail="known")[0] == "started"
    assert wait(job.folder, 10).attempt == 2


def test_waiting_too_short_leaves_it_running(job):
    job(seconds=1.5)
    with pytest.raises(MigrationError, match="goes on"):
        wait(job.folder, 0.1)
    assert wait(job.folder, 10).state == "succeeded"


def test_its_files_are_its_owners_alone(job):
    job()
    wait(job.folder, 10)
    for name in ("log", "spec.json", "outcome.json", "lock"):
        assert stat.S_IMODE(os.stat(os.path.join(job.folder, name)).st_mode) & 0o077 == 0, name


def test_being_looked_at_does_not_end_a_start(job, monkeypatch):
    """Who looks holds the lock for a moment: here, for longer than a start takes."""
    real = launching._start

    def start(unit, directory):
        path = os.path.join(directory, "lock")
        holder = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.flock(f,fcntl.LOCK_EX); print(1,flush=True); time.sleep(1)",
                path,
            ],
            stdout=subprocess.PIPE,
        )
        holder.stdout.readline()
        real(unit, directory)
        holder.wait()
        holder.stdout.close()

    monkeypatch.setattr(launching, "_start", start)
    monkeypatch.setattr(launching, "START_SECONDS", 6.0)
    job()
    assert wait(job.folder, 10).state == "succeeded"


class TestLook:
    def look(self, folder):
        done = subprocess.run(look_command(str(folder)), shell=True, capture_output=True, text=True, check=True)
        return interpret(json.loads(done.stdout))

    pytestmark = pytest.mark.skipif(not shutil.which("flock"), reason="needs flock")

    def test_running_then_done(self, job):
        job(seconds=0.8)
        seen = self.look(job.folder)
        assert (seen.running, seen.error) == (True, "")
        ended(job)
        seen = self.look(job.folder)
        assert (seen.running, seen.result, seen.error, seen.phase, seen.text) == (False, {"answer": 42}, "", "trial", "at work")

    def test_killed(self, job):
        job(seconds=60)
        os.kill(job.pids[0], signal.SIGKILL)
        ended(job)
        assert "killed" in self.look(job.folder).error

    def test_failed(self, job):
        job(fail="known")
        ended(job)
        assert self.look(job.folder).error == "it broke; do that"

    def test_never_started(self, tmp_path):
        assert "never started" in self.look(tmp_path / "no such ' folder").error


def test_the_print_of_a_launch():
    assert fingerprint("a:b", {"x": 1, "y": 2}) == fingerprint("a:b", {"y": 2, "x": 1})
    assert len({fingerprint("a:b", {"x": 1}), fingerprint("a:c", {"x": 1}), fingerprint("a:b", {"x": 2})}) == 3


class TestPayload:
    def test_the_same_code_gives_the_same_bytes(self):
        first = payload.pack()
        assert payload.pack() == first
        with zipfile.ZipFile(io.BytesIO(first)) as archive:
            # A zip keeps times by two seconds: two packs made at once would be alike anyway.
            assert {entry.date_time for entry in archive.infolist()} == {payload.FIXED_DATE}
            assert archive.namelist() == sorted(archive.namelist())

    def test_another_code_gives_others(self, monkeypatch):
        first = payload.pack()
        monkeypatch.setattr(payload, "_members", lambda: iter([(payload.PREFIX + "_x.py", b"")]))
        assert payload.pack() != first

    def test_it_runs_from_the_pack_alone(self, tmp_path):
        path = tmp_path / "payload.zip"
        path.write_bytes(payload.pack())
        done = subprocess.run(
            [sys.executable, "-I", "-c", payload.boot(dispatch.main), str(path)],
            input=b"{}", capture_output=True, env={"SSH_ORIGINAL_COMMAND": "probe", "PATH": os.environ["PATH"]}, cwd="/", check=False,
        )  # fmt: skip
        assert json.loads(done.stdout)["agent"] == 2, done.stderr


# --- one that hangs ---


@pytest.fixture
def hung(job, monkeypatch):
    """A job whose process was stopped, and observers that lose patience early."""
    monkeypatch.setattr(pulse, "QUIET_SECONDS", 1.5)
    job(seconds=1.0)
    halt(job.pids[0])
    return job


def halt(pid: int) -> None:
    """Stop a process, and wait until each of its threads stands."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while set(states(pid)) != {"T"} and time.monotonic() < deadline:
        time.sleep(0.01)


def states(pid: int) -> list[str]:
    """What each thread of a process does: T for one that stands."""
    found = []
    for name in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{name}/stat", encoding="ascii") as stream:
            found.append(stream.read().rpartition(")")[2].split()[0])
    return found


def test_a_job_that_hangs_is_told_from_one_that_works(hung, tmp_path):
    began = time.monotonic()
    with pytest.raises(launching.Hangs, match="the job in .* hangs: its process %d of the unit unit-1 has not moved" % hung.pids[0]):
        wait(hung.folder, 60)
    assert 1.4 < time.monotonic() - began < 20
    os.kill(hung.pids[0], signal.SIGCONT)
    assert wait(hung.folder, 20).state == "succeeded"


def test_the_same_command_ends_it_and_starts_anew(hung):
    assert hung(seconds=0)[0] == "started"
    assert not pulse.started_at(hung.pids[0]) or read_state(hung.pids[0]) == "Z"
    status = wait(hung.folder, 20)
    assert (status.state, status.attempt) == ("succeeded", 2)


def read_state(pid: int) -> str:
    """A process's state: Z for one that has ended and that nobody has waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        return stream.read().rpartition(")")[2].split()[0]


def test_nobody_else_is_ended_for_it(job):
    job(seconds=30.0)
    real = pulse.suspect_of(job.folder)
    assert real == pulse.Suspect(job.pids[0], pulse.started_at(job.pids[0]), "unit-1")
    for other in (pulse.Suspect(os.getpid(), real.started, real.unit), pulse.Suspect(real.pid, real.started + 1, real.unit)):
        assert pulse.end(job.folder, other) is False
    assert observe(job.folder).state == "running"
    assert pulse.end(job.folder, real) is True
    assert observe(job.folder).state == "lost"


def test_a_pause_of_the_observer_is_no_hang_of_the_job(job):
    now = [0.0]
    job(seconds=30.0)
    halt(job.pids[0])
    look = pulse.Pulse(job.folder, lambda: now[0])
    look.quiet()
    now[0] = 3600.0
    assert look.quiet() <= pulse.STEP_SECONDS
    for _look in range(20):
        now[0] += 0.6
        quiet = look.quiet()
    assert quiet > pulse.QUIET_SECONDS
    os.kill(job.pids[0], signal.SIGCONT)
    time.sleep(3 * pulse.BEAT_SECONDS)
    assert look.quiet() == 0.0


def test_one_that_moves_without_a_disk_lives(job, monkeypatch):
    job(seconds=30.0)
    look = pulse.Pulse(job.folder)
    look.quiet()
    os.remove(os.path.join(job.folder, "beat"))
    look.quiet()
    time.sleep(3 * pulse.BEAT_SECONDS)
    assert look.quiet() == 0.0


def test_a_job_of_a_version_without_a_beat_is_never_taken_for_hanging(job):
    job(seconds=30.0)
    halt(job.pids[0])
    path = os.path.join(job.folder, "started.json")
    started = read_json(path)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump({name: value for name, value in started.items() if name != "ticks"}, stream)
    look = pulse.Pulse(job.folder, iter(range(100)).__next__)
    assert max(look.quiet() for _look in range(30)) == 0.0


def test_a_watcher_from_afar_sees_it_too(job):
    def seen():
        answer = subprocess.run(look_command(job.folder), shell=True, capture_output=True, text=True, check=True).stdout
        return interpret(json.loads(answer))

    job(seconds=30.0)
    first = seen()
    time.sleep(3 * pulse.BEAT_SECONDS)
    second = seen()
    assert first.running and first.moved and first.moved != second.moved
    assert first.process == "process %d of the unit unit-1" % job.pids[0]
    halt(job.pids[0])
    time.sleep(0.2)
    third = seen()
    time.sleep(3 * pulse.BEAT_SECONDS)
    assert seen().moved == third.moved


def test_a_lost_connection_is_no_hang():
    still = Stillness(3.0)
    assert not still.lasts("1 2", 0.0)
    assert not still.lasts("1 2", 600.0)
    assert not any(still.lasts("1 2", 600.0 + 2 * look) for look in range(1, 6))
    assert still.lasts("1 2", 612.0)
    assert not still.lasts("2 3", 614.0)
    assert not any(Stillness(3.0).lasts("", 2.0 * look) for look in range(100))
