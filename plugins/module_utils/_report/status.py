# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How a migration stands, in a few lines: phase, what is done, what runs, which server takes writes, what is wrong, and what to do next."""

from __future__ import annotations

import time
import typing as t

from .._jobs.progress import duration, size

#: The command that comes next, by phase; {host}, {id}.
NEXT = {
    "new": "ansible-playbook nordbridge.mysql_migration.migrate -i INVENTORY --limit {host}",
    "seeding": "the same command again: it attaches to the copy, or carries on with it",
    "seeded": "ansible-playbook nordbridge.mysql_migration.migrate -i INVENTORY --limit {host}",
    "ready": "ansible-playbook nordbridge.mysql_migration.cutover -i INVENTORY --limit {host} -e cutover={id}",
    "cutting_over": "ansible-playbook nordbridge.mysql_migration.cutover -i INVENTORY --limit {host} -e cutover={id}",
    "committed": "ansible-playbook nordbridge.mysql_migration.cutover -i INVENTORY --limit {host} -e cutover={id}",
    "done": "after the time for a rollback: ansible-playbook nordbridge.mysql_migration.retire -i INVENTORY --limit {host} -e retire={id}",
    "rolling_back": "ansible-playbook nordbridge.mysql_migration.rollback -i INVENTORY --limit {host} -e rollback={id}",
    "rolled_back": "to start over: ansible-playbook nordbridge.mysql_migration.migrate -i INVENTORY --limit {host}",
}
RETIRED = "nothing: the migration is retired"
#: Of a list, so many are named.
NAMED = 3


def status_lines(host: str, source: str, migration: dict, servers: dict, reverse: dict, late: dict, now: float | None = None) -> list[str]:
    """The lines for one migration; at most 15 before they are fitted to a terminal.

    :param host: the target's name in the inventory
    :param source: the source's
    :param migration: what migration_info returns
    :param servers: what migration_reality_info returns: new, old, wrong, msg; empty where nobody was asked
    :param reverse: what mysql_reverse_info returns; empty where nobody was asked
    :param late: what migration_stragglers_info returns; empty where nobody was asked
    """
    now = time.time() if now is None else now
    state, phase = migration.get("state", {}), str(migration.get("phase", "?"))
    retired = state.get("retired") is not None
    name = str(migration.get("migration_id", ""))
    lines = ["%s  migration %s  %s -> %s  %s" % (host, name, source, host, ("retired, " if retired else "") + phase.upper().replace("_", " "))]
    lines += _copy(state) + _catchup(state) + _verified(state, now) + _cutover(state, now)
    lines += _runs(migration.get("jobs", {}))
    lines += _servers(servers, source, host)
    lines += _following(reverse, late)
    lines += ["  WRONG     %s" % one for one in wrong_of(migration, servers)] or ["  wrong     nothing that is known"]
    lines.append("  next      %s" % (RETIRED if retired else NEXT.get(phase, "see the journal").format(host=host, id=name)))
    return lines


def _ago(seconds: float) -> str:
    return "%s ago" % duration(max(0, seconds))


def _copy(state: dict) -> list[str]:
    seed = state.get("seed", {})
    if not seed:
        return []
    words = [str(seed.get("status", "")), str(seed.get("method") or "")]
    if seed.get("bytes"):
        words.append(size(float(seed["bytes"])))
    if seed.get("seconds"):
        words.append("in %s" % duration(float(seed["seconds"])))
    return ["  copy      %s" % ", ".join(word for word in words if word)]


def _catchup(state: dict) -> list[str]:
    catchup = state.get("catchup") or {}
    return ["  catch-up  caught up; the lag was %s s then" % catchup.get("lag", "?")] if catchup else []


