# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about setups that a migration meets late: where files lie, who logs in after a copy of files, zones, events, views, replicas."""

from __future__ import annotations

import os
import re
import typing as t

from .._seed.places import directories_of
from .._seed.recover import PHYSICAL as FILES
from .._server.events import hides_events
from .catalogue import WARNING
from .check_input import CheckInput, Finding, counted, listed
from .folders import LEAST_INODES
from .rules_pair import method_of
from .setups import SOCKET_PLUGINS
from .variables import LIMITS, RESULTS, RIGHTS, differing

# Connections that a migration opens at once at its most: the cutover's, the agent's, replication's, the lease's.
NEEDED_CONNECTIONS = 10
# What a session may run that can do nothing but replicate.
_HARMLESS = re.compile(r"\s*(SET\s(?!.*\bSELECT\b).*|SELECT\s+\d+)?\s*", re.IGNORECASE | re.DOTALL)


def by_statements(case: CheckInput) -> bool:
    """Whether definitions will come to the target as statements: as long as they are not there, and the method is not one by files."""
    return method_of(case) not in ("", *FILES)


def files_outside(case: CheckInput) -> list[Finding]:
    """P13; a copy of files refuses such tables by itself."""
    if not by_statements(case):
        return []
    source, target = (side["copying"]["places"] for _name, side in case.sides())
    hits = []
    lacking = [name for name in source["general"] if name not in target["general"]]
    if lacking:
        hits.append(
            Finding(
                "tablespaces that hold several tables are no part of a dump, and the target lacks them: %s" % listed(lacking),
                remedy="make them on the target (CREATE TABLESPACE ... ADD DATAFILE ...); or give their tables files of their own on the"
                " source (ALTER TABLE ... TABLESPACE innodb_file_per_table)",
            )
        )
    for directory in directories_of(case.source["copying"]):
        why = _unusable(case, directory, target["known"])
        named = ["%(name)s (%(path)s)" % one for one in source["outside"] if one["path"].startswith(directory + os.sep)]
        if why:
            hits.append(Finding("DATA DIRECTORY %s: the target %s; it is asked for by %s" % (directory, why, listed(named))))
    return hits


def _unusable(case: CheckInput, directory: str, known: list) -> str:
    owners = case.target.get("directories") or {}
    if directory not in owners:
        return "has no such directory"
    if owners[directory] != owners.get(case.target["identity"]["datadir"], owners[directory]):
        return "has it, but it does not belong to the server's user"
    inside = [one for one in known if (directory + os.sep).startswith(os.path.normpath(one) + os.sep)]
    if case.identities["target"].flavour == "mysql" and not inside:
        return "does not name it in innodb_directories (%s)" % (listed(known) or "empty")
    return ""


def login_after(case: CheckInput) -> list[Finding]:
    """P14: from the copy on the target's accounts are the source's."""
    login = case.target.get("login")
    if method_of(case) not in FILES or not login:
        return []
    plugins = case.source["setups"]["logins"].get(login["account"])
    where = "%s, the target's login, comes over from the source with a copy of files" % login["account"]
    if plugins is None:
        return [Finding("%s: there no administrator has that name" % where)]
    if (login["socket"] and set(plugins) & set(SOCKET_PLUGINS)) or login["password"]:
        return []
    return [Finding("%s: there it logs in by %s, and no migration_target_login_password is given" % (where, listed(plugins) or "a password"))]


def zones(case: CheckInput) -> list[Finding]:
    """P15; a copy of files brings the tables of zones along."""
    if not by_statements(case):
        return []
    source, known = case.source["setups"], {name.lower() for name in case.target["setups"]["known_zones"]}
    lacking = {zone: names for zone, names in source["event_zones"].items() if zone.lower() not in known}
    hits = [
        Finding("events on the source run in the time zone %s, which the target does not know by name: %s" % (zone, listed(names)))
        for zone, names in sorted(lacking.items())
    ]
    default = case.source["time_zone"]
    if re.match(r"[A-Za-z]", default) and default.upper() != "SYSTEM" and default.lower() not in known:
        hits.append(Finding("sessions on the source are in the time zone %s (time_zone), which the target does not know by name" % default))
    if source["known_zones"] and not known and not hits:
        text = "the source knows %d time zones by name, and the target none: a write of a session in such a zone stops replication (1298)"
        hits.append(Finding(text % len(source["known_zones"]), WARNING))
    return hits


def events(case: CheckInput) -> list[Finding]:
    """P16"""
    count = case.source["events"] or 0
    if not count or case.settings.committed:
        return []
    text = "event_scheduler is DISABLED at the %s, and the source has %s: such a server takes no statement about them"
    disabled = [
        name
        for name, side in case.sides()
        if hides_events(side["identity"]["flavour"], side["identity"]["version"], side["event_scheduler"])
    ]
    return [Finding(text % (name, counted(count, "event")), where=name) for name in disabled]


