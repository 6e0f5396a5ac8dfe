# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent's verbs: what each may be asked for, which of the host's own facts it gets, which user runs it, and what it does."""

# Run by the agent, not in a module: answers go to standard output.
# pylint: disable=ansible-bad-function

from __future__ import annotations

import json
import os
import typing as t
from dataclasses import dataclass

from .._bridge.listener import free
from .._cutover import lease
from .._cutover.history import written
from .._cutover.hold import check_place, opened_by_nobody, predict_hold, prove_hold
from .._errors import Refusal
from .._jobs.host import host_start
from .._migration.history import told_fence
from .._reverse.reach import reach
from .._seed.conditions import read_programs
from .._seed.methods.mariadb_backup.ship_programs import ship_programs
from .._seed.programs import tell as tell_programs
from .._seed.source.backup_command import stream_backup
from .._seed.source.dump_command import stream_dump
from .._seed.source.freeze import serve as freeze
from .._seed.source.moment import serve as accounts
from .._seed.source.old_sessions import serve as writers
from .._seed.source.one_source import serve as who
from .._seed.watch.free_space import free_bytes
from .._seed.watch.watch import source_paths
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.fences import Fence, find_fence, last_of
from .._state.files import read_json, write_json
from .._state.paths import directory
from .._switch import pause_guard
from .._switch.registry import find_switches
from . import requests
from .fields import Nothing

# What the checks of this host's switches have found: an undo and a rollback go by it.
FOUND = "switches.json"


