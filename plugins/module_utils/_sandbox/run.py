# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Running programs in the sandbox: as transient systemd units, which end with the job that started them.

Where there is no systemd a program is run as the server's user, without a way back, and ended with its parent.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import typing as t
from dataclasses import replace

from .._child import ASK_SECONDS, run_child
from .._errors import MigrationError
from .._state.paths import check_id
from .._text import tail
from .probe import PROBE, missing, parse
from .properties import Room, properties, unknown_to

# Every name that a unit of a migration may have. One that outlived its job is known by it, and ended before its files are touched.
NAMES = ("probe", "unzip", "unpack", "prepare", "shutdown", "server", "upgrade", "version", "rows")
SYSTEMD = "/run/systemd/system"
# Beyond the unit's own limit: a service manager that does not answer.
GRACE_SECONDS, STOP_SECONDS = 60.0, 60.0
# Of a stream: terabytes over a thin line.
STREAM_SECONDS = 60 * 86400.0
PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python")


def has_systemd() -> bool:
    """Whether a systemd runs this host."""
    return os.path.isdir(SYSTEMD)


def systemd_version() -> int:
    """The number of this host's systemd; 0 where it tells none."""
    told = run_child(["systemctl", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = re.match(r"systemd (\d+)", told)
    return int(found.group(1)) if found else 0


def unit_name(migration_id: str, name: str) -> str:
    """The unit that a program of a migration runs as."""
    if name not in NAMES:
        raise ValueError("%s is none of the sandbox's names" % name)
    return "nordbridge-%s-%s.service" % (check_id(migration_id), name)


class Sandbox:
    """Programs that run in one room."""

    def __init__(self, migration_id: str, room: Room, systemd: bool | None = None) -> None:
        self.migration_id = migration_id
        self.room = room
        self.systemd = has_systemd() if systemd is None else systemd
        self.version = systemd_version() if self.systemd else 0

    def command(self, name: str, argv: t.Sequence[str], seconds: float = STREAM_SECONDS) -> list[str]:
        """The command that runs a program in the sandbox, on this process's own standard streams.

        :param name: one of NAMES: no two run at the same time
        :param seconds: after which it is ended; a stream goes on for as long as its data do
        """
        if not self.systemd:
            return as_owner(self.room.owner, "--pdeathsig=KILL") + list(argv)
        # oneshot: for no other type is an end by SIGTERM a failure (systemd.service(5), SuccessExitStatus=).
        command = ["systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--service-type=oneshot"]
        command += ["--unit=%s" % unit_name(self.migration_id, name)]
        command += ["--property=%s=%s" % item for item in properties(replace(self.room, seconds=seconds), self.version).items()]
        job = own_unit(_control_groups())
        command += ["--property=BindsTo=%s" % job, "--property=After=%s" % job] if job else []
        # In what follows the program systemd puts in the environment's variables (systemd.service(5), "Command lines").
        return [*command, "--", *as_owner(self.room.owner), *(word.replace("$", "$$") for word in argv)]

    def run(self, name: str, argv: t.Sequence[str], what: str) -> bytes:
        """All that a program said, on both of its streams.

        :param what: the program in messages
        :raises MigrationError: where it failed, or was not done in time
        """
        self.stop(name)
        with tempfile.TemporaryFile() as words:
            try:
                code = run_child(self.command(name, argv, self.room.seconds), self.room.seconds + GRACE_SECONDS, stdout=words, stderr=words, cwd="/").returncode
            except BaseException:
                self.stop(name)
                raise
            words.seek(0)
            told = words.read()
        if code:
            unit = "; see journalctl -u %s on this host" % unit_name(self.migration_id, name) if self.systemd else ""
            raise MigrationError("%s failed (%d)%s%s" % (what, code, ": " + tail(told) if told.strip() else "", unit))
        return told

    def stop(self, *names: str) -> None:
        """End what runs by these names, all where none is given. See stop_units."""
        if self.systemd:
            stop_units(self.migration_id, names or NAMES)

    def check(self) -> list[str]:
        """The properties that this host does not apply, and that can be done without.

        :raises MigrationError: where an essential one is not applied
        """
        if not self.systemd:
            return ["all that systemd does: this host has none"]
        python = next((path for path in PYTHONS if os.path.exists(path)), sys.executable)
        output = self.run("probe", [python, "-I", "-c", PROBE, *map(os.path.realpath, self.room.writable)], "the sandbox's own test")
        here = {"network": os.readlink("/proc/self/ns/net"), "mounts": os.readlink("/proc/self/ns/mnt")}
        return unknown_to(self.version) + missing(parse(output), here, self.room)


def as_owner(owner: tuple, *more: str) -> list[str]:
    """What runs a program as a user and group, without capabilities and without a way back: setpriv(1)."""
    ids = ["--reuid=%d" % owner[0], "--regid=%d" % owner[1], "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    return ["setpriv", *ids, *more, "--"]


def stop_units(migration_id: str, names: t.Sequence[str] = NAMES) -> None:
    """End what runs in a migration's sandbox. Whoever touches its files asks for this first: the job that started it may be dead.

    :raises MigrationError: where one does not end
    """
    if not has_systemd():
        return
    units = [unit_name(migration_id, name) for name in names]
    run_child(["systemctl", "stop", "--quiet", *units], STOP_SECONDS + GRACE_SECONDS, capture_output=True)
    run_child(["systemctl", "reset-failed", "--quiet", *units], ASK_SECONDS, capture_output=True)
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        shown = run_child(["systemctl", "show", "--property=ActiveState", "--value", *units], ASK_SECONDS, stdout=subprocess.PIPE, text=True)
        if set(shown.stdout.split()) <= {"inactive", "failed"}:
            return
        if time.monotonic() > deadline:
            raise MigrationError("a program of an earlier copy does not end (systemctl status %s)" % " ".join(units))
        time.sleep(0.2)


def own_unit(groups: str) -> str:
    """The job's unit that this process is part of; empty where it is none of ours.

    :param groups: the text of /proc/self/cgroup
    """
    found = re.search(r"/(nordbridge-[A-Za-z0-9:_.-]+\.service)(?:/|$)", groups, re.M)
    return found.group(1) if found else ""


def _control_groups() -> str:
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
