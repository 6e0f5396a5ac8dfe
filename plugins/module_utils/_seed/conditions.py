# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The conditions of a copy: what of a server and its host decides which methods can serve a pair.

They are plain values. The plan reads them before anything is touched, the seed job reads them again, and both ask the same
rules; where the two differ, the job says why.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import typing as t

from .._child import run_child
from .._errors import Refusal, ServerError
from .._server.base import Flavour
from .methods.mydumper import dump_directory
from .methods.mydumper.mydumper_command import PROGRAM, lacking
from .methods.mydumper.row_files import unfit_of
from .places import read_places
from .service import manager_obstacle, restarts_by_itself
from .source.open_files import raise_limit

# Name of a program in messages -> what it is called on hosts, the first that is there.
PROGRAMS = {
    "mariadb-backup": ("mariadb-backup", "mariabackup"),
    "mbstream": ("mbstream",),
    "mariadb-upgrade": ("mariadb-upgrade", "mysql_upgrade"),
    "mariadbd": ("mariadbd", "mysqld"),
    "ldd": ("ldd",),
}
ENCRYPTION = ("innodb_encrypt_tables", "innodb_encrypt_log", "default_table_encryption", "innodb_redo_log_encrypt")
VALUES = ("innodb_page_size", "innodb_data_file_path", "innodb_compression_algorithm", "performance_schema")
# Where administrators' programs lie; a service's PATH may lack them.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
NOT_INNODB = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, ENGINE AS e FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE'"
    " AND ENGINE <> 'InnoDB' AND TABLE_SCHEMA IN %s ORDER BY 1, 2 LIMIT 5"
)
# What mydumper asks for, whatever the server: read in 0.10.1 (write_snapshot_info). MySQL dropped it in 8.4.
POSITION = "SHOW MASTER STATUS"
TABLESPACES = "SELECT COUNT(*) FROM information_schema.INNODB_SYS_TABLESPACES"
DATA_BYTES = "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS n FROM information_schema.TABLES"


def read_conditions(flavour: Flavour, host: dict | None) -> dict:
    """A server's conditions.

    :param host: its host's (see read_host); None where it was not looked at
    """
    connection, schemas = flavour.connection, flavour.user_schemas()
    encrypted = connection.variables(*ENCRYPTION)
    odd = connection.rows(NOT_INNODB, (tuple(schemas),)) if schemas else []
    return {
        "flavour": flavour.name,
        "version": list(flavour.version),
        "values": connection.variables(*VALUES),
        "encrypted": sorted(name for name, value in encrypted.items() if value.upper() not in ("OFF", "0", "")),
        "not_innodb": ["%(s)s.%(n)s (%(e)s)" % row for row in odd],
        "bytes": data_bytes(flavour),
        "tablespaces": tablespaces(flavour),
        "rows": rows_obstacle(flavour),
        "places": read_places(flavour),
        "host": host,
    }


def rows_obstacle(flavour: Flavour) -> str:
    """Why mydumper's files cannot carry a server's rows, or no snapshot for its several sessions is to be had; empty where all is well."""
    try:
        flavour.connection.rows(POSITION)
    except ServerError as error:
        if error.errno == 1064:  # a syntax error; whatever else it is, the copy itself asks again with its own login
            return "it asks for the source's position by %s, which this server does not understand" % POSITION
    try:
        flavour.statement("hold_commits")
    except Refusal:
        return "its sessions get one snapshot by a lock over commits alone, and this server has none"
    return unfit_of(flavour)


def tablespaces(flavour: Flavour) -> int:
    """How many files InnoDB has on MariaDB, a table's partitions each in its own; 0 on MySQL, where no program of ours opens them."""
    return int(flavour.connection.value(TABLESPACES)) if flavour.name == "mariadb" else 0


def data_bytes(flavour: Flavour) -> int:
    """What a server's tables take."""
    rows = flavour.connection.rows(DATA_BYTES)
    return int(rows[0]["n"]) if rows else 0


def read_programs() -> dict:
    """The programs of this host that copies need, with their versions; its kind of processor; how many files a program may open."""
    programs = {name: _version(names) for name, names in PROGRAMS.items()}
    return {"machine": platform.machine(), "programs": programs, "open_files": raise_limit()}


def read_host(flavour: str, unit: str, datadir: str) -> dict:
    """What of this host a copy needs.

    :param unit: the server's unit; the flavour's usual one where it is empty
    """
    obstacle = manager_obstacle(flavour, unit)
    found: dict[str, t.Any] = read_programs()
    found.update(manager=obstacle, restarts=not obstacle and restarts_by_itself(flavour, unit), free_bytes=None)
    found.update(mydumper=_mydumper(), stashed=dump_directory.kept_bytes(datadir))
    try:
        disk = os.statvfs(datadir)
        found["free_bytes"] = disk.f_bavail * disk.f_frsize
    except OSError:
        pass
    return found


def find(names: t.Sequence[str]) -> str:
    """The path of the first of these programs that this host has; empty for none."""
    path = os.environ.get("PATH", os.defpath) + ":" + SBIN
    return next((found for found in (shutil.which(name, path=path) for name in names) if found), "")


def _mydumper() -> dict:
    """Whether this host has mydumper, and what of the needed its own help does not know."""
    path = find((PROGRAM,))
    if not path:
        return {"found": False, "lacks": []}
    done = run_child([path, "--help"], capture_output=True, text=True, errors="replace")
    return {"found": True, "lacks": lacking(done.stdout + done.stderr)}


def _version(names: t.Sequence[str]) -> str:
    """The version that a program tells; a question mark for one that tells none, empty for none at all."""
    path = find(names)
    if not path:
        return ""
    done = run_child([path, "--version"], capture_output=True, text=True)
    told = re.search(r"(\d+\.\d+\.\d+)-MariaDB", done.stdout + done.stderr)
    return told.group(1) if told else "?"
