# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What protects the way from the target to the source, read off a session that uses it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import time

from .._server.connection import Connection
from .._state.files import read_text
from .call import agent_command

# The names of MySQL and MariaDB: https://dev.mysql.com/doc/refman/8.4/en/server-status-variables.html#statvar_Ssl_version
TLS = ("Ssl_version", "Ssl_cipher")
#: What ssh -v tells of a session that it opens: OpenSSH's kex.c.
AGREED = re.compile(r"kex: algorithm: (\S+)|kex: server->client cipher: (\S+)|Server host key: (\S+ \S+)")
SSH_SECONDS = 30.0


def read_transit(connection: Connection, folder: str) -> dict:
    """The session's TLS, and the keys by which the source's host is known.

    :param connection: from the target to the source, over the bridge
    :param folder: the migration's directory on the target
    :returns: tls and cipher (empty without TLS), ssh (what a session of the agent agreed on; empty where it was not to be had), host_keys
        (fingerprints as ssh-keygen -l tells them), at (Unix seconds)
    """
    found = {str(row["Variable_name"]): str(row["Value"]) for row in connection.rows("SHOW SESSION STATUS LIKE 'Ssl\\_%%'", ())}
    version, cipher = (found.get(name, "") for name in TLS)
    keys = fingerprints(read_text(os.path.join(folder, "known_hosts")))
    return {"tls": version, "cipher": cipher, "ssh": read_ssh(os.path.basename(folder)), "host_keys": keys, "at": time.time()}


def read_ssh(migration_id: str) -> str:
    """Cipher, key exchange and the host's key of an ssh session to the source: ssh tells them only as it opens one."""
    command = agent_command(migration_id, "probe")
    try:
        done = subprocess.run([command[0], "-v", *command[1:]], input=b"{}", capture_output=True, timeout=SSH_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        # It is for the record: nothing rests on it.
        return ""
    return agreed(done.stderr.decode("utf-8", "replace"))


def agreed(told: str) -> str:
    """The words of a session that was opened; empty where it was not."""
    exchange, cipher, key = ("".join(found) for found in zip(*AGREED.findall(told))) if AGREED.search(told) else ("", "", "")
    return "%s, key exchange %s, host key %s" % (cipher, exchange, key) if cipher and exchange and key else ""


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
