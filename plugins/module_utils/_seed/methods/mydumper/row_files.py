# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The files that mydumper writes a table's rows to: what they cannot carry, and which file is whose.

What is refused here was read in mydumper 0.10.1's source (mydumper.c: dump_table_data, get_insertable_fields, dump_table): it puts names
into statements and file names as they are, selects C(*), and sends all text as bytes without a character set.
"""

from __future__ import annotations

import os
import re
import typing as t

from ...._errors import MigrationError
from ...._server.base import Flavour

# Ends a file's name, ends an identifier, ends a string, and begins an escape; a dot stands between schema and table.
UNFIT = "/`'\\."
NAME_BYTES = 255  # of a file, on every file system that a server's data lies on
SUFFIX = ".00001.sql"
# Columns whose bytes read back as the same value. Others (UUID, INET6) take a string of bytes for the value's own inner form.
PLAIN = (
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "year", "date", "time", "datetime",
    "timestamp", "char", "varchar", "binary", "varbinary", "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob",
    "mediumblob", "longblob", "enum", "set", "json", "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
    "multipolygon", "geometrycollection", "geomcollection",
)  # fmt: skip
TABLES = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, COALESCE(DATA_LENGTH, 0) AS b, TABLE_TYPE AS k FROM information_schema.TABLES"
    " WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') AND TABLE_SCHEMA IN %s ORDER BY 1, 2"
)
COLUMNS = (
    "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, COLUMN_NAME AS c, DATA_TYPE AS d, EXTRA AS e FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA IN %s AND (DATA_TYPE NOT IN %s OR EXTRA LIKE '%%GENERATED%%' OR EXTRA LIKE '%%INVISIBLE%%'"
    " OR COLUMN_NAME LIKE '%%`%%') ORDER BY 1, 2, ORDINAL_POSITION"
)
SHOWN = 5


class Table(t.NamedTuple):
    """A table with rows of its own."""

    schema: str
    name: str
    size: int  # bytes of data, as the server estimates

    @property
    def label(self) -> str:
        """For messages."""
        return "%s.%s" % (self.schema, self.name)


def read_tables(flavour: Flavour, schemas: list[str]) -> tuple[list[Table], set[str]]:
    """The tables, and the labels of sequences, whose rows are none of the data's but are dumped like a table's."""
    rows = flavour.connection.rows(TABLES, (tuple(schemas),)) if schemas else []
    tables = [Table(row["s"], row["n"], int(row["b"])) for row in rows if row["k"] != "SEQUENCE"]
    return tables, {"%s.%s" % (row["s"], row["n"]) for row in rows if row["k"] == "SEQUENCE"}


def unfit_of(flavour: Flavour) -> str:
    """What of a server's data these files cannot carry; empty where they can carry all."""
    schemas = flavour.user_schemas()
    if not schemas:
        return ""
    tables, _sequences = read_tables(flavour, schemas)
    columns = flavour.connection.rows(COLUMNS, (tuple(schemas), PLAIN))
    found = unfit_names(tables) + unfit_columns(tables, columns)
    more = ", and %d more" % (len(found) - SHOWN) if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def unfit_names(tables: list[Table]) -> list[str]:
    """Names that no file, or no statement of mydumper's, can hold."""
    found = []
    for table in tables:
        odd = [char for char in UNFIT if char in table.schema or char in table.name]
        if odd:
            found.append("the name of %s.%s holds %s" % (table.schema, table.name, " ".join(odd)))
        elif len((table.label + SUFFIX).encode()) > NAME_BYTES:
            found.append("the name of %s is too long for a file's" % table.label)
    return found


def unfit_columns(tables: list[Table], columns: list[dict]) -> list[str]:
    """Columns that would be left out or read back as something else.

    :param columns: those that may be: of no plain type, generated, invisible, with a quote in the name (s, n, c, d, e)
    """
    known = {(table.schema, table.name) for table in tables}
    own = [row for row in columns if (row["s"], row["n"]) in known]
    listed = {(row["s"], row["n"]) for row in own if _generated(row)}
    found = []
    for row in own:
        extra, name = row["e"].upper(), "%(s)s.%(n)s.%(c)s" % row
        if "DEFAULT_GENERATED" in extra:
            found.append("%s has an expression as its default, and mydumper takes that for a generated column" % name)
        elif "`" in row["c"]:
            found.append("the name of %s holds `" % name)
        elif row["d"].lower() not in PLAIN and not _generated(row):
            found.append("%s is of type %s" % (name, row["d"]))
        elif "INVISIBLE" in extra and not _generated(row) and (row["s"], row["n"]) not in listed:
            # Where a column is generated it names all others; elsewhere it asks for *, which leaves these out.
            found.append("%s is invisible, and would be left out" % name)
    return found


def _generated(row: dict) -> bool:
    return "GENERATED" in row["e"].upper().replace("DEFAULT_GENERATED", "")


def pattern(schemas: list[str]) -> str:
    """A regular expression for "schema.table" of these schemas alone.

    Of nothing but ASCII: a service has no locale, and the program refuses an argument that its locale does not know. It compares bytes.
    """
    return "^(%s)\\." % "|".join("".join(_byte(number) for number in schema.encode()) for schema in schemas)


def _byte(number: int) -> str:
    plain = number < 128 and (chr(number).isalnum() or number == ord("_"))
    return chr(number) if plain else "\\x%02x" % number


def find_files(folder: str, tables: list[Table], sequences: set[str]) -> dict[tuple, list[str]]:
    """The names of each table's files, in their order; (schema, table) to names.

    Asked for as bytes: whatever the locale of this process says, names are UTF-8.

    :raises MigrationError: where a table has none, or a file belongs to none
    """
    known, strange = {table.label: (table.schema, table.name) for table in tables}, []
    found: dict[tuple, list[str]] = {}
    for raw in sorted(os.listdir(os.fsencode(folder))):
        name = raw.decode("utf-8", "surrogateescape")
        parts = re.fullmatch(r"(.+?)(?:\.(\d{5,}))?\.sql", name, re.S)
        owner = parts.group(1) if parts else ""
        if owner in known:
            found.setdefault(known[owner], []).append(name)
        elif name != "metadata" and owner not in sequences:
            strange.append(name)
    missing = [table.label for table in tables if (table.schema, table.name) not in found]
    if missing or strange:
        text = "mydumper left out %d tables (%s) and wrote %d files of unknown tables (%s); use another method"
        raise MigrationError(text % (len(missing), ", ".join(missing[:SHOWN]), len(strange), ", ".join(strange[:SHOWN])))
    return found


def file_size(path: str) -> int:
    """A file's bytes.

    :raises MigrationError: where it is cut off: each ends with a whole statement, or is empty
    """
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 2))
        end = stream.read()
    if size and end != b";\n":
        raise MigrationError("the file %s is cut off: it does not end with a whole statement" % os.path.basename(path))
    return size
