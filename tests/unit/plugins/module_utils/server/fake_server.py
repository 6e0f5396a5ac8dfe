# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile server that speaks the handshake: it asks each client for its password in one way, and keeps all that it was sent.

A program of its own, too, for the test hosts: C(python3 fake_server.py PORT WAY SECONDS [CERTIFICATE KEY]) prints what it was sent
as hexadecimal. Only the standard library.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

# pylint: disable=ansible-bad-function

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading

LONG_PASSWORD, PROTOCOL_41, SSL, SECURE, PLUGIN_AUTH = 1, 1 << 9, 1 << 11, 1 << 15, 1 << 19
SALT = b"abcdefgh", b"ijklmnopqrst"
OK = b"\x00\x00\x00\x02\x00\x00\x00"
SWITCH, MORE = b"\xfe", b"\x01"
#: Each way: the plugin of the greeting, and what comes after the client's answer.
WAYS = {
    "clear": (b"mysql_native_password", [SWITCH + b"mysql_clear_password\0"]),
    "dialog": (b"mysql_native_password", [SWITCH + b"dialog\0\x04Password: "]),
    "old": (b"mysql_native_password", [SWITCH + b"mysql_old_password\0" + SALT[0] + b"\0"]),
    "full": (b"caching_sha2_password", [MORE + b"\x04", "key"]),
    "switch to full": (b"mysql_native_password", [SWITCH + b"caching_sha2_password\0" + b"".join(SALT) + b"\0", MORE + b"\x04", "key"]),
    "sha256": (b"sha256_password", ["key"]),
    "switch to sha256": (b"mysql_native_password", [SWITCH + b"sha256_password\0" + b"".join(SALT) + b"\0", "key"]),
    "native": (b"mysql_native_password", [OK]),
    "ancient": (b"", []),
    "garbled": (None, []),
}


class FakeServer:
    """One listener, a thread, and the bytes that came, TLS taken off.

    :param way: a key of WAYS
    :param certificate: files of a certificate and its key: offer TLS; None: offer none
    :param public_key: PEM of an RSA key that clients shall encrypt their password with
    """

    def __init__(self, way: str, certificate: tuple[str, str] | None = None, public_key: bytes = b"", port: int = 0) -> None:
        self.plugin, self.answers = WAYS[way]
        self.certificate, self.public_key = certificate, public_key
        self.received: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self) -> bytes:
        """End it; all that it was sent."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(6)
        self.listener.close()
        return b"".join(self.received)

    def _serve(self) -> None:
        while True:
            try:
                client, _peer = self.listener.accept()
            except OSError:
                return
            try:
                client.settimeout(5)
                self._talk(client)
            except (OSError, struct.error):
                pass
            finally:
                client.close()

    def _greeting(self) -> bytes:
        flags = LONG_PASSWORD | PROTOCOL_41 | SECURE
        if self.plugin:
            flags |= PLUGIN_AUTH
        if self.certificate:
            flags |= SSL
        head = b"\x0a8.0.99\0" + struct.pack("<I", 7) + SALT[0] + b"\0" + struct.pack("<H", flags & 0xFFFF)
        return head + b"\x2d\x02\x00" + struct.pack("<HB", flags >> 16, 21) + b"\0" * 10 + SALT[1] + b"\0" + (self.plugin or b"") + b"\0"

    def _talk(self, client: socket.socket) -> None:
        if self.plugin is None:
            client.sendall(struct.pack("<I", 12)[:3] + b"\0" + b"\x0anonsense\0" + b"!")
            return
        self._send(client, 0, self._greeting())
        number, packet = self._receive(client)
        if self.certificate and len(packet) == 32:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            client = context.wrap_socket(client, server_side=True)
            number, packet = self._receive(client)
        for answer in self.answers:
            if answer == "key":
                # The client has asked for the key, or has shown the password already.
                answer = MORE + self.public_key
            self._send(client, number + 1, answer)
            number, packet = self._receive(client)
        self._send(client, number + 1, OK)

    @staticmethod
    def _send(client: socket.socket, number: int, payload: bytes) -> None:
        client.sendall(struct.pack("<I", len(payload))[:3] + bytes([number & 0xFF]) + payload)

    def _receive(self, client: socket.socket) -> tuple[int, bytes]:
        head = self._exactly(client, 4)
        payload = self._exactly(client, struct.unpack("<I", head[:3] + b"\0")[0])
        self.received.append(payload)
        return head[3], payload

    @staticmethod
    def _exactly(client: socket.socket, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = client.recv(count - len(found))
            if not more:
                raise OSError("the client went away")
            found += more
        return found


if __name__ == "__main__":
    server = FakeServer(sys.argv[2], (sys.argv[4], sys.argv[5]) if len(sys.argv) > 4 else None, port=int(sys.argv[1]))
    server.thread.join(float(sys.argv[3]))
    print(b"".join(server.received).hex())
