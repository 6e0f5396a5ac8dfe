# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The guard: a process beside the cutover's, on the host of the switches, that does what it is asked and ends a pause that nobody ends.

It outlives the cutover's job: the job's death closes its standard input, and it releases at once. Where only silence comes,
as from a host that lost its network, it releases when the pause's time is up. So clients never wait for longer than that.
One request in one line, one answer in one line. What is asked for is C({"do": VERB}).
"""

# A program of its own, not a module: it answers on standard output.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import json
import select
import signal
import sys
import time
import typing as t

from .._errors import MigrationError, Refusal
from .base import VERBS, Switch
from .registry import HOSTS, SOURCE, TARGET, open_switch, place_of

MAX_REQUEST = 1 << 22


class PauseGuard:
    """Some switches, and whether they pause clients now."""

    def __init__(self, request: dict, keep: t.Callable[[list[dict]], None] = lambda facts: None) -> None:
        """Take over the switches.

        :param request: switches (definitions), facts (of each, from an earlier check), seconds (that a pause may last)
        :param keep: gets what a check has found, for a later guard
        """
        self.keep = keep
        self.switches = [open_switch(given) for given in request["switches"]]
        self.facts: list[dict] = request.get("facts") or [{} for _switch in self.switches]
        self.seconds = float(request["seconds"])
        self.paused_until = 0.0  # by the monotonic clock; 0 where nobody waits
        self.switched = False

    def do(self, verb: str) -> dict:
        """Ask all switches; seconds and an error's text for each, empty where there is none."""
        stop_early = VERBS[verb]
        if verb == "pause":
            self.paused_until = time.monotonic() + self.seconds
        elif verb == "switch":
            self.switched = True
        seconds: list[dict] = [{} for _switch in self.switches]
        errors = [""] * len(self.switches)
        for number, switch in enumerate(self.switches):
            if stop_early and any(errors):
                break
            told = []
            # Whoever is switched is let go at once: nobody waits for another switch, which may take its time.
            for each in ("switch", "release") if verb == "switch" else (verb,):
                started = time.monotonic()
                told.append(self._one(each, switch, number))
                seconds[number][each + "_s"] = round(time.monotonic() - started, 4)
            errors[number] = "; ".join(text for text in told if text)
        if verb in ("switch", "release", "undo") and not any(errors):
            self.paused_until = 0.0
        if verb == "check" and not any(errors):
            self.keep(self.facts)
        return {"facts": self.facts, "seconds": seconds, "errors": errors}

    def _one(self, verb: str, switch: Switch, number: int) -> str:
        try:
            if verb == "check":
                self.facts[number] = switch.check()
            else:
                getattr(switch, verb)(self.facts[number])
        except MigrationError as error:
            return str(error)
        return ""

    def abandon(self) -> None:
        """Nobody is there any more: let clients go on, where the switches point now. Tried again until the pause's time is up."""
        verb = "release" if self.switched else "undo"
        while self.paused_until:
            told = [error for error in self.do(verb)["errors"] if error]
            if told and time.monotonic() > self.paused_until + self.seconds:
                sys.exit("; ".join(told))
            time.sleep(0.5 if told else 0.0)

    def serve(self) -> None:
        """Answer until the other side ends."""
        self._say({"ready": len(self.switches)})
        while True:
            wait = max(0.0, self.paused_until - time.monotonic()) if self.paused_until else None
            ready, _write, _error = select.select([sys.stdin], [], [], wait)
            line = sys.stdin.readline(MAX_REQUEST) if ready else ""
            if not line:
                # The end of the input, or of the time: the same to those who wait.
                self.abandon()
                if ready:
                    return
                continue
            self._say(self.do(json.loads(line)["do"]))

    def _say(self, answer: dict) -> None:
        try:
            print(json.dumps(answer), flush=True)
        except OSError:
            # Who asked has died meanwhile: the end of the input follows.
            sys.stdout = None


def serve(request: dict, place: str = SOURCE, keep: t.Callable[[list[dict]], None] = lambda facts: None) -> None:
    """Keep the switches of a place, as the agent's verb.

    :param keep: see PauseGuard

    :raises Refusal: for a switch that this host does not drive: the agent runs no programs at the target's word
    """
    for given in request["switches"]:
        if place_of(given) != place:
            raise Refusal("the guard on %s drives no switch of %s" % (HOSTS[place], HOSTS[place_of(given)]))
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    guard = PauseGuard(request, keep)
    try:
        guard.serve()
    except KeyboardInterrupt:
        guard.abandon()


def _end(_number: int, _frame: t.Any) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run on the target, by BOOT: the first line of standard input is the request."""
    try:
        serve(json.loads(sys.stdin.readline(MAX_REQUEST)), TARGET)
    except MigrationError as error:
        sys.exit(str(error))
