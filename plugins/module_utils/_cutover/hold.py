# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The hold: a drop-in configuration file that keeps a server read-only and its events still across a restart."""

from __future__ import annotations

import os
import re

from .._errors import Refusal
from .._server.base import Flavour
from .._state.files import read_text, remove, write_text

NAME = "zz-nordbridge-hold.cnf"
# All that the file may say: the agent writes it as root at the target's word, and an option file can load code.
KNOWN = (("read_only", "ON"), ("super_read_only", "ON"), ("event_scheduler", "OFF"))


def hold_text(group: str, settings: list) -> str:
    """The file's content."""
    lines = ["# Written by nordbridge.mysql_migration: this server must not take writes.", "[%s]" % group]
    lines += ["%s = %s" % (name, value) for name, value in settings]
    return "\n".join(lines) + "\n"


def place_hold(path: str, group: str, settings: list) -> bool:
    """Write the file; False where it was there already.

    :raises Refusal: for another file's name, or a folder that the server does not have
    """
    check_place(path)
    _check_settings(group, settings)
    text = hold_text(group, settings)
    if read_text(path) == text:
        return False
    # The server's own user reads it, and there is nothing secret in it.
    write_text(path, text, mode=0o644)
    return True


def remove_hold(path: str) -> bool:
    """Remove the file; False where there was none."""
    check_place(path)
    return remove(path)


def hold_server(server: Flavour, path: str, check_mode: bool) -> dict:
    """Write the file and set the same at run time."""
    check_place(path)
    settings = server.hold_settings
    text = hold_text(server.option_group, list(settings))
    running = {name: server.connection.variable(name) or "" for name, _value in settings}
    # A scheduler that is disabled at start is as still as one that is off, and cannot be set.
    differ = [name for name, value in settings if running[name].upper() not in (value, "DISABLED")]
    before = read_text(path) + "".join("running %s = %s\n" % item for item in sorted(running.items()))
    after = text + "".join("running %s = %s\n" % (name, value if name in differ else running[name]) for name, value in sorted(settings))
    changed = read_text(path) != text or bool(differ)
    if changed and not check_mode:
        place_hold(path, server.option_group, list(settings))
        for name in differ:
            server.connection.run("SET GLOBAL %s = %s" % (name, dict(settings)[name]))
    diff = {"before": before, "after": after, "before_header": path, "after_header": path}
    return {"changed": changed, "read_only": server.read_only(), "diff": diff}


def check_place(path: str) -> None:
    """Refuse a path where the server would not find the file, or that is another file's.

    :raises Refusal: with the path
    """
    if os.path.basename(path) != NAME or not re.match(r"^/etc(/[\w.-]+)+$", path) or ".." in path:
        raise Refusal("%s is not a place for %s" % (path, NAME))
    if not os.path.isdir(os.path.dirname(path)):
        raise Refusal("%s is no folder of this server's configuration" % os.path.dirname(path))


def _check_settings(group: str, settings: list) -> None:
    if group != Flavour.option_group or not all(tuple(pair) in KNOWN for pair in settings):
        raise Refusal("the hold knows %s in [%s] and nothing else" % (", ".join("%s=%s" % pair for pair in KNOWN), Flavour.option_group))
