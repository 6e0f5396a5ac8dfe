# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The settings of the binary log that a migration needs: what each is called, by flavour and version, and how values compare.

Sources: the MySQL reference manuals 5.7 to 9.7 ("Binary Logging Options and Variables", "Global Transaction ID System
Variables") and the MariaDB knowledge base ("Replication and Binary Log System Variables"). Run on MySQL 9.7 and MariaDB 10.11.
"""
from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._errors import Refusal

Version = tuple  # of int: (8, 0, 36)

# How a setting reaches a running server: by SET GLOBAL, only by a restart, or by the online steps for GTIDs.
LIVE, RESTART, STEPS = "live", "restart", "steps"


@dataclass(frozen=True)
class Setting:
    """One setting.

    :param kind: how values compare: number, switch, word (case does not count), path
    :param names: flavour -> (minimum version, variable), newest first; a flavour that is absent has no such setting
    """

    key: str
    kind: str
    reach: str
    names: dict


def _both(name: str) -> dict:
    return {"mysql": (((5, 7), name),), "mariadb": (((10, 5), name),)}


SETTINGS = (
    Setting("server_id", "number", LIVE, _both("server_id")),
    Setting("log_bin", "path", RESTART, _both("log_bin")),
    Setting("binlog_format", "word", LIVE, _both("binlog_format")),
    Setting("binlog_row_image", "word", LIVE, _both("binlog_row_image")),
    # Partial JSON: its events cannot be read by every consumer, and reverse replication has to carry whole rows.
    Setting("binlog_row_value_options", "word", LIVE, {"mysql": (((8, 0, 3), "binlog_row_value_options"),)}),
    Setting(
        "log_replica_updates",
        "switch",
        RESTART,
        {
            "mysql": (((8, 0, 26), "log_replica_updates"), ((5, 7), "log_slave_updates")),
            "mariadb": (((10, 5), "log_slave_updates"),),
        },
    ),
    # MySQL 8.0 has both retention variables and refuses a value in seconds while the one in days is not 0: days go first.
    Setting("retention_old", "number", LIVE, {"mysql": (((8, 2), ""), ((8, 0, 1), "expire_logs_days"))}),
    Setting(
        "retention",
        "number",
        LIVE,
        {
            "mysql": (((8, 0, 1), "binlog_expire_logs_seconds"), ((5, 7), "expire_logs_days")),
            "mariadb": (((10, 6, 1), "binlog_expire_logs_seconds"), ((10, 5), "expire_logs_days")),
        },
    ),
    Setting("max_binlog_size", "number", LIVE, _both("max_binlog_size")),
    # Consistency goes first: gtid_mode=ON depends on it.
    Setting("enforce_gtid_consistency", "word", STEPS, {"mysql": (((5, 7, 6), "enforce_gtid_consistency"),)}),
    Setting("gtid_mode", "word", STEPS, {"mysql": (((5, 7, 6), "gtid_mode"),)}),
)
BY_KEY = {setting.key: setting for setting in SETTINGS}

# Seconds in the unit of each retention variable, and the highest value that each flavour's variable takes.
RETENTION_UNIT = {"binlog_expire_logs_seconds": 1, "expire_logs_days": 86400}
RETENTION_LIMIT = {
    "mysql": {"binlog_expire_logs_seconds": 4294967295, "expire_logs_days": 99},
    "mariadb": {"binlog_expire_logs_seconds": 8553600, "expire_logs_days": 99},
}

# Whether a server whose files do not mention log_bin writes a binary log.
LOG_BIN_DEFAULT = {"mysql": (((8, 0, 3), True), ((5, 7), False)), "mariadb": (((10, 5), False),)}
# Programs of the server that check the option files without starting.
VALIDATES = {"mysql": (((8, 0, 16), True), ((5, 7), False)), "mariadb": (((10, 5), False),)}
# Servers that keep variables of SET PERSIST, which win over every option file.
PERSISTS = {"mysql": (((8, 0), True), ((5, 7), False)), "mariadb": (((10, 5), False),)}
# Option groups that a server reads, and those that it reads with the version's first two numbers at their end as well.
GROUPS = {"mysql": ("mysqld", "server"), "mariadb": ("mysqld", "server", "mariadb", "mariadbd", "galera")}
NUMBERED_GROUPS = {"mysql": ("mysqld",), "mariadb": ("mysqld", "mariadb", "mariadbd")}


def by_version(table: dict, flavour: str, version: Version) -> t.Any:
    """The entry for a server: the first minimum version that is not above it; None where there is none."""
    return next((value for minimum, value in table.get(flavour, ()) if version >= minimum), None)


def variable(key: str, flavour: str, version: Version) -> str:
    """The name of a setting's variable on that server; empty where it has no such setting."""
    return by_version(BY_KEY[key].names, flavour, version) or ""


def setting_of(name: str) -> Setting | None:
    """The setting that a variable belongs to, whatever the flavour and version."""
    owners = [setting for setting in SETTINGS for table in setting.names.values() for _minimum, known in table if known == name]
    return owners[0] if owners else None


def option_groups(flavour: str, version: Version, suffix: str = "") -> set:
    """The option groups that a server reads; C(suffix) is its --defaults-group-suffix."""
    names = GROUPS[flavour]
    numbered = {"%s-%d.%d" % (name, version[0], version[1]) for name in NUMBERED_GROUPS[flavour]}
    return set(names) | numbered | ({name + suffix for name in names} if suffix else set())


def canonical(name: str, value: t.Any) -> str:
    """A value of a variable as this page writes it, so that 1G and 1073741824, on and 1 compare as equal.

    :param value: text from a server, an option file or a user; None for an option without a value
    """
    text = "" if value is None else str(value).strip().strip("\"'")
    setting = setting_of(name)
    kind = setting.kind if setting else "path"
    if kind == "switch":
        return "ON" if text.lower() in ("", "on", "1", "true", "yes") else "OFF"
    if kind == "number":
        return _number(text)
    if kind == "word":
        return _word(name, text)
    return text


def same(name: str, one: t.Any, other: t.Any) -> bool:
    """Whether two values of a variable mean the same."""
    return canonical(name, one) == canonical(name, other)


# Words that may be given as numbers in option files, in the order of the server's enumeration.
NUMBERED = {
    "binlog_format": ("MIXED", "STATEMENT", "ROW"),
    "binlog_row_image": ("MINIMAL", "NOBLOB", "FULL"),
    "gtid_mode": ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"),
    "enforce_gtid_consistency": ("OFF", "ON", "WARN"),
}


def _word(name: str, text: str) -> str:
    words = NUMBERED.get(name, ())
    if text.isdigit() and int(text) < len(words):
        return words[int(text)]
    if name == "enforce_gtid_consistency" and text.lower() in ("", "true"):
        return "ON"
    return text.upper()


def _number(text: str) -> str:
    """A number as its digits; MariaDB shows days with decimals (10.000000). Anything else stays as it is."""
    try:
        return str(parse_size(text))
    except Refusal:
        pass
    try:
        value = float(text)
    except ValueError:
        return text
    return str(int(value)) if value == int(value) else str(value)


def parse_size(text: t.Any) -> int:
    """Bytes from a number with an optional suffix K, M, G or T, as option files know them (powers of 1024).

    :raises Refusal: for anything else
    """
    found = re.fullmatch(r"(\d+)([kmgt]?)", str(text).strip().lower())
    if not found:
        raise Refusal("%r is not a size: use a whole number of bytes, or one with K, M, G or T, such as 512M" % (text,))
    return int(found.group(1)) << (10 * " kmgt".index(found.group(2) or " "))
