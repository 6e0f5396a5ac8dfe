# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets as the kernel lists them."""

from __future__ import annotations

import os
import socket
import struct

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils import _sockets
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._sockets import (
    TcpSocket,
    held_by_root,
    listeners,
    owner_of,
    parse_table,
    read_sockets,
    unprivileged_start,
)

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: %s:33FB %s:0000 0A 00000000:00000000 00:00000000 00000000   998        0 4711 1
   1: %s:33FB %s:9999 01 00000000:00000000 00:00000000 00000000   998        0 4713 1
   2: %s:0BB8 %s:0001 04 00000000:00000000 00:00000000 00000000     0        0 0 1
"""


def word(address: str) -> str:
    return "%08X" % struct.unpack("=I", socket.inet_aton(address))[0]


def test_a_table_is_read_in_the_hosts_own_byte_order():
    here, any_address = word("127.0.0.1"), word("0.0.0.0")
    found = parse_table(TABLE % (any_address, any_address, here, here, here, here))
    assert found[0] == TcpSocket("0.0.0.0", 13307, "0.0.0.0", 0, "0A", 998, "4711")
    assert found[1] == TcpSocket("127.0.0.1", 13307, "127.0.0.1", 0x9999, "01", 998, "4713")


def test_one_ports_sockets_alone():
    here = word("127.0.0.1")
    text = TABLE % ((here,) * 6)
    assert [one.state for one in parse_table(text, 13307)] == ["0A", "01"] and parse_table(text, 0x33FC) == []


def test_an_ipv4_address_in_an_ipv6_socket_is_that_address():
    mapped = "%08X%08X%s%s" % (0, 0, word("0.0.255.255"), word("127.0.0.1"))
    line = "   0: %s:0CEA %s:1234 01 00000000:00000000 00:00000000 00000000   100        0 9 1" % (mapped, mapped)
    assert parse_table("head\n" + line)[0][:4] == ("127.0.0.1", 3306, "127.0.0.1", 0x1234)


def test_both_ends_of_a_connection_have_their_owner():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        here, there = client.getsockname(), client.getpeername()
        assert owner_of(read_sockets(), here, there) == os.getuid()
        # Not accepted yet: no process holds it, and the kernel's 0 there is nobody's name.
        assert owner_of(read_sockets(), there, here) is None
        accepted, _peer = server.accept()
        assert owner_of(read_sockets(), there, here) == os.getuid()
        client.close()
        assert owner_of(read_sockets(), here, there) is None
        accepted.close()


def test_a_socket_that_was_closed_is_not_roots():
    closing = TcpSocket("127.0.0.1", 3000, "127.0.0.1", 1, "04", 0, "0")
    for one in (closing, closing._replace(state="01"), closing._replace(inode="5", port=3001)):
        assert owner_of([one], ("127.0.0.1", 3000), ("127.0.0.1", 1)) is None
    # Half closed by a process that still holds it.
    assert owner_of([closing._replace(inode="5", uid=7)], ("127.0.0.1", 3000), ("127.0.0.1", 1)) == 7


@pytest.mark.parametrize(("text", "start"), [("1024\n", 1024), ("0\n", 0), ("", 1024), (None, 1024)])
def test_the_first_port_for_everybody(tmp_path, text, start):
    path = tmp_path / "start"
    if text is not None:
        path.write_text(text)
    assert unprivileged_start(str(path)) == start


LISTENING = TcpSocket("127.0.0.1", 300, "0.0.0.0", 0, "0A", 0, "7")


@pytest.mark.parametrize(
    ("host", "port", "start", "there", "held"),
    [
        ("127.0.0.1", 300, 1024, [LISTENING], True),
        ("localhost", 300, 1024, [LISTENING], True),
        ("127.0.0.1", 300, 1024, [], False),
        ("127.0.0.1", 300, 1024, [LISTENING._replace(uid=1000)], False),
        ("127.0.0.1", 300, 1024, [LISTENING, LISTENING._replace(uid=1000, address="0.0.0.0")], False),
        ("127.0.0.1", 300, 0, [LISTENING], False),
        ("127.0.0.1", 13306, 1024, [LISTENING._replace(port=13306)], False),
        ("192.0.2.1", 300, 1024, [LISTENING], False),
    ],
)
def test_a_port_that_nobody_but_root_can_answer_at(monkeypatch, host, port, start, there, held):
    monkeypatch.setattr(_sockets, "read_sockets", lambda _port: there)
    monkeypatch.setattr(_sockets, "unprivileged_start", lambda: start)
    assert held_by_root(host, port) is held
    assert len(listeners(there, port)) == len(there)
