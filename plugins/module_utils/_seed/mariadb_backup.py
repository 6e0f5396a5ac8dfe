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
import tempfile
import time

from .._bridge.call import agent_command, tail
from .._child import WORK_SECONDS, run_child
from .._errors import MigrationError
from .._jobs.progress import copy_line, ticking
from .backup_command import COMPLETED, PROGRAMS
from .conditions import data_bytes
from .context import Seed
from .dump_command import find_program
from .open_files import open_files_obstacle, raise_limit
from .physical import drop_own_accounts, files_obstacle, host_obstacle, room_obstacle, series, settle
from .pipeline import Pipeline, Stage
from .service import start_server, stop_server
from .swap import bring_in, forget_old, hand_over, make_room, restore
from .upgrade import Borrowed, borrowed, shut_down_cleanly, upgrade_obstacle, upgrade_system_tables

INFO_FILES = ("mariadb_backup_binlog_info", "xtrabackup_binlog_info")


def obstacle(source: dict, target: dict) -> str:
    """Why mariadb-backup cannot serve this pair; empty where it can.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    if source["flavour"] != "mariadb" or target["flavour"] != "mariadb":
        return "mariadb-backup is MariaDB's"
    files = host_obstacle(target) or program_obstacle(source, target) or upgrade_obstacle(source, target)
    return files or files_obstacle(source, target) or open_files_obstacle(source, target) or room_obstacle(source, target)


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

    :raises MigrationError: naming the part that broke and its own words
    """
    raise_limit()
    if seed.source.version[:2] == seed.target.version[:2]:
        return _copy(seed, None)
    seed.progress.say("programs", "borrowing mariadb-backup and mariadbd %s from the source" % seed.source.identity.version_text)
    with borrowed(seed.options["migration_id"], seed.target.identity.datadir) as tools:
        return _copy(seed, tools)


def _copy(seed: Seed, tools: Borrowed | None) -> dict:
    started, datadir, unit, flavour = time.monotonic(), seed.target.identity.datadir, seed.options["service"], seed.target.name
    stop_server(flavour, unit)
    try:
        new = make_room(datadir)
        with seed.watch.armed():
            crossed = _stream(seed, new, started)
            _make_ready(seed, new, tools)
        coordinates = read_info(new)
        bring_in(datadir)
        start_server(flavour, unit)
        seed.reopen_target()
    except BaseException:
        stop_server(flavour, unit)
        restore(datadir)
        shutil.rmtree(os.path.join(datadir, ".nordbridge-new"), ignore_errors=True)
        start_server(flavour, unit)
        seed.reopen_target()
        raise
    result = settle(seed)
    forget_old(datadir)
    if coordinates["gtid"]:
        seed.target.set_gtid_position(coordinates["gtid"])
    drop_own_accounts(seed)
    return {**result, "coordinates": coordinates, "crossed": crossed, "seconds": round(time.monotonic() - started, 3)}


def _make_ready(seed: Seed, folder: str, tools: Borrowed | None) -> None:
    """Bring the copied files to one point in time, by the programs of their own series."""
    with ticking(seed.progress, "prepare", "applying the redo log to %s" % folder, done=1, total=1):
        if not tools:
            _prepare(folder)
            return
        hand_over(folder, seed.target.identity.datadir)
        told = tools.run("mariadb-backup", *prepare_options(folder))
    if COMPLETED not in told[-200:]:
        raise MigrationError("the prepare does not say that it is complete: %s" % tail(told))
    seed.progress.say("settle", "a clean shutdown by the source's own server, %s" % seed.source.identity.version_text)
    shut_down_cleanly(tools, folder)
    upgrade_system_tables(folder, tools, lambda text: seed.progress.say("upgrade", text))


def _stream(seed: Seed, folder: str, started: float) -> int:
    total, passed = data_bytes(seed.source), {"packed": 0, "plain": 0}

    def take_packed(chunk: bytes) -> None:
        passed["packed"] += len(chunk)

    def take_plain(chunk: bytes) -> None:
        passed["plain"] += len(chunk)
        line = copy_line(passed["plain"], max(total, 1), passed["packed"], time.monotonic() - started)
        seed.progress.say("seed", line, done=passed["plain"], total=total, crossed=passed["packed"])

    request = {"threads": seed.options["threads"], "level": seed.options["zstd_level"], **seed.manners()}
    stages = [
        Stage("the backup on the source", agent_command(seed.options["migration_id"], "backup")),
        Stage("zstd on the target", ["zstd", "-q", "-d", "-c"]),
        Stage("mbstream", [find_program(["mbstream"]), "-x", "-C", folder]),
    ]
    Pipeline(stages, json.dumps(request).encode(), [take_packed, take_plain]).run()
    return passed["packed"]


def _prepare(folder: str) -> None:
    """Bring the copied files to one point in time; whole only where the program says so."""
    with tempfile.TemporaryFile() as words:
        command = [find_program(list(PROGRAMS)), *prepare_options(folder)]
        code = run_child(command, WORK_SECONDS, stdout=words, stderr=words).returncode
        words.seek(0)
        told = words.read()
    if code or COMPLETED not in told[-200:]:
        raise MigrationError("the prepare failed (%d): %s" % (code, " ".join(told.decode("utf-8", "replace").split())[-600:]))


def prepare_options(folder: str) -> list[str]:
    """The prepare's arguments."""
    return ["--prepare", "--target-dir=%s" % folder, "--use-memory=%d" % memory()]


def memory() -> int:
    """Bytes for the prepare: a quarter of what is free, within reason."""
    with open("/proc/meminfo", encoding="ascii") as stream:
        found = re.search(r"MemAvailable:\s+(\d+) kB", stream.read())
    available = int(found.group(1)) * 1024 if found else 1 << 30
    return max(128 << 20, min(8 << 30, available // 4))


def read_info(folder: str) -> dict:
    """The coordinates: file, position, and MariaDB's GTID position, as the backup took them under its own lock."""
    for name in INFO_FILES:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                words = stream.read().split()
            if len(words) >= 2:
                return {"file": words[0], "position": int(words[1]), "gtid": words[2] if len(words) > 2 else ""}
    raise MigrationError("the backup holds no coordinates (%s); is the binary log on at the source?" % ", ".join(INFO_FILES))
