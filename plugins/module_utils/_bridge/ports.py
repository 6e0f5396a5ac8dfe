# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Which port of a host's loopback is a migration's: one of its own, the same in each run, and one that no ordinary user can bind."""

from __future__ import annotations

import hashlib
import socket
import typing as t

from .._errors import Refusal

# Below 512: C libraries take the rest up to 1023 at random for clients of root's (bindresvport(3), as NFS uses it).
PRIVILEGED = range(200, 512)
# Where sshd listens for the way back, as the tunnel's user: below the ports that the kernel gives to clients (32768 on, ip(7)).
ORDINARY = range(13400, 14400)
# Services that are often there and may be down just now: LDAP, SLP, HTTPS, SMB, submission, IKE.
KNOWN = frozenset((389, 427, 443, 445, 464, 465, 500))


def choose_port(migration_id: str, kept: int, taken: t.Container[int], ports: range) -> int:
    """The migration's port: the kept one, else the first free one in an order that is its own.

    :param kept: the port of an earlier run; 0 for none
    :param taken: what other migrations keep, and where others listen
    :raises Refusal: where all are taken
    """
    if kept in ports:
        return kept
    first = int(hashlib.sha256(migration_id.encode()).hexdigest(), 16) % len(ports)
    for step in range(len(ports)):
        port = ports[(first + step) % len(ports)]
        if port not in taken and port not in KNOWN and not _named(port):
            return port
    raise Refusal("no port of 127.0.0.1 from %d to %d is free on this host" % (ports[0], ports[-1]))


def _named(port: int) -> bool:
    """Whether this host knows a service of that port (/etc/services)."""
    try:
        return bool(socket.getservbyport(port, "tcp"))
    except OSError:
        return False


def privileged_ports(start: int) -> range:
    """The ports to choose from where the first unprivileged one is C(start).

    :raises Refusal: where the host has none
    """
    ports = range(PRIVILEGED.start, min(PRIVILEGED.stop, start))
    if not ports:
        raise Refusal(why_unsafe(PRIVILEGED.start, start))
    return ports


def check_given(port: int, start: int, option: str) -> None:
    """Refuse a port of the user's that any user could bind.

    :raises Refusal: with the reason
    """
    if not 0 < port < 65536:
        raise Refusal("%s is %d, and ports are 1 to 65535" % (option, port))
    if port >= start:
        raise Refusal("%s is %d: %s; leave it 0, or take one below" % (option, port, why_unsafe(port, start)))


def why_unsafe(port: int, start: int) -> str:
    """Why a port is no place for a tunnel's end."""
    return (
        "any user of this host can listen at port %d while the tunnel is down, and answer in the place of the other server"
        " (net.ipv4.ip_unprivileged_port_start is %d; 1024 is the kernel's default)" % (port, start)
    )
