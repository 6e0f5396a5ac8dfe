# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What makes a record hold: its own digest, the one before it, and the digests of the journal's events."""

from __future__ import annotations

import hashlib
import json
import typing as t

from .._state.files import read_bytes

DIGEST = "sha256"
#: Of each event: its place, its time, what it was, and the digest of its line in events.jsonl. The data stay on the host.
CHAIN = "events"


def canonical(record: dict) -> bytes:
    """The bytes that a record's digest is of: all of it but the digest, keys in order, without blanks, in UTF-8."""
    rest = {key: value for key, value in record.items() if key != DIGEST}
    return json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def sealed(record: dict) -> dict:
    """The record with its digest."""
    return {**record, DIGEST: hashlib.sha256(canonical(record)).hexdigest()}


def seal_holds(record: dict) -> bool:
    """Whether it is as it was when it was written."""
    return isinstance(record, dict) and record.get(DIGEST) == hashlib.sha256(canonical(record)).hexdigest()


def chain_of(path: str) -> list[dict]:
    """The journal's events as digests, as far as they can be read."""
    found: list[dict] = []
    for line in read_bytes(path).split(b"\n")[:-1]:
        try:
            event: t.Any = json.loads(line)
            one = {"seq": event["seq"], "ts": event["ts"], "event": event["event"], "previous": event["prev_sha256"]}
        except (ValueError, KeyError, TypeError):
            break
        found.append({**one, DIGEST: hashlib.sha256(line).hexdigest()})
    return found
