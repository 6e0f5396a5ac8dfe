# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Placing the agent on the source: its code, its launcher, and the one key that may run it."""

from __future__ import annotations

import os
import shlex
import sys

from .._errors import Refusal
from .._jobs.payload import BOOT, pack
from .._state.fences import armed_by
from .._state.files import read_text, write_text
from .._state.paths import directory


def key_line(launcher: str, public_key: str, from_address: str, migration_id: str) -> str:
    """The entry in authorized_keys: a forced command and nothing else ("restrict" also covers what OpenSSH adds later)."""
    kind, key = public_key.split()[:2]
    source = 'from="%s",' % from_address if from_address else ""
    return '%srestrict,command="%s" %s %s nordbridge-agent-%s' % (source, launcher, kind, key, migration_id)


def launcher_text(python: str, payload: str) -> str:
    """The launcher: a shell script, because a forced command should be readable."""
    return "#!/bin/sh\n# The agent of nordbridge.mysql_migration.\nexec %s -I -c %s %s\n" % (
        shlex.quote(python),
        shlex.quote(BOOT % "_bridge.agent"),
        shlex.quote(payload),
    )


def with_line(text: str, line: str) -> str:
    """A file's text with exactly one line of that last word (the key's comment), every other line as it was."""
    mark = line.rsplit(" ", 1)[1]
    kept = [old for old in text.splitlines() if not old.endswith(" " + mark)]
    if line in text.splitlines() and len(kept) == len(text.splitlines()) - 1:
        return text
    return "\n".join(kept + [line]) + "\n"


def place_agent(params: dict, check_mode: bool) -> dict:
    """Write what lacks. The diff shows the launcher and the key's entry, never the pack."""
    folder = directory(params["migration_id"])
    payload, launcher = os.path.join(folder, "agent.zip"), os.path.join(folder, "agent")
    keys = params["authorized_keys"]
    line = key_line(launcher, params["public_key"], params["from_address"], params["migration_id"])
    script, packed = launcher_text(sys.executable, payload), pack()
    changed_pack = _read_bytes(payload) != packed
    before, after = read_text(launcher) + read_text(keys), script + with_line(read_text(keys), line)
    if not check_mode and changed_pack and armed_by(params["migration_id"]):
        raise Refusal(
            "the agent of migration %s is not renewed, and nothing was changed: the lease of a cutover runs on what is there; it ends by"
            " itself: run the same command again then" % params["migration_id"]
        )
    if not check_mode and (changed_pack or before != after):
        write_text(payload, packed)
        write_text(launcher, script, mode=0o700)
        write_text(keys, with_line(read_text(keys), line))
    headers = {"before_header": "%s, %s" % (launcher, keys), "after_header": "%s, %s" % (launcher, keys)}
    return {"changed": changed_pack or before != after, "launcher": launcher, "diff": {"before": before, "after": after, **headers}}


def _read_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""
