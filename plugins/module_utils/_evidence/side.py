# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a host and its server tell of themselves now, for the record."""

from __future__ import annotations

import os
import socket
import time
import typing as t

from .._child import run_child
from .._errors import MigrationError
from .._host.machine import machine_mark
from .._migration.history import told_fence
from .._retire.guard import guard_file
from .._retire.things import things
from .._server.connection import Connection, connect
from .._server.endpoint import from_options
from .._server.flavour import open_flavour
from .._state.files import read_text

CLOCK = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
CLOCK_SECONDS = 5.0
CLOCK_WORDS = {"yes": "synchronised", "no": "not synchronised"}
#: How device-mapper names the mappings of cryptsetup: https://gitlab.com/cryptsetup/cryptsetup, in lib/libdevmapper.c.
CRYPT = "CRYPT-"
DEEP = 8
REPLICAS = "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%%'"
SIZES = (
    "SELECT COUNT(DISTINCT TABLE_SCHEMA) AS s, COUNT(*) AS n, COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS b FROM information_schema.TABLES"
    " WHERE TABLE_TYPE <> 'VIEW' AND TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', 'nordbridge_migration')"
)


def tell_side(params: dict, _check_mode: bool) -> dict:
    """The module's one function.

    :param params: migration_id, side (source or target), and a login
    """
    migration_id, side = params["migration_id"], params["side"]
    server = _server(params)
    datadir = server.get("datadir", "")
    host = {
        "name": socket.gethostname(),
        "machine": machine_mark(),
        "time": time.time(),
        "clock": clock(),
        "disk_encrypted": encrypted(datadir) if datadir else None,
        "datadir_bytes": bytes_below(datadir) if datadir else None,
    }
    left = [thing.words for thing in things(migration_id, side, bool(guard_file(migration_id)))]
    return {"changed": False, "told": {"host": host, "server": server, "left": left, **(told_fence(datadir) if datadir else {})}}


def _server(params: dict) -> dict:
    """What it is and holds; error where it cannot be asked, which a record says and does not fail for."""
    try:
        with connect(from_options(params), params["side"]) as connection:
            return _facts(connection)
    except MigrationError as error:
        return {"error": str(error)}


def _facts(connection: Connection) -> dict:
    server = open_flavour(connection)
    identity = server.identity
    sizes = connection.row(SIZES)
    logs = connection.rows("SHOW BINARY LOGS") if connection.variable("log_bin") == "ON" else []
    return {
        "label": identity.label,
        "version": identity.version_text,
        "server_id": identity.server_id,
        "server_uuid": identity.server_uuid,
        "datadir": identity.datadir,
        "read_only": server.read_only(),
        "schemas": int(sizes["s"]),
        "tables": int(sizes["n"]),
        "bytes": int(sizes["b"]),
        "binary_logs": len(logs),
        "binary_log_bytes": sum(int(row["File_size"]) for row in logs),
        "replicas": int(connection.value(REPLICAS, ())),
    }


def clock() -> str:
    """Whether the host's clock follows others, as systemd says."""
    try:
        said = run_child(CLOCK, CLOCK_SECONDS, capture_output=True, text=True, errors="replace").stdout.strip()
    except OSError:
        said = ""
    return CLOCK_WORDS.get(said, "not known")


def encrypted(path: str, system: str = "/sys") -> bool | None:
    """Whether a folder's file system lies on a disk that dm-crypt encrypts; None where the device cannot be found."""
    try:
        device = os.stat(path).st_dev
    except OSError:
        return None
    place = os.path.join(system, "dev/block/%d:%d" % (os.major(device), os.minor(device)))
    return _crypt(place, DEEP) if os.path.isdir(place) else None


def _crypt(place: str, deep: int) -> bool:
    """A device, or one below it: LVM on a LUKS volume has it two floors down."""
    if read_text(os.path.join(place, "dm/uuid")).startswith(CRYPT):
        return True
    below = os.path.join(place, "slaves")
    names = os.listdir(below) if deep and os.path.isdir(below) else []
    # A partition has no slaves of its own.
    return any(_crypt(os.path.join(below, name), deep - 1) for name in names)


def bytes_below(folder: str) -> int:
    """What the files of a folder take on the disk, in bytes; what goes away meanwhile does not count."""
    total = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            total += _allocated(os.path.join(place, name))
    return total


def _allocated(path: str) -> int:
    try:
        found: t.Any = os.lstat(path)
    except OSError:
        return 0
    # stat(2): blocks of 512 bytes, whatever the file system's are.
    return found.st_blocks * 512
