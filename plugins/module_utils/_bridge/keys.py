# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The migration's own ssh keys on the target: made once by ssh-keygen, and kept. Private ones never leave their host."""

from __future__ import annotations

import os
import subprocess

from .._child import run_child
from .._errors import MigrationError
from .._state.files import make_directory, read_text, remove, sync_directory, write_text
from .._state.paths import directory

# In check mode, where there is no key yet.
PLANNED = "ssh-ed25519 MADE-WHEN-THIS-IS-NOT-CHECK-MODE"


def ensure_keys(migration_id: str, names: list[str], check_mode: bool) -> dict:
    """Make the keys that are missing, in the migration's directory, as NAME_key and NAME_key.pub.

    :returns: changed, and public_keys by name
    :raises MigrationError: where ssh-keygen cannot make one
    """
    folder = directory(migration_id)
    found: dict = {"changed": False, "public_keys": {}}
    for name in names:
        path = os.path.join(folder, name + "_key")
        if not (os.path.exists(path) and read_text(path + ".pub").strip()):
            found["changed"] = True
            if not check_mode:
                _make(path, "nordbridge-%s-%s" % (name, migration_id))
        found["public_keys"][name] = read_text(path + ".pub").strip() or PLANNED
    return found


def _make(path: str, comment: str) -> None:
    """A key that is there is kept, whatever became of its public half: the source may know it already."""
    make_directory(os.path.dirname(path))
    if not os.path.exists(path):
        fresh = path + ".new"
        for left in (fresh, fresh + ".pub"):
            remove(left)
        _keygen(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", fresh])
        os.rename(fresh, path)
        sync_directory(os.path.dirname(path))
        remove(fresh + ".pub")
    public = _keygen(["-y", "-f", path]).split()
    write_text(path + ".pub", "%s %s %s\n" % (public[0], public[1], comment), mode=0o644)


def _keygen(arguments: list[str]) -> str:
    try:
        done = run_child(["ssh-keygen", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    except FileNotFoundError:
        raise MigrationError("ssh-keygen is not on this host: install OpenSSH's client and run the same command again") from None
    if done.returncode:
        raise MigrationError("ssh-keygen failed for %s: %s" % (arguments[-1], done.stderr.strip()))
    return done.stdout
