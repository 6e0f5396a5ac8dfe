# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The two flavours behind one interface. No other file asks which of the two a server is."""
from __future__ import annotations

from .._errors import Refusal
from . import mariadb, mysql
from .base import Flavour
from .connection import Connection
from .identity import Identity, read_identity

FLAVOURS: dict[str, type[Flavour]] = {"mysql": mysql.MySQL, "mariadb": mariadb.MariaDB}


def open_flavour(connection: Connection) -> Flavour:
    """The flavour object for a connection.

    :raises Refusal: for a server that is unknown or not supported
    """
    identity = read_identity(connection)
    flavour = FLAVOURS[identity.flavour](connection, identity)
    flavour.check_supported()
    return flavour


def check_pair(source: Identity, target: Identity) -> None:
    """Refuse pairs that cannot replicate.

    Replication goes from a server to one of the same flavour and the same or a later version:
    https://dev.mysql.com/doc/refman/en/replication-compatibility.html and
    https://mariadb.com/kb/en/replication-compatibility/
    """
    if source.flavour != target.flavour:
        raise Refusal(
            "the source is %s %s and the target %s %s: a migration between flavours is not supported, because neither "
            "GTIDs nor all data types carry over; install %s on the target"
            % (source.flavour, source.version_text, target.flavour, target.version_text, source.flavour)
        )
    # A MySQL replica may lag behind by a patch release of one LTS series; a whole series it may not. MariaDB: "same or later".
    digits = 2 if source.flavour == "mysql" else 3
    if target.version[:digits] < source.version[:digits]:
        raise Refusal(
            "the target's version %s is older than the source's %s: a replica must be the same or newer; upgrade the target's packages"
            % (target.version_text, source.version_text)
        )
