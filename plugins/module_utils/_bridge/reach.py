# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether the way to another host's port is open, and how far it is: before anything is changed, and without a login."""

from __future__ import annotations

import socket
import time
import typing as t

# What the two kinds of servers say first: RFC 4253, 4.2; https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
SSH, MYSQL = "ssh", "mysql"
ERROR_PACKET = 0xFF
TRIES = 5


def reach(address: str, port: int, kind: str, seconds: float = 5.0, tries: int = TRIES) -> dict:
    """Connect some times, and read what the server says first.

    :param kind: which server is meant to be there, C(ssh) or C(mysql)
    :param seconds: for each connection
    :returns: reachable; error, in words; round_trip_ms, the shortest time that a connection took, None where there was none
    """
    shortest: float | None = None
    for _number in range(tries):
        began = time.monotonic()
        try:
            with socket.create_connection((address, port), timeout=seconds) as connection:
                took = time.monotonic() - began
                error = wrong_greeting(connection.recv(512), kind)
        except OSError as problem:
            return {"reachable": False, "error": _words(problem, seconds), "round_trip_ms": None}
        if error:
            return {"reachable": False, "error": error, "round_trip_ms": None}
        shortest = took if shortest is None else min(shortest, took)
    return {"reachable": True, "error": "", "round_trip_ms": None if shortest is None else round(shortest * 1000, 2)}


def wrong_greeting(said: bytes, kind: str) -> str:
    """Why what was said first is not that of the server that is meant; empty where it is."""
    if kind == SSH:
        return "" if said.startswith(b"SSH-") else "what answers there is no ssh server"
    if len(said) > 4 and said[4] == ERROR_PACKET:
        return "the server refuses this host: %s" % said[7:].decode("utf-8", "replace").strip()[:200]
    return "" if len(said) > 4 and said[4] == 10 else "what answers there is no MySQL or MariaDB server"


def _words(problem: OSError, seconds: float) -> str:
    if isinstance(problem, socket.gaierror):
        return "its name is not known to this host"
    if isinstance(problem, socket.timeout):
        return "no answer within %g s" % seconds
    return str(problem.strerror or problem)


def way_info(params: dict, _check_mode: bool) -> dict:
    """The module's one function."""
    found: dict[str, t.Any] = reach(params["address"], params["port"], params["kind"])
    return {"changed": False, "way": {"address": params["address"], "port": params["port"], **found}}
