# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about the target."""

from __future__ import annotations

from .._seed.recover import PHYSICAL as FILES
from .catalogue import NOTICE, WARNING
from .check_input import CheckInput, Finding, counted, listed, size
from .rules_fence import kept
from .rules_pair import method_of


def room(case: CheckInput) -> list[Finding]:
    """P40: what is needed, against what is free or will be after an erasure that is allowed."""
    asked, disk = case.settings, case.target["disk"]
    if not disk:
        return [
            Finding(
                "the free space for the target's data directory %s is not known: the facts were not read on that host"
                % case.target["identity"]["datadir"],
                WARNING,
            )
        ]
    if asked.seed_state == "done" or asked.committed:
        needed, sum_text = asked.disk_reserve_bytes, "the reserve"
    else:
        needed = int(case.source["bytes"] * asked.disk_factor) + asked.disk_reserve_bytes
        sum_text = "the source's data of %s x %s and a reserve of %s" % (
            size(case.source["bytes"]),
            asked.disk_factor,
            size(asked.disk_reserve_bytes),
        )
    erased = case.target["bytes"] if (asked.may_wipe or asked.seeded) and asked.seed_state != "done" else 0
    if disk["free_bytes"] + erased >= needed:
        return []
    text = "the target's file system with %s has %s free" % (disk["path"], size(disk["free_bytes"]))
    text += ", and %s after what lies there is erased" % size(disk["free_bytes"] + erased) if erased else ""
    return [Finding("%s; %s is needed: %s" % (text, size(needed), sum_text))]


def data(case: CheckInput) -> list[Finding]:
    """P41"""
    asked = case.settings
    held = case.target["schemas"]
    if asked.committed or asked.seed_state in ("done", "running") or not held:
        return []
    reasons = kept(case)
    if reasons:
        return [Finding("the target holds data that must not be erased: %s" % "; ".join(reasons), remedy=_KEEP)]
    what = "%s, %s: %s" % (counted(len(held), "schema"), size(case.target["bytes"]), listed([row["name"] for row in held]))
    if asked.seeded:
        return [Finding("the target holds a half-loaded copy of this migration (%s): the next seed erases it" % what, NOTICE, remedy="nothing")]
    if asked.may_wipe:
        return [
            Finding(
                "THE TARGET'S DATA WILL BE ERASED, with its accounts and binary logs: %s" % what,
                WARNING,
                remedy="stop here if any of it is still needed: there is no way back",
            )
        ]
    return [Finding("the target holds data that this migration did not put there: %s" % what)]


_KEEP = (
    "erase nothing and open nothing; choose another target, or find out which server is the primary: see P80, where it names one. No"
    " permission erases such a server"
)


def permission(case: CheckInput) -> list[Finding]:
    """P42"""
    asked = case.settings
    if not asked.wipe_target or asked.committed:
        return []
    reasons = kept(case)
    if reasons:
        return [Finding("wipe_target is given, and nothing here may be erased: %s" % "; ".join(reasons), remedy="take wipe_target away")]
    if asked.wipe_is_ours:
        return []
    return [Finding("wipe_target=%s is not this migration's id, %s: nothing may be erased" % (asked.wipe_target, asked.migration_id))]


def replication(case: CheckInput) -> list[Finding]:
    """P43"""
    asked, hits = case.settings, []
    if case.target["is_replica"] and not asked.seeded and not asked.committed:
        hosts = ["%s:%d" % (row["source_host"] or "?", row["source_port"]) for row in case.target["channels"]]
        # Whatever may be erased: that it follows somebody may mean that somebody counts on it.
        hits.append(Finding("the target replicates from %s" % listed(hosts)))
    replicas = [row for row in case.target["replicas"] if not _has_left(row, case)]
    if replicas and not asked.committed:
        names = ["%s (server_id %d)" % (row["host"] or "host unknown", row["server_id"]) for row in replicas]
        hits.append(Finding("others replicate from the target: %s; the seed would break them" % listed(names)))
    return hits


def _has_left(row: dict, case: CheckInput) -> bool:
    """Whether a replica of the target is the source, which followed it until a rollback.

    A server keeps the session of a replica that has gone until its next heartbeat fails.
    """
    source = case.identities["source"]
    same = row["uuid"] == source.server_uuid if row.get("uuid") and source.server_uuid else row["server_id"] == source.server_id
    return same and not case.source["channels"]


def new(case: CheckInput) -> list[Finding]:
    """P44"""
    asked = case.settings
    if asked.seeded or asked.committed:
        return []
    found = []
    if case.target["accounts"]:
        found.append("%s of its own" % counted(case.target["accounts"], "account"))
    if case.target["gtid"]["written"] or case.target["gtid"]["applied"]:
        found.append("transactions in its binary log or replication position")
    if case.target["connections"]:
        found.append("%s now" % counted(case.target["connections"], "other connection"))
    return [Finding("the target has %s" % ", ".join(found))] if found else []


def filters(case: CheckInput) -> list[Finding]:
    """P45"""
    found = ["%(name)s=%(value)s" % entry for entry in case.target["replication_filters"]]
    found += ["%s=%s" % (name, ",".join(case.target[name])) for name in ("binlog_do_db", "binlog_ignore_db") if case.target[name]]
    return [Finding("the target filters replication: %s" % listed(found))] if found else []


def scheduler(case: CheckInput) -> list[Finding]:
    """P46; after the commit it belongs on."""
    if case.settings.committed or case.target["event_scheduler"].upper() != "ON":
        return []
    count = case.source["events"] or 0
    return [Finding("event_scheduler is ON at the target; the source has %s" % counted(count, "event"), "" if count else NOTICE)]


def logins(case: CheckInput) -> list[Finding]:
    """P47: a copy of files brings the table of plugins along, but not their libraries; statements are refused at once."""
    unknown = sorted(set(case.source["login_plugins"]) - set(case.target["known_login_plugins"]))
    if not unknown or case.settings.committed or case.settings.seed_state == "done":
        return []
    text = "accounts log in by %s, which the target has not loaded" % listed(unknown)
    if method_of(case) in FILES:
        return [Finding(text + "; the copy of files loads it, if its library is installed", WARNING)]
    return [Finding(text)]


def hold(case: CheckInput) -> list[Finding]:
    """P48"""
    return [] if case.settings.committed else [Finding(words) for words in (case.target["hold"] or {}).get("against", [])]


def closed_later(case: CheckInput) -> list[Finding]:
    """P49"""
    return [Finding(words) for words in (case.target["hold"] or {}).get("closed", [])]


RULES = {
    "P40": room,
    "P41": data,
    "P42": permission,
    "P43": replication,
    "P44": new,
    "P45": filters,
    "P46": scheduler,
    "P47": logins,
    "P48": hold,
    "P49": closed_later,
}
