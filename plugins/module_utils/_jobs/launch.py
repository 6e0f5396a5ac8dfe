# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Starting a job once, and attaching to it ever after."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

from .._errors import MigrationError
from .._state.files import make_directory, open_lock, read_text, take_lock, write_json, write_text
from . import runner
from .payload import boot, pack
from .pulse import QUIET_SECONDS, Pulse, Suspect, end, hanging
from .record import JobStatus, observe

START_SECONDS = 20.0
LAUNCH_SECONDS = 60.0


class Hangs(MigrationError):
    """A job's process is there and does not live."""

    def __init__(self, directory: str, suspect: Suspect) -> None:
        super().__init__("the job in %s hangs: its %s has not moved for %g s" % (directory, suspect.words, QUIET_SECONDS))
        self.directory = directory
        self.suspect = suspect


def fingerprint(entry: str, options: dict) -> str:
    """What makes two launches the same job."""
    return hashlib.sha256(json.dumps([entry, options], sort_keys=True).encode()).hexdigest()


def launch(directory: str, unit: str, function: runner.Job, options: dict, again: bool = False) -> tuple[str, JobStatus]:
    """Start a job, or attach to the one that runs, or report the one that is done.

    :param unit: the name of its systemd unit
    :param function: what the job does: a function of a module of module_utils
    :param options: its options; paths of secrets, never secrets
    :param again: start again even where an earlier attempt with the same options succeeded
    :returns: started, attached or finished, with the status
    """
    make_directory(directory)
    with open_lock(os.path.join(directory, "launch.lock")) as lock:
        if not take_lock(lock, LAUNCH_SECONDS):
            raise MigrationError("another process has been starting the job in %s for %g s" % (directory, LAUNCH_SECONDS))
        status = observe(directory)
        entry = runner.entry_of(function)
        print_of_options = fingerprint(entry, options)
        if status.state == "running":
            suspect = hanging(directory)
            if suspect is None or not end(directory, suspect):
                return "attached", observe(directory)
            status = observe(directory)
        if status.state == "succeeded" and status.fingerprint == print_of_options and not again:
            return "finished", status
        attempt = status.attempt + 1
        write_text(os.path.join(directory, "payload.zip"), pack())
        write_json(os.path.join(directory, "progress.json"), {"text": "starting"})
        write_json(
            os.path.join(directory, "spec.json"),
            {"entry": entry, "options": options, "attempt": attempt, "fingerprint": print_of_options, "unit": "%s-%d" % (unit, attempt)},
        )
        _start("%s-%d" % (unit, attempt), directory)
        return "started", _await_start(directory, attempt)


def _start(unit: str, directory: str) -> None:
    command = [sys.executable, "-I", "-c", boot(runner.main), os.path.join(directory, "payload.zip"), directory]
    if os.path.isdir("/run/systemd/system") and shutil.which("systemd-run"):
        # A child of PID 1: neither the end of the session nor KillUserProcesses reaches it.
        wrapped = ["systemd-run", "--quiet", "--collect", "--unit", unit, "--property=KillMode=mixed", "--"] + command
        try:
            done = subprocess.run(wrapped, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LAUNCH_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise MigrationError("the job %s could not be started: systemd-run gave no answer for %g s" % (unit, LAUNCH_SECONDS)) from None
        if done.returncode:
            raise MigrationError("the job %s could not be started by systemd-run: %s" % (unit, done.stderr.strip()))
        return
    subprocess.Popen(  # pylint: disable=consider-using-with  # it outlives this process on purpose
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _await_start(directory: str, attempt: int) -> JobStatus:
    """Wait until the job holds its lock or has already ended."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        status = observe(directory)
        if status.attempt == attempt and status.state in ("running", "succeeded", "failed"):
            return status
        time.sleep(0.05)
    tail = read_text(os.path.join(directory, "log"))[-2000:]
    raise MigrationError("the job in %s did not start within %d s; the end of its log: %s" % (directory, START_SECONDS, tail or "(empty)"))


def wait(directory: str, seconds: float) -> JobStatus:
    """Wait for a job's end.

    :raises Hangs: when nothing of it has moved for a while
    :raises MigrationError: when it still runs after that time; it goes on
    """
    deadline = time.monotonic() + seconds
    pulse = Pulse(directory)
    while time.monotonic() < deadline:
        status = observe(directory)
        if status.state != "running":
            return status
        if pulse.hangs() and pulse.suspect is not None:
            raise Hangs(directory, pulse.suspect)
        time.sleep(0.1)
    raise MigrationError(
        "the job in %s still runs after %d s and goes on; run the same command again to attach to it" % (directory, seconds)
    )
