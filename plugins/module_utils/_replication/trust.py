# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether a target can still be its source's copy: each look is journalled, and what was seen once stays seen.

A fence needs no look of its own: the session that closes it was open when the preflight looked, and does not outlive its server.
"""

from __future__ import annotations

import time
import typing as t

from .._bridge.call import call
from .._errors import MigrationError, Refusal, ServerError
from .._server.base import Flavour
from .._state.journal import Journal
from .._state.permission import erasure, permits, word
from . import lives
from .lives import Life
from .status import ReplicaStatus, only_status

LOOKS, DISTRUST = "source_life", "distrust"
CHECK = "P65"
# Where a binary log's last event begins, from the file's end: a header, and a checksum unless they are off; MySQL's encrypted files
# count 512 bytes more than their events take.
HEADER, CHECKSUM, ROTATE, ENCRYPTION = 19, 4, 8, 512


def read_life(source: Flavour, boot: str) -> Life:
    """The source now."""
    values = source.connection.variables("sync_binlog", "innodb_flush_log_at_trx_commit")
    row = source.connection.row("SELECT UNIX_TIMESTAMP() AS n")
    uptime = int(source.connection.status("Uptime") or 0)
    file, _position = source.binlog_position()
    return Life(
        started_at=int(row["n"]) - uptime,
        boot=boot,
        log=file,
        sync_binlog=int(values.get("sync_binlog") or 0),
        flush=int(values.get("innodb_flush_log_at_trx_commit") or 0),
    )


def ask_boot(migration_id: str) -> str:
    """Which start of its host the source runs under; empty where that host cannot be asked."""
    try:
        return str(call(migration_id, "boot", {})["boot"])
    except (MigrationError, KeyError, TypeError):
        return ""


def ends(source: Flavour, first: str, last: str) -> list[str] | None:
    """How each binary log ended from one to the one before another; None where the first is gone."""
    sizes = log_sizes(source)
    names = list(sizes)
    if first not in sizes or last not in sizes or names.index(first) > names.index(last):
        return None
    found = []
    for name, after in zip(names, names[1:]):
        if names.index(first) <= names.index(name) < names.index(last):
            found.append(_end(source, name, sizes[name], after))
    return found


def log_sizes(source: Flavour) -> dict[str, int]:
    """The source's binary logs and their sizes, oldest first."""
    return {str(row["Log_name"]): int(row["File_size"]) for row in source.connection.rows("SHOW BINARY LOGS")}


def _end(source: Flavour, name: str, size: int, after: str) -> str:
    kinds = {"Stop": (HEADER, lives.STOPPED), "Rotate": (HEADER + ROTATE + len(after), lives.ROTATED)}
    for kind, (length, meaning) in kinds.items():
        for checksum in (CHECKSUM, 0):
            for extra in (0, ENCRYPTION):
                if _event_at(source, name, size - extra - checksum - length) == kind:
                    return meaning
    return lives.TORN


def _event_at(source: Flavour, name: str, position: int) -> str:
    """The kind of the event that begins there; empty for none."""
    if position < HEADER:
        return ""
    try:
        rows = source.connection.rows("SHOW BINLOG EVENTS IN %s FROM %s LIMIT 1", (name, position))
    except ServerError as error:
        if error.errno == 1220:  # no event begins there
            return ""
        raise
    return str(rows[0]["Event_type"]) if rows and int(rows[0]["Pos"]) == position else ""


def begin(source: Flavour, journal: Journal, migration_id: str, goes_on: bool = False) -> bool:
    """A copy begins, whose coordinates come after this: nothing that was seen of an earlier copy counts any more.

    :param goes_on: whether it would rather go on with an earlier try's dump, whose coordinates are that one's
    :returns: whether it may
    """
    known, life = journal.read(), read_life(source, ask_boot(migration_id))
    fit = goes_on and LOOKS in known and not untrusted(known) and not _lost_since(source, known, life)
    forget = {} if fit else {DISTRUST: None, "verification": None}
    journal.update("the source was looked at before the copy", **{LOOKS: {**life.as_dict(), "at": time.time()}, **forget})
    return fit


def look(source: Flavour, target: Flavour, journal: Journal, migration_id: str) -> None:
    """Look at the source's restarts since the last look and at what the target has beyond it, and journal both.

    :raises Refusal: where the target is not to be trusted, by now or for long
    """
    known, life = journal.read(), read_life(source, ask_boot(migration_id))
    reasons = [words for words in (_lost_since(source, known, life),) if words]
    # In one record: a look that is journalled without what it found would be the next one's beginning.
    found = {LOOKS: {**life.as_dict(), "at": time.time()}, **_distrusted(known, reasons)}
    journal.update("the source was looked at", **found)
    sight(source, target, journal)
    check(journal, migration_id)


