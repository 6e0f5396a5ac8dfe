# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The cutover job: observes, reconciles with the journal, acts, records."""

from __future__ import annotations

import time
import typing as t
from contextlib import ExitStack
from dataclasses import dataclass, field

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
from .context import Committed, Servers
from .hold import check_place
from .machine import JOURNALLED, NAMES, Action, State, after, begin, next_action, resume
from .outcome import CLOSED, COMMITTED, UNDECIDED, UNDONE, Ended
from .rehearsal import REHEARSAL, Rehearsed, check_possible, record_of
from .steps_after_commit import CutoverSteps

# The servers that a step's undo needs; the source's host alone undoes what was done to the source.
NEEDS: dict[str, tuple] = {"check": ("target",)}
ALL = ("source", "watch", "target")
# Clients wait until the switch has turned them.
UNWAITED = ("commit", "promote")

UNDONE_WORDS = {
    UNDONE: "undone, the source is writable again and the target replicates: %s%s; run the same command to try again",
    CLOSED: "%s; nothing is left of this attempt%s, but the source does not take writes, or does not answer: find out who has closed it",
}

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
    "clients_held_s",
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
    """What differs between a cutover and a rollback, which is the same with the roles exchanged.

    :param key: its name in the journal and in messages
    :param steps: the class of its effects
    :param local_hold: the option with the path of the hold on this host
    :param check: what the journal must say before anything begins
    :param tell: puts a message into the words of this course
    :param warnings: name and words of what this course cannot vouch for, by the journal's state
    """

    key: str
    steps: type[CutoverSteps]
    local_hold: str
    check: t.Callable[[Journal, str], None]
    tell: t.Callable[[str], str] = str
    warnings: t.Callable[[dict], t.Mapping[str, str]] = field(default=lambda _state: {})


class JournalEntry:
    """The course's part of the journal, and what the machine knows."""

    def __init__(self, journal: Journal, course: Direction) -> None:
        self.journal = journal
        self.course = course
        entry = journal.read().get(course.key, {})
        self.state = resume(tuple(entry.get("begun", ())), tuple(entry.get("done", ())))
        self.facts: dict = entry.get("facts", {})
        self.attempt: int = entry.get("attempt", 0)

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return NAMES[-1] in self.state.done

    def write(self, event: str, state: State | None = None, behind: bool = False) -> None:
        """Journal what is known now.

        :param behind: while the work goes on, see Journal.update_behind
        """
        state = state or self.state
        known = {"begun": list(state.begun), "done": list(state.done), "facts": self.facts, "attempt": self.attempt}
        update = self.journal.update_behind if behind else self.journal.update
        update("%s: %s" % (self.course.key, event), **{self.course.key: known})

    def begin(self, step: str) -> None:
        """Journal that a step's effect may start; where the disk does not take it, it does not. The commit's is the position's record."""
        state = begin(self.state, step)
        if step == "commit":
            self.journal.settle()
        elif step in JOURNALLED:
            self.write("%s begins" % step, state)
        self.state = state

    def after(self, action: Action, result: str) -> None:
        """Note how an action ended. Only the commit and what follows it is written: before, an undo needs only what was begun.

        Within the write stop nobody waits for the disk. What whoever carries on after the commit needs is known with the position, and
        journalled while the target is waited for. That the commit is done is the source's host's to know: its record spares the
        asking, and the source may be gone by then.
        """
        self.state = after(self.state, action, result)
        if result == "committed":
            self.write("found committed")
        elif result == "ok" and action == Action("do", "position"):
            self.write("position", behind=True)
        elif result == "ok" and self.state.committed:
            self.write("%s done" % action.step, behind=action.step in UNWAITED)

    def clear(self) -> None:
        """Everything is undone."""
        self.state = State()
        # In place: the steps share the dictionary.
        self.facts.clear()
        self.write("undone")


