# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Installing the agent on the source: its code, its launchers, the host's own policy, and the one key that may run it.

The key belongs to a user of the agent's own. What that user runs and reads is root's, and not for it to write.
"""

from __future__ import annotations

import datetime
import os
import pwd
import re
import sys

from .._accounts.logins import CONTROL, account
from .._bridge.authorized_keys import check_address, check_options, expiry, key_words, keys_lock, with_entry
from .._errors import Refusal
from .._jobs.payload import launcher_text, pack
from .._state.fences import armed_by
from .._state.files import read_bytes, read_json, read_text, write_text
from .._state.paths import check_id, directory
from .._switch.registry import SOURCE, place_of, read_switches
from . import front, privileged
from .policy import MOST_SWITCHES, NAME, Policy, policy_of, policy_text

HOME = "/var/lib/mysql_migration_agent"
# sshd runs a forced command through the login shell. This one runs nothing but the front of the migration that the command names.
SHELL = """#!/bin/sh
# The login shell of the agent of nordbridge.mysql_migration: it starts the front of one migration, and nothing else.
[ "$1" = -c ] || exit 1
case "$2" in ''|-*|*[!a-z0-9-]*) exit 1 ;; esac
exec %s/"$2"/agent
"""


def key_line(public_key: str, from_address: str, migration_id: str, expires: str) -> str:
    """The entry in authorized_keys: a forced command and nothing else ("restrict" also covers what OpenSSH adds later).

    :param expires: as sshd(8) reads expiry-time, in the host's own time
    """
    check_options({"expires": expires})
    if from_address:
        check_address(from_address)
    source = 'from="%s",' % from_address if from_address else ""
    limit = 'expiry-time="%s",' % expires if expires else ""
    return '%s%srestrict,command="%s" %s nordbridge-agent-%s' % (source, limit, migration_id, key_words(public_key), migration_id)


def kept_options(text: str, migration_id: str) -> tuple[str, str]:
    """What a migration's entry says of the address and of its end; empty for nothing."""
    entry = next((line for line in text.splitlines() if line.endswith(" nordbridge-agent-%s" % migration_id)), "")
    found = [re.search(r'(?:^|,)%s="([^"]*)"' % name, entry) for name in ("from", "expiry-time")]
    return found[0].group(1) if found[0] else "", found[1].group(1) if found[1] else ""


def socket_path(migration_id: str) -> str:
    """Where the front finds the privileged side; the unit of the role `source` listens there."""
    return "/run/nordbridge-%s-agent.sock" % check_id(migration_id)


class Place:
    """Where one migration's agent lies on its host."""

    def __init__(self, migration_id: str, home: str = HOME) -> None:
        self.home = home
        self.own = directory(migration_id, home)
        self.root = directory(migration_id)
        self.policy = os.path.join(self.own, NAME)
        self.keys = os.path.join(home, ".ssh", "authorized_keys")
        self.shell = os.path.join(home, "shell")
        self.launchers = (os.path.join(self.own, "agent"), os.path.join(self.root, "agent"))
        # The first is for all that run the agent; the lease, which outlives the session that armed it, runs on the second.
        self.packs = (os.path.join(self.own, "agent.zip"), os.path.join(self.root, "agent.zip"))

    def scripts(self, migration_id: str, python: str) -> dict[str, str]:
        """The launchers' text by path: the front's, and the privileged side's, which nobody but root reads."""
        ours = launcher_text(python, front.main, self.packs[0], self.policy, socket_path(migration_id))
        return {
            self.shell: SHELL % self.home,
            self.launchers[0]: ours,
            self.launchers[1]: launcher_text(python, privileged.main, self.packs[0], self.policy),
        }


def wanted_policy(params: dict, place: Place) -> Policy:
    """The host's policy with what the options say; what other roles have added stays.

    :raises Refusal: where an option is not what it can be
    """
    kept = read_json(place.policy) or {}
    login = {
        "unix_socket": params["server_socket"],
        "user": params["server_user"] or account(CONTROL, params["migration_id"]),
        "password": params["server_password"] or "",
    }
    more = {name: kept.get(name) for name in ("switches", "way_back")}
    more = {name: value for name, value in more.items() if value is not None}
    return policy_of({"migration_id": params["migration_id"], "login": login, "hold": params["hold"], **more}, "the agent's policy")


def shown(text: str) -> str:
    """A policy for a diff, without its password."""
    return re.sub(r'("password": )"(?:[^"\\]|\\.)*"', r'\1"..."', text)