def _print(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def probe(_request: dict) -> None:
    """Answer that the agent is there, who it runs as, and from which address it was asked."""
    _print({"agent": 2, "user": os.getuid(), "client": (os.environ.get("SSH_CLIENT", "").split() or [""])[0]})


def host(_request: dict) -> None:
    """Tell what this host has for copies."""
    _print(read_programs())


def boot(_request: dict) -> None:
    """Tell which start of this host it is."""
    _print({"boot": host_start()})


def holdable(request: dict) -> None:
    """Tell what would make the configuration worthless that keeps the server closed, before it is written. Changes nothing."""
    _print({"against": _with_server(request, lambda server: predict_hold(server, request["hold"]))})


def held(request: dict) -> None:
    """Tell why the server is not closed now or after its next restart, and what else would keep it closed. Changes nothing."""
    place = request["hold"]
    against, closed = _with_server(request, lambda server: (prove_hold(server, place), opened_by_nobody(server, place)))
    _print({"against": against, "closed": closed})


def _with_server(request: dict, ask: t.Callable[[Flavour], t.Any]) -> t.Any:
    """An answer about this host's server."""
    if "hold" in request:
        check_place(request["hold"])
    with connect(Endpoint(**request["login"]), "the server, from its own host", read_timeout=10) as connection:
        return ask(open_flavour(connection))


def space(request: dict) -> None:
    """Tell the free room where this host's server keeps its data and its binary logs."""
    paths = _with_server(request, lambda server: source_paths(server.connection))
    _print({"free": {path: free_bytes(path) for path in paths}})


def fence(request: dict) -> None:
    """Tell the record of this host's server."""
    _print(told_fence(_with_server(request, lambda server: server.identity.datadir)))


def release(request: dict) -> None:
    """Open for good the server that a commit had closed: a rollback makes it the primary again."""
    check_place(request["hold"])
    _own_fence(request)
    _print(lease.release(request))


def unlease(request: dict) -> None:
    """Do a lease's work now, or answer that it was committed."""
    _own_fence(request)
    _print(lease.finish(request))


def decided(request: dict) -> None:
    """Tell how the fence of a token stands, or the last of this migration; empty where its record is gone, or never was."""
    found = _own_fence(request) if request.get("token") else last_of(request["migration_id"])
    _print({"state": found.state if found else ""})


def _own_fence(request: dict) -> Fence | None:
    """The record with the request's token.

    :raises Refusal: for another migration's
    """
    found = find_fence(request["token"]) if request["token"] else None
    if found is not None and found.migration_id != request["migration_id"]:
        raise Refusal("that lease belongs to another migration")
    return found


def reach_back(request: dict) -> None:
    """Log in to the new server, where this host's policy says that it is."""
    way = request["way_back"]
    place = {name: way[name] for name in ("host", "port", "tls", "tls_ca")}
    reach({"login": {**place, "user": request["user"], "password": request["password"]}})


def free_back(request: dict) -> None:
    """Free the port of the way back's tunnel from a dead session."""
    way = request["way_back"]
    if not way["tunnel_user"] or not way["tunnel_port"]:
        raise Refusal("reverse replication of this migration does not use a tunnel")
    free({"port": way["tunnel_port"], "user": way["tunnel_user"]})


def switch(request: dict) -> None:
    """Drive switches of this host, by its own definitions and by what its own checks have found."""
    path, digests = os.path.join(directory(request["migration_id"]), FOUND), request["digests"]
    known: dict = read_json(path) or {}

    def keep(facts: list[dict]) -> None:
        write_json(path, {**known, **dict(zip(digests, facts))})

    chosen = find_switches(request["switches"], digests, known)
    pause_guard.serve({"switches": chosen, "facts": [known.get(one, {}) for one in digests], "seconds": request["seconds"]}, keep=keep)


#: Who runs a verb: the agent's own user, the one that the server runs as, or root. As few as possible as root.
AGENT, SERVER, ROOT = "agent", "server", "root"


@dataclass(frozen=True)
class Verb:
    """One of them.

    :param request: the type that its request is parsed into
    :param user: AGENT, SERVER or ROOT
    :param host: what it gets of the host's own policy
    """

    request: type
    user: str
    function: t.Callable[[dict], t.Any]
    host: tuple[str, ...] = ()


LOGIN = ("login",)
VERBS: dict[str, Verb] = {
    "probe": Verb(Nothing, AGENT, probe),
    "boot": Verb(Nothing, AGENT, boot),
    "programs": Verb(Nothing, AGENT, ship_programs),
    "present": Verb(requests.Present, AGENT, tell_programs),
    "space": Verb(Nothing, AGENT, space, LOGIN),
    "accounts": Verb(Nothing, AGENT, accounts, LOGIN),
    "who": Verb(Nothing, AGENT, who, LOGIN),
    "freeze": Verb(requests.Freeze, AGENT, freeze, LOGIN),
    "dump": Verb(requests.Dump, AGENT, stream_dump, LOGIN),
    # Their programs read the server's own files, which its user owns.
    "host": Verb(Nothing, SERVER, host),
    "backup": Verb(requests.Backup, SERVER, stream_backup, LOGIN),
    "written": Verb(requests.Written, SERVER, written, LOGIN),
    # The server itself will follow by this way: its proxy lets the server's user through, and not the agent's.
    "reach": Verb(requests.Reach, SERVER, reach_back, ("way_back",)),
    # The records of fences and of the binary log's change are root's; so are the server's configuration, the lease's unit and the firewall.
    "fence": Verb(Nothing, ROOT, fence, LOGIN),
    "writers": Verb(Nothing, ROOT, writers, LOGIN),
    "decided": Verb(requests.Decided, ROOT, decided, ("migration_id",)),
    "holdable": Verb(Nothing, ROOT, holdable, ("login", "hold")),
    "held": Verb(Nothing, ROOT, held, ("login", "hold")),
    "lease": Verb(requests.Arm, ROOT, lease.serve, ("migration_id", "login", "hold")),
    "unlease": Verb(requests.Token, ROOT, unlease, ("migration_id",)),
    "release": Verb(requests.Release, ROOT, release, ("migration_id", "login", "hold")),
    "free": Verb(Nothing, ROOT, free_back, ("way_back",)),
    "switch": Verb(requests.Switches, ROOT, switch, ("migration_id", "switches")),
}
