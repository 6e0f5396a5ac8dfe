# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The cutover job: observes, reconciles with the journal, acts, records."""

from __future__ import annotations

import time
import typing as t
from contextlib import ExitStack
from dataclasses import dataclass

from .._errors import MigrationError, Refusal
from .._jobs.progress import Progress
from .._server.connection import connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._state.journal import Journal
from .._state.paths import directory
from .hold import check_place
from .machine import JOURNALLED, NAMES, may_have_begun, next_action
from .steps import Servers, Steps

RESULT = (
    "write_stop_server_s",
    "step_s",
    "position",
    "fenced_at",
    "writable_at",
    "sessions_ended",
    "events_woken",
    "events_left",
    "locked_accounts",
    "source_unreachable_after_commit",
    "durability",
    "settings_left",
    "promoted_position",
    "lost",
)


@dataclass(frozen=True)
class Course:
    """What differs between a cutover and a rollback, which is the same with the roles exchanged.

    :param key: its name in the journal and in messages
    :param steps: the class of its effects
    :param local_hold: the option with the path of the hold on this host
    :param check: what the journal must say before anything begins
    :param tell: puts a message into the words of this course
    """

    key: str
    steps: type[Steps]
    local_hold: str
    check: t.Callable[[Journal, str], None]
    tell: t.Callable[[str], str] = str


class Record:
    """The course's part of the journal."""

    def __init__(self, journal: Journal, course: Course) -> None:
        self.journal = journal
        self.course = course
        entry = journal.read().get(course.key, {})
        self.begun: list[str] = entry.get("begun", [])
        self.done: list[str] = entry.get("done", [])
        self.facts: dict = entry.get("facts", {})
        self.attempt: int = entry.get("attempt", 0)

    @property
    def committed(self) -> bool:
        """Whether the point of no return lies behind."""
        return "commit" in self.done

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return NAMES[-1] in self.done

    def write(self, event: str) -> None:
        """Journal what is known now."""
        known = {"begun": self.begun, "done": self.done, "facts": self.facts, "attempt": self.attempt}
        self.journal.update("%s: %s" % (self.course.key, event), **{self.course.key: known})

    def begin(self, step: str) -> None:
        """Journal that a step's effect may start."""
        if step not in self.begun:
            self.begun.append(step)
        if step in JOURNALLED:
            self.write("%s begins" % step)

    def complete(self, step: str) -> None:
        """Note that a step is done. Only the commit and what follows it is written: before, an undo needs only what was begun."""
        self.done.append(step)
        if not self.committed:
            return
        try:
            self.write("%s done" % step)
        except BaseException:
            # The next run will believe the disk, so this one does too: a commit that was not written did not happen.
            self.done = self.journal.read().get(self.course.key, {}).get("done", [])
            raise


def check_seeded(journal: Journal, migration_id: str) -> None:
    """Refuse a target without a finished copy."""
    if journal.read().get("seed", {}).get("status") != "done":
        raise Refusal("the journal of %s holds no finished seed; run the playbook migrate first" % migration_id)


CUTOVER = Course("cutover", Steps, "target_hold", check_seeded)


def run(options: dict, progress: Progress) -> dict:
    """Cut over, or carry on where an earlier run stopped.

    :param options: migration_id, source_login, target_login (files), source_hold, target_hold, source_socket (paths),
        budget, lease, fence_seconds, max_lag, max_transaction_seconds (seconds)
    """
    return travel(options, progress, CUTOVER)


def travel(options: dict, progress: Progress, course: Course) -> dict:
    """Go a course's way to its end, or back to its beginning."""
    record = Record(Journal(directory(options["migration_id"])), course)
    if record.finished:
        return _result(record)
    course.check(record.journal, options["migration_id"])
    # Found wrong at promotion, it could not be undone any more.
    check_place(options[course.local_hold])
    with ExitStack() as stack:
        servers = Servers(*_open(options, record, stack))
        details = {**options, "source_local": source_local(options)}
        steps = course.steps(servers, details, record.facts, lambda _facts: record.write("facts"), record.journal)
        if record.begun and not record.committed:
            progress.say("reconcile", "an earlier attempt stopped after %s; undoing it first" % record.begun[-1])
            record.begun = list(may_have_begun(tuple(record.begun)))
            _undo(steps, record, progress)
        record.attempt += 1
        return _forward(steps, record, progress)


