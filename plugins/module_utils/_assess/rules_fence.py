# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Rules about what was done before: who has fenced a server, and who else migrates the source. A server's own host knows."""

from __future__ import annotations

from .._seed.keep import committed_words, why_kept
from .._state.fences import ARMED, COMMITTED, FIRED, RELEASED
from .._state.paths import ROOT
from .catalogue import TARGET, WARNING
from .check_input import CheckInput, Finding, listed

# A migration whose target is the primary, and whose journal does not say so: see standing().
DONE_WITHOUT_JOURNAL = "done_without_journal"


def kept(case: CheckInput) -> list[str]:
    """Why nothing on the target may be erased, whoever permits it; empty where it may."""
    return why_kept(*_as_closed(case))


def in_doubt(case: CheckInput) -> list[str]:
    """Why it is not sure that the source is the primary, and the target only a copy to be."""
    source, target = _as_closed(case)
    reasons = why_kept({**source, "read_only": False, "fence": committed(case)}, target)
    return reasons or (traces_of_cutovers(case) if source["read_only"] and not fence_decides(case) else [])


def fence_decides(case: CheckInput) -> bool:
    """Whether the source's fence is told by P80, and with it what is to be done."""
    fence = case.source["fence"]
    return bool(case.source["fence_unknown"] or (fence and fence["state"] in (ARMED, COMMITTED)))


def traces_of_cutovers(case: CheckInput) -> list[str]:
    """What speaks for it that a read-only source was replaced by another server, although no record is left of it."""
    fence = case.source["fence"]
    undone = fence is not None and fence["state"] in (FIRED, RELEASED)
    own = case.settings.migration_id if case.settings.seeded or undone else ""
    ids = [marker["migration_id"] for marker in case.source["markers"] if marker["migration_id"] != own]
    traces = ["it was the source of migration %s, or is a copy of one" % listed(ids)] if ids and not undone else []
    if case.target["markers"] and not _closed(case.target):
        traces.append("the target takes writes, and holds data of migration %s" % listed([row["migration_id"] for row in case.target["markers"]]))
    return traces


def _as_closed(case: CheckInput) -> list[dict]:
    """Both sides' facts for why_kept."""
    asked, (source, target) = case.settings, [{**side, "read_only": _closed(side)} for _name, side in case.sides()]
    if asked.renewed and target["fence"] and target["fence"]["migration_id"] == asked.migration_id:
        # A rollback of this very migration fenced the target, and is finished: it may be erased once the migration starts over.
        target["fence"] = None
    if not source["fence_unknown"] and not committed(case):
        # A cutover that has begun and is not committed, by the source's host. The target is no primary by that.
        begun = {"migration_id": asked.migration_id, "phase": "cutting_over"}
        target["journals"] = [journal for journal in target["journals"] if journal != begun]
    return [source, target]


def committed(case: CheckInput) -> dict | None:
    """The source's fence, where a commit has closed it for good."""
    fence = case.source["fence"]
    return fence if fence and fence["state"] == COMMITTED else None


def standing(case: CheckInput) -> str:
    """Whether the migration is done although its journal does not say so: nobody who lost a journal may be led to lose the data.

    The source is fenced for good by this migration, and the server that took over is this target: it has the marker and takes writes.
    """
    fence = committed(case)
    if fence is None or fence["migration_id"] != case.settings.migration_id or case.settings.committed or case.settings.wipe_target:
        return ""
    closed, opened = _closed(case.source), not _closed(case.target)
    promoted = fence["promoted"].partition(" (")[0] in ("", case.identities[TARGET].hostname)
    clean = not case.target["fence_unknown"] and not (case.target["fence"] and case.target["fence"]["state"] in (ARMED, COMMITTED))
    return DONE_WITHOUT_JOURNAL if closed and opened and promoted and clean and _is_marked(case) else ""


def _closed(side: dict) -> bool:
    return bool(side["read_only"] or side["super_read_only"])


def _is_marked(case: CheckInput) -> bool:
    return case.settings.migration_id in [marker["migration_id"] for marker in case.target["markers"]]


def fences(case: CheckInput) -> list[Finding]:
    """P80"""
    hits = []
    for name, side in case.sides():
        if side["fence_unknown"]:
            hits.append(
                Finding(
                    "whether the %s was cut over is not known: %s" % (name, side["fence_unknown"]),
                    where=name,
                    remedy="have its host answer: run this as root there, or restore the file from a backup; open and erase nothing until then",
                )
            )
    if case.settings.committed:
        return hits
    return hits + _of_source(case) + _of_target(case)


