# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about the pair, the logins, the settings of both sides, and the request itself."""

from __future__ import annotations

import re
import typing as t

from .._cutover.times import wrong_times
from .._errors import Refusal
from .._reverse.rules import why_not
from .._seed.methods.registry import Choice, choose
from .._server.flavour import check_pair
from .._server.identity import same_server
from .._verify.record import not_verified_reason
from .catalogue import BY_ID, SOURCE, TARGET
from .check_input import CheckInput, Finding, listed, size
from .privileges import grant_statement

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")

# Release series in the order of upgrades; a replica may be one step ahead.
# https://dev.mysql.com/doc/refman/en/replication-compatibility.html . MariaDB sets no such limit.
# Series of which none may be skipped. MariaDB's replicas may be of any later one, and its files are taken by any later one:
# https://mariadb.com/kb/en/upgrading-between-major-mariadb-versions/
SERIES: dict[str, tuple] = {"mysql": ((5, 7), (8, 0), (8, 4), (9, 7), (26,)), "mariadb": ()}


def same(case: CheckInput) -> list[Finding]:
    """P01"""
    one, other = case.identities["source"], case.identities["target"]
    if not same_server(one, other):
        return []
    return [
        Finding(
            "source and target are one server: %s, port %d, data directory %s, started at the same second"
            % (one.hostname, one.port, one.datadir)
        )
    ]


def uuids(case: CheckInput) -> list[Finding]:
    """P02; silent for one server, which P01 names."""
    one, other = case.identities["source"], case.identities["target"]
    if not one.server_uuid or one.server_uuid != other.server_uuid or same_server(one, other):
        return []
    return [
        Finding("%s and %s both have the server UUID %s: replication between them is refused" % (one.hostname, other.hostname, one.server_uuid))
    ]


def server_ids(case: CheckInput) -> list[Finding]:
    """P03: as they will be; what no setting changes stays as it is."""
    asked = case.settings
    source = case.identities["source"].server_id if asked.source_server_id is None else asked.source_server_id
    target = case.identities["target"].server_id if asked.target_server_id is None else asked.target_server_id
    hits = []
    for name, number in ((SOURCE, source), (TARGET, target)):
        if not number:
            hits.append(
                Finding("the %s's server_id is 0: it cannot take part in replication" % name, where=name, remedy="set %s_server_id" % name)
            )
    if source and source == target:
        hits.append(Finding("server_id is %d on both sides: the target would throw the source's writes away as its own" % source))
    taken = [row for row in case.source.get("replicas") or [] if row["server_id"] == target and not _is_target(row, case)]
    if taken:
        hits.append(
            Finding(
                "server_id %d is taken by another replica of the source (%s): the two would push each other off"
                % (target, taken[0]["host"] or "host unknown")
            )
        )
    return hits


def _is_target(row: dict, case: CheckInput) -> bool:
    """Whether a replica of the source is the target itself, in a run after the seed."""
    target = case.identities["target"]
    if row.get("uuid") and target.server_uuid:
        return row["uuid"] == target.server_uuid
    return bool(case.target.get("is_replica")) and row["server_id"] == target.server_id


def flavours(case: CheckInput) -> list[Finding]:
    """P04"""
    one, other = case.identities["source"], case.identities["target"]
    return _pair(case) if one.flavour != other.flavour else []


def versions(case: CheckInput) -> list[Finding]:
    """P05"""
    one, other = case.identities["source"], case.identities["target"]
    return _pair(case) if one.flavour == other.flavour else []


def _pair(case: CheckInput) -> list[Finding]:
    try:
        check_pair(case.identities["source"], case.identities["target"])
    except Refusal as refusal:
        # What to do is the catalogue's part.
        return [Finding(str(refusal).partition(";")[0])]
    return []


def series(case: CheckInput) -> list[Finding]:
    """P06"""
    one, other = case.identities["source"], case.identities["target"]
    known = SERIES[one.flavour] if one.flavour == other.flavour else ()
    steps = [sum(first <= tuple(side.version) for first in known) for side in (one, other)]
    if steps[1] - steps[0] < 2:
        return []
    skipped = [".".join(map(str, first)) for first in known[steps[0] : steps[1] - 1]]
    return [
        Finding(
            "from %s to %s skips %s: replication is supported to the next series only"
            % (one.version_text, other.version_text, listed(skipped))
        )
    ]


