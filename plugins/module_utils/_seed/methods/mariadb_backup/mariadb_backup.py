# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The seed by mariadb-backup: the source's files, streamed, prepared beside the target's, and swapped in.

https://mariadb.com/kb/en/mariabackup-overview/
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass

from ...._bridge.call import agent_command
from ...._errors import MigrationError
from ...._jobs.progress import copy_line, ticking
from ...._sandbox.properties import Room
from ...._sandbox.run import Sandbox, stop_units
from ...._text import tail
from ...conditions import data_bytes
from ...context import Seed, tell_lost
from ...pipeline import Pipeline, Stage
from ...places import target_obstacle
from ...service import start_server, stop_server
from ...source.backup_command import COMPLETED, PROGRAMS
from ...source.dump_command import find_program
from ...source.open_files import open_files_obstacle, raise_limit
from ...tree import check_tree, check_unpacked
from ..physical import drop_own_accounts, files_obstacle, free_space_obstacle, host_obstacle, series, settle
from .backup_files import clear, data_files, renew
from .swap import NEW, bring_in, forget_old, make_room, restore
from .upgrade import ShippedPrograms, borrowed, shut_down_cleanly, upgrade_obstacle, upgrade_system_tables

DATA_FILES = "innodb_data_file_path"


@dataclass(frozen=True)
class Arriving:
    """The files that arrive.

    :param folder: where
    :param names: what the system's tablespace is called, on both servers
    :param sandbox: where programs touch them
    """

    folder: str
    names: set[str]
    sandbox: Sandbox

    def check(self, served: bool = False) -> int:
        """See check_tree; how many files there are."""
        return check_tree(self.folder, self.sandbox.room.owner[0], self.names, served)


def obstacle(source: dict, target: dict) -> str:
    """Why mariadb-backup cannot serve this pair; empty where it can.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    if source["flavour"] != "mariadb" or target["flavour"] != "mariadb":
        return "mariadb-backup is MariaDB's"
    files = host_obstacle(target) or program_obstacle(source, target) or upgrade_obstacle(source, target)
    files = files or files_obstacle(source, target) or target_obstacle(target)
    return files or open_files_obstacle(source, target) or free_space_obstacle(source, target)


def program_obstacle(source: dict, target: dict) -> str:
    """What programs are missing or of another series than their server; empty where all fit.

    A backup is made, and prepared, by the series of the server that it is of. Where the target's is another, upgrade.py cares.
    """
    if not source["host"]:
        return "the source's host was not looked at"
    needed = {"source": ["mariadb-backup"], "target": ["mbstream"]}
    needed["target"] += ["mariadb-backup"] if series(source) == series(target) else []
    for name, side in (("source", source), ("target", target)):
        for program in needed[name]:
            version = side["host"]["programs"][program]
            if not version:
                return "the %s lacks %s (package mariadb-backup)" % (name, program)
            if program == "mariadb-backup" and version.split(".")[:2] != series(side).split("."):
                return "mariadb-backup on the %s is %s, its server %s" % (name, version, series(side))
    return ""


def copy(seed: Seed) -> dict:
    """Stream, prepare, swap, start. The target's server is down meanwhile, and its old files go back if anything breaks.

    Every program that touches the files on this host runs in the sandbox, which is tried before anything is touched.

    :raises MigrationError: naming the part that broke and its own words
    """
    migration_id, datadir = seed.options["migration_id"], seed.target.identity.datadir
    stop_units(migration_id)
    writable = datadir
    tell_lost(seed, _sandbox(migration_id, datadir, writable).check())
    if seed.source.version[:2] == seed.target.version[:2]:
        return _copy(seed, None)
    seed.progress.say("programs", "borrowing mariadb-backup and mariadbd %s from the source" % seed.source.identity.version_text)
    with borrowed(migration_id, datadir) as tools:
        return _copy(seed, tools)


def _sandbox(migration_id: str, datadir: str, *folders: str) -> Sandbox:
    """Where programs run as the server's user, and write to these folders alone."""
    owner = os.stat(datadir)
    return Sandbox(migration_id, Room((owner.st_uid, owner.st_gid), folders, open_files=raise_limit()))


