# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A job's files, and what they say.

A job holds a lock on its file while it lives: that it runs is what the kernel says, not what a file says.
"""

from __future__ import annotations

import fcntl
import os
import typing as t
from dataclasses import dataclass, field

from .._state.files import read_json

# absent: never started; lost: ended without a word (killed, or the host was restarted).
STATES = ("absent", "running", "succeeded", "failed", "lost")


@dataclass(frozen=True)
class JobStatus:
    """What is known of a job.

    :param error: the failure's text; empty otherwise
    :param facts: the failure as data
    """

    state: str
    attempt: int
    result: dict
    error: str
    fingerprint: str
    facts: dict = field(default_factory=dict)


def boot_id() -> str:
    """The running kernel's id: tells a job that died by a restart of its host from one that was killed."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def is_locked(path: str) -> bool:
    """Whether a living process holds the lock on a file."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def observe(directory: str) -> JobStatus:
    """A job's status, from its directory."""
    started: t.Any = read_json(os.path.join(directory, "started.json")) or {}
    spec: t.Any = read_json(os.path.join(directory, "spec.json")) or {}
    attempt, fingerprint = int(spec.get("attempt", 0)), spec.get("fingerprint", "")
    if is_locked(os.path.join(directory, "lock")):
        return JobStatus("running", attempt, {}, "", fingerprint)
    outcome: t.Any = read_json(os.path.join(directory, "outcome.json"))
    if outcome is not None and outcome.get("attempt") == attempt:
        state = "succeeded" if outcome["ok"] else "failed"
        return JobStatus(state, attempt, outcome.get("result") or {}, outcome.get("error") or "", fingerprint, outcome.get("facts") or {})
    if not spec:
        return JobStatus("absent", 0, {}, "", "")
    restarted = started.get("boot_id") not in (None, boot_id())
    cause = "the host was restarted" if restarted else "it was killed"
    words = "the job ended without a result: %s; run the same command again (its log: %s/log)" % (cause, directory)
    return JobStatus("lost", attempt, {}, words, fingerprint)
