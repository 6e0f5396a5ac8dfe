# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about the source and the data on it."""

from __future__ import annotations

import json

from .catalogue import ERROR, NOTICE
from .check_input import CheckInput, Finding, counted, listed, size, span, tables
from .rules_fence import fence_decides, traces_of_cutovers


def _cost(told: str) -> str:
    """What a restart costs, in words; empty where it is not known.

    :param told: mysql_binlog_config's restart_cost as JSON; empty, or of no keys, for none
    """
    cost = json.loads(told) if told else {}
    if not cost:
        return ""
    words = ["%d open connections" % cost["connections"], "%s of changed pages to write first" % size(cost["buffer_pool_dirty_bytes"])]
    words.append("a cache of %s that %s" % (size(cost["buffer_pool_bytes"]), "is loaded again" if cost["buffer_pool_saved"] else "begins empty"))
    words += ["a longest transaction of %d s to end or undo" % cost["longest_transaction_s"]] if cost["longest_transaction_s"] else []
    words += ["a slow shutdown (innodb_fast_shutdown = 0)"] if cost["slow_shutdown"] else []
    return ", ".join(words)


def restart(case: CheckInput) -> list[Finding]:
    """P20"""
    asked = case.settings
    required, reasons = asked.restart_required, list(asked.restart_reasons)
    if required is None:
        required, reasons = not case.source["log_bin"], ["the binary log is off (log_bin)"]
    if not required:
        return []
    text = "the source must be restarted: %s" % (listed(reasons) or "a setting cannot be changed while it runs")
    text += "; the restart costs %s" % (_cost(asked.restart_cost) or "as long as a clean stop and start of it take, and all its connections")
    if asked.source_allow_restart:
        return [Finding(text + "; this is allowed", NOTICE, remedy="nothing: migration_source_allow_restart is set")]
    return [Finding(text)]


def binlog_rows(case: CheckInput) -> list[Finding]:
    """P21; while the binary log is off, P20 speaks."""
    wanted = (("binlog_format", case.source["binlog_format"], "ROW"), ("binlog_row_image", case.source["row_image"], "FULL"))
    wrong = ["%s is %s, not %s" % entry for entry in wanted if entry[1] and entry[1].upper() != entry[2]]
    return [Finding("; ".join(wrong))] if wrong and case.source["log_bin"] else []


def replica(case: CheckInput) -> list[Finding]:
    """P22; after the commit it may follow the target, as rollback path."""
    if case.settings.committed or not case.source["is_replica"]:
        return []
    hosts = ["%s:%d" % (row["source_host"] or "?", row["source_port"]) for row in case.source["channels"]]
    return [Finding("the source replicates from %s" % listed(hosts))]


def filters(case: CheckInput) -> list[Finding]:
    """P23"""
    found = [{"name": name, "value": ",".join(case.source[name])} for name in ("binlog_do_db", "binlog_ignore_db") if case.source[name]]
    found += case.source["replication_filters"]
    return [Finding("the source filters replication: %s" % listed(["%(name)s=%(value)s" % entry for entry in found]))] if found else []


def read_only(case: CheckInput) -> list[Finding]:
    """P25; after the commit the fence stays. The record of a fence is P80's: it says what to do, too."""
    if case.settings.committed or not (case.source["read_only"] or case.source["super_read_only"]) or fence_decides(case):
        return []
    name = "super_read_only" if case.source["super_read_only"] else "read_only"
    if case.settings.phase == "cutover":
        # It may be committed, and nobody may open it who does not know.
        text = "%s is ON at the source: a cutover of this migration has begun, and may be committed"
        return [Finding(text % name, remedy=_BEGUN % case.settings.migration_id)]
    traces = traces_of_cutovers(case)
    if traces:
        return [Finding("%s is ON at the source; %s" % (name, "; ".join(traces)), remedy=_MAYBE_MOVED)]
    return [Finding("%s is ON at the source" % name, remedy=_NOT_MOVED)]


_BEGUN = (
    "do not open the source, the target may be writable. Run the same command with -e cutover=%s: it asks the source's"
    " host how the cutover stands and carries it on, or says that it was undone"
)
_MAYBE_MOVED = (
    "open and erase nothing before it is known which server the clients write to: another may have taken over. Ask for the status of each"
    " migration that is named, and look at its target"
)
_NOT_MOVED = (
    "find out who made it read-only: it may be a replica, or have a successor that this collection does not know. Only if no other server"
    " has taken over and it should take writes: SET GLOBAL read_only = OFF"
)


def retention(case: CheckInput) -> list[Finding]:
    """P26; 0 keeps them for ever."""
    kept, wanted = case.source["retention_seconds"], case.settings.retention_seconds
    if not kept or kept >= wanted:
        return []
    return [Finding("the source keeps binary logs for %s, expected are %s" % (span(kept), span(wanted)))]


def tls(case: CheckInput) -> list[Finding]:
    """P27"""
    if case.settings.bridge != "tls" or case.source["tls"]["available"]:
        return []
    return [Finding("bridge is tls, and the source has no certificate loaded")]


