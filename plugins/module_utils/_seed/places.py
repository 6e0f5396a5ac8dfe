# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Where a server's files lie: a copy of the data directory holds, or replaces, only what is inside it."""

from __future__ import annotations

import os

from .._server.base import Flavour

# Directories of a server's own files: redo log, undo logs, system tablespace, double writes, MariaDB's Aria log. Temporary files may be
# anywhere: they are made again at each start.
DIRECTORIES = (
    "innodb_log_group_home_dir", "innodb_undo_directory", "innodb_data_home_dir", "innodb_doublewrite_dir", "aria_log_dir_path",
)  # fmt: skip
# What InnoDB holds: the name of a table's space (schema/table, a partition behind #) or of one for several tables, and its file.
# MariaDB tells the file in INNODB_SYS_DATAFILES up to 10.5, and in INNODB_SYS_TABLESPACES from 10.6 on; MySQL in FILES.
# https://mariadb.com/kb/en/information-schema-innodb_sys_tablespaces-table/
# https://dev.mysql.com/doc/refman/8.4/en/information-schema-files-table.html
FILES = {
    "mariadb-old": "SELECT s.NAME AS n, d.PATH AS f FROM information_schema.INNODB_SYS_TABLESPACES s"
    " JOIN information_schema.INNODB_SYS_DATAFILES d ON d.SPACE = s.SPACE WHERE d.PATH LIKE '/%%'",
    "mariadb": "SELECT NAME AS n, FILENAME AS f FROM information_schema.INNODB_SYS_TABLESPACES WHERE FILENAME LIKE '/%%'",
    "mysql": "SELECT TABLESPACE_NAME AS n, FILE_NAME AS f FROM information_schema.FILES WHERE FILE_TYPE = 'TABLESPACE'"
    " AND FILE_NAME LIKE '/%%'",
}
# Of MySQL alone: tablespaces that hold several tables and are objects of their own, which no dump carries.
GENERAL = "SELECT NAME AS n FROM information_schema.INNODB_TABLESPACES WHERE SPACE_TYPE = 'General' AND NAME <> 'mysql'"
MOST = 200


def read_places(flavour: Flavour) -> dict:
    """What of a server lies outside its data directory.

    :returns: outside (dicts of name and path: table files), directories (variable to path: where the server's own files lie),
        known (directories in which the server takes tables' files, beside its data directory), general (names of tablespaces)
    """
    datadir, connection = flavour.identity.datadir, flavour.connection
    values = connection.variables(*DIRECTORIES, "innodb_directories")
    kind = flavour.name + ("-old" if flavour.name == "mariadb" and flavour.version < (10, 6) else "")
    rows = connection.rows(FILES[kind], ())
    general = connection.rows(GENERAL) if flavour.name == "mysql" and flavour.version >= (8, 0) else []
    # The system tablespace and undo logs are the server's own: a copy puts them where its server looks for them.
    tables = [(str(row["n"]), str(row["f"])) for row in rows if "/" in str(row["n"]) or row["n"] in [one["n"] for one in general]]
    found = [{"name": _name(space), "path": path} for space, path in tables if is_outside(path, datadir)]
    return {
        "outside": sorted(found, key=lambda one: one["name"])[:MOST],
        "directories": {name: values[name] for name in DIRECTORIES if is_outside(values.get(name, ""), datadir)},
        "known": [part for part in values.get("innodb_directories", "").split(";") if part],
        "general": sorted(str(row["n"]) for row in general),
    }


def is_outside(path: str, datadir: str) -> bool:
    """Whether a path is not in the data directory; a relative one, and none at all, count from there."""
    top = os.path.normpath(datadir)
    full = os.path.normpath(os.path.join(top, path))
    return full != top and not full.startswith(top + os.sep)


def tables_obstacle(source: dict) -> str:
    """Why a copy of the source's data directory would not hold all tables; empty where it does.

    :param source: its conditions (conditions.py)
    """
    found = source["places"]["outside"]
    if not found:
        return ""
    more = " and %d more" % (len(found) - 3) if len(found) > 3 else ""
    named = ", ".join("%(name)s (%(path)s)" % one for one in found[:3])
    return "files of tables lie outside the source's data directory: %s%s" % (named, more)


def target_obstacle(target: dict) -> str:
    """Why a data directory that is swapped in would meet old files of the target's server; empty where it would not."""
    found = target["places"]["directories"]
    named = ", ".join("%s = %s" % item for item in sorted(found.items()))
    return "the target keeps files outside its data directory (%s), which a copy does not replace" % named if found else ""


def look_at(paths: list) -> dict:
    """Which of these directories this host has, and whom they belong to (a number); those that it lacks are left out."""
    return {path: os.stat(path).st_uid for path in paths if os.path.isdir(path)}


def directories_of(source: dict) -> list:
    """The directories of the source's tables outside its data directory, without the schemas' folders that the server makes in them."""
    found, general = source["places"]["outside"], source["places"]["general"]
    parents = {os.path.dirname(os.path.dirname(one["path"])) for one in found if one["name"] not in general}
    return sorted(parents)


def _name(space: str) -> str:
    """schema.table of schema/table#p#part; the name of a tablespace that holds several tables as it is."""
    schema, slash, table = space.partition("/")
    return "%s.%s" % (schema, table.partition("#")[0]) if slash else space
