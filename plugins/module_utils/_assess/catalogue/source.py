# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The source."""

from __future__ import annotations

from .check import BOTH, ERROR, NOTICE, SOURCE, WARNING, Check, of_source, of_target

CHECKS = (
    Check(
        "P20",
        "the source needs no restart, or may be restarted",
        ERROR,
        SOURCE,
        "choose a time, then allow it with -e migration_source_allow_restart=true",
    ),
    Check(
        "P21",
        "the source's binary log holds full rows",
        WARNING,
        SOURCE,
        "the migration sets it while the server runs; let applications reconnect, since open sessions keep the old value",
        waivable=True,
    ),
    Check(
        "P22",
        "the source is not itself a replica",
        ERROR,
        SOURCE,
        "migrate the server that it replicates from, or make it independent first: a fence here would not stop writes from there",
        of_source("replica_status"),
    ),
    Check(
        "P23",
        "no filter keeps writes out of the source's binary log",
        ERROR,
        SOURCE,
        "remove the filters from the source's configuration and restart it",
        of_source("binlog_status", "filters"),
    ),
    Check(
        "P24",
        "neither server is part of a cluster",
        ERROR,
        BOTH,
        "this collection moves single servers: take the server out of Galera or group replication first",
        of_source("group_replication") + of_target("group_replication"),
    ),
    Check(
        "P25",
        "the source takes writes",
        ERROR,
        SOURCE,
        "find out who made it read-only, and whether another server has taken over: open nothing before that is known",
        of_source("markers"),
    ),
    Check(
        "P26",
        "the source keeps its binary logs long enough",
        NOTICE,
        SOURCE,
        "the migration raises it for its own time; make sure that nothing else purges binary logs (cron, backup tools)",
        waivable=True,
    ),
    Check(
        "P27",
        "the source offers TLS where the bridge needs it",
        ERROR,
        SOURCE,
        "give the source a certificate (ssl_cert, ssl_key, ssl_ca), or use bridge: ssh_tunnel",
    ),
    Check(
        "P28",
        "the source's commits do not wait for semi-synchronous replicas",
        NOTICE,
        SOURCE,
        "lower its timeout before the cutover: a fence waits for commits that wait for a replica",
        waivable=True,
    ),
    Check(
        "P29",
        "the source's disk holds the binary logs that are kept",
        WARNING,
        SOURCE,
        "free space on the source, or shorten the retention to the migration's expected time",
        waivable=True,
    ),
    Check(
        "P38",
        "the source's commits wait for its disk",
        WARNING,
        SOURCE,
        "SET GLOBAL sync_binlog = 1; SET GLOBAL innodb_flush_log_at_trx_commit = 1; and the same in its configuration, for a restart",
        waivable=True,
    ),
    Check(
        "P39",
        "the source stays closed through a restart once it is fenced",
        ERROR,
        SOURCE,
        "do that on the source's host, then run the same command again",
        of_source("hold"),
    ),
)
