# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Login files on the target: who the migration is on each server. The passwords are made here and kept 0600."""

from __future__ import annotations

import json
import os
import re
import secrets
import typing as t

from .._server.endpoint import Endpoint, login_text
from .._state.files import read_text, write_text
from .._state.paths import directory

# The replication account only reads the binary log; the control account copies, beats, fences and reads positions.
REPLICATION, CONTROL = "nordbridge_repl", "nordbridge_ctl"
# MySQL accepts at most 32 characters in SOURCE_PASSWORD.
PASSWORD_BYTES = 24


def make_password() -> str:
    """32 characters with 192 bits of chance, of each kind that password policies ask for."""
    while True:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        if all(re.search(kind, password) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[-_]")):
            return password


def ensure_logins(options: dict, check_mode: bool) -> dict:
    """Write source.json, replication.json and target.json into the migration's directory.

    :param options: migration_id; source (host, port, tls, tls_ca); target (fields of an endpoint);
        replication_password and control_password (given ones win over generated ones)
    :returns: changed, and the files' paths. Not the passwords: Ansible takes whatever was given as a secret out of a
        module's result, and who read them there would set an account's password to the words that it puts instead
    """
    folder = directory(options["migration_id"])
    result: dict[str, t.Any] = {"changed": False, "files": {}}
    wanted = {
        "source": (CONTROL, "control_password"),
        "replication": (REPLICATION, "replication_password"),
    }
    texts = {"target": login_text(Endpoint(**options["target"]))}
    for name, (user, option) in wanted.items():
        password = options.get(option) or _kept_password(os.path.join(folder, name + ".json")) or make_password()
        texts[name] = login_text(Endpoint(user=user, password=password, **options["source"]))
    for name, text in texts.items():
        path = os.path.join(folder, name + ".json")
        result["files"][name] = path
        if read_text(path) != text:
            result["changed"] = True
            if not check_mode:
                write_text(path, text)
    return result


def _kept_password(path: str) -> str:
    try:
        return json.loads(read_text(path) or "{}").get("password", "")
    except ValueError:
        return ""
