# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The claims of a record, section by section, from the journal, the plan, and what both hosts tell now."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._server.identity import from_facts
from .._verify.record import VERIFICATION, differing
from .claim import DECLARED, INFERRED, MEASURED, Claim, known, moment, unknown

JOURNAL = "the journal on the target"
NAMED = 20


@dataclass(frozen=True)
class Known:
    """All that a record is made of.

    :param phase: how far the migration is
    :param state: the journal's state
    :param plan: plan.json: plan, changes, forecast, pair, findings; empty where none was kept
    :param events: as seal.chain_of tells them
    :param source: what tell_side told of the source's host; empty where it was not reached
    :param target: the same of the target
    :param declared: addresses and bridge, by the inventory
    :param tables: each table's result of the verification
    """

    migration_id: str
    phase: str
    state: dict
    plan: dict
    events: list
    source: dict
    target: dict
    declared: dict = field(default_factory=dict)
    tables: list = field(default_factory=list)

    @property
    def facts(self) -> dict:
        """The cutover's."""
        return self.state.get("cutover", {}).get("facts", {})

    @property
    def cut_over(self) -> bool:
        """Whether the target became the primary, whatever came after."""
        return "commit" in self.state.get("cutover", {}).get("done", [])

    def first(self, *names: str) -> float | None:
        """When an event of one of these names was journalled first, in Unix seconds."""
        return next((float(event["ts"]) for event in self.events if event["event"] in names), None)

    def last(self, *names: str) -> float | None:
        """When one was journalled last."""
        return next((float(event["ts"]) for event in reversed(self.events) if event["event"] in names), None)


def claims(what: Known) -> list[Claim]:
    """All of them, in the record's order."""
    return [claim for section in SECTIONS for claim in section(what)]


def _migration(k: Known) -> t.Iterator[Claim]:
    yield known("migration.id", "The migration", k.migration_id, JOURNAL)
    yield known("migration.phase", "How far it is", k.phase.replace("_", " "), JOURNAL)
    yield known("migration.plan", "The plan that it was begun by", k.plan.get("plan"), "plan.json on the target", absent="no plan was kept")
    times = (
        ("begun", "The copy began", k.first("seed started")),
        ("ready", "The target had caught up", k.last("ready")),
        ("fenced", "The source took the last write", k.facts.get("fenced_at")),
        ("writable", "The target took the first write", k.facts.get("writable_at")),
        ("retired", "Its accounts, keys and units were removed", (k.state.get("retired") or {}).get("at")),
    )
    for name, words, at in times:
        yield known("migration." + name, words, moment(at), "the clock of the target's host, in UTC", absent="that is still to come")


def _side(k: Known, side: str) -> t.Iterator[Claim]:
    """A host and its server."""
    told: dict = getattr(k, side)
    server, host = told.get("server") or {}, told.get("host") or {}
    planned = ((k.plan.get("pair") or {}).get(side) or {}).get("identity")
    word = {"source": "old", "target": "new"}[side]
    error = server.get("error") or "the host was not reached"
    yield known(side + ".server", "The %s server" % word, server.get("label") or (from_facts(planned).label if planned else None), "the server itself")
    if server.get("label"):
        yield known(side + ".server_id", "Its server_id", server["server_id"], "the server itself")
        if server["server_uuid"]:  # MariaDB has none
            yield known(side + ".server_uuid", "Its server_uuid", server["server_uuid"], "the server itself")
        yield known(side + ".datadir", "Its data directory", server["datadir"], "the server itself")
        yield known(side + ".read_only", "It takes no writes", bool(server["read_only"]), "the server itself: read_only")
    else:
        yield unknown(side + ".read_only", "It takes no writes", error)
    yield known(side + ".address", "Its address", k.declared.get(side + "_address"), "the inventory", DECLARED)
    if host:
        yield known(side + ".machine", "A mark of its machine", host["machine"], "a digest of /etc/machine-id")
        yield known(side + ".clock", "Its clock", host["clock"], "timedatectl")
        yield _disk(side, host.get("disk_encrypted"))
    else:
        yield unknown(side + ".machine", "A mark of its machine", error)
        yield unknown(side + ".disk_encrypted", "Its data lie on a disk that dm-crypt encrypts", error)


def _disk(side: str, seen: bool | None) -> Claim:
    name, what = side + ".disk_encrypted", "Its data lie on a disk that dm-crypt encrypts"
    if seen is None:
        return unknown(name, what, "the disk's device cannot be seen from within this host")
    # What lies below a virtual disk, its guest cannot see.
    return known(name, what, seen, "/sys/dev/block: the device or one below it", MEASURED if seen else INFERRED)


def _source(k: Known) -> t.Iterator[Claim]:
    yield from _side(k, "source")


