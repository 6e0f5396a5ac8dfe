# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A dump that lies on the target's disk, and the ledger of what of it has been loaded: a load that died goes on with the rest."""

from __future__ import annotations

import glob
import json
import os
import shutil
import typing as t

from ...._jobs.record import boot_id
from ...._state.files import make_directory, read_json, sync_directory, sync_filesystem, write_json

FORMAT = 2  # 2: with the accounts of its moment
NAME = "nordbridge-dump-"
# What must be the same for a load to go on: a dump of another source, or for another migration or target, is of no use.
SAME = ("format", "migration_id", "source", "target")


def location(datadir: str, migration_id: str) -> str:
    """Where a dump lies: on the data directory's own file system, beside it, or in it where it is a mount point."""
    real = os.path.realpath(datadir)
    parent = os.path.dirname(real)
    beside = os.stat(parent).st_dev == os.stat(real).st_dev
    return os.path.join(parent, NAME + migration_id) if beside else os.path.join(real, "." + NAME + migration_id)


def kept_bytes(datadir: str) -> int:
    """What dumps take there; the next one replaces them."""
    real = os.path.realpath(datadir)
    found = 0
    for top in glob.glob(os.path.join(glob.escape(os.path.dirname(real)), NAME + "*")) + glob.glob(
        os.path.join(glob.escape(real), "." + NAME + "*")
    ):
        found += folder_bytes(top)
    return found


def folder_bytes(top: str) -> int:
    """The size of all files below a folder; one that goes meanwhile counts nothing."""
    found = 0
    for folder, _folders, files in os.walk(top):
        for name in files:
            try:
                found += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return found


class DumpDirectory:
    """A dump's folder.

    The ledger is written once the dump is whole. What has been loaded is appended, and counts while this kernel runs: the target's
    commits may not wait for its disk, so that after a restart of its host nobody knows what is there.
    """

    def __init__(self, folder: str, boot: t.Callable[[], str] = boot_id) -> None:
        self.folder = folder
        self.rows = os.path.join(folder, "rows")
        self.definitions = os.path.join(folder, "definitions.sql")
        self.triggers = os.path.join(folder, "triggers.sql")
        self.log = os.path.join(folder, "mydumper.log")
        self._ledger = os.path.join(folder, "ledger.json")
        self._loaded = os.path.join(folder, "loaded.jsonl")
        self._rebuild = os.path.join(folder, "rebuild.json")
        self.boot = boot()

    def begin(self) -> None:
        """An empty folder, whatever was there."""
        self.remove()
        make_directory(self.rows)

    def hand_rows(self, user: int, group: int) -> None:
        """Let a user write the rows. Its group may enter the folder above, and see no names there."""
        os.chown(self.rows, user, group)
        os.chown(self.folder, 0, group)
        os.chmod(self.folder, 0o710)

    def close(self, ledger: dict) -> None:
        """The dump is whole, and on the disk: from here on it can be gone on with."""
        sync_filesystem(self.folder)
        write_json(self._ledger, {**ledger, "format": FORMAT})

    def read(self) -> dict:
        """The ledger of a whole dump; empty where there is none."""
        try:
            found = read_json(self._ledger)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}

    def remove(self) -> None:
        """Forget it. The ledger goes first: without it the rest is nothing."""
        for path in (self._ledger, self._loaded):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin_load(self) -> None:
        """Nothing has been loaded: the target is empty."""
        for path in (self._loaded, self._rebuild):
            if os.path.exists(path):
                os.unlink(path)
        sync_directory(self.folder)

    def note(self, **what: t.Any) -> None:
        """Record something: defined=True once the definitions are there, begun=[(schema, name), …] before rows come, tables=[…] after."""
        handle = os.open(self._loaded, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(json.dumps({"boot": self.boot, **what}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def loaded(self) -> tuple[bool, set, set]:
        """Whether the definitions are there, the tables whose rows all are, and those of which some may be."""
        defined, begun, tables = False, set(), set()
        for line in self._lines():
            if line.get("boot") == self.boot:
                defined = defined or bool(line.get("defined"))
                begun |= {tuple(table) for table in line.get("begun", ())}
                tables |= {tuple(table) for table in line.get("tables", ())}
        return defined, tables, begun - tables

    def _lines(self) -> t.Iterator[dict]:
        try:
            with open(self._loaded, encoding="utf-8") as stream:
                text = stream.read()
        except FileNotFoundError:
            return
        # What a crash cut off has no line's end, and was told to nobody.
        for line in text.split("\n")[:-1]:
            yield json.loads(line)

    def keep_definitions(self, texts: dict) -> dict:
        """Keep the definitions of tables that are about to be made again, beside those of an earlier time that did not get so far.

        :returns: all of them, label to statement
        """
        known = {**texts, **(read_json(self._rebuild) or {})}
        write_json(self._rebuild, known)
        return known


def why_not(ledger: dict, now: dict) -> str:
    """Why a dump cannot be gone on with; empty where it can.

    :param now: what it would have to say: format, migration_id, source, target
    """
    if not ledger:
        return "there is no whole dump"
    different = [name for name in SAME if ledger.get(name) != now[name]]
    return "it is of another %s" % " and ".join(different).replace("_", " ") if different else ""


def forget_others(datadir: str, migration_id: str) -> None:
    """Remove what this migration's earlier copy by rows left: another method has been taken."""
    shutil.rmtree(location(datadir, migration_id), ignore_errors=True)
