# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The statement table: which words each flavour and version understands.

Pure data, newest first in each entry: the first minimum version that is not above the server's wins.
Sources: the MySQL reference manuals 5.7 to 9.7 and 26.x, the MariaDB knowledge base. The rows for MySQL 5.7,
8.0 and 8.4 come from recorded facts; those for MySQL 9.7 and MariaDB 10.5 to 11.8 were run.
"""
from __future__ import annotations

from .._errors import Refusal

Version = tuple  # of int: (8, 0, 36)

STATEMENTS: dict[str, dict[str, list]] = {
    "mysql": {
        "binlog_position": [((8, 2, 0), "SHOW BINARY LOG STATUS"), ((5, 7), "SHOW MASTER STATUS")],
        "replica_status": [((8, 0, 22), "SHOW REPLICA STATUS"), ((5, 7), "SHOW SLAVE STATUS")],
        "replicas": [((8, 0, 22), "SHOW REPLICAS"), ((5, 7), "SHOW SLAVE HOSTS")],
        "reset_binlogs": [((8, 2, 0), "RESET BINARY LOGS AND GTIDS"), ((5, 7), "RESET MASTER")],
        "start_replica": [((8, 0, 22), "START REPLICA"), ((5, 7), "START SLAVE")],
        "stop_replica": [((8, 0, 22), "STOP REPLICA"), ((5, 7), "STOP SLAVE")],
        "stop_applier": [((8, 0, 22), "STOP REPLICA SQL_THREAD"), ((5, 7), "STOP SLAVE SQL_THREAD")],
        "stop_receiver": [((8, 0, 22), "STOP REPLICA IO_THREAD"), ((5, 7), "STOP SLAVE IO_THREAD")],
        "reset_replica": [((8, 0, 22), "RESET REPLICA ALL"), ((5, 7), "RESET SLAVE ALL")],
        "discard_relay_logs": [((8, 0, 22), "RESET REPLICA"), ((5, 7), "RESET SLAVE")],
        "change_source": [((8, 0, 23), "CHANGE REPLICATION SOURCE TO"), ((5, 7), "CHANGE MASTER TO")],
        "wait_for_gtid": [((5, 7, 5), "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)")],
        "wait_for_position": [((8, 0, 26), "SELECT SOURCE_POS_WAIT(%s, %s, %s)"), ((5, 7), "SELECT MASTER_POS_WAIT(%s, %s, %s)")],
        "event_off_on_replica": [((8, 2, 0), "DISABLE ON REPLICA"), ((5, 7), "DISABLE ON SLAVE")],
        "backup_lock": [((8, 0), "LOCK INSTANCE FOR BACKUP")],
        "backup_unlock": [((8, 0), "UNLOCK INSTANCE")],
    },
    "mariadb": {
        "binlog_position": [((10, 5, 2), "SHOW BINLOG STATUS"), ((10, 5), "SHOW MASTER STATUS")],
        "replica_status": [((10, 5, 1), "SHOW ALL REPLICAS STATUS"), ((10, 5), "SHOW ALL SLAVES STATUS")],
        "replicas": [((10, 5, 1), "SHOW REPLICA HOSTS"), ((10, 5), "SHOW SLAVE HOSTS")],
        "reset_binlogs": [((10, 5), "RESET MASTER")],
        "start_replica": [((10, 5, 1), "START REPLICA"), ((10, 5), "START SLAVE")],
        "stop_replica": [((10, 5, 1), "STOP REPLICA"), ((10, 5), "STOP SLAVE")],
        "stop_applier": [((10, 5, 1), "STOP REPLICA SQL_THREAD"), ((10, 5), "STOP SLAVE SQL_THREAD")],
        "stop_receiver": [((10, 5, 1), "STOP REPLICA IO_THREAD"), ((10, 5), "STOP SLAVE IO_THREAD")],
        "reset_replica": [((10, 5, 1), "RESET REPLICA ALL"), ((10, 5), "RESET SLAVE ALL")],
        "change_source": [((10, 5), "CHANGE MASTER TO")],
        "wait_for_gtid": [((10, 5), "SELECT MASTER_GTID_WAIT(%s, %s)")],
        "wait_for_position": [((10, 5), "SELECT MASTER_POS_WAIT(%s, %s, %s)")],
        "event_off_on_replica": [((10, 5), "DISABLE ON SLAVE")],
        "backup_lock": [((10, 5), "BACKUP STAGE START")],
        "hold_commits": [((10, 5), "BACKUP STAGE BLOCK_COMMIT")],
        "backup_unlock": [((10, 5), "BACKUP STAGE END")],
    },
}


def statement(flavour: str, version: Version, name: str) -> str:
    """The statement of that name for that server.

    :raises Refusal: where this flavour or version has no such statement
    """
    for minimum, text in STATEMENTS.get(flavour, {}).get(name, ()):
        if version >= minimum:
            return text
    raise Refusal("%s %s has no statement for %s" % (flavour, ".".join(map(str, version)), name.replace("_", " ")))


def source_option(flavour: str, version: Version, name: str) -> str:
    """A replication option's name: SOURCE_HOST from MySQL 8.0.23, MASTER_HOST before it and on MariaDB.

    :param name: with the word SOURCE, as in SOURCE_SSL or GET_SOURCE_PUBLIC_KEY
    """
    modern = statement(flavour, version, "change_source") == "CHANGE REPLICATION SOURCE TO"
    return name if modern else name.replace("SOURCE", "MASTER")
