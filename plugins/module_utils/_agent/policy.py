# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The host's own words for the agent: who logs in where, which file closes the server, which port is the way back's.

They are written over Ansible's connection and never by a request. The agent reads them again with each request.
"""

from __future__ import annotations

import json
import os
import stat
import typing as t
from dataclasses import asdict, dataclass

from .._errors import Refusal
from .._switch.registry import SOURCE, open_switch, place_of
from .fields import BadField, checked, choice, optional, read_object, record, several, text, whole

PATH = text(1000, r"/[^\0]*", "an absolute path")
HOST = text(255, r"[0-9A-Za-z][0-9A-Za-z.:_-]*", "a host name or an address")
PORT = whole(1, 65535)
NAME = "agent.json"
# Those of earlier attempts stay: an undo may need them.
MOST_SWITCHES = 32


@dataclass(frozen=True)
class Login:
    """On this host's server, by its socket."""

    unix_socket: str = checked(PATH)
    user: str = checked(text(80), "root")
    password: str = checked(text(1000), "")


def source_switch(value: t.Any) -> dict:
    """A switch that this host drives."""
    if not isinstance(value, dict):
        raise BadField("must be an object")
    try:
        switch = open_switch(value)
    except (Refusal, TypeError) as error:
        raise BadField(str(error)) from None
    if place_of(value) != SOURCE:
        raise BadField("%s is not driven on this host" % switch.name)
    return value


@dataclass(frozen=True)
class WayBack:
    """Where reverse replication reaches the new server.

    :param port: that the old server connects to
    :param tunnel_user: as whom sshd listens for the tunnel; empty without one
    :param tunnel_port: of the loopback, where it listens; 0 without a tunnel
    """

    host: str = checked(HOST)
    port: int = checked(PORT)
    tls: str = checked(choice("preferred", "required", "verify_ca", "verify_identity"), "preferred")
    tls_ca: str = checked(text(1000, r"(/[^\0]*)?", "an absolute path, or empty"), "")
    tunnel_user: str = checked(text(32, r"([a-z_][a-z0-9_-]*)?", "a user's name, or empty"), "")
    tunnel_port: int = checked(whole(0, 65535), 0)


@dataclass(frozen=True)
class Policy:
    """One migration's, on one host. What is not there is not allowed."""

    migration_id: str = checked(text(31, r"[a-z0-9][a-z0-9-]*", "a migration's id"))
    login: Login = checked(record(Login))
    hold: str = checked(text(300, r"/etc(/[\w.-]+)+", "a path under /etc"))
    switches: tuple = checked(several(source_switch, MOST_SWITCHES), ())
    way_back: t.Optional[WayBack] = checked(optional(record(WayBack)), None)

    def part(self, names: t.Iterable[str]) -> dict:
        """Some of it, as plain data, for a verb.

        :raises Refusal: for what the owner has not allowed on this host
        """
        found = {name: getattr(self, name) for name in names}
        lacking = [name for name, value in found.items() if value is None]
        if lacking:
            raise Refusal("this host's own policy has no %s for this migration: its owner has not asked for one" % lacking[0].replace("_", " "))
        return {name: value if isinstance(value, (str, tuple)) else asdict(value) for name, value in found.items()}


def policy_of(data: t.Any, where: str) -> Policy:
    """A policy from plain data.

    :raises Refusal: naming what is wrong in it
    """
    try:
        return t.cast(Policy, record(Policy)(data))
    except BadField as error:
        raise Refusal("%s is not valid: %s; run the playbook migrate again" % (where, error)) from None


def policy_text(policy: Policy) -> str:
    """The file's content."""
    return json.dumps(asdict(policy), sort_keys=True, indent=1) + "\n"


def read_policy(path: str) -> Policy:
    """The policy in a file that nobody but root may have written.

    :raises Refusal: where there is none, it is another's, or not valid
    """
    try:
        with open(path, "rb") as stream:
            found = os.fstat(stream.fileno())
            content = stream.read()
    except OSError as error:
        raise Refusal("the agent's policy %s cannot be read (%s); run the playbook migrate again" % (path, error.strerror)) from None
    if found.st_uid not in (0, os.getuid()) or stat.S_IMODE(found.st_mode) & 0o022:
        raise Refusal("the agent's policy %s can be written by others than root" % path)
    return policy_of(read_object(content), path)
