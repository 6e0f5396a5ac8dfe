# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A program of the operator's own, on the target's host, called with the stage as its last argument."""

from __future__ import annotations

import os
import signal
import subprocess
import typing as t

from .._errors import MigrationError, Refusal
from .base import Switch

DEFAULT_SECONDS = 5.0
#: A program that takes longer belongs into the hooks, which are tasks.
MOST_SECONDS = 60.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: How much of what it says goes into a message.
WORDS = 300


class Command(Switch):
    """C(argv... STAGE), STAGE being pause, switch, release or undo; the addresses are in NORDBRIDGE_OLD and NORDBRIDGE_NEW.

    Those of where clients are, and of where they are to go: a rollback exchanges them.
    """

    options: t.ClassVar[dict[str, type]] = {
        "type": str, "where": str, "argv": list, "timeout_seconds": float, "old_address": str, "new_address": str, "migration_id": str,
    }  # fmt: skip
    required: t.ClassVar[tuple[str, ...]] = ("argv",)

    @property
    def name(self) -> str:
        """The program."""
        return "command %s" % self.given["argv"][0]

    @property
    def limit(self) -> float:
        """As given."""
        return float(self.given.get("timeout_seconds") or DEFAULT_SECONDS)

    def validate(self) -> None:
        """An absolute path and a time that fits into a cutover."""
        if not os.path.isabs(self.given["argv"][0]):
            raise Refusal("a switch of type command: %s is no absolute path" % self.given["argv"][0])
        if not 0 < self.limit <= MOST_SECONDS:
            raise Refusal("a switch of type command: timeout_seconds must be more than 0 and at most %d" % MOST_SECONDS)

    def check(self) -> dict:
        """The program is there and may be run; it is not run."""
        program = self.given["argv"][0]
        if not os.path.isfile(program):
            raise Refusal("%s: there is no such program on the new server's host" % self.name)
        if not os.access(program, os.X_OK):
            raise Refusal("%s: it is not executable (chmod 755 %s)" % (self.name, program))
        return {}

    def pause(self, facts: dict) -> None:
        """Stage pause."""
        self._run("pause")

    def cut(self, facts: dict) -> None:
        """Nothing: within the write stop a program is run once, for the switch."""

    def switch(self, facts: dict) -> None:
        """Stage switch."""
        self._run("switch")

    def release(self, facts: dict) -> None:
        """Stage release."""
        self._run("release")

    def undo(self, facts: dict) -> None:
        """Stage undo."""
        self._run("undo")

    def back(self, facts: dict) -> dict:
        """The addresses exchanged."""
        old, new = self.given.get("old_address"), self.given.get("new_address")
        if not old or not new:
            raise Refusal("%s: it was not given both servers' addresses, so a rollback cannot give them swapped" % self.name)
        return {**self.given, "old_address": new, "new_address": old}

    def _run(self, stage: str) -> None:
        environment = {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "NORDBRIDGE_OLD": self.given.get("old_address", ""),
            "NORDBRIDGE_NEW": self.given.get("new_address", ""),
            "NORDBRIDGE_MIGRATION": self.given.get("migration_id", ""),
        }
        try:
            # A group of its own: what it has started ends with it when its time is up.
            process = subprocess.Popen(
                [*self.given["argv"], stage], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise MigrationError("%s could not be started for %s: %s" % (self.name, stage, error.strerror)) from None
        with process:
            try:
                said, _none = process.communicate(timeout=self.limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise MigrationError("%s did not end %s within %.1f s and was killed" % (self.name, stage, self.limit)) from None
        if process.returncode:
            words = " ".join(said.decode("utf-8", "replace").split())[-WORDS:]
            raise MigrationError("%s ended %s with code %d%s" % (self.name, stage, process.returncode, ": " + words if words else ""))
