# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The cutover job: observes, reconciles with the journal, acts, records."""

from __future__ import annotations

import time
import typing as t
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from .._errors import MigrationError, Refusal
from .._jobs.progress import Progress
from .._migration.guard import exclusive
from .._server.connection import connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._server.identity import check_one_server
from .._state.journal import Journal
from .._state.paths import directory
from .._verify.record import warnings_of
from .context import Committed, Context, Servers
from .hold import check_place
from .journal_entry import JournalEntry
from .location import FencedAcrossTheBridge, Location
from .machine import FORWARD, REFUSE, Action, Step, next_action
from .names import CUTOVER_NAMES, Names
from .outcome import CLOSED, COMMITTED, UNDECIDED, UNDONE, Ended
from .rehearsal import REHEARSAL, Rehearsed, check_possible, record_of
from .steps import CUTOVER_STEPS, REHEARSAL_STEPS
from .steps_before_commit import relax_again

ALL = ("source", "watch", "target")

UNDONE_WORDS = {
    UNDONE: "undone, %(fenced)s is writable again, and %(kept)s: %(cause)s%(stopped)s; run the same command to try again",
    CLOSED: "%(cause)s; nothing is left of this attempt%(stopped)s, but %(fenced)s does not take writes, or does not answer: find out who has"
    " closed it",
}

UNDECIDED_WORDS = (
    "%(cause)s; and %(fenced)s's host does not say whether that was committed (%(left)s): %(promoted)s is not promoted, and %(fenced)s opens"
    " by itself if it was not; run the same command again as soon as the host answers"
)
LEFT_WORDS = "%(cause)s; and the undo is incomplete, run the same command again to finish it; left are %(left)s"

RESULT = (
    "write_stop_server_s",
    "step_s",
    "position",
    "fenced_at",
    "writable_at",
    "sessions_ended",
    "events_woken",
    "events_left",
    "privileges_taken",
    "clients_paused_s",
    "switches_s",
    "switch_errors",
    "source_unreachable_after_commit",
    "durability",
    "settings_left",
    "promoted_position",
    "lost",
    "history",
)


@dataclass(frozen=True)
class Direction:
    """What differs between a cutover, its rehearsal and a rollback, which go the same way.

    :param names: what the two servers are called
    :param steps: the table, see steps.py
    :param location: makes from the options the ways to the two hosts
    :param local_hold: the option with the path of the hold on this host
    :param check: what the journal must say before anything begins
    :param warnings: name and words of what this course cannot vouch for, by the journal's state
    """

    names: Names
    steps: tuple[Step, ...]
    location: t.Callable[[dict], Location]
    local_hold: str
    check: t.Callable[[Journal, str], None]
    warnings: t.Callable[[dict], t.Mapping[str, str]] = field(default=lambda _state: {})


def check_seeded(journal: Journal, migration_id: str) -> None:
    """Refuse a target without a finished copy."""
    if journal.read().get("seed", {}).get("status") != "done":
        raise Refusal("the journal of %s holds no finished seed; run the playbook migrate first" % migration_id)


CUTOVER = Direction(CUTOVER_NAMES, CUTOVER_STEPS, FencedAcrossTheBridge, "target_hold", check_seeded, warnings_of)
REHEARSAL_RUN = replace(CUTOVER, steps=REHEARSAL_STEPS)


def run(options: dict, progress: Progress) -> dict:
    """Cut over, or carry on where an earlier run stopped.

    :param options: migration_id, source_login, target_login (files), source_hold, target_hold (paths),
        budget, lease, fence_seconds, max_lag, max_transaction_seconds (seconds), switches (definitions),
        accept_late_writes (the migration's id: what only the old server has is known), rehearse (stop before the commit, and undo)
    """
    return run_steps(options, progress, REHEARSAL_RUN if options.get("rehearse") else CUTOVER)


