# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Requests as typed data: what a field may hold is said where it is declared, and whatever else comes is refused in one line.

A request comes from a host that is not trusted. It is read into a frozen dataclass before anything is done with it: unknown fields,
wrong types, lengths and ranges beyond the declared, and text that cannot be encoded end here, with the field's name and never its value.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import MISSING, asdict, dataclass, field, fields

from .._errors import Refusal

MAX_REQUEST = 1 << 20

T = t.TypeVar("T")
Check = t.Callable[[t.Any], t.Any]


class BadField(ValueError):
    """A value that its field cannot hold; the text says what it can hold."""


def read_object(text: bytes) -> t.Any:
    """One JSON value of at most MAX_REQUEST bytes; without duplicate names, NaN, or a depth that Python's reader refuses.

    :raises Refusal: in one line
    """
    if len(text) >= MAX_REQUEST:
        raise Refusal("the request is longer than %d bytes" % MAX_REQUEST)
    try:
        return json.loads(text.decode("utf-8") or "{}", object_pairs_hook=_distinct, parse_constant=_no_constant)
    except RecursionError:
        raise Refusal("the request is nested too deeply") from None
    except ValueError as error:
        raise Refusal("the request is not valid JSON (%s)" % type(error).__name__) from None


def _distinct(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadField("a name comes twice")
    return found


def _no_constant(name: str) -> t.NoReturn:
    raise BadField(name)


def parse(kind: type[T], data: t.Any, what: str) -> T:
    """A value of a dataclass whose fields were made by the functions below.

    :param what: the request's name, for the message
    :raises Refusal: naming each wrong field and what it may hold; values are not repeated, they can be secret or hostile
    """
    try:
        return t.cast(T, record(kind)(data))
    except BadField as error:
        raise Refusal("bad request for %s: %s" % (what, error)) from None


# --- what a field can be ---------------------------------------------------


def checked(check: Check, default: t.Any = MISSING) -> t.Any:
    """A dataclass's field with its check.

    :param default: what it is where it is not given; required where there is none
    """
    # pylint: disable=invalid-field-call  # what is returned stands in the dataclass
    return field(metadata={"check": check}) if default is MISSING else field(default=default, metadata={"check": check})


def text(limit: int, pattern: str = "", words: str = "") -> Check:
    """Text of at most so many characters, without control characters; of a pattern that it matches whole, where one is given."""
    known = re.compile(pattern) if pattern else None
    told = words or "text of at most %d characters without control characters" % limit

    def check(value: t.Any) -> str:
        if not isinstance(value, str) or len(value) > limit or any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise BadField("must be %s" % told)
        if known is not None and not known.fullmatch(value):
            raise BadField("must be %s" % told)
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadField("must be %s" % told) from None
        return value

    return check


def name_of(limit: int = 64) -> Check:
    """The name of a schema: servers allow all characters but NUL. It is quoted in SQL, and an argument behind C(--) only."""

    def check(value: t.Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= limit or "\0" in value:
            raise BadField("must be a name of 1 to %d characters without NUL" % limit)
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadField("must be a name in valid Unicode") from None
        return value

    return check


def choice(*values: str) -> Check:
    """One of these words."""

    def check(value: t.Any) -> str:
        if not isinstance(value, str) or value not in values:
            raise BadField("must be one of %s" % ", ".join(repr(one) for one in values))
        return value

    return check


def whole(low: int, high: int) -> Check:
    """A whole number in a range."""

    def check(value: t.Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadField("must be a whole number from %d to %d" % (low, high))
        return value

    return check


def number(low: float, high: float) -> Check:
    """A number in a range, as a float."""

    def check(value: t.Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadField("must be a number from %g to %g" % (low, high))
        return float(value)

    return check


def flag() -> Check:
    """true or false."""

    def check(value: t.Any) -> bool:
        if not isinstance(value, bool):
            raise BadField("must be true or false")
        return value

    return check


def several(each: Check, most: int) -> Check:
    """A list of at most so many."""

    def check(value: t.Any) -> tuple:
        if not isinstance(value, (list, tuple)) or len(value) > most:
            raise BadField("must be a list of at most %d" % most)
        found = []
        for number_of, one in enumerate(value):
            try:
                found.append(each(one))
            except BadField as error:
                raise BadField("[%d] %s" % (number_of, error)) from None
        return tuple(found)

    return check


def row(*each: Check) -> Check:
    """A list with exactly these elements."""

    def check(value: t.Any) -> tuple:
        if not isinstance(value, (list, tuple)) or len(value) != len(each):
            raise BadField("must be a list of %d" % len(each))
        return tuple(one(item) for one, item in zip(each, value))

    return check


def record(kind: type) -> Check:
    """A dataclass of such fields; unknown names are refused."""
    known = {one.name: one for one in fields(kind)}

    def check(value: t.Any) -> t.Any:
        if not isinstance(value, dict):
            raise BadField("must be an object")
        unknown = [name for name in value if name not in known]
        missing = [
            name for name, one in known.items() if name not in value and one.default is MISSING and one.default_factory is MISSING
        ]
        reasons = ["%d unknown fields (known: %s)" % (len(unknown), ", ".join(sorted(known)) or "none")] if unknown else []
        reasons += ["%s is missing" % name for name in missing]
        taken = {}
        for name in known:
            if name in value:
                try:
                    taken[name] = known[name].metadata["check"](value[name])
                except BadField as error:
                    reasons.append("%s %s" % (name, error))
        if reasons:
            raise BadField("; ".join(reasons))
        return kind(**taken)

    return check


def optional(check: Check) -> Check:
    """The same, or null."""
    return lambda value: None if value is None else check(value)


def plain(request: t.Any) -> dict:
    """A request's fields as plain data, without those that were not given."""
    return {name: value for name, value in asdict(request).items() if value is not None}


@dataclass(frozen=True)
class Nothing:
    """A request without fields."""
