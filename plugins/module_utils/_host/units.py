# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Units that shall run, now and after a boot: systemctl is asked once, and told only what lacks."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._child import run_child
from .._errors import MigrationError

SECONDS = 90.0
ASKED = ("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")
# activating: one that restarts again and again is systemd's to restart.
RUNNING = ("active", "activating", "reloading")


@dataclass(frozen=True)
class Unit:
    """A unit and whether it runs by something that has just been written."""

    name: str
    restart: bool = False


def run_units(units: t.Sequence[Unit], check_mode: bool, reload: bool = False) -> list[str]:
    """Have units enabled and running; systemd reads its files again where they are newer than what it knows.

    :param reload: a file of systemd's was written
    :returns: the names of those that something was done for
    :raises MigrationError: where systemctl refuses
    """
    states = {unit.name: _ask(unit.name) for unit in units}
    lacks = {unit.name: _lacks(unit, states[unit.name]) for unit in units}
    changed = [name for name, verbs in lacks.items() if verbs]
    if check_mode or not (changed or reload):
        return changed
    if reload or any(states[name]["NeedDaemonReload"] == "yes" or states[name]["LoadState"] != "loaded" for name in changed):
        _tell("daemon-reload")
    for name in changed:
        for verb in lacks[name]:
            _tell(verb, name)
    return changed


def _lacks(unit: Unit, state: dict[str, str]) -> list[str]:
    """What systemctl has to be told, in this order."""
    stale = state["NeedDaemonReload"] == "yes"
    verbs = [] if state["UnitFileState"] == "enabled" else ["enable"]
    if state["ActiveState"] not in RUNNING:
        return [*verbs, "start"]
    # One that runs by a file of before: whoever wrote the file may have died before the restart.
    return [*verbs, "restart"] if unit.restart or stale else verbs


def _ask(name: str) -> dict[str, str]:
    done = run_child(
        ["systemctl", "show", "--property", ",".join(ASKED), "--", name], SECONDS, capture_output=True, text=True, errors="replace"
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    if done.returncode or not all(key in found for key in ASKED):
        raise MigrationError("systemctl show %s failed: %s" % (name, done.stderr.strip()))
    return found


def _tell(verb: str, *names: str) -> None:
    done = run_child(["systemctl", verb, *names], SECONDS, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = " ".join([verb, *names])
        see = "; see journalctl -u %s" % names[0] if names else ""
        raise MigrationError("systemctl %s failed: %s%s" % (said, done.stderr.strip(), see))