def run_steps(options: dict, progress: Progress, course: Direction) -> dict:
    """Go a course's way to its end, or back to its beginning."""
    folder = directory(options["migration_id"])
    with ExitStack() as stack:
        # For its whole life, and before the journal is read: what it says holds until the end.
        stack.enter_context(exclusive(folder, "the job %s" % course.names.course))
        record = JournalEntry(Journal(folder), course.names.course, course.steps)
        if options.get("rehearse"):
            check_possible(record.journal.read())
        if record.finished:
            return _result(record, course)
        course.check(record.journal, options["migration_id"])
        # Found wrong at promotion, it could not be undone any more.
        check_place(options[course.local_hold])
        servers = Servers(*_open(options, record, stack, course.names))
        # By the job's name the switches' guard finds its code.
        context = Context(servers, {**options, "job": course.names.course}, record, course.names, course.location(options))
        # What is still held when the job ends in any way is released by the end of its guards.
        stack.callback(context.close)
        if record.state.failed:
            progress.say("reconcile", "an earlier attempt stopped after %s; undoing it first" % record.state.begun[-1])
        else:
            record.attempt += 1
        return Executor(course, context, progress).drive()


def _open(options: dict, record: JournalEntry, stack: ExitStack, names: Names) -> list[t.Any]:
    """The three connections. After the commit the source may be gone: forward is the only way then."""
    logins = {"source": options["source_login"], "watch": options["source_login"], "target": options["target_login"]}
    servers: list[t.Any] = []
    for name, path in logins.items():
        try:
            servers.append(open_flavour(stack.enter_context(connect(read_login_file(path), names.connections[name], read_timeout=60))))
        except MigrationError:
            if name == "target" or not record.state.committed:
                raise
            servers.append(None)
    if None in servers:
        # Half of the source is of no use: without its second connection it counts as gone.
        return [None, None, servers[-1]]
    if not record.state.committed:
        check_one_server([one.identity for one in servers[:2]], names.connections["source"])
    return servers


