# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What one migration leaves on a host, as data: each thing carries the migration's id in its name, and nothing else is touched."""

from __future__ import annotations

import glob
import os
import typing as t
from dataclasses import dataclass

from .._bridge.sshd import rules_of
from .._jobs.metrics import SETTINGS, file_of
from .._state.files import read_json
from .._state.paths import PROGRAMS_ROOT, ROOT, check_id

SOURCE, TARGET = "source", "target"
SIDES = (SOURCE, TARGET)

# Units' names are nordbridge-ID-KIND. Those of a lease (lease-TOKEN, boot-TOKEN) keep a closed server closed, and are never listed here.
UNITS = "/etc/systemd/system"
UNIT_KINDS: dict[str, tuple] = {
    TARGET: ("tunnel.service", "tunnel-proxy.service", "back.service", "back-proxy.service"),
    SOURCE: ("agent.socket", "agent@.service", "back-proxy.service"),
}
# The homes of the users that the migrations of a source share. They go with the last migration.
AGENT_HOME, TUNNEL_HOME = "/var/lib/mysql_migration_agent", "/var/lib/mysql_migration_tunnel"
HOMES: dict[str, tuple] = {SOURCE: (AGENT_HOME, TUNNEL_HOME), TARGET: ()}
# Under a home; of it the lines go whose comment is nordbridge-KIND-ID.
KEYS = ".ssh/authorized_keys"
KEY_KINDS = ("agent", "tunnel", "back")
# Files and folders, %s is the id; patterns match whole names.
PATHS: dict[str, tuple] = {
    SOURCE: (
        AGENT_HOME + "/%s",
        "/etc/mysql/*/nordbridge-%s-back-ca.pem", "/etc/mysql/nordbridge-%s-back-ca.pem", "/etc/my.cnf.d/nordbridge-%s-back-ca.pem",
    ),
    TARGET: (
        PROGRAMS_ROOT + "/%s",
        "/etc/mysql/*/nordbridge-%s-ca.pem", "/etc/mysql/nordbridge-%s-ca.pem", "/etc/my.cnf.d/nordbridge-%s-ca.pem",
    ),
}  # fmt: skip
# What stays of the migration's directory: what it did, and the locks of those who might read it.
RECORD = (
    "state.json", "state.json.previous", "state.json.damaged", "events.jsonl*", "plan.json", "evidence", "jobs", "lock", "change.lock", "switched",
    "switched_back",
)  # fmt: skip
# What the guard of a closed server runs on: its own file with its login, its lock, and the code.
GUARD = ("lease-*.json", "lease-*.lock", "agent.zip")


@dataclass(frozen=True)
class Thing:
    """Something of the migration's on this host.

    :param kind: unit, key, path, rules (of sshd, for a user) or user
    :param name: the unit's name, the key's comment, the path, or the user's name
    :param where: the file that a key or rules stand in, the home of a user
    """

    kind: str
    name: str
    where: str = ""

    @property
    def words(self) -> str:
        """For results and diffs."""
        return "%s %s%s" % (self.kind, self.name, " in %s" % self.where if self.where else "")


def things(migration_id: str, side: str, guarded: bool, root: str = "/") -> list[Thing]:
    """What is there to be removed, units first, so that nobody uses the rest any more; users last, with the host's last migration.

    :param guarded: this host keeps its server closed for the migration
    :param root: where the host's files are
    """
    check_id(migration_id)
    found = [*_units(migration_id, side, root), *_keys(migration_id, side, root), *_paths(migration_id, side, guarded, root)]
    return [*found, *(thing for home in HOMES[side] for thing in _shared(home, root))] if not others(migration_id, side, root) else found


def others(migration_id: str, side: str, root: str = "/") -> list[str]:
    """What of other migrations is in the shared homes: their keys and their agents' folders."""
    marks = _marks(migration_id)
    found = []
    for home in HOMES[side]:
        lines = [line for line in _lines(_at(root, os.path.join(home, KEYS))) if line.strip() and not line.startswith("#")]
        found += [line.rpartition(" ")[2] for line in lines if not line.endswith(marks)]
        folders = sorted(glob.glob(_at(root, home) + "/*/"))
        found += [path for path in map(os.path.basename, map(os.path.dirname, folders)) if path != migration_id]
    return found


def kept(migration_id: str, side: str, guarded: bool, root: str = "/") -> list[str]:
    """What of the migration's directory stays, as paths."""
    folder = os.path.join(_at(root, ROOT), migration_id)
    names = (*(RECORD if side == TARGET else ()), *(GUARD if guarded else ()))
    return sorted(path for name in names for path in glob.glob(os.path.join(glob.escape(folder), name)))


def _at(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))


def _units(migration_id: str, side: str, root: str) -> t.Iterator[Thing]:
    for kind in UNIT_KINDS[side]:
        name = "nordbridge-%s-%s" % (migration_id, kind)
        if os.path.lexists(os.path.join(_at(root, UNITS), name)):
            yield Thing("unit", name)


def _keys(migration_id: str, side: str, root: str) -> t.Iterator[Thing]:
    for home in HOMES[side]:
        path = os.path.join(home, KEYS)
        lines = _lines(_at(root, path))
        yield from (Thing("key", mark.strip(), path) for mark in _marks(migration_id) if any(line.endswith(mark) for line in lines))


def _marks(migration_id: str) -> tuple[str, ...]:
    return tuple(" nordbridge-%s-%s" % (kind, migration_id) for kind in KEY_KINDS)


def _shared(home: str, root: str) -> t.Iterator[Thing]:
    """A user with its rules and its home, whichever name the user was given."""
    for user in (line.split(":")[0] for line in _lines(_at(root, "/etc/passwd")) if line.split(":")[5:6] == [home]):
        path = rules_of(user, root)
        if path:
            yield Thing("rules", user, path)
        yield Thing("user", user, home)
    if os.path.isdir(_at(root, home)):
        yield Thing("path", home)


def _paths(migration_id: str, side: str, guarded: bool, root: str) -> t.Iterator[Thing]:
    for pattern in PATHS[side]:
        folder, _percent, name = pattern.rpartition("/")
        yield from (Thing("path", _told(path, root)) for path in sorted(glob.glob(_at(root, folder) + "/" + name % migration_id)))
    folder = os.path.join(_at(root, ROOT), migration_id)
    yield from (Thing("path", _told(path, root)) for path in _metrics(migration_id, folder, root))
    stays = kept(migration_id, side, guarded, root)
    if os.path.isdir(folder) and not stays:
        yield Thing("path", _told(folder, root))
        return
    for name in sorted(os.listdir(folder)) if stays else ():
        path = os.path.join(folder, name)
        if path not in stays:
            yield Thing("path", _told(path, root))


def _metrics(migration_id: str, folder: str, root: str) -> list[str]:
    """The jobs' files for Prometheus, in the folder that the migration was given."""
    try:
        settings: t.Any = read_json(os.path.join(folder, SETTINGS))
        place = _at(root, settings["folder"]) if settings else ""
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return sorted(glob.glob(os.path.join(glob.escape(place), file_of(migration_id, "*")))) if place else []


def _told(path: str, root: str) -> str:
    return "/" + os.path.relpath(path, root)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except OSError:
        return []