def _verified(state: dict, now: float) -> list[str]:
    record = state.get("verification") or {}
    if not record:
        return ["  rows      not compared yet: the playbook verify does it"] if state.get("seed", {}).get("status") == "done" else []
    if record.get("unequal"):
        names = list(record["unequal"])
        more = " and %d more" % (record["unequal_tables"] - NAMED) if record["unequal_tables"] > NAMED else ""
        return ["  rows      DIFFER in %d of %d tables: %s%s" % (record["unequal_tables"], record["tables"], ", ".join(names[:NAMED]), more)]
    told = "  rows      equal in %d tables, %d rows (%s); compared %s%s"
    left = list(record.get("uncompared") or {})
    rest = "; NOT compared: %s%s" % (", ".join(left[:NAMED]), " and %d more" % (len(left) - NAMED) if len(left) > NAMED else "") if left else ""
    return [told % (record["tables"] - len(left), record["rows"], record["strength"], _ago(now - record["since"]), rest)]


def _cutover(state: dict, now: float) -> list[str]:
    facts = state.get("cutover", {}).get("facts", {})
    if "fenced_at" not in facts:
        return []
    stop = facts.get("write_stop_server_s")
    words = "writes were stopped for %s s" % stop if stop is not None else "how long writes were stopped is not known"
    return ["  cutover   began %s; %s" % (_ago(now - facts["fenced_at"]), words)]


def _runs(jobs: dict) -> list[str]:
    """What runs, how far it is, and what has failed last."""
    lines = []
    for name, job in jobs.items():
        if job.get("state") == "running":
            lines.append("  runs      %s, attempt %s: %s" % (name, job.get("attempt"), job.get("progress") or "no progress told yet"))
        elif job.get("state") in ("failed", "lost"):
            lines.append("  failed    %s, attempt %s: %s" % (name, job.get("attempt"), job.get("error")))
    return lines


def _one(seen: dict) -> str:
    if seen.get("error"):
        return "cannot be asked: %s" % seen["error"]
    words = ["takes writes" if seen.get("open") else "closed" if seen.get("closed") else "closed for accounts without privileges only"]
    if seen.get("replicates"):
        lag = seen.get("lag")
        words.append("a replica, %s s behind" % lag if lag is not None else "a replica that does not run")
    return ", ".join(words)


def _servers(servers: dict, source: str, host: str) -> list[str]:
    sides = (("old", source), ("new", host))
    return ["  %s  %s (%s): %s" % ("servers " if side == "old" else "        ", name, side, _one(servers[side])) for side, name in sides if servers.get(side)]


def _following(reverse: dict, late: dict) -> list[str]:
    lines = []
    if reverse.get("following"):
        told = "runs" if reverse.get("running") else "DOES NOT RUN: %s" % (reverse.get("error") or "no error told")
        behind = "" if reverse.get("transactions_behind") is None else ", %s transactions behind" % reverse["transactions_behind"]
        lines.append("  rollback  the old server follows the new one, and replication %s%s" % (told, behind))
    writes = late.get("late_writes") or {}
    if writes:
        since = "its restart" if writes.get("since_restart") else "the cutover"
        lines.append("  refused   %s writes on the old server since %s (%s)" % (writes.get("count", "?"), since, writes.get("basis", "")))
    elif late.get("why"):
        lines.append("  refused   %s" % late["why"])
    sessions = late.get("sessions") or []
    if sessions:
        lines.append("  sessions  %d on the old server, of %s" % (len(sessions), ", ".join(sorted({str(one.get("user", "?")) for one in sessions})[:NAMED])))
    return lines


def wrong_of(migration: dict, servers: dict) -> list[str]:
    """What is wrong, each in a sentence: with the two servers, the copy, and the journal."""
    state = migration.get("state", {})
    found: t.List[str] = [str(one) for one in servers.get("wrong") or []]
    if not found and servers.get("failed") and servers.get("msg"):
        found.append(str(servers["msg"]))
    found += [one["what"] for one in (state.get("distrust") or {}).get("reasons", ()) if not one.get("waived")]
    if not (migration.get("events") or {}).get("chain_holds", True):
        found.append("the journal's events were changed or cut at line %s" % migration["events"].get("broken_at"))
    return found
