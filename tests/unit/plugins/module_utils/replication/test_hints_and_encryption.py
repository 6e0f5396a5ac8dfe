# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error numbers to hints, and the greeting that tells whether a server offers TLS."""
from __future__ import annotations

import socket
import struct
import threading

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import encryption
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.hints import HINTS, LOGIN_ERRNOS, explained, hint_for


@pytest.mark.parametrize(
    ("errno", "words"),
    [
        (1045, "source_password"), (1130, "target's address"), (1236, "new seed"), (1593, "server_id"), (1062, "Nothing was skipped"),
        (1032, "Nothing was skipped"), (2003, "firewall"), (2013, "tunnel"), (2026, "tls_ca"), (2061, "get_source_public_key"),
        (13114, "new seed"), (13117, "server_uuid"),
    ],
)  # fmt: skip
def test_hints(errno, words):
    assert words in hint_for(errno)


@pytest.mark.parametrize(
    ("errno", "text", "words"),
    [
        (13114, "A replica with the same server_uuid/server_id as this replica has connected", "auto.cnf"),
        (1236, "Binary log is not open", "log_bin"),
        (1236, "Client requested source to start replication from impossible position", "source_log_pos"),
        (1236, "requested to start from GTID 0-1-9, which is not in the master's binlog", "right source"),
        (13114, "log event entry exceeded max_allowed_packet", "max_allowed_packet"),
        (13114, "the replica has more GTIDs than the source has", "errant"),
    ],
)
def test_one_number_many_causes(errno, text, words):
    assert words in hint_for(errno, text)


def test_unknown_errors_keep_the_servers_words():
    assert explained(9999, "odd") == "[9999] odd"


def test_each_login_error_has_a_hint():
    assert set(HINTS) >= LOGIN_ERRNOS


def greeting(capabilities, version=b"9.7.4"):
    body = b"\x0a" + version + b"\0" + b"\1\0\0\0" + b"12345678" + b"\0" + struct.pack("<H", capabilities) + b"\xff\2\0" + b"\0" * 20
    return struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (greeting(0xFFFF), True),
        (greeting(0xF7FF), False),
        (greeting(0x0800, b"5.5.5-10.11.18-MariaDB-log"), True),
        (b"\x10\0\0\0\xffHost is blocked", None),
        (greeting(0xFFFF)[:12], None),
        (b"", None),
    ],
)
def test_greeting(packet, expected):
    assert encryption.parse_greeting(packet) is expected


@pytest.fixture
def listener():
    """A server on a free port that says one thing and closes."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(packet):
        def serve():
            client, _address = server.accept()
            client.sendall(packet)
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    yield answer
    server.close()


def test_clear_text_is_refused(listener):
    with pytest.raises(Refusal, match="offers no TLS"):
        encryption.refuse_clear_text("127.0.0.1", listener(greeting(0xF7FF)))


def test_tls_or_unknown_passes(listener):
    encryption.refuse_clear_text("127.0.0.1", listener(greeting(0xFFFF)))
    unused = socket.create_server(("127.0.0.1", 0))
    port = unused.getsockname()[1]
    unused.close()
    encryption.refuse_clear_text("127.0.0.1", port)
