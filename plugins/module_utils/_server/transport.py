# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether a server takes logins over the network without TLS.

A tunnel ends at the server's own host and comes in over TCP: to the server that is the network, however well the tunnel is encrypted.
https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_require_secure_transport
"""

from __future__ import annotations

from .connection import Connection


def requires_tls(connection: Connection) -> bool:
    """Whether require_secure_transport is on: then error 3159 (MySQL) or 4031 (MariaDB) answers a login without TLS."""
    return (connection.variable("require_secure_transport") or "OFF").upper() in ("ON", "1")