def install_agent(params: dict, check_mode: bool) -> dict:
    """Write what lacks. The diff shows the launchers, the policy and the key's entry; never the pack, nor a password.

    :param params: migration_id, user (the agent's), public_key, from_address (empty: as it stands), key_days, server_socket, server_user,
        server_password, hold
    """
    home = params.get("home") or HOME
    if check_mode:
        return _install(params, home, True)
    os.makedirs(home, mode=0o755, exist_ok=True)
    keys = Place(params["migration_id"], home).keys
    os.makedirs(os.path.dirname(keys), mode=0o750, exist_ok=True)
    with keys_lock(keys):
        return _install(params, home, False)


def _install(params: dict, home: str, check_mode: bool) -> dict:
    migration_id = params["migration_id"]
    place, now = Place(migration_id, home), datetime.datetime.now()
    address, ends = kept_options(read_text(place.keys), migration_id)
    address = params["from_address"] or address
    line = key_line(params["public_key"], address, migration_id, expiry(ends, params["key_days"], now))
    keys = with_entry(read_text(place.keys), line)
    scripts, policy, packed = place.scripts(migration_id, sys.executable), policy_text(wanted_policy(params, place)), pack()
    after = {**scripts, place.policy: policy, place.keys: keys}
    before = {path: read_text(path) for path in after}
    changed_pack = any(read_bytes(path) != packed for path in place.packs)
    if not check_mode and changed_pack and armed_by(migration_id):
        raise Refusal(
            "the agent of migration %s is not renewed, and nothing was changed: the lease of a cutover runs on what is there; it ends by"
            " itself: run the same command again then" % migration_id
        )
    changed = changed_pack or before != after
    if not check_mode and changed:
        _write(place, {path: text for path, text in after.items() if before[path] != text}, packed, _group(params["user"]))
    told = {when: "".join(shown(texts[path]) for path in after) for when, texts in (("before", before), ("after", after))}
    headers = {"before_header": "the agent of %s" % migration_id, "after_header": "the agent of %s" % migration_id}
    return {"changed": changed, "launcher": place.launchers[0], "from_address": address, "diff": {**told, **headers}}


def _group(user: str) -> int:
    """The agent's user's group.

    :raises Refusal: where there is no such user, or it is root
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise Refusal("there is no user %s on this host" % user) from None
    if entry.pw_uid == 0:
        raise Refusal("the agent's user must not be root")
    return entry.pw_gid


def _write(place: Place, texts: dict[str, str], packed: bytes, group: int) -> None:
    for folder, mode in ((place.home, 0o755), (place.own, 0o755), (os.path.dirname(place.keys), 0o750)):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, mode)
    os.chown(os.path.dirname(place.keys), -1, group)
    write_text(place.packs[0], packed, mode=0o644)
    write_text(place.packs[1], packed)
    modes = {place.shell: 0o755, place.launchers[0]: 0o755, place.launchers[1]: 0o700, place.policy: 0o640, place.keys: 0o640}
    for path, text in texts.items():
        write_text(path, text, mode=modes.get(path, 0o600))
        if modes.get(path) == 0o640:
            os.chown(path, -1, group)


def amend_policy(params: dict, check_mode: bool) -> dict:
    """Add to a host's policy what a later part of the migration needs.

    :param params: migration_id, user, way_back (plain data; None: as it is), switches (definitions, of which this host's are added),
        old_address and new_address (HOST:PORT, for switches that name none)
    :raises Refusal: where the agent was never installed
    """
    place = Place(params["migration_id"], params.get("home") or HOME)
    kept = read_json(place.policy)
    given = _given(params)
    if kept is None:
        if check_mode:
            return {"changed": bool(given), "path": place.policy, "diff": {"before": "", "after": ""}}
        raise Refusal("the agent of migration %s is not installed on this host; run the playbook migrate again" % params["migration_id"])
    if "switches" in given:
        there = kept.get("switches") or []
        given["switches"] = [*there, *(one for one in given["switches"] if one not in there)][-MOST_SWITCHES:]
    before = policy_text(policy_of(kept, place.policy))
    after = policy_text(policy_of({**kept, **given}, place.policy))
    if not check_mode and before != after:
        write_text(place.policy, after, mode=0o640)
        os.chown(place.policy, -1, _group(params["user"]))
    headers = {"before_header": place.policy, "after_header": place.policy}
    return {"changed": before != after, "path": place.policy, "diff": {"before": shown(before), "after": shown(after), **headers}}


def _given(params: dict) -> dict:
    """What the options add to a policy."""
    given: dict = {}
    if params.get("way_back") is not None:
        given["way_back"] = {name: one for name, one in params["way_back"].items() if one is not None}
    definitions = read_switches(
        params.get("switches"), params["migration_id"], params.get("old_address") or "", params.get("new_address") or ""
    )
    own = [one for one in definitions if place_of(one) == SOURCE]
    return {**given, **({"switches": own} if own else {})}
