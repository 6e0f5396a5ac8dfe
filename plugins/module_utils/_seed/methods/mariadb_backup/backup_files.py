# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The backup's own small files: read as data, and rewritten, so that --prepare reads nothing but what is written here.

mariadb-backup --prepare takes backup-my.cnf for its option file, and does what any line of it says: plugin_load and plugin_dir load a
library. So the file is made from a table of keys, each with a type; every other line is left out.
https://mariadb.com/kb/en/files-created-by-mariabackup/
"""

from __future__ import annotations

import os
import re
import typing as t

from ...._errors import MigrationError
from ...._text import visible
from ...tree import open_folder, read_plain, remove_plain, write_plain

OPTION_FILE = "backup-my.cnf"
# A tablespace's file: a plain name, its size, and whether it grows. No folder: the files lie where they were unpacked.
DATA_FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}:\d{1,12}[KMGkmg]?(:autoextend(:max:\d{1,12}[KMGkmg]?)?)?"
NUMBER = r"\d{1,20}"
# Key to what its value must be: the whole of what --prepare and a server that opens the files need to know of them.
KEYS = {
    "innodb_page_size": r"4096|8192|16384|32768|65536",
    "innodb_checksum_algorithm": r"(strict_)?(crc32|innodb|none|full_crc32)",
    "innodb_data_file_path": r"%s(;%s){0,20}" % (DATA_FILE, DATA_FILE),
    "innodb_log_file_size": NUMBER,
    "innodb_log_files_in_group": r"\d{1,3}",
    "innodb_undo_tablespaces": r"\d{1,3}",
    "innodb_compression_level": r"\d",
}
# Written as it is here, whatever the source says: the files lie where they were unpacked.
FIXED = {"innodb_undo_directory": "./"}
CHECKPOINTS = {"backup_type": r"full-backuped|log-applied|full-prepared", **dict.fromkeys(("from_lsn", "to_lsn", "last_lsn"), NUMBER)}
CHECKPOINTS["recover_binlog_info"] = "[01]"
PREFIXES = ("mariadb_backup_", "xtrabackup_")
# The redo log, in the versions that do not call it ib_logfile0.
KEPT = ("xtrabackup_logfile", "mariadb_backup_logfile")
BINLOG = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,250}"
GTID = r"(\d{1,10}-\d{1,10}-\d{1,20})(,\d{1,10}-\d{1,10}-\d{1,20})*"


def data_files(path: str) -> set[str]:
    """The names of the files of an innodb_data_file_path."""
    return {part.partition(":")[0] for part in path.split(";") if part}


def renew(folder: str, owner: tuple[int, int]) -> tuple[dict, list[str]]:
    """Rewrite the backup's own files, and remove what is left of them and all links to other places.

    :param owner: user and group, by number
    :returns: the coordinates (file, position, gtid), and the keys that were left out
    :raises MigrationError: naming the file and the line that cannot be what it must be
    """
    handle = open_folder(folder)
    try:
        coordinates = parse_coordinates(_first(handle, "binlog_info"))
        wanted, left_out = parse_options(_text(read_plain(handle, OPTION_FILE)), KEYS, OPTION_FILE)
        checkpoints, _unknown = parse_options(_text(_first(handle, "checkpoints")), CHECKPOINTS, "the backup's checkpoints")
        if "innodb_page_size" not in wanted or "to_lsn" not in checkpoints:
            raise MigrationError("the backup does not say its page size and where its log ends (%s, …_checkpoints)" % OPTION_FILE)
        _remove_own(handle)
        write_plain(handle, OPTION_FILE, option_text({**wanted, **FIXED}), owner)
        for prefix in PREFIXES:
            write_plain(handle, prefix + "checkpoints", "".join("%s = %s\n" % item for item in checkpoints.items()), owner)
        _remove_links(handle)
    finally:
        os.close(handle)
    return coordinates, left_out


def clear(folder: str) -> None:
    """Remove all of the backup's own files: a server has no use for them."""
    handle = open_folder(folder)
    try:
        _remove_own(handle)
        for name in KEPT:
            remove_plain(handle, name)
    finally:
        os.close(handle)


def parse_options(text: str, keys: dict[str, str], name: str) -> tuple[dict[str, str], list[str]]:
    """The known keys of a file of options, and the names of the others, which are left out.

    :param keys: name to a regular expression for its value
    :param name: the file in messages
    :raises MigrationError: where a known key's value is none of its kind
    """
    found, unknown = {}, []
    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in "#;[":
            continue
        key, _equals, value = (part.strip() for part in line.partition("="))
        key = key.lower().replace("-", "_")
        if key not in keys:
            unknown.append(visible(key[:60]))
        elif not re.fullmatch(keys[key], value, re.A):
            raise MigrationError("the source sent %s with %s = %s, which is no value of it" % (name, key, visible(value[:100])))
        else:
            found[key] = value
    return found, sorted(set(unknown) - set(FIXED))


def option_text(options: dict[str, str]) -> str:
    """The text of the option file."""
    return "[mysqld]\n" + "".join("%s=%s\n" % (key, options[key]) for key in sorted(options))


def parse_coordinates(data: bytes | None) -> dict:
    """File, position and MariaDB's GTID position, as the backup took them under its own lock.

    :raises MigrationError: where they are not there, or are no coordinates
    """
    words = _text(data).split()
    if len(words) < 2:
        raise MigrationError("the backup holds no coordinates (…_binlog_info); is the binary log on at the source?")
    gtid = words[2] if len(words) > 2 else ""
    if not re.fullmatch(BINLOG, words[0], re.A) or not re.fullmatch(NUMBER, words[1], re.A) or not re.fullmatch(GTID + "|", gtid, re.A):
        raise MigrationError("the backup has no valid coordinates: %s" % visible(" ".join(words)[:200]))
    return {"file": words[0], "position": int(words[1]), "gtid": gtid}


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


def _first(handle: int, name: str) -> bytes | None:
    """The first of the two names that a backup's file goes by, as its version has it."""
    found: t.Iterator[bytes | None] = (read_plain(handle, prefix + name) for prefix in PREFIXES)
    return next((data for data in found if data is not None), None)


def _remove_own(handle: int) -> None:
    for name in os.listdir(handle):
        if name == OPTION_FILE or (name.startswith(PREFIXES) and name not in KEPT):
            remove_plain(handle, name)


def _remove_links(handle: int) -> None:
    """InnoDB's .isl files: each is the path of a tablespace elsewhere, and this one's lies beside it."""
    for name in os.listdir(handle):
        try:
            below = open_folder(name, handle)
        except OSError:
            continue  # a file
        try:
            for file in os.listdir(below):
                if file.endswith(".isl"):
                    remove_plain(below, file)
        finally:
            os.close(below)
