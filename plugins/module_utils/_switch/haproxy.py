# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""HAProxy, by its runtime API: the words are those of its management guide, chapter 9.3, as of version 2.6.

New connections are paused by C(set maxconn global 1) while one connection of our own, the placeholder, takes that one place:
HAProxy stops accepting and they wait in the kernel's queue. C(set maxconn frontend NAME 0) would pause that frontend alone; but
where anybody waits, setting it back deadlocks Debian's 2.6.12, and its watchdog ends it (haproxy issue 2726; so it was seen).
C(disable frontend) would have them refused. What is set here lives in the running process: its reload or restart forgets it.
"""

from __future__ import annotations

import csv
import ipaddress
import re
import socket
import time
import typing as t

from .._errors import MigrationError, Refusal
from .base import Switch

#: Seconds for one command; HAProxy answers in less than a millisecond.
COMMAND_SECONDS = 2.0
NAME = r"[A-Za-z0-9_.:-]{1,120}"
ADDRESS = r"[0-9A-Fa-f.:]{2,45}"
#: What an option must look like, for all of them go into a command line of HAProxy's.
FORMS = (
    ("socket", r"/[\w./@-]+", "absolute path"),
    ("listen", r"[^\s:]+:\d+", "HOST:PORT of the frontend"),
    *((option, NAME, "name") for option in ("frontend", "backend", "old_server", "new_server")),
    *((option, ADDRESS, "IP address") for option in ("new_address", "old_address")),
)
#: A server's port where none is given.
PORT = 3306
MAX_ANSWER = 1 << 22
#: How many sessions one command line ends: HAProxy takes a line of 16 KiB.
AT_ONCE = 200
#: The answers of C(set server addr) that are no errors; all other commands answer with nothing.
ADDRESS_SET = re.compile(r"(IP|port) changed|no need to change|nothing changed")
CHANGED = re.compile(r"(IP|port) changed")
SESSION = re.compile(r"^(0x[0-9a-f]+): proto=\S+ src=(\S+) fe=(\S+) be=(\S+) srv=(\S+) ", re.M)


class Gone(MigrationError):
    """No HAProxy answers there: what it was told at run time is forgotten."""


class Haproxy(Switch):
    """A frontend whose new connections wait, and the servers of its backend."""

    options: t.ClassVar[dict[str, type]] = {
        "type": str, "where": str, "socket": str, "host": str, "port": int, "listen": str, "frontend": str, "backend": str,
        "old_server": str, "old_address": str, "old_port": int,
        "new_server": str, "new_address": str, "new_port": int,
    }  # fmt: skip
    required: t.ClassVar[tuple[str, ...]] = ("frontend", "listen", "old_server")
    places: t.ClassVar[tuple[str, ...]] = ("target", "source")

    def __init__(self, given: dict) -> None:
        super().__init__(given)
        self.frontend = given["frontend"]
        self.backend = given.get("backend") or given["frontend"]
        self.old = given["old_server"]
        self.new = given.get("new_server", "")
        self._placeholder: socket.socket | None = None

    @property
    def name(self) -> str:
        """The socket and the frontend."""
        return "haproxy %s %s" % (self.given.get("socket") or "%(host)s:%(port)s" % self.given, self.frontend)

    @property
    def limit(self) -> float:
        """Some commands."""
        return 4 * COMMAND_SECONDS

    def validate(self) -> None:
        """One way to its socket, one way to the new server, and names that are nothing but names."""
        given = self.given
        if bool(given.get("socket")) == bool(given.get("host")) or bool(given.get("host")) != bool(given.get("port")):
            raise Refusal("a switch of type haproxy needs either socket, or host and port")
        if given.get("where") == "source" and not given.get("socket"):
            raise Refusal("a switch of type haproxy: on the source's host it is reached by its socket, not by host and port")
        if bool(self.new) == bool(given.get("new_address")):
            raise Refusal(
                "a switch of type haproxy needs either new_server (another server of the backend) or new_address (for old_server's entry)"
            )
        for option, form, words in FORMS:
            if given.get(option) and not re.fullmatch(form, given[option]):
                raise Refusal("a switch of type haproxy: %s %r is no %s" % (option, given[option], words))

    # --- the verbs -----------------------------------------------------------

    def check(self) -> dict:
        """The socket answers and may do all, the names exist, and clients are sent to the old server alone."""
        level = self._ask("show cli level").strip()
        if level != "admin":
            raise Refusal("%s: its socket needs 'level admin' (stats socket, in HAProxy's section global) and has %r" % (self.name, level))
        rows = {(row["pxname"], row["svname"]): row for row in csv.DictReader(self._ask("show stat").lstrip("# ").splitlines())}
        reasons = []
        if (self.frontend, "FRONTEND") not in rows:
            reasons.append("there is no frontend %s (there are: %s)" % (self.frontend, _named(rows, "FRONTEND")))
        if (self.backend, "BACKEND") not in rows:
            reasons.append("there is no backend %s (there are: %s)" % (self.backend, _named(rows, "BACKEND")))
        else:
            reasons += self._wrong_servers(rows)
        maxconn = self._maxconn()
        if maxconn <= 1:
            reasons.append("it takes no more than %d connections at all, somebody holds it: set maxconn global 0" % maxconn)
        if not reasons:
            self._take_place()
            self._leave_place()
        if reasons:
            raise Refusal("%s: %s" % (self.name, "; ".join(reasons)))
        # Where an entry that gets another address has led: what a rollback sets it back to.
        return {"maxconn": maxconn, **({} if self.new else {"address": rows[self.backend, self.old].get("addr", "")})}

    def _maxconn(self) -> int:
        found = re.search(r"^Maxconn: (\d+)$", self._ask("show info"), re.M)
        if not found:
            raise MigrationError("%s: HAProxy does not report its maxconn" % self.name)
        return int(found.group(1))

    def _take_place(self) -> None:
        """Open the placeholder, and see it among the frontend's sessions."""
        host, _colon, port = self.given["listen"].rpartition(":")
        self._leave_place()
        try:
            self._placeholder = socket.create_connection((host, int(port)), COMMAND_SECONDS)
        except OSError as error:
            words = error.strerror or type(error).__name__
            raise Refusal("%s: nothing takes connections at listen %s: %s" % (self.name, self.given["listen"], words)) from None
        deadline = time.monotonic() + COMMAND_SECONDS
        while not any(frontend == self.frontend for _id, frontend, _server in self._sessions(own=True)):
            if time.monotonic() > deadline:
                self._leave_place()
                raise Refusal("%s: listen %s does not lead to frontend %s" % (self.name, self.given["listen"], self.frontend))
            time.sleep(0.005)

    def _leave_place(self) -> None:
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None

    def _sessions(self, own: bool) -> list[tuple[str, str, str]]:
        """Id, frontend and server of HAProxy's sessions: the placeholder's own, or all others."""
        mine = "%s:%d" % self._placeholder.getsockname()[:2] if self._placeholder else ""
        found = SESSION.findall(self._ask("show sess"))
        return [
            (number, frontend, "%s/%s" % (backend, server))
            for number, client, frontend, backend, server in found
            if (client == mine) == own
        ]

    def _wrong_servers(self, rows: dict) -> list[str]:
        found = {server: rows.get((self.backend, server)) for server in (self.old, self.new) if server}
        have = ", ".join(server for proxy, server in rows if proxy == self.backend and server not in ("FRONTEND", "BACKEND"))
        reasons = ["backend %s has no server %s (it has: %s)" % (self.backend, server, have) for server, row in found.items() if not row]
        old, new = found[self.old], found.get(self.new)
        if old and old["status"].startswith("MAINT"):
            reasons.append("server %s/%s is in maintenance: clients are not sent to it now" % (self.backend, self.old))
        if new and not new["status"].startswith(("MAINT", "DRAIN")) and new["bck"] != "1":
            reasons.append(
                "server %s/%s takes clients already (%s): put it into maintenance (set server %s/%s state maint) until it takes over"
                % (self.backend, self.new, new["status"], self.backend, self.new)
            )
        if old and not self.new:
            reasons += self._wrong_address(_end(old.get("addr", "")))
        return reasons

    def _wrong_address(self, found: tuple[str, int]) -> list[str]:
        """Why the entry that is to get another address is not to get it."""
        name = "server %s/%s" % (self.backend, self.old)
        if found == self._new_end:
            return ["%s leads to %s:%d already" % (name, *found)]
        expected = self._old_end
        if expected and found != expected:
            place = (self.backend, self.old, *expected)
            return [
                "%s leads to %s:%d, and clients are said to be at %s:%d: after a restart of HAProxy, set server %s/%s addr %s port %d"
                % (name, *found, *expected, *place)
            ]
        return []

    @property
    def _new_end(self) -> tuple[str, int]:
        return _address(self.given["new_address"]), self.given.get("new_port", PORT)

    @property
    def _old_end(self) -> tuple[str, int] | None:
        given = self.given
        return (_address(given["old_address"]), given.get("old_port", PORT)) if given.get("old_address") else None

    def pause(self, facts: dict) -> None:
        """New connections wait in the kernel's queue, those to other frontends of this HAProxy too."""
        self._take_place()
        self._do("set maxconn global 1")

    def cut(self, facts: dict) -> None:
        """End the sessions on the old server, but for the placeholder: without it somebody would take its place."""
        ids = [number for number, _frontend, server in self._sessions(own=False) if server == "%s/%s" % (self.backend, self.old)]
        for first in range(0, len(ids), AT_ONCE):
            self._do("; ".join("shutdown session %s" % number for number in ids[first : first + AT_ONCE]))

    def switch(self, facts: dict) -> None:
        """The old server into maintenance and the new one out of it, or the old one's entry gets the new address."""
        if self.new:
            self._do("set server %s/%s state maint" % (self.backend, self.old))
            self._do("set server %s/%s state ready" % (self.backend, self.new))
        else:
            place = (self.backend, self.old, *self._new_end)
            if not CHANGED.search(self._do("set server %s/%s addr %s port %d" % place)):
                # It leads to the new server already, and so do its sessions.
                return
        # Those that were accepted before the pause and had waited inside HAProxy for a free slot.
        self._do("shutdown sessions server %s/%s" % (self.backend, self.old))

    def release(self, facts: dict) -> None:
        """Accept again, as many as before; as many as configured where that is not known."""
        self._do("set maxconn global %d" % facts.get("maxconn", 0))
        self._leave_place()

    def undo(self, facts: dict) -> None:
        """Accept again; no server's state was changed before the promotion. A HAProxy that does not run pauses nobody."""
        try:
            self.release(facts)
        except Gone:
            self._leave_place()

    def back(self, facts: dict) -> dict:
        """The names exchanged, or the address that the entry had."""
        if self.new:
            return {**self.given, "old_server": self.new, "new_server": self.old}
        host, port = self._old_end or _end(facts.get("address", ""))
        if not host:
            raise Refusal(
                "%s: the address that server %s/%s had before the cutover is not known: give it as old_address"
                % (self.name, self.backend, self.old)
            )
        old_host, old_port = self._new_end
        return {**self.given, "old_address": old_host, "old_port": old_port, "new_address": host, "new_port": port}

    # --- the socket ----------------------------------------------------------

    def _do(self, command: str) -> str:
        """One that changes something; what HAProxy says to it.

        :raises MigrationError: where that is no success
        """
        answer = self._ask(command).strip()
        if answer and not ADDRESS_SET.search(answer):
            raise MigrationError("%s: HAProxy answers %r to %r" % (self.name, answer[:200], command))
        return answer

    def _ask(self, command: str) -> str:
        """One command, one connection: what is not interactive ends with HAProxy's closing it.

        :raises Gone: where nobody listens
        """
        path = self.given.get("socket")
        family, place = (socket.AF_UNIX, path) if path else (0, (self.given["host"], self.given["port"]))
        try:
            if path:
                connection = socket.socket(family)
            else:
                connection = socket.create_connection(place, COMMAND_SECONDS)
            with connection:
                connection.settimeout(COMMAND_SECONDS)
                if path:
                    connection.connect(path)
                connection.sendall(command.encode() + b"\n")
                return _read(connection)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise Gone("%s: no HAProxy answers on its socket: %s" % (self.name, error.strerror)) from None
        except OSError as error:
            raise MigrationError("%s: its socket: %s" % (self.name, error.strerror or type(error).__name__)) from None


def _read(connection: socket.socket) -> str:
    """All of an answer."""
    parts: list[bytes] = []
    while sum(map(len, parts)) < MAX_ANSWER:
        part = connection.recv(65536)
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def _address(text: str) -> str:
    """An IP address, always written alike."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _end(text: str) -> tuple[str, int]:
    """The address and port of a server's entry as HAProxy tells them; empty where it has none."""
    host, _colon, port = text.rpartition(":")
    return (_address(host.strip("[]")), int(port)) if port.isdigit() else ("", 0)


def _named(rows: dict, kind: str) -> str:
    return ", ".join(proxy for proxy, server in rows if server == kind) or "none"
