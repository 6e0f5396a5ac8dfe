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

from .._state.paths import PROGRAMS_ROOT, ROOT, check_id

SOURCE, TARGET = "source", "target"
SIDES = (SOURCE, TARGET)

# Units' names are nordbridge-ID-KIND. Those of a lease (lease-TOKEN, boot-TOKEN) keep a closed server closed, and are never listed here.
UNITS = "/etc/systemd/system"
UNIT_KINDS: dict[str, tuple] = {
    TARGET: ("tunnel.service", "tunnel-proxy.service", "back.service", "back-proxy.service"),
    SOURCE: ("agent.socket", "agent@.service", "back-proxy.service"),
}
# Files of keys, of which the lines go whose comment is nordbridge-KIND-ID. Root's own held the agent's key in an earlier version.
KEY_FILES: dict[str, tuple] = {
    SOURCE: (
        "/root/.ssh/authorized_keys",
        "/var/lib/mysql_migration_agent/.ssh/authorized_keys",
        "/var/lib/mysql_migration_tunnel/.ssh/authorized_keys",
    ),
    TARGET: (),
}
KEY_KINDS = ("agent", "tunnel", "back")
# Files and folders, %s is the id; patterns match whole names.
PATHS: dict[str, tuple] = {
    SOURCE: (
        "/var/lib/mysql_migration_agent/%s",
        "/etc/mysql/*/nordbridge-%s-back-ca.pem", "/etc/mysql/nordbridge-%s-back-ca.pem", "/etc/my.cnf.d/nordbridge-%s-back-ca.pem",
    ),
    TARGET: (
        PROGRAMS_ROOT + "/%s",
        "/etc/mysql/*/nordbridge-%s-ca.pem", "/etc/mysql/nordbridge-%s-ca.pem", "/etc/my.cnf.d/nordbridge-%s-ca.pem",
    ),
}  # fmt: skip
# What stays of the migration's directory: what it did, and the locks of those who might read it.
RECORD = ("state.json", "state.json.previous", "state.json.damaged", "events.jsonl*", "evidence", "jobs", "lock", "change.lock", "switched", "switched_back")
# What the guard of a closed server runs on: its own file with its login, its lock, and the code.
GUARD = ("lease-*.json", "lease-*.lock", "agent.zip")


@dataclass(frozen=True)
class Thing:
    """Something of the migration's on this host.

    :param kind: unit, key or path
    :param name: the unit's name, the key's comment, or the path
    :param where: the file that a key stands in
    """

    kind: str
    name: str
    where: str = ""

    @property
    def words(self) -> str:
        """For results and diffs."""
        return "%s %s%s" % (self.kind, self.name, " in %s" % self.where if self.where else "")


def things(migration_id: str, side: str, guarded: bool, root: str = "/") -> list[Thing]:
    """What is there to be removed, units first, so that nobody uses the rest any more.

    :param guarded: this host keeps its server closed for the migration
    :param root: where the host's files are
    """
    check_id(migration_id)
    return [*_units(migration_id, side, root), *_keys(migration_id, side, root), *_paths(migration_id, side, guarded, root)]


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
    marks = ["nordbridge-%s-%s" % (kind, migration_id) for kind in KEY_KINDS]
    for path in KEY_FILES[side]:
        lines = _lines(_at(root, path))
        yield from (Thing("key", mark, path) for mark in marks if any(line.endswith(" " + mark) for line in lines))


def _paths(migration_id: str, side: str, guarded: bool, root: str) -> t.Iterator[Thing]:
    for pattern in PATHS[side]:
        folder, _percent, name = pattern.rpartition("/")
        yield from (Thing("path", _told(path, root)) for path in sorted(glob.glob(_at(root, folder) + "/" + name % migration_id)))
    folder = os.path.join(_at(root, ROOT), migration_id)
    stays = kept(migration_id, side, guarded, root)
    if os.path.isdir(folder) and not stays:
        yield Thing("path", _told(folder, root))
        return
    for name in sorted(os.listdir(folder)) if stays else ():
        path = os.path.join(folder, name)
        if path not in stays:
            yield Thing("path", _told(path, root))


def _told(path: str, root: str) -> str:
    return "/" + os.path.relpath(path, root)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except OSError:
        return []
