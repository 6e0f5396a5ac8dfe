# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What no program can know, and a person must say by name: the questions, and the answers of a small YAML file."""

from __future__ import annotations

import datetime
import difflib
import typing as t

from .._errors import Refusal
from .claim import ATTESTED, Claim, unknown

#: id of the claim -> what is asked.
QUESTIONS = {
    "migration.ordered_by": "Who ordered the migration",
    "migration.ticket": "The order or ticket",
    "source.provider": "The provider of the old host",
    "source.country": "The country of the old host, and its region",
    "source.entity": "The legal entity that runs the old host, and its ultimate parent",
    "source.agreement": "The agreement with it on processing (GDPR Art. 28), and its sub-processors",
    "target.provider": "The provider of the new host",
    "target.country": "The country of the new host, and its place",
    "target.entity": "The legal entity that runs the new host, and its ultimate parent",
    "target.agreement": "The agreement with it on processing (GDPR Art. 28), and its sub-processors",
    "target.remote_access": "Who can reach the new host from outside the EEA, for support or administration",
    "data.purposes": "The purposes of the processing (GDPR Art. 30)",
    "data.persons": "The categories of persons",
    "data.categories": "The categories of data, and whether special ones are among them (GDPR Art. 9)",
    "data.retention": "How long the data are kept",
    "transfer.basis": "The basis of the transfer while the data were outside the EEA, on that date (GDPR Art. 45, 46 or 49)",
    "transfer.assessment": "The assessment of that transfer, by its reference",
    "transfer.way_back": "The basis of the reverse replication, while it ran",
    "transfer.opinion": "The data-protection officer's opinion",
    "cutover.accepted": "That the business accepts the write stop",
    "equality.accepted": "That differences, or what was not compared, are accepted",
    "accounts.rotated": "That passwords that were copied have been changed",
    "remains.snapshots": "Snapshots of the old host's disks",
    "remains.backups": "Backups of the old server, with point-in-time logs",
    "remains.replicas": "Replicas of the old server, and copies for disaster recovery",
    "remains.logs": "Logs, monitoring and exports with its data",
    "erasure.media": "The erasure of the old host's media, with the provider's certificate",
    "erasure.keys": "The erasure of keys that protected them, with its date",
    "decision.officer": "The data-protection officer's decision",
    "decision.review": "The date of the next review",
}
NOT_ATTESTED = "nobody has attested it"
#: Who says it. Given once for all answers, or with each.
SIGNED = ("by", "role", "date")
FIELDS = ("value", *SIGNED, "reason")


def attested(given: t.Any) -> list[Claim]:
    """A claim for each question: the answer, or that nobody has given one.

    :param given: by, role and date for all, and under each id a text, or a mapping of value, by, role, date and reason
    :raises Refusal: with all that is wrong in it
    """
    if not isinstance(given or {}, dict):
        raise Refusal("the attestations are a %s, and must be a mapping of questions to answers" % type(given).__name__)
    answers = {str(name): answer for name, answer in (given or {}).items()}
    everybody = {name: _text(answers.pop(name)) for name in SIGNED if name in answers}
    wrong = [_unknown_name(name) for name in answers if name not in QUESTIONS]
    claims = []
    for name, what in QUESTIONS.items():
        if name not in answers:
            claims.append(unknown(name, what, NOT_ATTESTED))
            continue
        fields = _fields(answers[name], everybody)
        wrong += _wrong_with(name, fields)
        reason = ": %(reason)s" % fields if fields.get("reason") else ""
        how = "by %s, %s, on %s%s" % (*(fields.get(field) for field in SIGNED), reason)
        claims.append(Claim(name, what, fields.get("value"), ATTESTED, how))
    if wrong:
        raise Refusal("the attestations cannot be used, and nothing was written: " + "; ".join(wrong))
    return claims


def _fields(answer: t.Any, everybody: dict[str, str]) -> dict[str, str]:
    """An answer's own fields before those that hold for all."""
    own = answer if isinstance(answer, dict) else {"value": answer}
    return {**everybody, **{str(field): _text(value) for field, value in own.items()}}


def _wrong_with(name: str, fields: dict[str, str]) -> list[str]:
    wrong = ["%s: there is no field %s; there are %s" % (name, field, ", ".join(FIELDS)) for field in fields if field not in FIELDS]
    lacking = [field for field in ("value", *SIGNED) if not fields.get(field)]
    if lacking:
        wrong.append("%s lacks %s" % (name, ", ".join(lacking)))
    elif not _is_date(fields["date"]):
        wrong.append("%s: the date %r is not of the form 2026-11-28" % (name, fields["date"]))
    return wrong


def _text(value: t.Any) -> str:
    return "" if value is None else str(value).strip()


def _unknown_name(name: str) -> str:
    near = difflib.get_close_matches(name, QUESTIONS, 1)
    return "nothing is asked under %s%s" % (name, "; the nearest is %s" % near[0] if near else "")


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True