def source_local(options: dict) -> dict:
    """How the source's own host logs in for the lease; it crosses the bridge and is nowhere else."""
    login = read_login_file(options["source_login"])
    return {"user": login.user, "password": login.password, "unix_socket": options["source_socket"]}


def _open(options: dict, record: Record, stack: ExitStack) -> list[t.Any]:
    """The three connections. After the commit the source may be gone: forward is the only way then."""
    logins = {"source": options["source_login"], "watch": options["source_login"], "target": options["target_login"]}
    servers: list[t.Any] = []
    for name, path in logins.items():
        try:
            servers.append(open_flavour(stack.enter_context(connect(read_login_file(path), name, read_timeout=60))))
        except MigrationError:
            if name == "target" or not record.committed:
                raise
            servers.append(None)
    # Half of the source is of no use: without its second connection it counts as gone.
    return servers if None not in servers else [None, None, servers[-1]]


def _forward(steps: Steps, record: Record, progress: Progress) -> dict:
    started = time.monotonic()
    while True:
        action = next_action(tuple(record.begun), tuple(record.done), False, ())
        if action.verb == "finished":
            return _result(record)
        progress.say(record.course.key, action.step)
        begun = time.monotonic()
        try:
            record.begin(action.step)
            if action.step == "release" and steps.servers.source is None:
                record.facts["source_unreachable_after_commit"] = True
            else:
                getattr(steps, "do_" + action.step)()
            record.facts.setdefault("step_s", {})[action.step] = round(time.monotonic() - begun, 4)
            record.complete(action.step)
        except BaseException as error:
            if record.committed:
                text = "the %s is committed and stopped at %s: %s; run the same command again, it goes forward only"
                raise MigrationError(record.course.tell(text % (record.course.key, action.step, _words(error)))) from error
            if action.step == "preflight":
                record.begun.clear()
                raise
            _undo(steps, record, progress, "%s failed: %s" % (action.step, _words(error)))
            text = (
                "undone after %.1f s at %s, the source is writable again and the target replicates: %s; run the same command to try again"
                % (time.monotonic() - started, action.step, _words(error))
            )
            raise MigrationError(record.course.tell(text)) from error


def _words(error: BaseException) -> str:
    """A known error's text; of an unforeseen one only the kind, for its text could quote values."""
    return str(error) if isinstance(error, MigrationError) else "unexpected %s, its place is in the job's log" % type(error).__name__


def _undo(steps: Steps, record: Record, progress: Progress, cause: str = "an earlier attempt died") -> None:
    """Undo everything that was begun; go on past what fails, and say at the end what is left."""
    undone: list[str] = []
    left: list[str] = []
    while True:
        action = next_action(tuple(record.begun), tuple(record.done), True, tuple(undone))
        if action.verb == "undone":
            break
        progress.say("undo", action.step)
        try:
            if action.step != "check":  # which is the target's alone
                _reconnect(steps)
            getattr(steps, "undo_" + action.step)()
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, the rest must still be undone
            left.append("%s: %s" % (action.step, _words(error)))
        undone.append(action.step)
    if left:
        record.write("undo incomplete")
        text = "%s; and the undo is incomplete, run the same command again to finish it; left are %s" % (cause, "; ".join(left))
        raise MigrationError(record.course.tell(text))
    record.begun, record.done = [], []
    # The facts go with them, in place: the steps share the dictionary.
    record.facts.clear()
    record.write("undone")
    steps.relax_again()


def _reconnect(steps: Steps) -> None:
    """A source session that was ended (by the watchdog, or by a restart) is opened anew before the undo."""
    servers = steps.servers
    try:
        servers.source.connection.value("SELECT 1")
    except MigrationError:
        servers.source.connection.close()
        servers.source = open_flavour(connect(read_login_file(steps.options["source_login"]), "source", read_timeout=60))


def _result(record: Record) -> dict:
    return {"attempt": record.attempt, **{name: record.facts[name] for name in RESULT if name in record.facts}}