def views(case: CheckInput) -> list[Finding]:
    """P17"""
    found = case.source["setups"]["broken_views"]
    if not found or not by_statements(case):
        return []
    text = "%s what is not there, or may not be read by the definer, and a dump ends there: %s"
    return [Finding(text % (counted(len(found), "view lies on", "views lie on"), listed(found)))]


def followers(case: CheckInput) -> list[Finding]:
    """P18"""
    names = followers_of(case)
    if not names or case.settings.committed:
        return []
    remedy = _POINT % FOLLOW[case.identities["source"].flavour] % case.identities["target"].hostname
    entry = "%s the source, and will follow the old server after the cutover: %s"
    entry = entry % (counted(len(names), "replica follows", "replicas follow"), listed(names))
    return [Finding(entry, remedy=remedy)]


_POINT = "after the cutover point each of them at the new server, or it goes on following the old one, which gets no writes any more: %s"
FOLLOW = {
    "mysql": "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '%s', SOURCE_AUTO_POSITION = 1; START REPLICA, with GTIDs",
    "mariadb": "STOP SLAVE; CHANGE MASTER TO MASTER_HOST = '%s', MASTER_USE_GTID = slave_pos; START SLAVE",
}


def followers_of(case: CheckInput) -> list[str]:
    """The source's replicas in words, without the target and without sessions of this collection's accounts."""
    rows = [row for row in case.source["replicas"] if not _is_target(row, case)]
    nameless = ["server_id %d" % row["server_id"] for row in rows if not row["host"]]
    sessions = [row["host"] for row in case.source["setups"]["followers"] if not row["user"].startswith("nordbridge_")]
    hosts = sorted({host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host for host in sessions})
    named = ["%s (server_id %d)" % (row["host"], row["server_id"]) for row in rows if row["host"]]
    # A replica tells its host only where report_host is set; its session tells where it comes from, and is all that a reader of the
    # binary log shows that is no replica (change data capture).
    return named + nameless + ["a session from %s" % host for host in hosts if nameless or not rows]


def _is_target(row: dict, case: CheckInput) -> bool:
    target = case.identities["target"]
    if row.get("uuid") and target.server_uuid:
        return row["uuid"] == target.server_uuid
    return row["server_id"] in (target.server_id, case.settings.target_server_id)


def connections(case: CheckInput) -> list[Finding]:
    """P19"""
    hits = []
    for name, side in case.sides():
        limit = int(side["setups"]["variables"].get("max_connections") or 0)
        if limit and limit - side["connections"] < NEEDED_CONNECTIONS:
            hits.append(Finding("%d of the %s's %d connections are taken" % (side["connections"], name, limit), where=name))
    return hits


def init_connect(case: CheckInput) -> list[Finding]:
    """P75: the replication account has no privilege that spares it init_connect, and a statement that fails ends its session."""
    text = case.source["init_connect"]
    if case.settings.committed or all(_HARMLESS.fullmatch(part) for part in text.split(";")):
        return []
    return [Finding("init_connect at the source (%d characters) runs for the replication account, too, which may write nowhere" % len(text))]


def differ(names: tuple, what: str) -> t.Callable[[CheckInput], list]:
    """P55 to P57"""

    def rule(case: CheckInput) -> list[Finding]:
        found = differing(case.source["setups"]["variables"], case.target["setups"]["variables"], names)
        return [Finding("settings that change %s: %s" % (what, "; ".join(found)))] if found else []

    return rule


def folders(case: CheckInput) -> list[Finding]:
    """P69; once the data is copied it must not keep a migration from going on, or back."""
    hits, severity = [], WARNING if case.settings.seeded else ""
    for side, facts in case.sides():
        for place in facts["folders"] or []:
            words = _unwritable(place)
            if words:
                hits.append(Finding("%s cannot be written as the migration needs it: %s" % (place["path"], words), severity, side))
    return hits


def _unwritable(place: dict) -> str:
    if place["read_only"]:
        return "its file system is read-only"
    if place["free_mb"] < place["needs_mb"]:
        return "%d MB are free on its file system, and %d are needed" % (place["free_mb"], place["needs_mb"])
    return "its file system has only %d inodes left" % place["free_inodes"] if 0 <= place["free_inodes"] < LEAST_INODES else ""


RULES = {
    "P13": files_outside,
    "P14": login_after,
    "P15": zones,
    "P16": events,
    "P17": views,
    "P18": followers,
    "P19": connections,
    "P55": differ(RESULTS, "what statements do or return"),
    "P56": differ(RIGHTS, "who may do what"),
    "P57": differ(LIMITS, "limits"),
    "P69": folders,
    "P75": init_connect,
}
