# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What protects the way from the target to the source, read off a session that uses it."""

from __future__ import annotations

import base64
import hashlib
import os
import time

from .._server.connection import Connection
from .._state.files import read_text

# The names of MySQL and MariaDB: https://dev.mysql.com/doc/refman/8.4/en/server-status-variables.html#statvar_Ssl_version
TLS = ("Ssl_version", "Ssl_cipher")


def read_transit(connection: Connection, folder: str) -> dict:
    """The session's TLS, and the keys by which the source's host is known.

    :param connection: from the target to the source, over the bridge
    :param folder: the migration's directory on the target
    :returns: tls and cipher (empty without TLS), host_keys (fingerprints as ssh-keygen -l tells them; none without the tunnel), at (Unix seconds)
    """
    found = {str(row["Variable_name"]): str(row["Value"]) for row in connection.rows("SHOW SESSION STATUS LIKE 'Ssl\\_%%'", ())}
    version, cipher = (found.get(name, "") for name in TLS)
    return {"tls": version, "cipher": cipher, "host_keys": fingerprints(read_text(os.path.join(folder, "known_hosts"))), "at": time.time()}


def fingerprints(known_hosts: str) -> list[str]:
    """The keys of a file of known hosts, as SHA256:… with the key's type.

    A line is names, type, key: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
    """
    found = []
    for line in known_hosts.splitlines():
        words = line.split()
        if len(words) < 3 or line.startswith(("#", "@")):
            continue
        digest = hashlib.sha256(base64.b64decode(words[2])).digest()
        found.append("SHA256:%s (%s)" % (base64.b64encode(digest).decode("ascii").rstrip("="), words[1]))
    return found
