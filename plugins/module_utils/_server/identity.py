# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Identity: what a server is, told by itself."""
from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, fields

from .._errors import Refusal
from .connection import Connection

# Servers that speak the protocol but are neither of the two: no binary log, or replication of their own.
FOREIGN = ("tidb", "vitess", "aurora", "clustrix", "xpand", "singlestore", "memsql", "oceanbase", "doris", "starrocks", "clickhouse")


@dataclass(frozen=True)
class Identity:
    """A server's identity.

    :param version: numbers only, (10, 11, 18)
    :param server_uuid: MySQL's own UUID; empty on MariaDB, which has none
    :param started_at: seconds since the epoch, from the server's own clock and uptime
    """

    flavour: str
    version: tuple
    version_text: str
    comment: str
    hostname: str
    port: int
    server_id: int
    server_uuid: str
    datadir: str
    started_at: int

    @property
    def label(self) -> str:
        """For messages: us-db1 (mariadb 10.11.18)."""
        return "%s (%s %s)" % (self.hostname, self.flavour, ".".join(map(str, self.version)))


def parse_version(text: str, comment: str) -> tuple[str, tuple]:
    """Flavour and version numbers from VERSION() and @@version_comment.

    MariaDB may lead with 5.5.5- for old replicas. Numbers of the two flavours are never compared with each other.

    :raises Refusal: for a server that is neither
    """
    lowered = (text + " " + comment).lower()
    foreign = [name for name in FOREIGN if name in lowered]
    if foreign:
        raise Refusal("this server is %s (version %s, %s): only MySQL and MariaDB are supported" % (foreign[0], text, comment))
    plain = re.sub(r"^5\.5\.5-", "", text)
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", plain)
    if not found:
        raise Refusal("this server's version %r is not understood; supported are MySQL 5.7 to 9.x and 26.x, MariaDB 10.5 to 12.x" % text)
    flavour = "mariadb" if "mariadb" in lowered else "mysql"
    return flavour, tuple(int(part) for part in found.groups())


def read_identity(connection: Connection) -> Identity:
    """Ask a server who it is."""
    row = connection.row(
        "SELECT VERSION() AS v, @@version_comment AS c, @@hostname AS h, @@port AS p, @@server_id AS s, @@datadir AS d,"
        " UNIX_TIMESTAMP() AS n"
    )
    flavour, version = parse_version(row["v"], row["c"])
    uuid = connection.variable("server_uuid") if flavour == "mysql" else ""
    return Identity(
        flavour=flavour,
        version=version,
        version_text=row["v"],
        comment=row["c"],
        hostname=row["h"],
        port=int(row["p"]),
        server_id=int(row["s"]),
        server_uuid=uuid or "",
        datadir=row["d"],
        started_at=int(row["n"]) - int(connection.status("Uptime") or 0),
    )


def from_facts(told: dict) -> Identity:
    """An identity that was told as plain JSON (mysql_server_info, the agent)."""
    known: dict[str, t.Any] = {one.name: told[one.name] for one in fields(Identity)}
    return Identity(**{**known, "version": tuple(told["version"])})


def same_place(one: Identity, other: Identity) -> bool:
    """Whether two identities are one server's, which may have been restarted, or given another server_id, in between."""
    alike = (one.hostname, one.port, one.datadir, one.flavour) == (other.hostname, other.port, other.datadir, other.flavour)
    return alike and one.server_uuid == other.server_uuid


def same_server(one: Identity, other: Identity) -> bool:
    """Whether two identities are one running server, both of them read now.

    Not by server_id or UUID alone: a cloned machine carries the original's. Host name, port, data directory and the
    second of its start (give or take two, the clocks are read at different times) are enough together.
    """
    return same_place(one, other) and one.server_id == other.server_id and abs(one.started_at - other.started_at) <= 2


def check_one_server(identities: t.Sequence[Identity], name: str) -> None:
    """Refuse an address that leads to several servers.

    :param identities: of its connections, opened one after another
    :param name: what the server is called in messages
    :raises Refusal: naming the servers
    """
    strangers = [one for one in identities[1:] if not same_server(identities[0], one)]
    if strangers:
        raise Refusal(
            "the %s's connections lead to different servers, %s and %s: its address is a balancer's or a name of several hosts, or it was "
            "restarted just now; give one server's own address" % (name, described(identities[0]), described(strangers[0]))
        )


def described(one: Identity) -> str:
    """A server in words that tell it from its neighbours."""
    return "%s (port %d, %s, server_id %d%s)" % (
        one.hostname, one.port, one.datadir, one.server_id, ", " + one.server_uuid if one.server_uuid else "",
    )  # fmt: skip
