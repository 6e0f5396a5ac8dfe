# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The server's program and process: what it was started with, and what it says that it would read at its next start."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import typing as t
from dataclasses import dataclass, field

from .._errors import MigrationError
from .._server.base import Flavour
from .table import by_version
from .unit import Unit, unit_of

# Where servers look when nobody says otherwise; my_print_defaults knows better where it is there.
STANDARD_FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf", "/usr/etc/my.cnf")
# Of the server's environment, what decides which option files it reads.
DECIDING = ("HOME", "MYSQL_HOME", "MYSQL_GROUP_SUFFIX")
SECONDS = 30  # for one question; the programs answer within a tenth of one
# Programs of the server that check the option files without starting.
VALIDATES = {"mysql": (((8, 0, 16), True), ((5, 7), False)), "mariadb": (((10, 5), False),)}


@dataclass(frozen=True)
class Program:
    """The server's program.

    :param defaults: the arguments that choose option files; they have to come first
    :param arguments: the others that it is started with, which win over all files
    :param environment: DECIDING, as it is started with it
    :param user: the operating system's user that owns the data directory
    :param unit: what starts it; without one it is taken to be started as the running server was
    """

    path: str
    pid: int = 0
    defaults: tuple = ()
    arguments: tuple = ()
    environment: dict = field(default_factory=dict)
    user: str = ""
    unit: Unit | None = None

    def print_defaults(self) -> list[tuple]:
        """Options of all files and of the command line in the order in which they count: (name, value or None)."""
        done = self._ask("--print-defaults")
        if done.returncode:
            raise MigrationError("%s --print-defaults failed: %s" % (self.path, _tail(done.stderr)))
        # The first line introduces; options follow on one line. A value with blanks ends at the next option.
        return parse_options(done.stdout.partition("\n")[2]) + self.command_line()

    def command_line(self) -> list[tuple]:
        """The arguments that it is started with as options: (name, value or None)."""
        words = [word[2:].partition("=") for word in self.arguments if word.startswith("--")]
        return [(name, value if equals else None) for name, equals, value in words]

    def values(self) -> dict[str, str]:
        """What each option would be at the next start: files and command line, with units and limits worked out.

        Without what SET PERSIST keeps. MariaDB 10.11 prints conservative for a slave_parallel_mode that nobody wrote, and starts
        with optimistic: of what is in no file the server itself knows better.
        """
        done = self._ask(*(word for word in self.arguments if word != "--daemonize"), "--verbose", "--help")
        _before, found, table = done.stdout.partition("\nVariables (--variable-name=value)")
        if done.returncode or not found:
            raise MigrationError("%s --verbose --help does not tell its values: %s" % (self.path, _tail(done.stderr)))
        rows = re.findall(r"^([a-z][\w-]*) +(.*?) *$", table, re.MULTILINE)
        return {name.replace("-", "_"): {"TRUE": "ON", "FALSE": "OFF"}.get(value, value) for name, value in rows}

    @property
    def command_line_name(self) -> str:
        """Whose arguments they are, for messages."""
        return "the command line of %s" % (self.unit.name if self.unit else "the running server")

    def validate(self) -> str:
        """What the program finds wrong in its configuration; empty for nothing. Starts nothing and touches no data."""
        done = self._ask("--validate-config", *(("--user=%s" % self.user,) if self.user else ()))
        return _tail(done.stderr + done.stdout) or "exit code %d" % done.returncode if done.returncode else ""

    def roots(self) -> list[str]:
        """The option files that the server starts with, in reading order."""
        chosen = dict(argument.partition("=")[::2] for argument in self.defaults)
        if "--no-defaults" in chosen:
            return []
        if "--defaults-file" in chosen:
            return [chosen["--defaults-file"]]
        extra = [chosen["--defaults-extra-file"]] if "--defaults-extra-file" in chosen else []
        home = self.environment.get("HOME", "")
        files = [path for path in default_files() if not path.startswith("~")]
        if self.environment.get("MYSQL_HOME"):
            files.append(os.path.join(self.environment["MYSQL_HOME"], "my.cnf"))
        return list(dict.fromkeys(files + extra + ([os.path.join(home, ".my.cnf")] if home else [])))

    @property
    def group_suffix(self) -> str:
        """The end of the option groups that it reads beside its own."""
        chosen = dict(argument.partition("=")[::2] for argument in self.defaults)
        return chosen.get("--defaults-group-suffix") or self.environment.get("MYSQL_GROUP_SUFFIX", "")

    def _as_its_user(self) -> list[str]:
        """What may be read is asked as the user who will read it: a unit with a user starts the program as that one."""
        user = self.unit.user if self.unit else ""
        setpriv = shutil.which("setpriv") if user and user != "root" and os.geteuid() == 0 else None
        return [setpriv, "--reuid=" + user, "--regid=" + _group(user), "--init-groups", "--"] if setpriv else []

    def _ask(self, *arguments: str) -> subprocess.CompletedProcess:
        environment = dict(self.environment, PATH=os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), LC_ALL="C")
        environment.setdefault("HOME", "/nonexistent")  # else root's own ~/.my.cnf would count
        try:
            return subprocess.run(
                [*self._as_its_user(), self.path, *self.defaults, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                env=environment,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MigrationError("%s %s could not be asked: %s" % (self.path, arguments[0], error)) from error


def parse_options(text: str) -> list[tuple]:
    """Options in the form --name or --name=value, separated by blanks; an empty value is not the same as none."""
    found = re.findall(r"(?:^|\s)--([A-Za-z][\w.-]*)(=?)(.*?)(?=\s+--[A-Za-z]|\s*$)", text, re.DOTALL)
    return [(name, value if equals else None) for name, equals, value in found]


def find_program(server: Flavour) -> Program:
    """The program of the running server, from its process; from the search path where the process cannot be seen.

    Its arguments are those of its unit, for that is what the next start goes by.
    """
    pid = _pid(server)
    path = _executable(pid) or next(filter(None, (shutil.which(name) for name in server.server_programs)), None)
    if not path:
        raise MigrationError(
            "%s: the server's program is not found (%s in PATH, or the process of its pid file): "
            "it has to say which option file wins; run this as root on the server's host"
            % (server.connection.name, ", ".join(server.server_programs))
        )
    unit = unit_of(pid, server.server_programs)
    words = list(unit.arguments) if unit else _zero_separated("/proc/%d/cmdline" % pid)[1:] if pid else []
    chooses = ("--defaults-file", "--defaults-extra-file", "--defaults-group-suffix", "--no-defaults")
    defaults = tuple(word for word in words if word.partition("=")[0] in chooses)
    environment = dict(word.partition("=")[::2] for word in (_zero_separated("/proc/%d/environ" % pid) if pid else []))
    environment.update(unit.environment if unit else {})
    return Program(
        path=path,
        pid=pid,
        defaults=defaults,
        arguments=tuple(word for word in words if word not in defaults),
        environment={name: environment[name] for name in DECIDING if environment.get(name)},
        user=_owner(server.identity.datadir),
        unit=unit,
    )


def can_validate(server: Flavour) -> bool:
    """Whether this version's program can check its configuration without starting."""
    return bool(by_version(VALIDATES, server.name, server.version))


@functools.lru_cache(maxsize=None)
def default_files() -> tuple[str, ...]:
    """The option files that are compiled in, as the packaged my_print_defaults lists them."""
    program = shutil.which("my_print_defaults")
    if program:
        done = subprocess.run([program, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
        _before, found, after = done.stdout.partition("following files in the given order:")
        if found:
            return tuple(after.strip().partition("\n")[0].split())
    return STANDARD_FILES


def _pid(server: Flavour) -> int:
    """The server's process on this host; 0 where it cannot be told."""
    path = os.path.join(server.identity.datadir, server.connection.variable("pid_file") or "")
    try:
        with open(path, encoding="ascii") as stream:
            pid = int(stream.read().strip())
    except (OSError, ValueError):
        return 0
    # A pid file that outlived its server may name a stranger.
    name = os.path.basename(_executable(pid))
    return pid if name.startswith(tuple(server.server_programs)) else 0


def _executable(pid: int) -> str:
    """The program of a process; after an upgrade of the package the new file of the same name is the one to ask."""
    try:
        path = re.sub(r" \(deleted\)$", "", os.readlink("/proc/%d/exe" % pid)) if pid else ""
    except OSError:
        return ""
    return path if os.access(path, os.X_OK) else ""


def _zero_separated(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return [word for word in stream.read().split("\0") if word]
    except OSError:
        return []


def _owner(datadir: str) -> str:
    import pwd  # pylint: disable=import-outside-toplevel  # absent where only the documentation is built

    try:
        return pwd.getpwuid(os.stat(datadir).st_uid).pw_name
    except (OSError, KeyError):
        return ""


def _group(user: str) -> str:
    import pwd  # pylint: disable=import-outside-toplevel  # see above

    try:
        return str(pwd.getpwnam(user).pw_gid)
    except KeyError:
        return user


def _tail(text: t.Any) -> str:
    """The end of a program's output, on one line: errors come last."""
    return " / ".join(line.strip() for line in str(text).strip().splitlines()[-4:])
