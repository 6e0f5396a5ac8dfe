# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Watching a job: what to ask its host, how to read the answer, and when a line is worth printing."""

from __future__ import annotations

import base64
import json
import shlex
import typing as t
from dataclasses import dataclass

# One exec and no module: a shell that prints the job's files as one line of JSON. flock fails while the job lives.
LOOK = (
    'cd %s 2>/dev/null || { echo \'{"absent": true}\'; exit 0; }; f() { if [ -s "$1" ]; then base64 -w0 "$1"; fi; } '
    "&& r=0 && { flock -n lock true || r=1; } "
    # What moves while the job lives, see pulse.py.
    "&& p=$(sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p' started.json 2>/dev/null || true) "
    '&& m=$({ stat -c %%y beat; grep -hs ctxt_switches /proc/$p/task/*/status; } 2>/dev/null | cksum) '
    '&& printf \'{"running": %%s, "progress": "%%s", "outcome": "%%s", "spec": "%%s", "started": "%%s", "moved": "%%s"}\\n\' '
    '"$r" "$(f progress.json)" "$(f outcome.json)" "$(f spec.json)" "$(f started.json)" "$m"'
)


@dataclass(frozen=True)
class Seen:
    """A job at one look.

    :param error: why it failed; empty while it runs and where it succeeded
    :param moved: changes from look to look while the job lives; empty where that cannot be told
    :param process: what runs it, in words
    """

    running: bool
    phase: str
    text: str
    result: dict
    error: str
    moved: str = ""
    process: str = ""


def look_command(directory: str) -> str:
    """The shell command for a look."""
    return "/bin/sh -c " + shlex.quote(LOOK % shlex.quote(directory))


def interpret(answer: dict) -> Seen:
    """A look's answer. A job that does not run and left no outcome of this attempt was killed."""
    if answer.get("absent"):
        return Seen(False, "", "", {}, "there is no such job on this host: it was never started")
    progress = _decoded(answer["progress"])
    phase, text = progress.get("phase", ""), progress.get("text", "")
    if answer["running"]:
        started = _decoded(answer.get("started", ""))
        who = "process %s of the unit %s" % (started.get("pid"), started.get("unit") or "(none)")
        return Seen(True, phase, text, {}, "", answer.get("moved", "") if started.get("ticks") else "", who)
    outcome, spec = _decoded(answer["outcome"]), _decoded(answer["spec"])
    if outcome.get("attempt") != spec.get("attempt") or not outcome:
        return Seen(
            False, phase, text, {}, "the job ended without a result: it was killed, or the host was restarted; run the same command again"
        )
    if outcome["ok"]:
        return Seen(False, phase, text, outcome.get("result") or {}, "")
    return Seen(False, phase, text, {}, outcome.get("error") or "the job failed without a word")


def _decoded(text: str) -> dict:
    try:
        return json.loads(base64.b64decode(text)) if text else {}
    except ValueError:
        return {}


class Stillness:
    """For how long nothing of a job has moved, of the time that was spent looking.

    :param step: no more than this counts of the time between two looks: a lost connection is no hang
    """

    SECONDS = 15.0

    def __init__(self, step: float) -> None:
        self.step = step
        self.seconds = 0.0
        self._moved = ""
        self._last: t.Optional[float] = None

    def lasts(self, moved: str, now: float) -> bool:
        """Whether it has hung for long enough to say so."""
        gone = 0.0 if self._last is None else min(now - self._last, self.step)
        self.seconds = self.seconds + gone if moved and moved == self._moved else 0.0
        self._moved, self._last = moved, now
        return self.seconds >= self.SECONDS


class Pace:
    """Prints at a change of phase, then after 10 s, 30 s, and every 60 s; and the last line."""

    STEPS = (10.0, 30.0, 60.0)

    def __init__(self) -> None:
        self.phase: t.Optional[str] = None
        self.last = 0.0
        self.count = 0
        self.printed = ""

    def line(self, phase: str, text: str, now: float, running: bool) -> str:
        """The line to print now; empty for none."""
        line = "%s: %s" % (phase, text) if phase else text
        if phase != self.phase:
            self.phase, self.count = phase, 0
        elif now - self.last < self.STEPS[min(self.count, len(self.STEPS)) - 1] and running:
            return ""
        elif line == self.printed:
            return ""
        self.last, self.printed = now, line
        self.count += 1
        return line