def check_seeded(journal: Journal, migration_id: str) -> None:
    """Refuse a target without a finished copy."""
    if journal.read().get("seed", {}).get("status") != "done":
        raise Refusal("the journal of %s holds no finished seed; run the playbook migrate first" % migration_id)


CUTOVER = Direction("cutover", CutoverSteps, "target_hold", check_seeded, warnings=warnings_of)


def run(options: dict, progress: Progress) -> dict:
    """Cut over, or carry on where an earlier run stopped.

    :param options: migration_id, source_login, target_login (files), source_hold, target_hold (paths),
        budget, lease, fence_seconds, max_lag, max_transaction_seconds (seconds), switches (definitions),
        accept_late_writes (the migration's id: what only the old server has is known), rehearse (stop before the commit, and undo)
    """
    return run_steps(options, progress, CUTOVER)


def run_steps(options: dict, progress: Progress, course: Direction) -> dict:
    """Go a course's way to its end, or back to its beginning."""
    folder = directory(options["migration_id"])
    with ExitStack() as stack:
        # For its whole life, and before the journal is read: what it says holds until the end.
        stack.enter_context(exclusive(folder, "the job %s" % course.key))
        record = JournalEntry(Journal(folder), course)
        if options.get("rehearse"):
            check_possible(record.journal.read())
        if record.finished:
            return _result(record)
        course.check(record.journal, options["migration_id"])
        # Found wrong at promotion, it could not be undone any more.
        check_place(options[course.local_hold])
        try:
            servers = Servers(*_open(options, record, stack))
        except MigrationError as error:
            # The connections are named for a cutover.
            error.args = (course.tell(str(error)), *error.args[1:])
            raise
        details = {**options, "job": course.key}
        steps = course.steps(servers, details, record.facts, lambda _facts: record.write("facts"), record.journal)
        # What is still held when the job ends in any way is released by the end of its guards.
        stack.callback(steps.close)
        if record.state.failed:
            progress.say("reconcile", "an earlier attempt stopped after %s; undoing it first" % record.state.begun[-1])
        else:
            record.attempt += 1
        return Executor(steps, record, progress).drive()


def _open(options: dict, record: JournalEntry, stack: ExitStack) -> list[t.Any]:
    """The three connections. After the commit the source may be gone: forward is the only way then."""
    logins = {"source": options["source_login"], "watch": options["source_login"], "target": options["target_login"]}
    servers: list[t.Any] = []
    for name, path in logins.items():
        try:
            servers.append(open_flavour(stack.enter_context(connect(read_login_file(path), name, read_timeout=60))))
        except MigrationError:
            if name == "target" or not record.state.committed:
                raise
            servers.append(None)
    if None in servers:
        # Half of the source is of no use: without its second connection it counts as gone.
        return [None, None, servers[-1]]
    if not record.state.committed:
        check_one_server([one.identity for one in servers[:2]], "source")
    return servers


