# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What an operator can do about an error of replication: server error number -> hint.

Numbers: https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html and
https://mariadb.com/kb/en/mariadb-error-code-reference/ . MySQL 8.0 and later report some under five digits.
"""
from __future__ import annotations

# The source has answered that this login will not do: another try with the same words cannot succeed.
LOGIN_ERRNOS = frozenset((1044, 1045, 1130, 1251, 1698, 2059, 2061))

_PURGED = (
    "the source no longer has the binary logs that this replica needs, or never had them: make a new seed, "
    "and keep binary logs for longer than seed and catch-up take (binlog_expire_logs_seconds, expire_logs_days)"
)
_IDENTITY = (
    "source and target must differ in server_id and, on MySQL, in server_uuid "
    "(a copied machine or data directory carries the original's: remove auto.cnf from the target's data directory and restart it)"
)
_RELAY = (
    "the relay log is damaged, as after a crash: run this task again, with GTID positioning it fetches it again; with file coordinates "
    "run it with state absent first; check the disk"
)
_DIFFERS = (
    "the target's data differ from the source's. Nothing was skipped, and nothing should be: find out who wrote to the target "
    "or whether the coordinates belong to another seed, then make a new seed"
)
_COLUMNS = "a column's type differs between source and target: compare SHOW CREATE TABLE on both, then make a new seed of this table"

HINTS: dict[int, str] = {
    1032: _DIFFERS,
    1040: "the source has no free connection: raise max_connections there, or end idle sessions",
    1044: "the replication account lacks REPLICATION SLAVE on the source",
    1045: (
        "the source refused the replication account: check source_user and source_password, the host that the account allows, "
        "and whether it requires TLS (REQUIRE SSL) while tls is off"
    ),
    1049: "the schema is missing on the target: the seed does not hold all that the source replicates",
    1062: _DIFFERS,
    1129: "the source blocks this host after too many failed connections: run FLUSH HOSTS there",
    1130: "the replication account does not allow the target's address: CREATE USER ... @'<target address>' on the source",
    1146: "the table is missing on the target: the seed does not hold all that the source replicates",
    1198: "replication was started by somebody else in the meantime; run the task again",
    1200: "this server has no server_id or no source: set server_id in its configuration and restart it",
    1201: "the server cannot open its replication metadata or relay logs: see its error log, check permissions and disk space",
    1227: "the login account of this task lacks REPLICATION SLAVE ADMIN (MariaDB) or REPLICATION_SLAVE_ADMIN (MySQL)",
    1236: _PURGED,
    1251: "the server's client library does not know the account's plugin: use one that both know",
    1593: _IDENTITY,
    1594: _RELAY,
    1677: _COLUMNS,
    1698: "the replication account logs in by the operating system's user: give it a password",
    1756: "the applier's workers stopped: performance_schema.replication_applier_status_by_worker and the error log hold the cause",
    1776: "GTID positioning and file coordinates cannot be combined: check positioning",
    1777: "set gtid_mode=ON on this server, or use positioning: file",
    1802: "the applier's workers left gaps: run START REPLICA UNTIL SQL_AFTER_MTS_GAPS on the target, then this task again",
    1872: "the server cannot use its relay log information: run this task with state absent, then again with state started",
    1950: "the binary log already holds a later GTID of this domain: something wrote to the target (gtid_strict_mode)",
    1964: "another applier thread failed first: its error is in the server's log",
    2002: "is the source running, and is source_host right?",
    2003: (
        "is the source running, are source_host and source_port right, does its bind-address allow it, does a firewall let it pass, "
        "is the tunnel up?"
    ),
    2005: "source_host cannot be resolved on the target",
    2013: "the connection broke while logging in: look for a firewall, a tunnel without its far end, or too short a net_timeout",
    2026: (
        "TLS failed: does the source offer TLS (ssl_cert, ssl_key), can the server's own account read tls_ca, tls_cert and tls_key on "
        "the target, does tls_ca match the source's certificate, and for verify_identity (on MariaDB for verify_ca too) does the "
        "certificate hold source_host?"
    ),
    2059: "the target's server cannot load the account's authentication plugin: use an account with a plugin that it knows",
    2061: "the account (caching_sha2_password) needs TLS or the source's public key: set tls to required, or get_source_public_key to true",
    3021: "the receiver was started by somebody else in the meantime; run the task again",
    3081: "replication was started by somebody else in the meantime; run the task again",
    13114: _PURGED,
    13117: _IDENTITY,
    13121: _RELAY,
    13146: _COLUMNS,
}

# ER_REPLICA_RELAY_LOG_READ_FAILURE under its old and its new number.
RELAY_ERRNOS = (1594, 13121)

# The same number stands for several causes of 1236 and its like: words in the server's text decide.
TEXTS: tuple = (
    ("server_uuid", _IDENTITY),
    ("same server_uuid/server_id", _IDENTITY),
    ("server uuids", _IDENTITY),
    ("server ids", _IDENTITY),
    ("more gtids than the", "this server holds transactions that the source lacks (errant GTIDs): make a new seed; never promote it"),
    ("which is not in the", "the source never wrote that GTID or has lost it: is this the right source, and was its binary log reset?"),
    ("binary log is not open", "the source has no binary log: set log_bin there and restart it"),
    ("max_allowed_packet", "raise max_allowed_packet on the source, and replica_max_allowed_packet or slave_max_allowed_packet here"),
    ("impossible position", "source_log_pos does not exist in source_log_file: take both from the same seed"),
)


def hint_for(errno: int, text: str = "") -> str:
    """What to do about an error; empty where nothing better is known than the server's own words."""
    lowered = text.lower()
    if errno in (1236, 1593, 13114, 13117):
        for words, hint in TEXTS:
            if words in lowered:
                return hint
    return HINTS.get(errno, "")


def explained(errno: int, text: str) -> str:
    """An error and its hint, for messages."""
    hint = hint_for(errno, text)
    return "[%d] %s%s" % (errno, text, "; %s" % hint if hint else "")
