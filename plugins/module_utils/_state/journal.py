# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The journal: what was intended and done. The servers are the truth; where the two disagree, the rules stop."""

from __future__ import annotations

import copy
import fcntl
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


class Journal:
    """A migration's state.json (whole, by rename) and events.jsonl (append only, each line holds its predecessor's hash)."""

    def __init__(self, directory: str, clock: t.Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.state_path = os.path.join(directory, "state.json")
        self.events_path = os.path.join(directory, "events.jsonl")
        self.clock = clock
        self._behind: _Behind | None = None

    def read(self) -> dict:
        """The state; empty before anything was done.

        :raises Refusal: for a truncated journal or one of a newer version
        """
        try:
            state = read_json(self.state_path)
        except ValueError as error:
            raise Refusal(
                "the journal %s is damaged (%s); restore it, or remove it if nothing was started yet" % (self.state_path, error)
            ) from None
        if state is None:
            return {}
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            found = state.get("format") if isinstance(state, dict) else "no journal"
            raise Refusal(
                "the journal %s has format %s, this version knows %d; use the version that wrote it" % (self.state_path, found, FORMAT)
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
            write_json(self.state_path, state)
            self._append(event, changes)
        return state

    def _append(self, event: str, data: dict) -> None:
        cut_partial_line(self.events_path)
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


def last_line(path: str) -> str:
    """The last complete line of a file; a line that a crash cut off does not count."""
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().split("\n")
    except FileNotFoundError:
        return ""
    return lines[-2] if len(lines) > 1 else ""


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
    """The number of the first event whose predecessor was changed or removed; 0 where the chain holds."""
    previous = ""
    with open(path, encoding="utf-8") as stream:
        for line in stream.read().splitlines():
            event = json.loads(line)
            expected = hashlib.sha256(previous.encode()).hexdigest() if previous else ""
            if event["prev_sha256"] != expected:
                return int(event["seq"])
            previous = line
    return 0
