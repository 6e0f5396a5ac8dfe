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
# ER_HOST_NOT_PRIVILEGED: no account is for this host yet; the migration's own will be made later.
NO_ACCOUNT_YET = 1130


def reach(address: str, port: int, kind: str, seconds: float = 5.0) -> dict:
    """Connect once, and read what the server says first.

    Once only: a connection without a login counts on the other side (fail2ban, sshd's PerSourcePenalties, a server's
    max_connect_errors), and some of them would lock this host out.

    :param kind: which server is meant to be there, C(ssh) or C(mysql)
    :param seconds: for the connection, and for the greeting
    :returns: reachable; error, in words; round_trip_ms, how long the connection took to be made, None where it was not
    """
    began = time.monotonic()
    try:
        with socket.create_connection((address, port), timeout=seconds) as connection:
            took = time.monotonic() - began
            error = wrong_greeting(connection.recv(512), kind)
    except OSError as problem:
        error = _words(problem, seconds)
    if error:
        return {"reachable": False, "error": error, "round_trip_ms": None}
    return {"reachable": True, "error": "", "round_trip_ms": round(took * 1000, 2)}


def wrong_greeting(said: bytes, kind: str) -> str:
    """Why what was said first is not that of the server that is meant; empty where it is."""
    if kind == SSH:
        # Other lines may come before it.
        return "" if any(line.startswith(b"SSH-") for line in said.splitlines()) else "what answers there is no ssh server"
    if len(said) > 6 and said[4] == ERROR_PACKET:
        if int.from_bytes(said[5:7], "little") == NO_ACCOUNT_YET:
            return ""
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