def _of_source(case: CheckInput) -> list[Finding]:
    fence = case.source["fence"]
    if fence is None:
        return []
    if fence["state"] == ARMED:
        if fence["migration_id"] == case.settings.migration_id:
            text = "a cutover of this migration has begun, and runs or has died (%s on the source's host)" % fence["path"]
            return [Finding(text, remedy=_ARMED + ". " + _RESUME % case.settings.migration_id)]
        text = "migration %s is cutting the source over just now, or has died at it (%s on the source's host)"
        return [Finding(text % (fence["migration_id"], fence["path"]), remedy=_ARMED + "; then run the same command again")]
    if fence["state"] != COMMITTED:
        return []
    text = "the source was cut over %s: it is fenced for good" % committed_words(fence)
    if not _closed(case.source):
        text += ", AND TAKES WRITES: somebody has opened it"
    if fence["migration_id"] != case.settings.migration_id:
        return [Finding(text, remedy=_OTHER % (fence["promoted"] or "the server that took over"))]
    if standing(case):
        words = "%s; the target is the new primary and takes writes: the migration is DONE. Only its journal %s/%s on the target does not say so"
        return [Finding(words % (text, ROOT, case.settings.migration_id), WARNING, remedy=_DONE % case.settings.migration_id)]
    if case.settings.phase == "cutover":
        return [Finding(text, remedy=_FORWARD % case.settings.migration_id)]
    state = "takes writes" if not _closed(case.target) else "takes no writes"
    text += "; the target %s, holds %s marker of this migration, and its journal %s/%s does not know of the cutover" % (
        state, "the" if _is_marked(case) else "no", ROOT, case.settings.migration_id,
    )  # fmt: skip
    return [Finding(text, remedy=_LOST.format(id=case.settings.migration_id, root=ROOT, primary=fence["promoted"] or "the server that took over"))]


_ARMED = "do not open the source by hand: its lease does, unless the cutover is committed"
_RESUME = "Run the same command with -e cutover=%s: it carries the cutover on, or says that it was undone"
_OTHER = (
    "open and erase nothing: what was written since is on %s alone. Migrate from there, it is the primary now, and take this migration out"
    " of the inventory"
)
_FORWARD = "open and erase nothing. Run the same command with -e cutover=%s: the cutover is committed, and goes forward"
_DONE = (
    "nothing has to be done. Open and erase nothing: the source lacks what was written since, and the target holds it alone. For a rollback"
    " or the status restore %s's directory on the target from a backup, and make a backup of the target's data first"
)
_LOST = (
    "open nothing and erase nothing. Restore {root}/{id} on the target from a backup, with its ssh_config, keys and logins, and run the same"
    " command with -e cutover={id}: it goes forward. Where there is none, compare the executed GTIDs of both servers (gtid_executed, on MariaDB"
    " gtid_binlog_pos of the source and gtid_slave_pos of the target): only a target that has all of the source's, and no other server that"
    " takes writes beside it ({primary} took over, by the record), may be opened by hand; the source stays closed"
)


def _of_target(case: CheckInput) -> list[Finding]:
    """A target that was somebody's primary and was closed for good: its host would close it again."""
    fence = case.target["fence"]
    if fence is None or (case.settings.renewed and fence["migration_id"] == case.settings.migration_id):
        return []
    if fence["state"] == ARMED:
        text = "migration %s is taking clients from the target just now, or died at it (%s)" % (fence["migration_id"], fence["path"])
        return [Finding(text, where=TARGET, remedy="wait for the end of its lease, then run the same command again")]
    if fence["state"] == COMMITTED:
        text = "the target was a primary until it was fenced for good %s, and its host keeps it closed" % committed_words(fence)
        remedy = "choose another target. docs/what-is-changed.md says how to reuse the machine of a server that was moved away"
        return [Finding(text, where=TARGET, remedy=remedy)]
    return []


def others(case: CheckInput) -> list[Finding]:
    """P81: another migration has prepared the source, and nothing says that it has ended."""
    if case.settings.committed or standing(case):
        return []
    fence = case.source["fence"]
    # Where the source was itself a target, the marks of its own source came with the data.
    ended = {case.settings.migration_id, *(journal["migration_id"] for journal in case.source["journals"])}
    ended |= {fence["migration_id"]} if fence and fence["state"] not in (ARMED, FIRED) else set()
    found = [marker for marker in case.source["markers"] if marker["migration_id"] not in ended]
    names = ["%(migration_id)s (since %(created_at)s)" % marker for marker in found]
    return [Finding("the source holds the marker of another migration: %s; only one of them can be cut over" % listed(names))] if found else []


def rivals(case: CheckInput) -> list[Finding]:
    """P82"""
    asked = case.settings
    if asked.committed:
        return []
    hits = []
    if asked.copy_only and asked.cutover == asked.migration_id:
        hits.append(
            Finding(
                "this target is a copy that is never cut over (migration_copy_only), and the gate is given for it",
                remedy="leave -e cutover out; or take migration_copy_only from this target and give it to the source's others",
            )
        )
    if asked.rivals and not asked.copy_only:
        hits.append(Finding("%s and this target have one source, and one of them can be cut over, not two" % listed(list(asked.rivals))))
    return hits


RULES = {"P80": fences, "P81": others, "P82": rivals}
