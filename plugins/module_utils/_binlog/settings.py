# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The settings of the binary log that a migration needs: what each is called, by flavour and version, and how values compare.

Sources: the MySQL reference manuals 5.7 to 9.7 ("Binary Logging Options and Variables", "Global Transaction ID System
Variables") and the MariaDB knowledge base ("Replication and Binary Log System Variables"). Run on MySQL 9.7 and MariaDB 10.11.
"""

from __future__ import annotations

import typing as t

from .._optionfiles.table import Setting, Table, Version, by_version

# How a setting reaches a running server: by SET GLOBAL, only by a restart, or by the online steps for GTIDs.
LIVE, RESTART, STEPS = "live", "restart", "steps"

# Seconds in the unit of each retention variable, and the highest value that each flavour's variable takes.
RETENTION_UNIT = {"binlog_expire_logs_seconds": 1, "expire_logs_days": 86400}
RETENTION_LIMIT = {
    "mysql": {"binlog_expire_logs_seconds": 4294967295, "expire_logs_days": 99},
    "mariadb": {"binlog_expire_logs_seconds": 8553600, "expire_logs_days": 99},
}


def _both(name: str) -> dict:
    return {"mysql": (((5, 7), name),), "mariadb": (((10, 5), name),)}


SETTINGS = (
    Setting("server_id", "number", LIVE, _both("server_id")),
    Setting("log_bin", "path", RESTART, _both("log_bin")),
    Setting("binlog_format", "word", LIVE, _both("binlog_format"), words=("MIXED", "STATEMENT", "ROW")),
    Setting("binlog_row_image", "word", LIVE, _both("binlog_row_image"), words=("MINIMAL", "NOBLOB", "FULL")),
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
        # MariaDB's two variables are one: the last one counts.
        units=RETENTION_UNIT,
    ),
    Setting("max_binlog_size", "number", LIVE, _both("max_binlog_size")),
    # Consistency goes first: gtid_mode=ON depends on it.
    Setting(
        "enforce_gtid_consistency",
        "word",
        STEPS,
        {"mysql": (((5, 7, 6), "enforce_gtid_consistency"),)},
        words=("OFF", "ON", "WARN"),
        also={"": "ON", "TRUE": "ON"},
    ),
    Setting(
        "gtid_mode",
        "word",
        STEPS,
        {"mysql": (((5, 7, 6), "gtid_mode"),)},
        words=("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"),
    ),
)
BY_KEY = {setting.key: setting for setting in SETTINGS}

# Whether a server whose files do not mention log_bin writes a binary log.
LOG_BIN_DEFAULT = {"mysql": (((8, 0, 3), True), ((5, 7), False)), "mariadb": (((10, 5), False),)}


def variable(key: str, flavour: str, version: Version) -> str:
    """The name of a setting's variable on that server; empty where it has no such setting."""
    return by_version(BY_KEY[key].names, flavour, version) or ""


def table_of(flavour: str, version: Version) -> Table:
    """The settings of the binary log as that server knows them."""
    return Table(SETTINGS, flavour, version)


def setting_of(name: str) -> Setting | None:
    """The setting that a variable belongs to, whatever the flavour and version."""
    owners = [setting for setting in SETTINGS for table in setting.names.values() for _minimum, known in table if known == name]
    return owners[0] if owners else None


def canonical(name: str, value: t.Any) -> str:
    """See Setting.canonical; of a variable that is none of ours the text itself."""
    return (setting_of(name) or Setting(name, "path", LIVE, {})).canonical(value)


def same(name: str, one: t.Any, other: t.Any) -> bool:
    """Whether two values of a variable mean the same."""
    return canonical(name, one) == canonical(name, other)