def choice(case: CheckInput) -> Choice | None:
    """The method that the seed would take; None where the facts hold nothing of it, or the copy is done.

    :raises Refusal: where a named method cannot serve
    """
    asked, source, target = case.settings, case.source.get("copying"), case.target.get("copying")
    if asked.committed or asked.seed_state == "done" or not source or not target:
        return None
    return choose(source, {**target, "borrow": list(asked.borrow_programs)}, asked.method)


def method_of(case: CheckInput) -> str:
    """The name of that method; empty for none."""
    try:
        found = choice(case)
    except Refusal:
        return ""  # P09 tells
    return found.method.name if found else ""


def seed_method(case: CheckInput) -> list[Finding]:
    """P12"""
    try:
        choice(case)
    except Refusal as refusal:
        return [Finding(str(refusal))]
    return []


def privileges_of(name: str) -> t.Callable[[CheckInput], list]:
    """P10, P11"""

    def rule(case: CheckInput) -> list[Finding]:
        rights = case.side(name).get("privileges") or {}
        lacks = rights.get("missing") or []
        if not lacks:
            return []
        reasons: dict[str, list] = {}
        for lack in lacks:
            words = " or ".join([lack["privilege"]] + lack["alternatives"])
            reasons.setdefault(lack["why"], []).append(words + (" (%s)" % lack["instead"] if lack["instead"] else ""))
        texts = ["%s to %s" % (", ".join(words), why) for why, words in reasons.items()]
        return [Finding("%s lacks, on *.*: %s" % (rights["login"], "; ".join(texts)), remedy=grant_statement(rights["login"], lacks))]

    return rule


def case_of_names(case: CheckInput) -> list[Finding]:
    """P07"""
    return _differ(case, "lower_case_table_names")


def page_size(case: CheckInput) -> list[Finding]:
    """P08"""
    hits = _differ(case, "innodb_page_size")
    return [Finding(hit.message + "; the data's files cannot be copied, only a dump can") for hit in hits]


def way_back(case: CheckInput) -> list[Finding]:
    """P09: what no configuration of this collection's can mend. The rest is proven before the cutover."""
    if not case.settings.reverse_replication:
        return []
    why = why_not(case.identities["target"], case.identities["source"])
    off = [name for name, side in case.sides() if not side["gtid"]["on"]]
    hits = [Finding("reverse replication is asked for, and %s" % why)] if why else []
    if off:
        remedy = "set gtid_mode=ON on both servers, or leave migration_reverse_replication out: a rollback then loses what was written since"
        hits.append(Finding("reverse replication is asked for, and gtid_mode is not ON on the %s" % listed(off), remedy=remedy))
    return hits


def sql_mode(case: CheckInput) -> list[Finding]:
    """P50: the order of the words does not count."""
    one, other = (set(filter(None, side["sql_mode"].split(","))) for _name, side in case.sides())
    if one == other:
        return []
    parts = [(SOURCE, one - other), (TARGET, other - one)]
    return [
        Finding("sql_mode differs: %s" % "; ".join("only on the %s %s" % (name, ", ".join(sorted(words))) for name, words in parts if words))
    ]


def time_zone(case: CheckInput) -> list[Finding]:
    """P51: SYSTEM means what the operating system was set to when the server started."""
    zones = [side["system_time_zone"] if side["time_zone"].upper() == "SYSTEM" else side["time_zone"] for _name, side in case.sides()]
    if zones[0] == zones[1]:
        return []
    texts = ["%s (%s)" % (side["time_zone"], zone) for (_name, side), zone in zip(case.sides(), zones)]
    return [Finding("the time zone is %s on the source and %s on the target: NOW() and TIMESTAMP columns read differently" % tuple(texts))]