def _target(k: Known) -> t.Iterator[Claim]:
    yield from _side(k, "target")


def _data(k: Known) -> t.Iterator[Claim]:
    seed, record = k.state.get("seed", {}), k.state.get(VERIFICATION) or {}
    yield known("data.schemas", "Schemas that were copied", _own(seed.get("schemas")), JOURNAL)
    yield known("data.tables", "Tables that were compared", record.get("tables"), "the verification")
    yield known("data.rows", "Rows that were compared", record.get("rows"), "the verification")
    yield known("data.bytes", "Bytes of data and indexes when it was planned", ((k.plan.get("pair") or {}).get("source") or {}).get("bytes"), "the source")
    yield known("data.method", "How they were copied", seed.get("method"), JOURNAL)
    yield known("data.crossed", "Bytes that the copy sent over the wire", seed.get("crossed"), "the copy")


def _own(schemas: t.Any) -> t.Any:
    return [name for name in schemas if name != "nordbridge_migration"] if isinstance(schemas, list) else schemas


def _transit(k: Known) -> t.Iterator[Claim]:
    seen = k.state.get("transit") or {}
    yield known("transit.bridge", "The way between both hosts", k.declared.get("bridge"), "the setting migration_bridge", DECLARED)
    at = "read off a session between both hosts, at %s" % moment(seen.get("at"))
    tunnel = k.declared.get("bridge") == "ssh_tunnel"
    # The agent's session was asked; the tunnel's is made by the same programs with the same settings.
    how = at if not tunnel else "%s, that the tunnel's settings are those of" % at
    yield known("transit.ssh", "ssh between both hosts", seen.get("ssh"), how, INFERRED if tunnel else MEASURED)
    yield known("transit.host_keys", "Keys by which the source's host was known", seen.get("host_keys"), "brought over Ansible's own connection")
    if seen and not seen.get("tls"):
        yield known("transit.tls", "TLS of the sessions to the source", "none" + (", inside of the ssh tunnel" if tunnel else ""), at)
    else:
        yield known("transit.tls", "TLS of the sessions to the source", " ".join((seen.get("tls", ""), seen.get("cipher", ""))).strip(), at)


def _transfer(k: Known) -> t.Iterator[Claim]:
    way_back = k.state.get("reverse") or {}
    began = k.first("reverse replication: the old server follows")
    yield known("transfer.reverse", "Data went back to the old server after the cutover", bool(way_back), JOURNAL)
    if way_back:
        yield known("transfer.reverse_from", "From", moment(began), JOURNAL)
        ended = moment((k.state.get("retired") or {}).get("at"))
        yield known("transfer.reverse_until", "Until", ended, "when the migration was retired", absent="it goes on, or its end is not on record")


def _equality(k: Known) -> t.Iterator[Claim]:
    record = k.state.get(VERIFICATION)
    if not record:
        yield unknown("equality.rows", "Every row that was compared was equal", "no verification is in the journal")
        return
    unequal, left = differing(record), record.get("uncompared") or {}
    how = "read on both servers at the same position"
    yield known("equality.rows", "Every row that was compared was equal", not record.get("unequal_tables"), how)
    yield known("equality.position", "The newest of these positions in the source's binary log", record.get("position"), how)
    yield known("equality.since", "The oldest comparison began", moment(record.get("since")), JOURNAL)
    yield known("equality.until", "The newest one ended", moment(record.get("ended")), JOURNAL)
    yield known("equality.strength", "Strength", "%s: %s" % (record.get("strength"), record.get("odds")), "the verification")
    if unequal:
        yield known("equality.unequal", "Tables that differ", _some(unequal), how)
    if left:
        yield known("equality.uncompared", "Tables that were not compared", _some(left), how)
    if record.get("excluded"):
        yield known("equality.excluded", "Left out on request", list(record["excluded"]), "the setting migration_verify_exclude", DECLARED)
    yield from _parity(record.get("parity"), how)
    distrust = [str(one["what"]) + (" (waived)" if one.get("waived") else "") for one in (k.state.get("distrust") or {}).get("reasons", ())]
    if distrust:
        yield known("equality.distrust", "What was seen against it", distrust, JOURNAL)
    if k.cut_over:
        since = "rows that changed between the verification and the cutover crossed by replication, and were not compared again"
        yield unknown("equality.changed", "Rows changed after the verification are equal", since)


