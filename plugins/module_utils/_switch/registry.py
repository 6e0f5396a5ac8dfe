# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The kinds of switches there are, and reading them from the options."""

from __future__ import annotations

import hashlib
import json
import typing as t

from .._errors import Refusal
from .base import Switch, check_options
from .command import Command
from .forwarder import Forwarder, ForwarderOff
from .haproxy import Haproxy

TYPES: dict[str, type[Switch]] = {"haproxy": Haproxy, "command": Command, "forwarder": Forwarder, "forwarder_off": ForwarderOff}
TARGET, SOURCE = "target", "source"
#: In words that hold in both directions.
HOSTS = {TARGET: "the new server's host", SOURCE: "the old server's host"}

#: Those that can be asked for; the rest are ways back.
KINDS = ["haproxy", "command", "forwarder"]
#: What a switch can be told: of all kinds, for Ansible. Which of it a kind knows, the kind says.
SPEC = {
    "type": {"type": "str", "choices": KINDS, "required": True},
    "where": {"type": "str", "choices": [TARGET, SOURCE]},
    "socket": {"type": "str"},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "listen": {"type": "str"},
    "frontend": {"type": "str"},
    "backend": {"type": "str"},
    "old_server": {"type": "str"},
    "old_address": {"type": "str"},
    "old_port": {"type": "int"},
    "new_server": {"type": "str"},
    "new_address": {"type": "str"},
    "new_port": {"type": "int"},
    "argv": {"type": "list", "elements": "str"},
    "timeout_seconds": {"type": "float"},
}


def switches_argument_spec() -> dict:
    """The options of a module that drives switches."""
    return {
        "switches": {"type": "list", "elements": "dict", "default": [], "options": SPEC},
        "old_address": {"type": "str"},
        "new_address": {"type": "str"},
    }


def place_of(given: dict) -> str:
    """Whose host drives a switch."""
    return given.get("where") or TYPES[given["type"]].places[0]


def open_switch(given: dict) -> Switch:
    """One switch.

    :raises Refusal: for options that no such switch could have
    """
    known = TYPES.get(given.get("type", ""))
    if known is None:
        raise Refusal("a switch's type must be one of %s, not %r" % (", ".join(sorted(KINDS)), given.get("type", "")))
    check_options(given["type"], known.options, known.required, given)
    if place_of(given) not in known.places:
        raise Refusal("a switch of type %s: where must be %s, not %r" % (given["type"], " or ".join(known.places), given["where"]))
    switch = known(given)
    switch.validate()
    return switch


def read_switches(given: list | None, migration_id: str = "", old_address: str = "", new_address: str = "") -> list[dict]:
    """The switches' definitions without what was not given, and with the addresses where a kind wants them; all are looked at."""
    always = {"command": {"migration_id": migration_id, "old_address": old_address, "new_address": new_address}}
    always["forwarder"] = {"migration_id": migration_id, "new_address": new_address.rpartition(":")[0]}
    found = []
    for one in given or []:
        definition = {name: value for name, value in one.items() if value is not None}
        told = always.get(definition.get("type", ""), {})
        definition = {**{name: value for name, value in told.items() if value}, **definition}
        open_switch(definition)
        found.append(definition)
    return found


def switches_back(driven: list[dict]) -> list[dict]:
    """The definitions for a rollback of what the cutover drove.

    :param driven: each with its definition (switch) and what its check had found (facts)
    :raises Refusal: with every switch of which it is not known where to
    """
    found, reasons = [], []
    for entry in driven:
        switch = open_switch(entry["switch"])
        try:
            found.append(switch.back(entry["facts"]))
        except Refusal as error:
            reasons.append(str(error))
    if reasons:
        raise Refusal("; ".join(reasons))
    return sorted(found, key=lambda definition: not TYPES[definition["type"]].leads)


def digest_of(definition: dict) -> str:
    """What names a definition where its content is not to be told: the SHA-256 of its JSON."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def find_switches(own: t.Iterable[dict], digests: t.Iterable[str], known: dict) -> list[dict]:
    """A host's own definitions by their digests, or what leads back from them.

    :param own: the definitions
    :param known: what earlier checks on this host have found, by digest
    :raises Refusal: for one that is not there
    """
    ways = {digest_of(one): one for one in own}
    for one in list(ways.values()):
        try:
            back = open_switch(one).back(known.get(digest_of(one), {}))
        except Refusal:
            continue  # it is not known where to
        ways.setdefault(digest_of(back), back)
    wanted = list(digests)
    if not all(digest in ways for digest in wanted):
        raise Refusal(
            "this host's own policy has no such switch for this migration: its owner has not asked for one, or for one with other settings;"
            " run the same playbook again"
        )
    return [ways[digest] for digest in wanted]
