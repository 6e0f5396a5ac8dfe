# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Login files on the target: who the migration is on each server. The passwords are made here and kept 0600."""

from __future__ import annotations

import hashlib
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
# By it a host keeps its own server closed, or opens it, whatever became of the other host: no other host knows its password.
KEEP = "nordbridge_keep"
KEEP_FILE = "keep.json"
# On the target: by it the old server follows after the cutover, and may read the binary log alone.
BACK = "nordbridge_back"
OF_MIGRATIONS = re.compile(r"nordbridge_(?:ctl|repl|back|keep)_([0-9a-f]{8})\Z")
# MySQL accepts at most 32 characters in SOURCE_PASSWORD.
PASSWORD_BYTES = 24


def account(kind: str, migration_id: str) -> str:
    """The name of a migration's account, which fits into MySQL's 32 characters.

    Each migration has its own: with one name for all, the second migration of a source would change the first one's password, and
    the first one's fence would take the second one's sessions for its own.

    :param kind: REPLICATION, CONTROL, KEEP or BACK
    """
    return "%s_%s" % (kind, hashlib.sha256(migration_id.encode()).hexdigest()[:8])


def may_hold_the_fence(user: str, own: str) -> bool:
    """Whether a session can be one by which the migration of an account closes or opens a server: its sessions end before that one acts."""
    return user == own or (user.startswith((CONTROL, KEEP)) and not is_anothers(user, own))


def is_anothers(user: str, own: str) -> bool:
    """Whether an account is another migration's than the one that an account belongs to."""
    theirs, ours = OF_MIGRATIONS.match(user), OF_MIGRATIONS.match(own)
    return bool(theirs) and (ours is None or theirs.group(1) != ours.group(1))  # type: ignore[union-attr]


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
        "source": (account(CONTROL, options["migration_id"]), "control_password"),
        "replication": (account(REPLICATION, options["migration_id"]), "replication_password"),
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