def _copy(seed: Seed, tools: ShippedPrograms | None) -> dict:
    started, datadir, unit, flavour = time.monotonic(), seed.target.identity.datadir, seed.options["service"], seed.target.name
    names = data_files(seed.target.connection.variables(DATA_FILES).get(DATA_FILES, ""))
    stop_server(flavour, unit)
    try:
        folder = make_room(datadir)
        new = Arriving(folder, names, _sandbox(seed.options["migration_id"], datadir, folder))
        with seed.watch.armed():
            crossed = _stream(seed, new, started)
            coordinates = _look_through(seed, new)
            _make_ready(seed, new, tools)
        new.check(served=bool(tools))
        clear(folder)
        bring_in(datadir)
        start_server(flavour, unit)
        seed.reopen_target()
    except BaseException:
        # What still runs in the sandbox must not meet the old files when they are back.
        stop_units(seed.options["migration_id"])
        stop_server(flavour, unit)
        restore(datadir)
        shutil.rmtree(os.path.join(datadir, NEW), ignore_errors=True)
        start_server(flavour, unit)
        seed.reopen_target()
        raise
    result = settle(seed)
    forget_old(datadir)
    if coordinates["gtid"]:
        seed.target.set_gtid_position(coordinates["gtid"])
    drop_own_accounts(seed)
    return {**result, "coordinates": coordinates, "crossed": crossed, "seconds": round(time.monotonic() - started, 3)}


def _look_through(seed: Seed, new: Arriving) -> dict:
    """Refuse what no backup holds, and rewrite the backup's own files. Returns the coordinates."""
    count = new.check()
    coordinates, left_out = renew(new.folder, new.sandbox.room.owner)
    more = "; of the backup's options these are left out: %s" % ", ".join(left_out) if left_out else ""
    seed.progress.say("files", "%d files arrived, all of them a backup's%s" % (count, more))
    return coordinates


def _make_ready(seed: Seed, new: Arriving, tools: ShippedPrograms | None) -> None:
    """Bring the copied files to one point in time, by the programs of their own series."""
    folder, sandbox = new.folder, new.sandbox
    with ticking(seed.progress, "prepare", "applying the redo log to %s" % folder, done=1, total=1):
        options = prepare_options(folder)
        command = tools.argv("mariadb-backup", *options) if tools else [find_program(list(PROGRAMS)), *options]
        told = sandbox.run("prepare", command, "the prepare")
    # Whole only where the program says so.
    if COMPLETED not in told[-200:]:
        raise MigrationError("the prepare does not say that it is complete: %s" % tail(told))
    if tools:
        seed.progress.say("settle", "a clean shutdown by the source's own server, %s" % seed.source.identity.version_text)
        shut_down_cleanly(tools, folder, sandbox)
        # Between the source's programs and the target's: what they left is looked at.
        new.check(served=True)
        upgrade_system_tables(folder, tools, sandbox, lambda text: seed.progress.say("upgrade", text))


def _stream(seed: Seed, new: Arriving, started: float) -> int:
    total, passed = data_bytes(seed.source), {"packed": 0, "plain": 0}

    def take_packed(chunk: bytes) -> None:
        passed["packed"] += len(chunk)

    def take_plain(chunk: bytes) -> None:
        passed["plain"] += len(chunk)
        line = copy_line(passed["plain"], max(total, 1), passed["packed"], time.monotonic() - started)
        seed.progress.say("seed", line, done=passed["plain"], total=total, crossed=passed["packed"])

    request = {"threads": seed.options["threads"], "level": seed.options["zstd_level"], **seed.throttle()}
    stages = [
        Stage("the backup on the source", agent_command(seed.options["migration_id"], "backup")),
        Stage("zstd on the target", new.sandbox.command("unzip", [find_program(["zstd"]), "-q", "-d", "-c"])),
        Stage("mbstream", new.sandbox.command("unpack", [find_program(["mbstream"]), "-x", "-C", new.folder]), look=check_unpacked),
    ]
    Pipeline(stages, json.dumps(request).encode(), [take_packed, take_plain]).run()
    return passed["packed"]


def prepare_options(folder: str) -> list[str]:
    """The prepare's arguments."""
    return ["--prepare", "--target-dir=%s" % folder, "--use-memory=%d" % memory()]


def memory() -> int:
    """Bytes for the prepare: a quarter of what is free, within reason."""
    with open("/proc/meminfo", encoding="ascii") as stream:
        found = re.search(r"MemAvailable:\s+(\d+) kB", stream.read())
    available = int(found.group(1)) * 1024 if found else 1 << 30
    return max(128 << 20, min(8 << 30, available // 4))
