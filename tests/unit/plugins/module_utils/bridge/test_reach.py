# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look whether the other host is reached, at real sockets of this host."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import reach

SSHD = b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"
GREETING = b"\x4a\x00\x00\x00\x0a9.7.0\x00"
NOT_ALLOWED = b"\x45\x00\x00\x00\xff\x6a\x04Host '192.0.2.1' is not allowed to connect to this MySQL server"
BLOCKED = b"\x45\x00\x00\x00\xff\x69\x04Host '192.0.2.1' is blocked because of many connection errors"


@contextmanager
def server(said: bytes):
    """Says its word to everybody who connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked = []

        def serve():
            while True:
                try:
                    connection, _peer = listener.accept()
                except OSError:
                    return
                asked.append(1)
                with connection:
                    connection.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("kind", "said"), [("ssh", SSHD), ("ssh", b"Welcome\r\n" + SSHD), ("mysql", GREETING), ("mysql", NOT_ALLOWED)])
def test_a_server_of_the_kind_is_reached_and_its_distance_measured(kind, said):
    with server(said) as (port, asked):
        found = reach.reach("127.0.0.1", port, kind)
    assert found["reachable"] and found["error"] == "" and 0 < found["round_trip_ms"] < 1000
    assert len(asked) == 1, "a connection without a login counts on the other side"


@pytest.mark.parametrize(
    ("kind", "said", "words"),
    [
        ("ssh", GREETING, "no ssh server"), ("mysql", SSHD, "no MySQL or MariaDB server"), ("mysql", b"", "no MySQL"),
        ("mysql", BLOCKED, "the server refuses this host: Host '192.0.2.1' is blocked"),
    ],
)  # fmt: skip
def test_what_answers_is_not_what_was_meant(kind, said, words):
    with server(said) as (port, _asked):
        found = reach.reach("127.0.0.1", port, kind)
    assert not found["reachable"] and words in found["error"]


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = reach.reach("127.0.0.1", port, "ssh")
    assert (found["reachable"], found["round_trip_ms"]) == (False, None) and "refused" in found["error"].lower()


def test_what_does_not_answer_in_time():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = reach.reach("127.0.0.1", listener.getsockname()[1], "ssh", seconds=0.2)
    assert found["error"] == "no answer within 0.2 s"


def test_a_name_that_is_unknown(monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    assert reach.way_info({"address": "nowhere", "port": 22, "kind": "ssh"}, False)["way"] == {
        "address": "nowhere", "port": 22, "reachable": False, "error": "its name is not known to this host", "round_trip_ms": None,
    }  # fmt: skip
