# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""TCP sockets of this host, as the kernel lists them: who owns one, and which ports an ordinary user can bind.

The tables /proc/net/tcp and tcp6 are described in proc(5) and the kernel's Documentation/networking/proc_net_tcp.rst.
"""

from __future__ import annotations

import ipaddress
import struct
import typing as t

LISTENING = "0A"  # of the kernel's table of TCP states
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
UNPRIVILEGED_START = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
LOOPBACK = "127.0.0.1"
LOOPBACK_NAMES = (LOOPBACK, "localhost")


class TcpSocket(t.NamedTuple):
    """One line of the table. C(inode) is "0" for a socket that no process holds (any more, or yet); its C(uid) then means nothing."""

    address: str
    port: int
    peer: str
    peer_port: int
    state: str
    uid: int
    inode: str


def parse_table(text: str, port: int | None = None) -> list[TcpSocket]:
    """The sockets of a table, or those with that local port alone; IPv4 addresses in IPv6 sockets are told as IPv4."""
    found, ending = [], "" if port is None else ":%04X" % port
    for line in text.splitlines()[1:]:
        fields = line.split()
        if not fields[1].endswith(ending):
            continue
        (address, port), (peer, peer_port) = (_address(fields[at]) for at in (1, 2))
        found.append(TcpSocket(address, port, peer, peer_port, fields[3], int(fields[7]), fields[9]))
    return found


def _address(text: str) -> tuple[str, int]:
    """An address and port of the table: words of 32 bits in the host's own byte order, in hexadecimal."""
    words, port = text.split(":")
    raw = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    address = ipaddress.ip_address(raw)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)


def read_sockets(port: int | None = None, tables: tuple = TABLES) -> list[TcpSocket]:
    """The TCP sockets of this host's network namespace, all or those with that local port. The kernel takes milliseconds for a table."""
    found: list[TcpSocket] = []
    for path in tables:
        try:
            with open(path, encoding="ascii") as stream:
                found += parse_table(stream.read(), port)
        except OSError:  # a host without IPv6 has no tcp6
            continue
    return found


def owner_of(sockets: list[TcpSocket], local: tuple[str, int], peer: tuple[str, int]) -> int | None:
    """The user id that holds one end of a connection; None where no process holds it (closed, or not accepted yet).

    The kernel tells 0 as the user of a socket that nobody holds: only its inode shows that this is not root.
    """
    for one in sockets:
        if (one.address, one.port, one.peer, one.peer_port) == (*local, *peer) and one.inode != "0":
            return one.uid
    return None


def find_owner(local: tuple[str, int], peer: tuple[str, int]) -> int | None:
    """C(owner_of) as of now. A table is read in pieces, and what moves meanwhile can be passed over: so None is asked again at once."""
    for path in TABLES * 3:
        uid = owner_of(read_sockets(local[1], (path,)), local, peer)
        if uid is not None:
            return uid
    return None


def listeners(sockets: list[TcpSocket], port: int) -> list[TcpSocket]:
    """Who would answer at a port of 127.0.0.1, those that listen at every address among them."""
    return [one for one in sockets if one.state == LISTENING and one.port == port and one.address in (LOOPBACK, "0.0.0.0", "::")]


def unprivileged_start(path: str = UNPRIVILEGED_START) -> int:
    """The first port that any user can bind (ip-sysctl: ip_unprivileged_port_start); 1024 on kernels before 4.11, which have no choice."""
    try:
        with open(path, encoding="ascii") as stream:
            return int(stream.read())
    except (OSError, ValueError):
        return 1024


def held_by_root(host: str, port: int) -> bool:
    """Whether nobody but root can answer at this host's port: no other can bind it, and root listens there now."""
    if host not in LOOPBACK_NAMES or port >= unprivileged_start():
        return False
    there = listeners(read_sockets(port), port)
    return bool(there) and all(one.uid == 0 for one in there)
