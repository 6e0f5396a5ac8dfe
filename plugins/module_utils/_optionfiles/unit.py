# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The unit that starts a server. A running server's arguments are those of its last start; the next one's are the unit's.

https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field

from .._errors import MigrationError

PROPERTIES = ("ExecStart", "Environment", "EnvironmentFiles", "User", "NeedDaemonReload")
SECONDS = 20


@dataclass(frozen=True)
class Unit:
    """A service as the service manager knows it.

    :param arguments: of the server's program, variables replaced
    :param stale: whether its files say something else than what the service manager has loaded
    """

    name: str
    arguments: tuple = ()
    environment: dict = field(default_factory=dict)
    user: str = ""
    stale: bool = False


def unit_of(pid: int, programs: tuple) -> Unit | None:
    """The unit that a process belongs to; None where it has none that starts one of these programs itself."""
    try:
        with open("/proc/%d/cgroup" % pid, encoding="ascii", errors="replace") as stream:
            name = unit_name(stream.read())
    except OSError:
        return None
    if not name or not shutil.which("systemctl"):
        return None
    return make_unit(name, _systemctl("show", name, "--property=" + ",".join(PROPERTIES)), _systemctl("show-environment"), programs)


def unit_name(cgroup: str) -> str:
    """The service in a process's control groups; empty for a process outside any."""
    found = re.search(r"^\d+:(?:name=systemd)?:.*?/([^/\n]+\.service)(?:/|$)", cgroup, re.M)
    return found.group(1) if found else ""


def make_unit(name: str, properties: str, environment: str, programs: tuple) -> Unit | None:
    """A unit from the service manager's own words.

    :param properties: of C(systemctl show)
    :param environment: of C(systemctl show-environment)
    """
    known: dict[str, list[str]] = {}
    for line in properties.splitlines():
        key, _equals, value = line.partition("=")
        known.setdefault(key, []).append(value)
    found = re.search(r"argv\[\]=(.*?) ; ignore_errors=", " ".join(known.get("ExecStart", [])))
    words = found.group(1).split() if found else []
    if not words or os.path.basename(words[0]) not in programs:
        return None  # a wrapper: what it makes of its arguments, only the running server shows
    values = dict(line.partition("=")[::2] for line in environment.splitlines())
    values.update(word.partition("=")[::2] for text in known.get("Environment", []) for word in _split(text))
    for path in known.get("EnvironmentFiles", []):
        values.update(_environment_file(re.sub(r" \(ignore_errors=\w+\)$", "", path)))
    arguments = tuple(word for text in words[1:] for word in expand(text, values))
    return Unit(name, arguments, values, "".join(known.get("User", [])), known.get("NeedDaemonReload") == ["yes"])


def expand(word: str, values: dict) -> list[str]:
    """A word of a unit's command line with its variables replaced: $NAME by itself gives several words, ${NAME} is text."""
    alone = re.fullmatch(r"\$(\w+)", word)
    if alone:
        return _split(values.get(alone.group(1), ""))
    return [re.sub(r"\$\$|\$\{(\w+)\}", lambda found: values.get(found.group(1), "") if found.group(1) else "$", word)]


def _environment_file(path: str) -> dict:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines = [line.strip() for line in stream]
    except OSError:
        return {}
    pairs = [line.partition("=")[::2] for line in lines if "=" in line and line[0] not in "#;"]
    return {name.strip(): " ".join(_split(value)) if value[:1] in "'\"" else value.strip() for name, value in pairs}


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _systemctl(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MigrationError("systemctl %s could not be asked: %s" % (arguments[0], error)) from error
    return done.stdout if not done.returncode else ""
