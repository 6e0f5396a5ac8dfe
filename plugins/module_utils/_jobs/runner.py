# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The process of a job: takes the lock, runs one function, leaves an outcome that cannot be mistaken."""

# A program of its own, not a module: it has a log and an exit code.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import traceback
import typing as t

from .._errors import MigrationError
from .._state.files import open_lock, read_json, remove, take_lock, write_json
from .._text import visible
from .metrics import Metrics
from .progress import Progress
from .pulse import begin_beat, started_at
from .record import boot_id

# A job's work: its options, and where it tells how far it is; gives its result.
Job = t.Callable[[dict, Progress], dict]
TOP = __name__.rsplit(".", 2)[0]

LOCK_SECONDS = 3.0


class Stopped(MigrationError):
    """Somebody ended the job by a signal."""


def main() -> None:
    """Run the job of the directory named on the command line: boot() passes the pack first."""
    directory = sys.argv[2]
    with open_lock(os.path.join(directory, "lock")) as lock:
        # Who looks whether the job runs holds it for a moment too: that must not end the job.
        if not take_lock(lock, LOCK_SECONDS):
            sys.exit("another process holds this job")
        sys.exit(run(directory))


def run(directory: str) -> int:
    """Run the job and record its outcome; 0 for success, 1 for a failure that the rules know, 2 for any other."""
    spec = read_json(os.path.join(directory, "spec.json"))
    _log_to(os.path.join(directory, "log"))
    remove(os.path.join(directory, "outcome.json"))
    begin_beat(directory)
    started = {"pid": os.getpid(), "ticks": started_at(os.getpid()), "unit": spec.get("unit", "")}
    started.update(boot_id=boot_id(), at=time.time(), attempt=spec["attempt"])
    write_json(os.path.join(directory, "started.json"), started)
    signal.signal(signal.SIGTERM, _stop)
    outcome: dict = {"attempt": spec["attempt"], "ok": False}
    code = 1
    metrics = Metrics(directory, spec["attempt"])
    try:
        outcome["result"] = _function(spec["entry"])(spec["options"], Progress(os.path.join(directory, "progress.json"), metrics=metrics))
        outcome["ok"], code = True, 0
    except MigrationError as error:
        outcome["error"], outcome["facts"] = str(error), error.facts
        print(place(error), file=sys.stderr)
    except BaseException as error:  # pylint: disable=broad-except  # the outcome must say so, whatever it was
        outcome["error"] = "unexpected %s; the log %s/log has the place" % (type(error).__name__, directory)
        code = 2
        print(place(error), file=sys.stderr)
    outcome["ended"] = time.time()
    write_json(os.path.join(directory, "outcome.json"), outcome)
    metrics.end(outcome["ok"], outcome.get("result"))
    return code


def place(error: t.Optional[BaseException]) -> str:
    """Where an error and its causes came from.

    Of an unforeseen one only the kind is told: its text could quote a statement's values.
    """
    told: list[str] = []
    seen: list[BaseException] = []
    while error is not None and error not in seen:  # an error that was raised from itself is its own cause
        seen.append(error)
        text = visible(str(error)) if isinstance(error, MigrationError) else ""
        told.append("%s%s: %s" % ("".join(traceback.format_tb(error.__traceback__)), type(error).__name__, text))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(reversed(told))


def entry_of(function: Job) -> str:
    """A job's function by its name below module_utils, as the job's own process finds it in its pack."""
    return "%s:%s" % (function.__module__[len(TOP) + 1 :], function.__name__)


def _function(entry: str) -> Job:
    module, _colon, name = entry.partition(":")
    return getattr(importlib.import_module("%s.%s" % (TOP, module)), name)


def _log_to(path: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _stop(_number: int, _frame: object) -> None:
    raise Stopped("the job was ended by a signal (systemctl stop, or the host shutting down); run the same command again")
