# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A tunnel's end on this host, kept from its other users: a proxy that knows who connects, and who answers.

ssh cannot tell users of a host apart: whoever connects to a forwarded port is let through, and whoever listens there first answers.
So ssh's own end is a socket in a folder of root's, or is checked, and this proxy stands before it, at a port that root alone can bind.
It runs as a service of its own; its settings are a JSON file (Settings).
"""

# A program of its own, not a module: its words go to the journal.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import hmac
import json
import os
import socket
import sys
import threading
import time
import typing as t
from dataclasses import dataclass, field

from .._sockets import LOOPBACK, find_owner

# The most that one system call moves. ssh itself moves 32 KiB at a time.
CHUNK = 1 << 18
# Until a connection that proves nothing is dropped.
PROOF_SECONDS = 5.0
# Refusals are told once in so many seconds: anybody may try, and the journal is not theirs to fill.
QUIET_SECONDS = 10.0
# Connections at a time. A migration needs some 20, and MySQL's CLONE up to 17 more.
MOST = 256


@dataclass(frozen=True)
class Settings:
    """What a proxy does.

    :param port: listen at this port of 127.0.0.1, for C(users) alone; 0 for none
    :param path: listen at this socket, for those who say C(token) first; empty for none
    :param users: user ids
    :param upstream_path: pass on to this socket; empty where it is C(upstream_host) and C(upstream_port)
    :param owner: the user id that must hold the upstream's end of each connection; -1 for no such check
    :param token: a secret of the two proxies at both ends; empty for none
    """

    port: int = 0
    path: str = ""
    users: tuple = ()
    upstream_path: str = ""
    upstream_host: str = LOOPBACK
    upstream_port: int = 0
    owner: int = -1
    token: str = field(default="", repr=False)


def read_settings(path: str) -> Settings:
    """The settings of a file."""
    with open(path, encoding="utf-8") as stream:
        found: dict[str, t.Any] = json.load(stream)
    return Settings(**{**found, "users": tuple(found.get("users", ()))})


class Proxy:
    """One listener; a thread for each connection and direction."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.listener = _listen(settings)
        self.free = threading.BoundedSemaphore(MOST)
        self._told = 0.0

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, peer = self.listener.accept()
            except ConnectionError:  # the client was gone before
                continue
            reason = self._why_not(client, peer)
            if not reason and not self.free.acquire(blocking=False):
                reason = "more than %d connections at a time" % MOST
            if reason:
                client.close()
                self._tell(reason)
            else:
                if self.settings.port:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _why_not(self, client: socket.socket, peer: t.Any) -> str:
        """Why a client is not let through; empty where it is."""
        if not self.settings.port:
            return ""
        uid = find_owner(peer[:2], client.getsockname()[:2])
        return "" if uid in self.settings.users else "refused a connection by %s" % ("user id %d" % uid if uid is not None else "nobody")

    def _tell(self, reason: str) -> None:
        if time.monotonic() - self._told >= QUIET_SECONDS:
            self._told = time.monotonic()
            print(reason, file=sys.stderr, flush=True)

    def _connect(self, client: socket.socket) -> None:
        """Prove both ends, then pass bytes until both directions have ended."""
        upstream = None
        try:
            if self.settings.path:
                _hear_token(client, self.settings.token)
            upstream = _open_upstream(self.settings)
            back = threading.Thread(target=pump, args=(upstream, client), daemon=True)
            back.start()
            pump(client, upstream)
            back.join()
        except OSError as error:
            self._tell(str(error))
        finally:
            client.close()
            if upstream is not None:
                upstream.close()
            self.free.release()


def _listen(settings: Settings) -> socket.socket:
    if settings.port:
        return socket.create_server((LOOPBACK, settings.port), backlog=128)
    listener = socket.socket(socket.AF_UNIX)
    if os.path.exists(settings.path):
        os.unlink(settings.path)
    before = os.umask(0o177)
    try:
        listener.bind(settings.path)
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _hear_token(client: socket.socket, token: str) -> None:
    """Have the other proxy prove itself: the tunnel's port over there is open to every user of that host."""
    client.settimeout(PROOF_SECONDS)
    wanted, heard = token.encode("ascii"), b""
    while len(heard) < len(wanted):
        more = client.recv(len(wanted) - len(heard))
        if not more:
            break
        heard += more
    if not wanted or not hmac.compare_digest(heard, wanted):
        raise ConnectionRefusedError("refused a connection without the token of the proxy at the other end")
    client.settimeout(None)


def _open_upstream(settings: Settings) -> socket.socket:
    """The next hop, proven.

    :raises OSError: where nobody answers, or somebody else
    """
    if settings.upstream_path:
        upstream = socket.socket(socket.AF_UNIX)
        try:
            upstream.connect(settings.upstream_path)
        except OSError:
            upstream.close()
            raise
        return upstream
    upstream = socket.create_connection((settings.upstream_host, settings.upstream_port), timeout=PROOF_SECONDS)
    try:
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if settings.owner >= 0:
            _check_owner(upstream, settings.owner)
            upstream.sendall(settings.token.encode("ascii"))
        upstream.settimeout(None)
    except OSError:
        upstream.close()
        raise
    return upstream


def _check_owner(upstream: socket.socket, owner: int) -> None:
    """Refuse an answerer that is not the given user's: of the very connection, since a listener may change hands.

    The kernel names no owner before a program has accepted the connection.
    """
    here, there = upstream.getsockname()[:2], upstream.getpeername()[:2]
    deadline = time.monotonic() + PROOF_SECONDS
    while True:
        uid = find_owner(there, here)
        if uid == owner:
            return
        if uid is not None or time.monotonic() > deadline:
            who = "nobody" if uid is None else "user id %d" % uid
            raise ConnectionRefusedError("at port %d answers %s, and not the tunnel's user (id %d)" % (there[1], who, owner))
        time.sleep(0.01)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes one way until the end, and pass the end on. An error ends both ways."""
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    try:
        while True:
            count = source.recv_into(buffer)
            if not count:
                break
            sink.sendall(view[:count])
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has gone
                pass


def main() -> None:
    """Serve with the settings of the file that the command line names."""
    try:
        Proxy(read_settings(sys.argv[-1])).serve()
    except (OSError, ValueError, TypeError) as error:
        sys.exit("nordbridge proxy: %s: %s" % (sys.argv[-1], error))
