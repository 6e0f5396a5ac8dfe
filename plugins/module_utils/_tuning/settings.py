# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The target's settings that a migration changes at run time, by flavour: to what, why, and where that is written.

Nothing of it reaches an option file: a server that restarts has its configured values back.

What is left alone on purpose:
- innodb_flush_log_at_trx_commit=0, which would make a killed *server* lose what its binary log already has. MySQL takes what
  it has executed from the binary log too, would not ask the source for it again, and the rows would be missing for ever.
- innodb_doublewrite: a process that is killed while it writes can leave half a page, and the doublewrite buffer is what mends it.
- MySQL's redo log (ALTER INSTANCE DISABLE INNODB REDO_LOG): a server that is killed without it does not start again, and takes its
  accounts with it. A dump is loaded by one connection.
- slave_domain_parallel_threads: it shares the threads out among several domains, and a migration has one source.
- replica_pending_jobs_size_max, slave_parallel_max_queued: their defaults hold more transactions than there are threads.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A global variable.

    :param names: newest first; a server that knows none of them needs none
    :param relaxed: its value while the target only receives; empty where another part sets it
    :param durable: it decides what a commit survives: proven before the source is fenced, not set only after promotion
    """

    names: tuple
    relaxed: str
    durable: bool
    why: str
    source: str


INNODB_COMMIT = "a commit hands its redo log to the operating system and does not wait for the disk, which is synced once a second"
SYNC_BINLOG = "the target's own binary log is written and not synced with each group of commits"
PACKETS = (
    "a dump writes a binary value as hexadecimal digits in one statement: a value that fitted into the source's packets needs twice "
    "as much here; 1 GiB is the most that servers take"
)
THREADS = "set to migration_target_applier_threads: by default MariaDB applies in one thread, and MySQL in four"

SETTINGS: dict[str, tuple] = {
    "mysql": (
        Setting(
            ("innodb_flush_log_at_trx_commit",), "2", True, INNODB_COMMIT, "https://dev.mysql.com/doc/refman/en/innodb-parameters.html"
        ),
        Setting(("sync_binlog",), "0", True, SYNC_BINLOG, "https://dev.mysql.com/doc/refman/en/replication-options-binary-log.html"),
        Setting(
            ("max_allowed_packet",),
            "1073741824",
            False,
            PACKETS,
            "https://dev.mysql.com/doc/refman/en/packet-too-large.html",
        ),
        Setting(
            ("replica_parallel_workers", "slave_parallel_workers"),
            "",
            False,
            THREADS,
            "https://dev.mysql.com/doc/refman/en/replication-options-replica.html",
        ),
        Setting(
            ("replica_parallel_type", "slave_parallel_type"),
            "",
            False,
            "LOGICAL_CLOCK: before 8.0.27 the threads share the work out by schema, and one schema has one thread",
            "https://dev.mysql.com/doc/refman/8.0/en/replication-options-replica.html",
        ),
        Setting(
            ("replica_preserve_commit_order", "slave_preserve_commit_order"),
            "",
            False,
            "ON: the target never shows a state that the source did not have, and its set of GTIDs has no gaps after a crash",
            "https://dev.mysql.com/doc/refman/en/replication-options-replica.html",
        ),
    ),
    "mariadb": (
        Setting(
            ("innodb_flush_log_at_trx_commit",),
            "2",
            True,
            INNODB_COMMIT,
            "https://mariadb.com/kb/en/innodb-system-variables/#innodb_flush_log_at_trx_commit",
        ),
        Setting(
            ("sync_binlog",),
            "0",
            True,
            SYNC_BINLOG,
            "https://mariadb.com/kb/en/replication-and-binary-log-system-variables/#sync_binlog",
        ),
        Setting(
            ("max_allowed_packet",),
            "1073741824",
            False,
            PACKETS,
            "https://mariadb.com/kb/en/server-system-variables/#max_allowed_packet",
        ),
        Setting(("slave_parallel_threads",), "", False, THREADS, "https://mariadb.com/kb/en/parallel-replication/"),
        Setting(
            ("slave_parallel_mode",),
            "",
            False,
            "optimistic: conservative runs only those together that committed together on the source, and a source with quick commits "
            "has few of them; a transaction that meets another one's locks is rolled back and tried again in its order",
            "https://mariadb.com/kb/en/parallel-replication/#optimistic-mode-of-in-order-parallel-replication",
        ),
    ),
}

# Where InnoDB tells how far its redo log goes, and how much of it is on the disk. MySQL before 8.0.30 does not tell.
REDO_STATUS = {
    "mysql": ("Innodb_redo_log_current_lsn", "Innodb_redo_log_flushed_to_disk_lsn"),
    "mariadb": ("Innodb_lsn_current", "Innodb_lsn_flushed"),
}
