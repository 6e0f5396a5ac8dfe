# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether a source offers TLS at all.

A MariaDB 10.11 replica with MASTER_SSL=1 goes on in clear text where its source offers none, and its status says
"SSL allowed: Yes" all the same. The greeting that a server sends before any login tells.
"""
from __future__ import annotations

import socket
import struct

from .._errors import Refusal

# Of the capability flags: https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
CLIENT_SSL = 0x0800


def parse_greeting(packet: bytes) -> bool | None:
    """Whether a server's first packet (with its header of 4 bytes) offers TLS; None where it is no greeting.

    Protocol version 10: version text ending in NUL, 4 bytes of thread id, 8 of scramble, 1 filler, 2 of capabilities.
    """
    if len(packet) < 5 or packet[4] != 10:
        return None
    end = packet.find(b"\0", 5)
    if end < 0 or len(packet) < end + 16:
        return None
    return bool(struct.unpack_from("<H", packet, end + 14)[0] & CLIENT_SSL)


def offers_tls(host: str, port: int, seconds: float = 5) -> bool | None:
    """Ask a server; None where it cannot be reached from here, which the replica's own attempt will judge better."""
    try:
        with socket.create_connection((host, port), seconds) as connection:
            connection.settimeout(seconds)
            return parse_greeting(connection.recv(512))
    except OSError:
        return None


def refuse_clear_text(host: str, port: int) -> None:
    """Refuse a channel that is to be encrypted and could not be.

    :raises Refusal: where the source offers no TLS
    """
    if offers_tls(host, port) is False:
        raise Refusal(
            "the source %s:%d offers no TLS (ssl_cert and ssl_key in its configuration), and some replicas would go on in clear text; "
            "set up TLS there, or use a tunnel and tls: off" % (host, port)
        )
