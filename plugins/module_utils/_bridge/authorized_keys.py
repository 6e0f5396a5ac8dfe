# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The entries of the tunnel's keys in authorized_keys: each opens one thing, from one address, until a date.

Options are those of sshd(8), AUTHORIZED_KEYS FILE FORMAT. C(permitopen) and C(permitlisten) have no word for nothing: nobody can
connect to the broadcast address (connect(2): EACCES or ENETUNREACH), and no user but root can have sshd listen below port 1024.
"""

from __future__ import annotations

import datetime
import os
import re
import typing as t
from contextlib import contextmanager

from .._errors import MigrationError, Refusal
from .._state.files import open_lock, read_text, take_lock, write_text

NOTHING = "255.255.255.255:1"
# sshd runs it in the place of a shell, a command, and a built-in sftp server.
COMMAND = "/bin/false"
TIME = "%Y%m%d%H%M"
LOCK_SECONDS = 60.0
# One word each, of nothing that could end a word: who sends a key must not be able to say more than a key.
KEY = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]{1,60} [A-Za-z0-9+/=-]{1,2000}(?: [^\r\n]*)?")
# Names, addresses, networks and patterns as in ssh_config(5), PATTERNS; not their !, which turns a list round.
ADDRESS = re.compile(r"[0-9A-Za-z.:/%_*?-]+")
# Of jokers alone, or a network of no bits: every host is meant.
EVERYBODY = re.compile(r"[*?.:]+|.*/0+")


def entry(options: dict, public_key: str, comment: str) -> str:
    """A line of authorized_keys.

    :param options: from_address, expires, open and listen (C(address:port); empty for nothing)
    :raises Refusal: where a value could be read as another option, or lets in everybody
    """
    check_options(options)
    if not options["from_address"]:
        raise Refusal("the address that %s may be used from is not known: set migration_target_address" % comment)
    check_address(options["from_address"])
    return (
        'from="%s",expiry-time="%s",restrict,port-forwarding,command="%s",permitopen="%s",permitlisten="%s" %s %s'
        % (
            options["from_address"], options["expires"], COMMAND, options["open"] or NOTHING, options["listen"] or NOTHING,
            key_words(public_key), comment,
        )
    )  # fmt: skip


def key_words(public_key: str) -> str:
    """The type and the key, without the comment of whoever made it.

    :raises Refusal: where it is not a public key
    """
    if not KEY.fullmatch(public_key.strip()):
        raise Refusal("%r is not a public key: it has a type, a key and a comment in one line, as ssh-keygen writes it" % public_key[:100])
    return " ".join(public_key.split()[:2])


def check_address(value: str) -> None:
    """Refuse what is no address, and what every address is.

    :raises Refusal: with what to give
    """
    if not all(ADDRESS.fullmatch(one) and not EVERYBODY.fullmatch(one) for one in value.split(",")):
        raise Refusal(
            "the keys may be used from %r: this is not an address of the target, or it matches every host; give migration_target_address as addresses,"
            " networks (192.0.2.0/28) or names, with commas between them" % value
        )


@contextmanager
def keys_lock(path: str) -> t.Iterator[None]:
    """One at a time writes a file of keys: migrations of one source share it.

    :raises MigrationError: where the lock is not had in time
    """
    with open_lock(path + ".lock") as lock:
        if not take_lock(lock, LOCK_SECONDS):
            raise MigrationError("another migration has held the lock of %s for more than %g s" % (path, LOCK_SECONDS))
        yield


def check_options(options: dict) -> None:
    """Refuse a value that could be read as another option.

    :raises Refusal: with its name
    """
    for name, value in options.items():
        if not re.fullmatch(r"[0-9A-Za-z.:*?!/,_%\[\]-]*", value):
            raise Refusal("%s is %r, which cannot stand in authorized_keys" % (name, value))


def kept_expiry(text: str, comment: str) -> str:
    """Until when the entry with this comment is good; empty where there is none."""
    found = [line for line in text.splitlines() if line.endswith(" " + comment)]
    match = re.search(r'(?:^|,)expiry-time="(\d+)"', found[0]) if found else None
    return match.group(1) if match else ""


def expiry(kept: str, days: int, now: datetime.datetime) -> str:
    """When a key ends: as it stands while more than half of its days are left, else so many days from now.

    :param kept: what stands there; empty for nothing
    :param now: by the clock of the host that reads it, in its own time zone, as sshd does
    """
    whole = datetime.timedelta(days=days)
    try:
        left = datetime.datetime.strptime(kept, TIME) - now
    except ValueError:
        left = datetime.timedelta(0)
    return kept if whole / 2 < left <= whole else (now + whole).strftime(TIME)


def with_entry(text: str, line: str) -> str:
    """A file's text with exactly one line of that last word (the key's comment), every other line as it was."""
    comment = line.rsplit(" ", 1)[1]
    others = without_entry(text, comment)
    if text.splitlines().count(line) == 1 and len(text.splitlines()) == len(others.splitlines()) + 1:
        return text
    return others + ("" if others.endswith("\n") or not others else "\n") + line + "\n"


def without_entry(text: str, comment: str) -> str:
    """A file's text without the lines of that comment, every other line as it was."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.rstrip("\r\n").endswith(" " + comment))


def admit_key(params: dict, check_mode: bool) -> dict:
    """Write a key's entry, root's to write and the tunnel's user's to read.

    :param params: migration_id, name (tunnel or back), public_key, from_address, days, open, listen, path
    """
    path = params["path"]
    if check_mode:
        return _result(params, read_text(path), _wanted(params, read_text(path)))
    with keys_lock(path):
        before = read_text(path)
        after = _wanted(params, before)
        result = _result(params, before, after)
        if result["changed"]:
            write_text(path, after, mode=0o644)
    return result


def _wanted(params: dict, text: str) -> str:
    comment = _comment(params)
    expires = expiry(kept_expiry(text, comment), params["days"], datetime.datetime.now())
    options = {"expires": expires, **{name: params[name] for name in ("from_address", "open", "listen")}}
    return with_entry(text, entry(options, params["public_key"], comment))


def _comment(params: dict) -> str:
    return "nordbridge-%s-%s" % (params["name"], params["migration_id"])


def _result(params: dict, before: str, after: str) -> dict:
    path = params["path"]
    try:
        there = os.stat(path)
        owned = there.st_uid == 0 and there.st_mode & 0o777 == 0o644
    except FileNotFoundError:
        owned = False
    return {
        "changed": before != after or not owned,
        "expires": kept_expiry(after, _comment(params)),
        "diff": {"before": before, "after": after, "before_header": path, "after_header": path},
    }
