# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The cutover's end of the switches: a guard for each place, started before anything is frozen, and what they answered."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
import typing as t

from .._bridge.call import agent_command
from .._bridge.json_lines import JsonLinesProcess
from .._errors import MigrationError, Refusal
from .._jobs.payload import boot
from .._state.paths import job_directory
from . import pause_guard
from .registry import HOSTS, SOURCE, TARGET, TYPES, digest_of, open_switch, place_of

START_SECONDS = 30.0
#: Beyond what the switches themselves may take.
GRACE_SECONDS = 5.0
#: By the job that drives them.
REFUSED = {"cutover": "not cut over", "rollback": "not rolled back"}


def target_command(options: dict) -> list[str]:
    """A guard on this host: a child of PID 1, so that it survives the job and all of the job's processes."""
    migration_id = options["migration_id"]
    payload = os.path.join(job_directory(migration_id, options["job"]), "payload.zip")
    command = [sys.executable, "-I", "-c", boot(pause_guard.main), payload]
    if os.path.isdir("/run/systemd/system") and shutil.which("systemd-run"):
        unit = "nordbridge-%s-switch-%s" % (migration_id, secrets.token_hex(4))
        return ["systemd-run", "--quiet", "--collect", "--pipe", "--unit", unit, "--"] + command
    return command


def source_command(options: dict) -> list[str]:
    """A guard on the source's host: the agent's verb."""
    return agent_command(options["migration_id"], "switch")


COMMANDS: dict[str, t.Callable[[dict], list[str]]] = {TARGET: target_command, SOURCE: source_command}


class GuardConnection:
    """A guard that was started.

    :param numbers: which of all switches' definitions are its own
    """

    def __init__(self, place: str, numbers: list[int], definitions: list[dict], options: dict) -> None:
        self.place = place
        self.numbers = numbers
        self._switches = [definitions[number] for number in numbers]
        self._seconds = options["lease"]
        self._limit = sum(open_switch(definition).limit for definition in self._switches)
        who = "the switches' guard on %s" % HOSTS[place]
        self._process = JsonLinesProcess(COMMANDS[place](options), who + " is gone", who + " gave no answer", own_session=True)

    def start(self, facts: list[dict]) -> None:
        """Hand it the switches, and what is known of each."""
        if self.place == SOURCE:
            # That host has its own definitions, and remembers what it has found: see _agent/policy.py.
            self.say({"digests": [digest_of(one) for one in self._switches], "seconds": self._seconds})
        else:
            self.say({"switches": self._switches, "facts": [facts[number] for number in self.numbers], "seconds": self._seconds})
        self.answer(START_SECONDS)

    def say(self, request: dict) -> None:
        """Ask."""
        self._process.say(json.dumps(request))

    def answer(self, seconds: float = 0.0) -> dict:
        """Its answer.

        :raises MigrationError: where none comes
        """
        return self._process.answer(seconds or self._limit + GRACE_SECONDS)

    def close(self) -> None:
        """End it: the end of its input lets it release the pauses that it still keeps. What is left runs on by itself, as a unit or behind ssh."""
        self._process.close(GRACE_SECONDS)


class Switching:
    """All switches of a cutover, or of a rollback.

    :param options: migration_id, job (whose code a guard on this host runs), switches (definitions), lease (seconds: no pause may
        outlast it)
    """

    def __init__(self, options: dict) -> None:
        self.options = options
        self.definitions: list[dict] = list(options.get("switches") or [])
        self.facts: list[dict] = [{} for _definition in self.definitions]
        self.seconds: list[dict] = [{} for _definition in self.definitions]
        self.errors: list[str] = []
        self.paused_at = 0.0
        self._guards: dict[str, GuardConnection] = {}
        self._places = sorted({place_of(definition) for definition in self.definitions})

    def take_up(self, paused: list[dict]) -> None:
        """Know what an earlier run's check had found.

        :param paused: its switches, each with its definition and facts
        """
        known = {json.dumps(entry["switch"], sort_keys=True): entry["facts"] for entry in paused}
        self.facts = [known.get(json.dumps(definition, sort_keys=True), {}) for definition in self.definitions]

    def check(self) -> None:
        """See that all will work.

        :raises Refusal: with every reason at once
        """
        errors = [error for told in self._all("check", self._places).values() for error in told]
        if errors:
            raise Refusal("%s, and nothing was frozen: %s" % (REFUSED[self.options["job"]], "; ".join(errors)))

    @property
    def paused(self) -> list[dict]:
        """What an undo in another process must know."""
        return [{"switch": definition, "facts": facts} for definition, facts in zip(self.definitions, self.facts)]

    def pause(self) -> None:
        """New connections wait from now on."""
        self.paused_at = time.monotonic()
        self._must("pause")

    def cut(self) -> None:
        """Sessions on the old server end, at the very moment of the fence."""
        self._must("cut")

    def switch(self) -> None:
        """To the new server, and go on: after the commit nothing is in the way of the rest. What failed is in C(errors)."""
        first = sorted({place_of(one) for one in self.definitions if TYPES[one["type"]].leads})
        rest = [place for place in self._places if place not in first]
        self.errors = self._insist("switch", first) + self._insist("switch", rest)

    def undo(self) -> None:
        """To the old server."""
        errors = self._insist("undo", self._places)
        if errors:
            raise MigrationError("; ".join(errors))

    def report(self) -> list[dict]:
        """Each switch's name and the seconds that its verbs took."""
        return [{"switch": open_switch(one).name, **seconds} for one, seconds in zip(self.definitions, self.seconds)]

    def close(self) -> None:
        """End the guards. What is still paused is released by this."""
        for place in list(self._guards):
            self._drop(place)

    # --- the guards ---------------------------------------------------------

    def _must(self, verb: str) -> None:
        errors = [error for told in self._all(verb, self._places).values() for error in told]
        if errors:
            raise MigrationError("; ".join(errors))

    def _insist(self, verb: str, places: list[str]) -> list[str]:
        """Ask, and where a guard is gone ask a new one; the errors that are left."""
        errors = self._all(verb, places)
        errors.update(self._all(verb, [place for place in places if place not in self._guards]))
        return [error for told in errors.values() for error in told]

    def _all(self, verb: str, places: list[str]) -> dict[str, list[str]]:
        """Ask the guards of these places at the same time; the errors of each."""
        errors: dict[str, list[str]] = {place: [] for place in places}
        for step in (self._say, self._hear):
            for place in places:
                if errors[place]:
                    continue
                try:
                    errors[place] = step(place, verb)
                except MigrationError as error:
                    errors[place] = [str(error)]
                    self._drop(place)
        return errors

    def _say(self, place: str, verb: str) -> list[str]:
        if place not in self._guards:
            self._guards[place] = guard = GuardConnection(place, self._numbers(place), self.definitions, self.options)
            guard.start(self.facts)
        self._guards[place].say({"do": verb})
        return []

    def _hear(self, place: str, verb: str) -> list[str]:
        guard = self._guards[place]
        answer = guard.answer()
        for number, facts, seconds in zip(guard.numbers, answer["facts"], answer["seconds"]):
            self.facts[number] = facts
            self.seconds[number].update(seconds)
        return [error for error in answer["errors"] if error]

    def _numbers(self, place: str) -> list[int]:
        return [number for number, definition in enumerate(self.definitions) if place_of(definition) == place]

    def _drop(self, place: str) -> None:
        guard = self._guards.pop(place, None)
        if guard is not None:
            guard.close()