class Executor:
    """Does what the machine says, until an end."""

    def __init__(self, steps: CutoverSteps, record: JournalEntry, progress: Progress) -> None:
        self.steps = steps
        self.record = record
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
            action = next_action(self.record.state)
            if action.verb == "finished":
                return _result(self.record)
            if action.verb == "do":
                self._do(action)
            elif action.verb == "undo":
                self._undo(action)
            elif action.verb == "undone" and isinstance(self.error, Rehearsed) and self._seen() == UNDONE:
                return self._rehearsed()
            else:
                self._end(action)

    def _do(self, action: Action) -> None:
        self.progress.say(self.record.course.key, action.step)
        began = time.monotonic()
        try:
            self.record.begin(action.step)
            if action.step == "release" and self.steps.servers.source is None:
                self.record.facts["source_unreachable_after_commit"] = True
            else:
                getattr(self.steps, "do_" + action.step)()
            self.record.facts.setdefault("step_s", {})[action.step] = round(time.monotonic() - began, 4)
            self.record.after(action, "ok")
        except BaseException as error:
            if self.record.state.committed:
                raise self._committed(action, error) from error
            if action.step == "preflight":
                raise self._told(_words(error), self._seen()) from error
            if isinstance(error, Rehearsed):
                self.ready_s = time.monotonic() - self.steps.fence_at
            self.cause, self.error = "%s failed: %s" % (action.step, _words(error)), error
            self.record.after(action, "failed")

    def _undo(self, action: Action) -> None:
        self.progress.say("undo", action.step)
        result = "ok"
        try:
            self._reconnect(NEEDS.get(action.step, ()))
            getattr(self.steps, "undo_" + action.step)()
        except Committed:
            result = "committed"
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, the rest must still be undone
            result = "failed"
            self.left.append("%s: %s" % (action.step, _words(error)))
        self.record.after(action, result)
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
            self.steps.relax_again()
            if not self.cause:
                self.record.attempt += 1
                self._reconnect(ALL)
                return
            raise self._told(UNDONE_WORDS[self._seen()] % (cause, self._stopped()), self._seen()) from self.error
        self.record.write("undo incomplete")
        if action.verb == "undecided":
            raise self._told(
                "%s; and the source's host does not say whether that was committed (%s): the target is not promoted, and the source"
                " opens by itself if it did not; run the same command again as soon as the host answers" % (cause, "; ".join(self.left)),
                UNDECIDED,
            ) from self.error
        raise self._told(
            "%s; and the undo is incomplete, run the same command again to finish it; left are %s" % (cause, "; ".join(self.left)),
            UNDECIDED if "lease" in self.record.state.left else self._seen(),
        ) from self.error

    def _rehearsed(self) -> dict:
        """All was undone, and the source was seen to take writes."""
        facts = dict(self.record.facts)
        record = record_of(facts, self.steps.stopped_s, self.ready_s, self.began)
        self.record.clear()
        self.steps.relax_again()
        self.record.journal.update("rehearsed", **{REHEARSAL: record})
        return {"attempt": self.record.attempt, "rehearsed": True, "warnings": facts.get("warnings", {}), **record}

    def _stopped(self) -> str:
        """For how long nobody could write, as the end of a sentence; nothing where the fence was not closed."""
        return "" if self.steps.stopped_s is None else "; writes were stopped for %.2f s" % self.steps.stopped_s

    def _seen(self) -> str:
        """Whether the source takes writes, asked of itself. One that does not answer is taken for closed: nobody may be led to it."""
        try:
            self._reconnect(("source",))
            return CLOSED if self.steps.servers.source.read_only() else UNDONE
        except MigrationError:
            return CLOSED

    def _committed(self, action: Action, error: BaseException) -> MigrationError:
        """What stopped it beyond the point of no return."""
        text = "the %s is committed and stopped at %s: %s; run the same command again, it goes forward only"
        return self._told(text % (self.record.course.key, action.step, _words(error)), COMMITTED)

    def _told(self, text: str, outcome: str) -> MigrationError:
        """The error in the words of this course."""
        return Ended(self.record.course.tell(text), outcome)

    def _reconnect(self, names: tuple) -> None:
        """Sessions that were ended (by the watchdog, the lease, or a restart) are reopened before an undo, and after it."""
        servers, options = self.steps.servers, self.steps.options
        for name in names:
            try:
                getattr(servers, name).connection.value("SELECT 1")
            except MigrationError:
                getattr(servers, name).connection.close()
                login = options["target_login" if name == "target" else "source_login"]
                setattr(servers, name, open_flavour(connect(read_login_file(login), name, read_timeout=60)))


def _words(error: BaseException) -> str:
    """A known error's text; of an unforeseen one only the kind, for its text could quote values."""
    return str(error) if isinstance(error, MigrationError) else "unexpected %s, its place is in the job's log" % type(error).__name__


def _result(record: JournalEntry) -> dict:
    known = {name: record.facts[name] for name in RESULT if name in record.facts}
    warnings = {**record.course.warnings(record.journal.read()), **record.facts.get("warnings", {})}
    return {"attempt": record.attempt, "warnings": warnings, **known}