def character_set(case: CheckInput) -> list[Finding]:
    """P52"""
    hits = _differ(case, "character_set_server") + _differ(case, "collation_server")
    # From 11.2 on MariaDB has a second table of defaults, which an older server's applications know nothing of.
    one, other = (side.get("character_set_collations") or "" for _name, side in case.sides())
    if one != other:
        hits.append(
            Finding(
                "a character set without a collation means another collation on the target: character_set_collations is %s there, %s on"
                " the source; what exists keeps its own" % (other or "empty", one or "empty"),
                remedy="set character_set_collations to the source's value (character_set_collations='' where it has none) in the"
                " target's configuration, or expect new tables to sort and compare by the new default",
            )
        )
    return hits


def packet(case: CheckInput) -> list[Finding]:
    """P53"""
    one, other = case.source["max_allowed_packet"], case.target["max_allowed_packet"]
    if not one or not other or other >= one:
        return []
    return [Finding("max_allowed_packet is %s on the source and %s on the target" % (size(one), size(other)))]


def general_log(case: CheckInput) -> list[Finding]:
    """P54"""
    return [Finding("general_log is ON on the %s" % name, where=name) for name, side in case.sides() if side["general_log"]]


def clusters(case: CheckInput) -> list[Finding]:
    """P24"""
    hits = [Finding("the %s is a node of a Galera cluster (wsrep_on)" % name, where=name) for name, side in case.sides() if side["wsrep_on"]]
    hits += [Finding("the %s is a member of group replication" % name, where=name) for name, side in case.sides() if side["group_replication"]]
    return hits


def gate(case: CheckInput) -> list[Finding]:
    """P60"""
    asked = case.settings
    if not asked.cutover or asked.cutover == asked.migration_id:
        return []
    return [Finding("the gate is cutover=%s, but this migration is %s: the cutover stays closed" % (asked.cutover, asked.migration_id))]


def waivers(case: CheckInput) -> list[Finding]:
    """P61"""
    hits = []
    for name in case.settings.waive:
        if name not in BY_ID:
            hits.append(Finding("waive names %s: there is no such check" % name))
        elif not BY_ID[name].waivable:
            hits.append(Finding("waive names %s (%s): this check cannot be waived" % (name, BY_ID[name].title)))
    return hits


def migration_id(case: CheckInput) -> list[Finding]:
    """P62"""
    return (
        [] if _ID.match(case.settings.migration_id) else [Finding("migration_id %r cannot be part of a file name" % case.settings.migration_id)]
    )


def cutover_times(case: CheckInput) -> list[Finding]:
    """P63"""
    asked = case.settings
    wrong = wrong_times(asked.cutover_budget, asked.cutover_fence_seconds, asked.cutover_lease)
    return [Finding(wrong)] if wrong else []


def compared(case: CheckInput) -> list[Finding]:
    """P64"""
    asked = case.settings
    if not asked.cutover or asked.committed:
        return []
    words = not_verified_reason({"since": asked.verified_at} if asked.verified_at else None, asked.verify_max_age * 3600)
    return [Finding(words)] if words else []


def trusted(case: CheckInput) -> list[Finding]:
    """P65; a copy that is made again is another one."""
    asked = case.settings
    if not asked.distrust or asked.committed or asked.seed_state != "done" or asked.may_wipe:
        return []
    return [Finding("the target is not trusted any more, whatever replication shows now: %s" % "; ".join(asked.distrust))]


def _differ(case: CheckInput, name: str) -> list[Finding]:
    one, other = case.source[name], case.target[name]
    return [] if one == other or one is None or other is None else [Finding("%s is %s on the source and %s on the target" % (name, one, other))]


RULES = {
    "P01": same,
    "P02": uuids,
    "P03": server_ids,
    "P04": flavours,
    "P05": versions,
    "P06": series,
    "P07": case_of_names,
    "P08": page_size,
    "P09": way_back,
    "P10": privileges_of(SOURCE),
    "P11": privileges_of(TARGET),
    "P12": seed_method,
    "P24": clusters,
    "P50": sql_mode,
    "P51": time_zone,
    "P52": character_set,
    "P53": packet,
    "P54": general_log,
    "P60": gate,
    "P61": waivers,
    "P62": migration_id,
    "P63": cutover_times,
    "P64": compared,
    "P65": trusted,
}