def semi_sync(case: CheckInput) -> list[Finding]:
    """P28"""
    return [Finding("semi-synchronous replication is on at the source")] if case.source["semi_sync"] else []


def binlog_disk(case: CheckInput) -> list[Finding]:
    """P29"""
    rate, disk = case.source["binlogs"]["bytes_per_hour"], case.source["disk"]
    kept = max(case.source["retention_seconds"], case.settings.retention_seconds)
    if not rate or not disk:
        return []
    more = rate * kept // 3600 - case.source["binlogs"]["bytes"]
    if more <= disk["free_bytes"]:
        return []
    return [
        Finding(
            "binary logs grow by %s an hour; kept for %s they need %s more, and %s is free in %s"
            % (size(rate), span(kept), size(more), size(disk["free_bytes"]), disk["path"])
        )
    ]


def engines(case: CheckInput) -> list[Finding]:
    """P30"""
    rows, total = case.source["not_innodb"], case.source["not_innodb_count"]
    if not total:
        return []
    return [
        Finding(
            "%s not InnoDB: %s. They have no consistent snapshot: a write to them during the seed can be missed or "
            "arrive twice on the target, and a clone of the files by MySQL leaves them empty"
            % (counted(total, "table is", "tables are"), tables(rows, total))
        )
    ]


def keys(case: CheckInput) -> list[Finding]:
    """P31"""
    rows, total = case.source["without_primary_key"], case.source["without_primary_key_count"]
    return [Finding("%s without primary key: %s" % (counted(total, "table"), tables(rows, total)))] if total else []


def xa(case: CheckInput) -> list[Finding]:
    """P32"""
    found = case.source["xa_prepared"]
    return [Finding("%s prepared on the source, locks held" % counted(found, "XA transaction is", "XA transactions are"))] if found else []


def transactions(case: CheckInput) -> list[Finding]:
    """P33"""
    longest, limit = case.source["longest_transaction_s"], case.settings.max_transaction_seconds
    if not longest or longest <= limit:
        return []
    return [Finding("a transaction has been open on the source for %d seconds, more than %d" % (longest, limit))]


def encryption(case: CheckInput) -> list[Finding]:
    """P34"""
    held = case.source["encryption"]
    if case.target["encryption"]["key_management"] or not (held["tables"] or held["new_tables"]):
        return []
    text = (
        counted(held["tables"], "table on the source is encrypted", "tables on the source are encrypted")
        if held["tables"]
        else "new tables on the source are encrypted by default"
    )
    return [Finding(text + ", and the target has no key management")]


def history(case: CheckInput) -> list[Finding]:
    """P35"""
    rows = case.source["versioned_tables"]
    return [Finding("%s system-versioned: %s" % (counted(len(rows), "table is", "tables are"), tables(rows)))] if rows else []


def broken(case: CheckInput) -> list[Finding]:
    """P36"""
    names = ["%(schema)s.%(name)s" % row for row in case.source["unreadable_tables"]]
    return [Finding("%s cannot be opened on the source: %s" % (counted(len(names), "table"), listed(names)))] if names else []


def swapped(case: CheckInput) -> list[Finding]:
    """P37"""
    if case.source["holds_data"] or case.settings.committed:
        return []
    other = case.target["holds_data"]
    if other and not case.settings.seeded:
        return [Finding("the source holds no schema, and the target holds %s: are the two swapped?" % listed(other), ERROR)]
    return [Finding("the source holds no schema: there is nothing to migrate")]


def durability(case: CheckInput) -> list[Finding]:
    """P38; MariaDB's 3 syncs more often than 1. After the commit nobody follows it that could be ahead."""
    binlog, flush = case.source.get("sync_binlog"), case.source.get("innodb_flush_log_at_trx_commit")
    if case.settings.committed or binlog is None or flush is None or (binlog == 1 and flush in (1, 3)):
        return []
    return [
        Finding(
            "sync_binlog=%d and innodb_flush_log_at_trx_commit=%d at the source: when its host loses power it forgets writes that the"
            " target may have, gives their GTIDs or positions to other rows, and this migration has to copy again" % (binlog, flush)
        )
    ]


def hold(case: CheckInput) -> list[Finding]:
    """P39; after the commit the cutover's own steps and the status look at what is."""
    return [] if case.settings.committed else [Finding(words) for words in (case.source["hold"] or {}).get("against", [])]


RULES = {
    "P20": restart,
    "P21": binlog_rows,
    "P22": replica,
    "P23": filters,
    "P25": read_only,
    "P26": retention,
    "P27": tls,
    "P28": semi_sync,
    "P29": binlog_disk,
    "P30": engines,
    "P31": keys,
    "P32": xa,
    "P33": transactions,
    "P34": encryption,
    "P35": history,
    "P36": broken,
    "P37": swapped,
    "P38": durability,
    "P39": hold,
}