def _lost_since(source: Flavour, known: dict, life: Life) -> str:
    """Why the source may have lost what it had at the last look; empty where it cannot, or there was none."""
    if not known.get(LOOKS):
        return ""
    before = Life.from_dict(known[LOOKS])
    return lives.lost(before, life, ends(source, before.log, life.log) if lives.may_have_restarted(before, life) else [])


def sight(source: Flavour, target: Flavour, journal: Journal, status: ReplicaStatus | None = None) -> bool:
    """Journal what the target has beyond its source, and whether it has anything: it is seen for seconds only."""
    words = ahead(source, target, status or only_status(target))
    if words:
        note(journal, words)
    return bool(words)


def ahead(source: Flavour, target: Flavour, status: ReplicaStatus) -> str:
    """What the target has beyond its source, in words; empty for nothing."""
    if lives.told_ahead(status.last_io_errno, status.last_io_error):
        return ahead_words(status)
    extra = target.gtid_foreign(source)
    if extra:
        return foreign_words(extra)
    if status.configured and not status.auto_position and _read_past_end(source, status):
        return "the target has read %s up to %d, and the source's ends before that" % (status.read_file, status.read_position)
    return ""


def _read_past_end(source: Flavour, status: ReplicaStatus) -> bool:
    file, position = source.binlog_position()
    files = {file: position} if file == status.read_file else log_sizes(source)
    return lives.past_end(status.read_file, status.read_position, files)


def foreign_words(gtids: str) -> str:
    """Transactions of the target alone, for the journal."""
    return "the target holds transactions that the source does not have: %s" % gtids


def ahead_words(status: ReplicaStatus) -> str:
    """The receiver's error, for the journal."""
    return "the source refused the target as being ahead of it: [%d] %s" % (status.last_io_errno, status.last_io_error)


def note(journal: Journal, words: str) -> None:
    """Journal a reason for distrust, once."""
    changes = _distrusted(journal.read(), [words])
    if changes:
        journal.update("the target is not trusted any more", **changes)


def _distrusted(known: dict, reasons: t.Sequence[str]) -> dict:
    """The change of the journal for these reasons; nothing for none, nor for what it holds already.

    What was waived before does not cover what is seen after.
    """
    entry = known.get(DISTRUST) or {"reasons": []}
    # The same trouble is told with other numbers each time: one reason of a kind.
    new = [words for words in reasons if _kind(words) not in {_kind(one["what"]) for one in entry["reasons"] if not one.get("waived")}]
    return {DISTRUST: {"reasons": entry["reasons"] + [{"what": words, "at": time.time()} for words in new]}} if new else {}


def _kind(words: str) -> str:
    return words.partition(":")[0]


def untrusted(state: dict) -> list[str]:
    """The reasons that nobody has waived."""
    return [one["what"] for one in (state.get(DISTRUST) or {}).get("reasons", ()) if not one.get("waived")]


def waived(state: dict) -> list[str]:
    """What was seen and is believed not to matter."""
    return [one["what"] for one in (state.get(DISTRUST) or {}).get("reasons", ()) if one.get("waived")]


def check(journal: Journal, migration_id: str) -> None:
    """Refuse a target that was seen to be something else than its source's copy.

    :raises Refusal: with what to do
    """
    state = journal.read()
    reasons = untrusted(state)
    if reasons:
        raise Refusal("the target is not trusted any more: %s; %s" % ("; ".join(reasons), remedy(migration_id, state)))


def remedy(migration_id: str, state: dict) -> str:
    """What leads out of it."""
    return (
        "rows may differ for ever although replication shows no error. Copy again: run the playbook migrate with -e wipe_target=%s; or"
        " compare all rows of both servers at one position and, where they are equal, run it with -e waive=%s" % (word(migration_id, state), CHECK)
    )


def settle(journal: Journal, migration_id: str, wipe: str, waive: t.Sequence[str], check_mode: bool) -> list[str]:
    """What the operator has decided about a target that is not trusted: copied again, or believed all the same.

    :returns: words for the operator
    """
    state = journal.read()
    reasons = untrusted(state)
    seed = state.get("seed", {})
    # Once a cutover has begun the target may be the primary, and is not erased.
    if not reasons or seed.get("status") != "done" or state.get("cutover", {}).get("begun"):
        return []
    if permits(wipe, migration_id, state):
        if not check_mode:
            used = erasure(state, wipe, seed.get("schemas", []), "the copy that is not trusted any more", seed.get("datadir", ""))
            journal.update("the target is not trusted: it is copied again", seed={**seed, "status": "running"}, catchup=None, **used)
        return ["the target is copied again, because it is not trusted any more: %s" % "; ".join(reasons)]
    if CHECK not in waive:
        return []
    if not check_mode:
        kept = [{**one, "waived": True} for one in state[DISTRUST]["reasons"]]
        journal.update("the operator trusts the target in spite of what was seen", **{DISTRUST: {"reasons": kept}})
    return [
        "%s is waived: the target goes on and may become the primary although %s. Without a comparison of all rows nobody knows whether"
        " it is a copy of the source" % (CHECK, "; ".join(reasons))
    ]