def _parity(parity: dict | None, how: str) -> t.Iterator[Claim]:
    """What was found of all that is no row."""
    name, what = "equality.definitions", "The source's definitions and accounts are alike on the target"
    if not parity:
        yield unknown(name, what, "they were not compared")
        return
    compared = ", ".join("%d %s" % (count, kind) for kind, count in sorted(parity["compared"].items()) if count)
    yield known(name, what, not parity["different"], "compared: %s" % compared)
    lists = (
        ("unlike", "Those that differ", _some(parity["different"])),
        ("reworded", "Those that two series write differently, and that somebody has to look at", parity["reworded"]),
        ("unread", "Those that could not be read", parity["unread"]),
        ("extra", "Accounts of the target alone", parity["extra"]),
    )
    for part, words, found in lists:
        if found:
            yield known("equality.definitions_" + part, words, list(found), how)
    told = ["%s: %s on the source, %s on the target" % (setting, *values) for setting, values in parity["settings"].items()]
    yield Claim("equality.settings", "Settings that change results and differ", told, MEASURED, "SHOW GLOBAL VARIABLES on both servers")


def _some(found: t.Mapping[str, t.Any]) -> list[str]:
    more = ["and %d more" % (len(found) - NAMED)] if len(found) > NAMED else []
    return ["%s: %s" % item for item in list(found.items())[:NAMED]] + more


def _cutover(k: Known) -> t.Iterator[Claim]:
    if not k.cut_over:
        yield unknown("cutover.write_stop_s", "Seconds without writes", "there was no cutover yet")
        return
    facts, history = k.facts, k.facts.get("history") or {}
    stop = facts.get("write_stop_server_s")
    yield known("cutover.write_stop_s", "Seconds without writes", stop, "from the source's last to the target's first, on the servers")
    if facts.get("clients_paused_s") is not None:
        yield known("cutover.clients_paused_s", "Seconds for which clients were paused", facts["clients_paused_s"], "the switches")
    yield known("cutover.position", "The source's last position", _position(facts.get("position")), "the source, with its writes stopped")
    if history.get("basis") in (None, "not read"):
        yield unknown("cutover.one_writable", "Nobody wrote on two servers", str(history.get("words") or "no record of it is in the journal"))
    else:
        yield known("cutover.one_writable", "Nobody wrote on two servers", not history.get("two_writable"), "%(basis)s: %(words)s" % history)
    yield known("cutover.sessions_ended", "Sessions that were ended", facts.get("sessions_ended"), "the source")
    warnings = sorted((facts.get("warnings") or {}).values())
    if warnings:
        yield known("cutover.warnings", "What it warned of", [str(words) for words in warnings], JOURNAL)
    yield known("cutover.rolled_back", "It was rolled back", "commit" in k.state.get("rollback", {}).get("done", []), JOURNAL)


def _position(found: t.Any) -> str | None:
    return "%(file)s:%(position)s, GTID %(gtid)s" % {"gtid": "none", **found} if found else None


def _accounts(k: Known) -> t.Iterator[Claim]:
    announced = ["%(side)s, %(when)s: %(kind)s %(what)s" % change for change in k.plan.get("changes") or ()]
    yield known("accounts.announced", "What the plan announced to change", announced, "plan.json on the target", DECLARED)
    retired = k.state.get("retired")
    if not retired:
        yield unknown("accounts.removed", "What was removed at the end", "the migration is not retired: the playbook retire does it")
    else:
        yield known("accounts.removed", "What was removed on the target at the end", [str(one) for one in retired.get("removed", [])], "the playbook retire")
    for side in ("source", "target"):
        told = getattr(k, side)
        if "left" in told:
            words = [str(one) for one in told["left"]]
            yield Claim("accounts.left_" + side, "What of the migration is on the %s now" % side, words, MEASURED, "searched by its names")
        else:
            yield unknown("accounts.left_" + side, "What of the migration is on the %s now" % side, "the host was not reached")


def _remains(k: Known) -> t.Iterator[Claim]:
    server, host = k.source.get("server") or {}, k.source.get("host") or {}
    if not server.get("label"):
        yield unknown("remains.server", "The old server still holds data", server.get("error") or "the host was not reached")
    else:
        yield known("remains.server", "The old server still holds data", server["tables"] > 0, "it lists %d tables" % server["tables"])
        yield known("remains.bytes", "Bytes of its data directory", host.get("datadir_bytes"), "the files' blocks on the disk")
        yield known("remains.binary_logs", "Its binary logs, with the data's changes", server["binary_logs"], "SHOW BINARY LOGS")
        yield known("remains.followers", "Replicas that read from it now", server["replicas"], "its process list")


def _erasure(k: Known) -> t.Iterator[Claim]:
    yield unknown("erasure.logical", "The old server's data were erased", "this version erases no data on the old server")


SECTIONS: tuple[t.Callable[[Known], t.Iterator[Claim]], ...] = (
    _migration, _source, _target, _data, _transit, _transfer, _equality, _cutover, _accounts, _remains, _erasure,
)  # fmt: skip
