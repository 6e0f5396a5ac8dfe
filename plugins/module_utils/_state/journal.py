# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The journal: what was intended and done. The servers are the truth; where the two disagree, the rules stop."""

from __future__ import annotations

import copy
import fcntl
import glob
import hashlib
import json
import os
import threading
import time
import typing as t
from contextlib import suppress

from .._errors import Refusal
from .files import make_directory, open_lock, read_json, write_json

FORMAT = 1
ASIDE = ".damaged-"


class Damaged(Refusal):
    """A state that cannot be read. Nothing is done on a guess, and nothing that is left is destroyed."""

    def __init__(self, journal: Journal, error: Exception) -> None:
        self.copy = journal.previous_path
        text = "the journal %s is damaged (%s); nothing was changed. " % (journal.state_path, error)
        try:
            updated = read_json(self.copy)["updated"]
            at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(updated))
            text += (
                "The state before its last update, of %s, is in %s. If nothing else is known, keep the damaged file and go on from that copy:"
                " cd %s && mv state.json state.json.damaged && cp -p state.json.previous state.json; then the playbook status"
                % (at, self.copy, journal.directory)
            )
        except (OSError, ValueError, TypeError, KeyError, OverflowError):
            text += (
                "There is no copy of it in %s either: restore it from a backup. Without one, do not remove it, and open or erase no server:"
                " whether this migration was cut over is known on the source's host, in /var/lib/mysql_migration/fences (a name that ends in"
                " .committed says so)" % self.copy
            )
        super().__init__(text)