class Executor:
    """Does what the machine says, until an end."""

    def __init__(self, course: Direction, context: Context, progress: Progress) -> None:
        self.course = course
        self.steps = {step.name: step for step in course.steps}
        self.context = context
        self.record = context.record
        self.names = course.names
        self.progress = progress
        self.cause = ""  # why this process undoes; empty where it undoes what an earlier one left
        self.error: BaseException | None = None
        self.left: list[str] = []  # what could not be undone, in words
        self.began = time.time()
        self.ready_s = 0.0  # from the fence to the commit's beginning

    def drive(self) -> dict:
        """Until all is done.

        :raises MigrationError: with what was undone, or what is left, and what to do
        """
        while True:
            action = next_action(self.record.state, self.course.steps)
            if action.verb == "finished":
                return _result(self.record, self.course)
            if action.verb == "do":
                self._do(action)
            elif action.verb == "undo":
                self._undo(action)
            elif action.verb == "undone" and isinstance(self.error, Rehearsed) and self._seen() == UNDONE:
                return self._rehearsed()
            else:
                self._end(action)

    def _do(self, action: Action) -> None:
        step = self.steps[action.step]
        self.progress.say(self.names.course, step.name)
        began = time.monotonic()
        try:
            self.record.begin(step)
            if step.needs_source and self.context.servers.source is None:
                self.record.facts["source_unreachable_after_commit"] = True
            else:
                step.do(self.context)
            self.record.facts.setdefault("step_s", {})[step.name] = round(time.monotonic() - began, 4)
            self.record.after(step, action, "ok")
        except BaseException as error:
            # The commit's own record may be what failed.
            if step.failure == FORWARD or self.record.state.committed:
                raise self._committed(action, error) from error
            if step.failure == REFUSE:
                raise Ended(_words(error), self._seen()) from error
            if isinstance(error, Rehearsed):
                self.ready_s = time.monotonic() - self.context.fence_at
            self.cause, self.error = "%s failed: %s" % (step.name, _words(error)), error
            self.record.after(step, action, "failed")

    def _undo(self, action: Action) -> None:
        step = self.steps[action.step]
        self.progress.say("undo", step.name)
        result = "ok"
        try:
            self._reconnect(step.undo_needs)
            if step.undo is not None:
                step.undo(self.context)
        except Committed:
            result = "committed"
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, the rest must still be undone
            result = "failed"
            self.left.append("%s: %s" % (step.name, _words(error)))
        self.record.after(step, action, result)
        if result == "committed":
            try:
                self._reconnect(ALL)
            except MigrationError as error:
                raise self._committed(action, error) from error

    def _end(self, action: Action) -> None:
        """Nothing is left to be tried. Where an earlier process's remains are gone, this one's own attempt follows."""
        cause = self.cause or "an earlier attempt died"
        if action.verb == "undone":
            self.record.clear()
            relax_again(self.context)
            if not self.cause:
                self.record.attempt += 1
                self._reconnect(ALL)
                return
            seen = self._seen()
            raise self._ended(UNDONE_WORDS[seen], seen, cause=cause, stopped=self._stopped()) from self.error
        self.record.write("undo incomplete")
        if action.verb == "undecided":
            raise self._ended(UNDECIDED_WORDS, UNDECIDED, cause=cause, left="; ".join(self.left)) from self.error
        outcome = UNDECIDED if "lease" in self.record.state.left else self._seen()
        raise self._ended(LEFT_WORDS, outcome, cause=cause, left="; ".join(self.left)) from self.error

    def _rehearsed(self) -> dict:
        """All was undone, and the source was seen to take writes."""
        facts = dict(self.record.facts)
        record = record_of(facts, self.context.stopped_s, self.ready_s, self.began)
        self.record.clear()
        relax_again(self.context)
        self.record.journal.update("rehearsed", **{REHEARSAL: record})
        return {"attempt": self.record.attempt, "rehearsed": True, "warnings": facts.get("warnings", {}), **record}

    def _stopped(self) -> str:
        """For how long nobody could write, as the end of a sentence; nothing where the fence was not closed."""
        return "" if self.context.stopped_s is None else "; writes were stopped for %.2f s" % self.context.stopped_s

    def _seen(self) -> str:
        """Whether the source takes writes, asked of itself. One that does not answer is taken for closed: nobody may be led to it."""
        try:
            self._reconnect(("source",))
            return CLOSED if self.context.servers.source.read_only() else UNDONE
        except MigrationError:
            return CLOSED

    def _committed(self, action: Action, error: BaseException) -> MigrationError:
        """What stopped it beyond the point of no return."""
        text = "the %(course)s is committed and stopped at %(step)s: %(why)s; run the same command again, it goes forward only"
        return self._ended(text, COMMITTED, step=action.step, why=_words(error))

    def _ended(self, text: str, outcome: str, **facts: t.Any) -> MigrationError:
        return Ended(self.names.fill(text, **facts), outcome)

    def _reconnect(self, names: tuple) -> None:
        """Sessions that were ended (by the watchdog, the lease, or a restart) are reopened before an undo, and after it."""
        servers, options = self.context.servers, self.context.options
        for name in names:
            try:
                getattr(servers, name).connection.value("SELECT 1")
            except MigrationError:
                getattr(servers, name).connection.close()
                login = options["target_login" if name == "target" else "source_login"]
                setattr(servers, name, open_flavour(connect(read_login_file(login), self.names.connections[name], read_timeout=60)))


def _words(error: BaseException) -> str:
    """A known error's text; of an unforeseen one only the kind, for its text could quote values."""
    return str(error) if isinstance(error, MigrationError) else "unexpected %s, its place is in the job's log" % type(error).__name__


def _result(record: JournalEntry, course: Direction) -> dict:
    known = {name: record.facts[name] for name in RESULT if name in record.facts}
    warnings = {**course.warnings(record.journal.read()), **record.facts.get("warnings", {})}
    return {"attempt": record.attempt, "warnings": warnings, **known}
