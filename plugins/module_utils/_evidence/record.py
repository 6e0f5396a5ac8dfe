# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Writing a migration's record: made anew from what is known, compared with the newest one, and kept as its successor where it differs."""

from __future__ import annotations

import os
import re
import time
import typing as t

from .._errors import Refusal
from .._migration.phase import phase_of, read_plan
from .._state.files import read_json, write_json
from .._state.journal import Journal, broken_link
from .._state.paths import directory, job_directory
from .attested import NOT_ATTESTED, attested
from .claim import UNKNOWN, Claim, moment
from .course import foreseen, timeline
from .seal import CHAIN, DIGEST, chain_of, seal_holds, sealed
from .sections import Known, claims
from .verdict import verdict

FORMAT = 1
TOOL = {"name": "nordbridge.mysql_migration", "version": "1.0.0"}
FOLDER, FILE = "evidence", "evidence.json"
OLDER = "evidence.%d.json"
#: What moves by itself, and makes no other record.
MOVING = ("remains.bytes", "remains.binary_logs", "remains.followers", "source.clock", "target.clock")
#: What the record has of a table, and of what the plan found.
TABLE = ("name", "rows", "ranges", "seconds", "differences", "why")
FINDING = ("id", "result", "title", "message", "waived")
JOBS = ("seed", "catchup", "verify")
SECTION_ORDER = (
    "migration", "source", "target", "data", "transfer", "transit", "equality", "cutover", "accounts", "remains", "erasure", "decision",
)  # fmt: skip
#: A question is asked where one of these claims has that value: nobody need accept what is not there.
ASKED_IF = {"equality.accepted": (("equality.unequal", None), ("equality.uncompared", None)), "transfer.way_back": (("transfer.reverse", True),)}


def make_record(params: dict, check_mode: bool) -> dict:
    """The module's one function.

    :param params: migration_id, source and target (what tell_side told of them; empty where a host was not reached), attested, declared
    :raises Refusal: before anything was begun, for attestations that cannot be used, and for a record that was changed
    """
    migration_id = params["migration_id"]
    folder = directory(migration_id)
    journal = Journal(folder)
    state = journal.read()
    if not state:
        raise Refusal("migration %s has no journal on this host: there is nothing to be recorded" % migration_id)
    path = os.path.join(folder, FOLDER, FILE)
    before = read_record(path)
    fresh = build(params, state, journal)
    changed = before is None or _compared(before) != _compared(fresh)
    record = before if before is not None and not changed else _successor(fresh, before)
    if changed and not check_mode:
        if before is not None:
            # The older one first: a crash between the two leaves the newer to be written again.
            write_json(os.path.join(folder, FOLDER, OLDER % before["number"]), before)
        write_json(path, record)
    return {
        "changed": changed,
        "path": path,
        "record": record,
        "number": record["number"],
        "verdict": record["verdict"],
        "to_attest": record["to_attest"],
        "diff": {"before": _lines(before), "after": _lines(record), "before_header": path, "after_header": path},
        "warnings": [] if record[CHAIN]["holds"] else ["the journal's events were changed or cut: the record says so"],
    }


def read_record(path: str) -> dict | None:
    """The newest record; None where there is none.

    :raises Refusal: where it is not as it was written: its successor would hide that
    """
    try:
        record: t.Any = read_json(path)
    except ValueError as error:
        raise Refusal("the record %s cannot be read (%s): move it away to begin a new one" % (path, error)) from None
    if record is not None and not seal_holds(record):
        raise Refusal("the record %s was changed after it was written: move it away to begin a new one, and find out by whom" % path)
    return record


def build(params: dict, state: dict, journal: Journal) -> dict:
    """The record's content, without its place among the others."""
    what = _known(params, state, journal)
    told = _claims(what, params["attested"])
    holds = not broken_link(journal.events_path)
    return {
        "format": FORMAT,
        "migration_id": what.migration_id,
        "tool": TOOL,
        "phase": what.phase,
        "verdict": verdict(told, holds, what.cut_over, what.phase in ("rolled_back", "rolling_back")),
        "claims": [claim.as_dict for claim in told],
        "to_attest": [claim.id for claim in told if claim.basis == UNKNOWN and claim.how == NOT_ATTESTED],
        "timeline": timeline(what),
        "forecast": foreseen(what),
        "tables": [_only(table, TABLE) for table in what.tables],
        "findings": [_only(finding, FINDING) for finding in what.plan.get("findings") or ()],
        "series": _series(what.migration_id),
        CHAIN: {"holds": holds, "count": len(what.events), "head": what.events[-1][DIGEST] if what.events else "", "list": what.events},
    }


def _claims(what: Known, answers: dict) -> list[Claim]:
    """Those of the servers and those of persons, by section. What is measured takes the place of a question under the same name."""
    told: dict[str, Claim] = {claim.id: claim for claim in [*attested(answers), *claims(what)]}
    needless = [name for name in ASKED_IF if told[name].basis == UNKNOWN and not _is_asked(name, told)]
    return sorted((claim for claim in told.values() if claim.id not in needless), key=lambda claim: SECTION_ORDER.index(claim.id.split(".")[0]))


def _is_asked(name: str, told: dict[str, Claim]) -> bool:
    return any(claim in told and (value is None or told[claim].value == value) for claim, value in ASKED_IF[name])


def _only(found: dict, names: t.Sequence[str]) -> dict:
    return {name: found.get(name) for name in names}


def _known(params: dict, state: dict, journal: Journal) -> Known:
    migration_id = params["migration_id"]
    verified = _kept(os.path.join(job_directory(migration_id, "verify"), "verified.json"))
    return Known(
        migration_id,
        phase_of(state),
        state,
        read_plan(journal.directory),
        chain_of(journal.events_path),
        params["source"] or {},
        params["target"] or {},
        params["declared"] or {},
        verified.get("tables", []),
    )


def _series(migration_id: str) -> dict:
    """What the jobs have told over time: job -> points."""
    found = {job: _kept(os.path.join(job_directory(migration_id, job), "series.json")) for job in JOBS}
    return {job: points for job, points in found.items() if "points" in points}


def _kept(path: str) -> dict:
    """What a job has left; empty where it left nothing, or what is there is damaged: the journal has what counts."""
    try:
        found: t.Any = read_json(path)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _successor(fresh: dict, before: dict | None) -> dict:
    """With its number, its time, and its predecessor's digest: none is ever changed."""
    number = before["number"] + 1 if before else 1
    return sealed({**fresh, "number": number, "previous": before[DIGEST] if before else "", "generated_at": moment(time.time())})


def _compared(record: dict) -> dict:
    """What two records must have in common to be one."""
    rest = {key: value for key, value in record.items() if key not in ("number", "previous", "generated_at", DIGEST)}
    rest["claims"] = [_still(claim) for claim in record["claims"]]
    return rest


def _lines(record: dict | None) -> str:
    """For a diff: a line a claim."""
    return "".join("%(id)s: %(value)s (%(basis)s)\n" % claim for claim in record["claims"]) if record else ""


def _still(claim: dict) -> dict:
    if claim["id"] in MOVING:
        return {**claim, "value": None}
    # A time in an explanation is no other explanation.
    return {**claim, "how": re.sub(r"\d+ tables", "tables", claim["how"])}
