# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A claim of the record: a value, and on what it rests."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import asdict, dataclass

#: MEASURED: read off a server or a host; INFERRED: follows from what was read, and could be otherwise; DECLARED: a setting or an inventory
#: says so; ATTESTED: a person says so, by name; UNKNOWN: nobody has said.
MEASURED, INFERRED, DECLARED, ATTESTED, UNKNOWN = "measured", "inferred", "declared", "attested", "unknown"
BASES = (MEASURED, INFERRED, DECLARED, ATTESTED, UNKNOWN)


@dataclass(frozen=True)
class Claim:
    """One line of the record.

    :param id: section.name
    :param what: what it is, in words
    :param value: a text, a number, a boolean or a list of texts; None where it is not known
    :param how: where the value is from, or why there is none
    """

    id: str
    what: str
    value: t.Any
    basis: str
    how: str

    @property
    def as_dict(self) -> dict:
        """As the record holds it."""
        return asdict(self)


def known(name: str, what: str, value: t.Any, how: str, basis: str = MEASURED, absent: str = "nothing of it is on record") -> Claim:
    """A claim with a value; unknown where there is none.

    :param absent: why there is none
    """
    if value is None or value in ("", []):
        return unknown(name, what, absent)
    return Claim(name, what, value, basis, how)


def unknown(name: str, what: str, why: str) -> Claim:
    """A claim that nobody can make yet."""
    return Claim(name, what, None, UNKNOWN, why)


def moment(seconds: float | None) -> str | None:
    """Unix seconds as a time in UTC, ISO 8601; None for none."""
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(round(float(seconds), 3), datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
