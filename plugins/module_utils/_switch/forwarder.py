# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A forwarder on the source's host: who still connects to the old server's port after the promotion reaches the new server.

The port is the old server's own, which goes on listening: the firewall redirects new connections from elsewhere to
systemd-socket-proxyd, which passes them on. Those from the new server's host, and over the loopback, still reach the old server:
the bridge, reverse replication and administrators need it. Both are gone after a reboot; the old server refuses writes then.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import typing as t

from .._errors import MigrationError, Refusal
from .base import Switch

PROXY = ("/lib/systemd/systemd-socket-proxyd", "/usr/lib/systemd/systemd-socket-proxyd")
#: Where the proxy listens; nobody needs to know.
LISTEN_PORT = 33066
SECONDS = 5.0
NAT = ("iptables", "-w", "2", "-t", "nat")


class Forwarder(Switch):
    """Only its release does anything: before the promotion nobody is to be sent to the new server."""

    options: t.ClassVar[dict[str, type]] = {
        "type": str, "where": str, "new_address": str, "new_port": int, "old_port": int, "listen_port": int, "migration_id": str,
    }  # fmt: skip
    required: t.ClassVar[tuple[str, ...]] = ("new_address",)
    places: t.ClassVar[tuple[str, ...]] = ("source",)

    @property
    def name(self) -> str:
        """Where it leads."""
        return "forwarder to %s:%d" % self.new

    @property
    def new(self) -> tuple[str, int]:
        """The new server."""
        return self.given["new_address"], self.given.get("new_port", 3306)

    @property
    def limit(self) -> float:
        """Two programs, and one connection."""
        return 3 * SECONDS

    def validate(self) -> None:
        """An address that the firewall can compare with."""
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", self.given["new_address"]):
            raise Refusal("the forwarder needs the target's IPv4 address (migration_target_address), not %r" % self.given["new_address"])

    @property
    def unit(self) -> str:
        """The proxy's unit."""
        return "nordbridge-%s-forward" % self.given.get("migration_id", "")

    @property
    def _rule(self) -> list[str]:
        ports = (self.given.get("old_port", 3306), self.given.get("listen_port", LISTEN_PORT))
        match = ["-p", "tcp", "--dport", "%d" % ports[0], "!", "-s", self.new[0], "-m", "addrtype", "--dst-type", "LOCAL"]
        return ["PREROUTING", *match, "-m", "comment", "--comment", self.unit, "-j", "REDIRECT", "--to-ports", "%d" % ports[1]]

    # --- the verbs -----------------------------------------------------------

    def check(self) -> dict:
        """The programs are there, and the new server can be reached from here."""
        lacking = [name for name in ("iptables", "systemd-run", "systemctl") if not shutil.which(name)]
        if not any(map(os.path.exists, PROXY)):
            lacking.append("systemd-socket-proxyd")
        if lacking:
            raise Refusal("%s: the old server's host lacks %s" % (self.name, ", ".join(lacking)))
        try:
            socket.create_connection(self.new, SECONDS).close()
        except OSError as error:
            raise Refusal("%s: the old server's host does not reach it: %s" % (self.name, error.strerror or type(error).__name__)) from None
        self._run([*NAT, "-S", "PREROUTING"])
        return {}

    def pause(self, facts: dict) -> None:
        """Nothing."""

    def cut(self, facts: dict) -> None:
        """Nothing: the cutover itself ends the old server's sessions after its promotion."""

    def switch(self, facts: dict) -> None:
        """Nothing: it pauses nobody."""

    def release(self, facts: dict) -> None:
        """The proxy first, then the redirection to it."""
        if not self._ok(["systemctl", "is-active", "--quiet", self.unit + ".socket"]):
            place = "--socket-property=ListenStream=%d" % self.given.get("listen_port", LISTEN_PORT)
            proxy = next(filter(os.path.exists, PROXY))
            self._run(["systemd-run", "--quiet", "--unit", self.unit, place, "--", proxy, "%s:%d" % self.new])
        if not self._ok([*NAT, "-C", *self._rule]):
            self._run([*NAT, "-I", *self._rule])

    def undo(self, facts: dict) -> None:
        """Nothing: there is no forwarder before the commit."""

    def back(self, facts: dict) -> dict:
        """Its removal."""
        return {**self.given, "type": "forwarder_off"}

    def _ok(self, command: list[str]) -> bool:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False).returncode == 0

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MigrationError("%s: %s: %s" % (self.name, command[0], type(error).__name__)) from None
        if done.returncode:
            raise MigrationError("%s: %s: %s" % (self.name, command[0], " ".join(done.stderr.split())[-300:]))


class ForwarderOff(Forwarder):
    """Its removal, for a rollback: the old server's port is its own again before that server takes over."""

    leads: t.ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What goes."""
        return "removal of the " + super().name

    @property
    def _units(self) -> tuple[str, str]:
        return self.unit + ".socket", self.unit + ".service"

    def check(self) -> dict:
        """Whether it is there: a boot of its host has removed it."""
        rule = bool(shutil.which("iptables")) and self._ok([*NAT, "-C", *self._rule])
        return {"forwards": rule or any(map(self._is_active, self._units))}

    def pause(self, facts: dict) -> None:
        """Before the fence, so that what fails can be undone. The redirection first, then the proxy."""
        if shutil.which("iptables"):
            while self._ok([*NAT, "-C", *self._rule]):
                self._run([*NAT, "-D", *self._rule])
        for unit in filter(self._is_active, self._units):
            self._run(["systemctl", "stop", unit])

    def switch(self, facts: dict) -> None:
        """Again: a process that died after the commit has had it put back."""
        self.pause(facts)

    def release(self, facts: dict) -> None:
        """Nothing."""

    def undo(self, facts: dict) -> None:
        """Put it back where it was."""
        if facts.get("forwards"):
            super().release(facts)

    def _is_active(self, unit: str) -> bool:
        return self._ok(["systemctl", "is-active", "--quiet", unit])
