# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What the migration's control account may do, as data: each privilege with what needs it. docs/security-privileges.md prints this table.

https://dev.mysql.com/doc/refman/9.7/en/privileges-provided.html , https://mariadb.com/kb/en/grant/#privilege-levels
"""

from __future__ import annotations

import typing as t

from .._state.paths import SCHEMA

COPY, CUTOVER, BACK = "copy", "cutover", "way back"
# What the control account has at rest: nothing that writes, closes a server or ends others' sessions. The rest comes for a cutover.
REST, ALL = (COPY,), (COPY, CUTOVER, BACK)
PHASES = {COPY: REST, CUTOVER: ALL}


class Privilege(t.NamedTuple):
    """One privilege.

    :param name: as GRANT takes it
    :param phases: of a migration in which a statement needs it
    :param statements: which ones
    :param until: the first version that can do without it; empty where none can
    """

    name: str
    phases: tuple
    statements: str
    until: tuple = ()


_BOTH = (
    Privilege("SELECT", (COPY, CUTOVER), "SELECT of all rows and of mysql.*: the copy, accounts, parity"),
    Privilege("RELOAD", (COPY, CUTOVER, BACK), "FLUSH TABLES WITH READ LOCK; RESET MASTER or RESET BINARY LOGS on the old server"),
    Privilege("PROCESS", (COPY, CUTOVER), "SHOW PROCESSLIST, information_schema.INNODB_TRX, tablespaces of a dump"),
    Privilege("LOCK TABLES", (COPY,), "LOCK TABLES of a dump"),
    Privilege("REPLICATION SLAVE", (COPY, CUTOVER), "SHOW BINLOG EVENTS, SHOW REPLICAS"),
    Privilege("SHOW VIEW", (COPY,), "SHOW CREATE VIEW"),
    Privilege("EVENT", (COPY, CUTOVER), "SHOW CREATE EVENT; ALTER EVENT ... ENABLE after a rollback"),
    Privilege("TRIGGER", (COPY,), "SHOW CREATE TRIGGER"),
    Privilege("SHOW DATABASES", (COPY,), "SHOW DATABASES"),
)
# On everything. What a version does not know, its SHOW PRIVILEGES leaves out.
GLOBAL: dict[str, tuple] = {
    "mysql": (
        *_BOTH,
        Privilege("SUPER", (CUTOVER,), "REVOKE SUPER of others before the fence, and GRANT after an undo: only who has it may; KILL on 5.7"),
        Privilege("CREATE USER", (COPY,), "SHOW CREATE USER of others on 5.7", (8, 0)),
        Privilege("REPLICATION CLIENT", (COPY, CUTOVER, BACK), "SHOW BINARY LOG STATUS, SHOW REPLICA STATUS"),
        Privilege("BACKUP_ADMIN", (COPY,), "LOCK INSTANCE FOR BACKUP; the donor of CLONE INSTANCE"),
        Privilege("CONNECTION_ADMIN", (CUTOVER,), "KILL of sessions that could write behind the fence"),
        Privilege("SYSTEM_VARIABLES_ADMIN", (CUTOVER, BACK), "SET GLOBAL super_read_only, event_scheduler, gtid_purged, replica_parallel_workers"),
        Privilege("REPLICATION_SLAVE_ADMIN", (BACK,), "CHANGE REPLICATION SOURCE, START REPLICA, STOP REPLICA"),
        Privilege("SESSION_VARIABLES_ADMIN", (COPY, CUTOVER, BACK), "SET SESSION sql_log_bin, sql_log_off"),
        Privilege("SYSTEM_USER", (CUTOVER,), "REVOKE and KILL where the account has SYSTEM_USER itself"),
        Privilege("SHOW_ROUTINE", (COPY,), "SHOW CREATE PROCEDURE"),
        Privilege("XA_RECOVER_ADMIN", (COPY, CUTOVER), "XA RECOVER"),
    ),
    "mariadb": (
        *_BOTH,
        Privilege("SUPER", (CUTOVER,), "SET GLOBAL event_scheduler; REVOKE SUPER of others before the fence; SET SESSION sql_log_off"),
        Privilege("CREATE USER", (CUTOVER,), "REVOKE of a role's privileges; DROP USER on a closed server, by the playbook retire"),
        Privilege("BINLOG MONITOR", (COPY, CUTOVER), "SHOW BINLOG STATUS"),
        Privilege("READ_ONLY ADMIN", (CUTOVER,), "SET GLOBAL read_only; REVOKE behind it"),
        Privilege("CONNECTION ADMIN", (CUTOVER,), "KILL of sessions that could write behind the fence"),
        Privilege("BINLOG ADMIN", (COPY, CUTOVER), "SET SESSION sql_log_bin"),
        Privilege("REPLICATION SLAVE ADMIN", (BACK,), "CHANGE MASTER, START REPLICA, SET GLOBAL gtid_slave_pos"),
        Privilege("REPLICATION MASTER ADMIN", (COPY,), "SHOW REPLICA HOSTS"),
        Privilege("SLAVE MONITOR", (COPY, BACK), "SHOW REPLICA STATUS"),
    ),
}
# In the marker's own schema alone. A name's underscores would match any letter.
SCHEMA_PATTERN = SCHEMA.replace("_", "\\_")
IN_SCHEMA = (
    Privilege("INSERT", (COPY, CUTOVER), "INSERT of the heartbeat's row"),
    Privilege("UPDATE", (COPY, CUTOVER), "UPDATE of the heartbeat's row"),
    Privilege("DELETE", (CUTOVER,), "DELETE of this migration's rows on a closed server, by the playbook retire"),
    Privilege("DROP", (CUTOVER,), "DROP DATABASE of that schema on a closed server, by the playbook retire"),
)
# What an earlier version gave on everything: it could write to all tables, mysql.* among them.
TAKEN_AWAY = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "CREATE USER")


def on_everything(flavour: str, version: tuple, known: t.Collection[str], phases: t.Collection[str] = ALL) -> tuple:
    """The names for a version.

    :param known: those that the server lists itself
    :param phases: in which they are needed
    """
    there = [one for one in GLOBAL[flavour] if one.name in known and (not one.until or version < one.until)]
    return tuple(one.name for one in there if set(one.phases) & set(phases))
