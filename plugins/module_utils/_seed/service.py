# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The target's server as a service: stopping and starting it around a physical copy."""

from __future__ import annotations

import os
import subprocess

from .._errors import MigrationError
from .last_words import with_last_words

# The unit by flavour, and what else would start it again by itself.
# A server that is stopped writes all of its changed pages first.
SERVICE_SECONDS, SHOW_SECONDS = 1800.0, 30.0
UNITS = {"mariadb": ("mariadb.service", ("mariadb.socket",)), "mysql": ("mysql.service", ())}


def manager_obstacle(flavour: str, unit: str) -> str:
    """Why the service cannot be stopped and started here; empty where it can."""
    if not os.path.isdir("/run/systemd/system"):
        return "the target has no systemd to stop and start its server"
    name = unit or UNITS[flavour][0]
    if _show(name, "LoadState") != "loaded":
        return "the target has no unit %s; name it in migration_target_service" % name
    return ""


def restarts_by_itself(flavour: str, unit: str) -> bool:
    """Whether the service manager starts the server again after it ends."""
    return _show(unit or UNITS[flavour][0], "Restart") not in ("", "no")


def stop_server(flavour: str, unit: str) -> None:
    """Stop the server and keep it down."""
    names = [unit or UNITS[flavour][0]] + [name for name in UNITS[flavour][1] if _show(name, "LoadState") == "loaded"]
    _systemctl("stop", *names)


def start_server(flavour: str, unit: str) -> None:
    """Start the server; no error where it runs.

    :raises MigrationError: with the end of the server's log
    """
    name = unit or UNITS[flavour][0]
    with_last_words(flavour, name, lambda: _systemctl("start", name))


def restart_server(flavour: str, unit: str, seconds: float) -> None:
    """Restart the server."""
    name = unit or UNITS[flavour][0]
    with_last_words(flavour, name, lambda: _systemctl("restart", name, seconds=seconds))


def _show(unit: str, value: str) -> str:
    command = ["systemctl", "show", "--property", value, "--value", unit]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SHOW_SECONDS, check=False).stdout.strip()
    except subprocess.TimeoutExpired:
        raise MigrationError("systemctl show %s gave no answer for %g s" % (unit, SHOW_SECONDS)) from None


def _systemctl(*words: str, seconds: float = SERVICE_SECONDS) -> None:
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise MigrationError("systemctl %s was not done within %g s" % (" ".join(words), seconds)) from None
    if done.returncode:
        raise MigrationError("systemctl %s failed: %s" % (" ".join(words), done.stderr.strip()))