class Journal:
    """A migration's state.json (whole, by rename) and events.jsonl (append only, each line holds its predecessor's hash)."""

    def __init__(self, directory: str, clock: t.Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.state_path = os.path.join(directory, "state.json")
        self.previous_path = self.state_path + ".previous"
        self.events_path = os.path.join(directory, "events.jsonl")
        self._chain_seen = False
        self.clock = clock
        self._behind: _Behind | None = None

    def read(self) -> dict:
        """The state; empty before anything was done.

        :raises Damaged: for a truncated one
        :raises Refusal: for one of a newer version
        """
        try:
            state = read_json(self.state_path)
        except ValueError as error:
            raise Damaged(self, error) from None
        if state is None:
            return {}
        if not isinstance(state, dict):
            raise Damaged(self, ValueError("it is no journal"))
        if state.get("format") != FORMAT:
            raise Refusal(
                "the journal %s has format %s, this version knows %d; use the version that wrote it"
                % (self.state_path, state.get("format"), FORMAT)
            )
        return state

    def update(self, event: str, **changes: t.Any) -> dict:
        """Change top-level keys of the state, and append the event that says why. A value of None removes its key."""
        with suppress(OSError):
            # What failed there is written here: the state is written whole.
            self.settle()
        return self._update(event, changes)

    def update_behind(self, event: str, **changes: t.Any) -> None:
        """The same, begun and not waited for: whoever must know that the disk has it asks settle, and the next update waits, too."""
        with suppress(OSError):
            self.settle()
        # A copy, for the caller goes on with what it gave.
        self._behind = _Behind(self._update, event, copy.deepcopy(changes))

    def settle(self) -> None:
        """Wait for the update that goes on behind, if any.

        :raises OSError: where the disk did not take it
        """
        behind, self._behind = self._behind, None
        if behind is not None:
            behind.result()

    def _update(self, event: str, changes: dict) -> dict:
        make_directory(self.directory)
        with open_lock(os.path.join(self.directory, "lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = {**self.read(), **changes, "format": FORMAT, "updated": self.clock()}
            state = {key: value for key, value in state.items() if value is not None}
            keep_copy(self.state_path, self.previous_path)
            write_json(self.state_path, state)
            self._append(event, changes)
        return state

    def _append(self, event: str, data: dict) -> None:
        cut_partial_line(self.events_path)
        # The whole chain once, then its end alone: an update within the write stop costs no more for a long one.
        broken = _broken_end(self.events_path) if self._chain_seen else broken_link(self.events_path)
        self._chain_seen = True
        if broken:
            self._begin_chain(broken)
        self._write_line(event, data)

    def _begin_chain(self, broken: int) -> None:
        """Events are history, not the truth: a damaged file is put aside, and the next one names it."""
        numbers = [int(path.rpartition("-")[2]) for path in self.put_aside()]
        aside = "%s%s%d" % (self.events_path, ASIDE, max(numbers, default=0) + 1)
        with open(self.events_path, "rb") as stream:
            digest = hashlib.sha256(stream.read()).hexdigest()
        os.rename(self.events_path, aside)
        data = {"aside": os.path.basename(aside), "sha256": digest, "broken_at": broken}
        self._write_line("the events before this were damaged, and are put aside", data)

    def put_aside(self) -> list[str]:
        """The files of damaged events, the oldest first."""
        found = glob.glob(glob.escape(self.events_path) + ASIDE + "[0-9]*")
        return sorted((path for path in found if path.rpartition("-")[2].isdigit()), key=lambda path: int(path.rpartition("-")[2]))

    def _write_line(self, event: str, data: dict) -> None:
        last = last_line(self.events_path)
        line = {
            "seq": (json.loads(last)["seq"] + 1) if last else 1,
            "ts": self.clock(),
            "event": event,
            "data": data,
            "prev_sha256": hashlib.sha256(last.encode()).hexdigest() if last else "",
        }
        handle = os.open(self.events_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(line, sort_keys=True) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


class _Behind(threading.Thread):
    """A call in a thread of its own. The process does not end before it: it is over in milliseconds, and half a record is none."""

    def __init__(self, work: t.Callable[[str, dict], t.Any], event: str, changes: dict) -> None:
        super().__init__()
        self._work = lambda: work(event, changes)
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Called by start."""
        try:
            self._work()
        except BaseException as error:  # pylint: disable=broad-except  # raised again by who asks for the result
            self._error = error

    def result(self) -> None:
        """Wait for its end, and raise what it raised."""
        self.join()
        if self._error is not None:
            raise self._error


def keep_copy(path: str, copy_path: str) -> None:
    """Keep a file under another name before it is replaced: a name more, no data are written."""
    with suppress(OSError):
        # One that is damaged must not take the good copy's place; an update has just read it.
        os.link(path, copy_path + ".new")
        os.rename(copy_path + ".new", copy_path)
    with suppress(OSError):
        # Left where both names were the same file already, or by a crash.
        os.unlink(copy_path + ".new")


def last_line(path: str) -> str:
    """The last complete line of a file; a line that a crash cut off does not count."""
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return ""
    return lines[-2].decode("utf-8", "replace") if len(lines) > 1 else ""


def cut_partial_line(path: str) -> None:
    """Remove what a crash left of a line: the next one would be joined to it, and neither could be read."""
    try:
        with open(path, "rb+") as stream:
            text = stream.read()
            whole = text.rfind(b"\n") + 1
            if whole < len(text):
                stream.truncate(whole)
    except FileNotFoundError:
        pass


def broken_link(path: str) -> int:
    """The number of the first event that cannot be read, or whose predecessor was changed or removed; 0 where the chain holds."""
    previous, number = b"", 0
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return 0
    for number, line in enumerate(lines, 1):
        event = _event(line)
        expected = hashlib.sha256(previous).hexdigest() if previous else ""
        if event is None or event["prev_sha256"] != expected:
            return number
        previous = line
    return 0


def _event(line: bytes) -> dict | None:
    """A line's event; None for what is none."""
    try:
        event = json.loads(line.decode("utf-8"))
        return event if isinstance(event["seq"], int) and isinstance(event["prev_sha256"], str) else None
    except (ValueError, KeyError, TypeError):
        return None


def _broken_end(path: str) -> int:
    """The chain's last event alone: its number where it cannot be read, else 0."""
    last = last_line(path)
    return -1 if last and _event(last.encode()) is None else 0
