# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A host's own ssh keys, as its sshd's files have them."""

from __future__ import annotations

import glob
import os

from .._errors import MigrationError
from .._state.files import read_text
from .reach import MYSQL, reach
from .sshd_asked import ask_sshd

FOLDER = "/etc/ssh"
# sshd(8), SSHRC: it runs for forced commands, too, whatever a key's options say of a user's own.
SESSION_SCRIPT = "/etc/ssh/sshrc"


def read_host_keys(params: dict, _check_mode: bool) -> dict:
    """The public host keys, without comments, in the order of their files' names; what sshd has for some users; where the server is.

    :param params: folder, users, address, sql_address, sql_port (0 where nobody asks)
    :returns: keys; sshd, see ask_sshd; session_script, its path where there is one; sql, see reach
    :raises MigrationError: where there are none
    """
    texts = [read_text(path).split() for path in sorted(glob.glob(os.path.join(params["folder"], "ssh_host_*_key.pub")))]
    keys = [" ".join(words[:2]) for words in texts if len(words) >= 2]
    if not keys:
        raise MigrationError("there is no public host key in %s: run ssh-keygen -A on this host" % params["folder"])
    script = SESSION_SCRIPT if os.path.exists(SESSION_SCRIPT) else ""
    found = {"changed": False, "keys": keys, "sshd": ask_sshd(params["users"], params["address"]), "session_script": script}
    if params["sql_port"]:
        place = {"address": params["sql_address"], "port": params["sql_port"]}
        found["sql"] = {**place, **reach(params["sql_address"], params["sql_port"], MYSQL)}
    return found
