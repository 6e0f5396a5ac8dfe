# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent on the source: the forced command of the migration's ssh key. It knows a few verbs and nothing else.

A request is one JSON object on standard input, in one line; secrets travel there, never in arguments. The answer is on standard
output, a failure's text on standard error with exit code 1.
"""

# A program of its own, not a module: its answers go to standard output and its failures into the exit code.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import os
import sys
import typing as t

from .._cutover import lease
from .._cutover.history import written
from .._cutover.hold import check_place, opened_by_nobody, predict_hold, prove_hold
from .._errors import MigrationError
from .._jobs.host import host_start
from .._reverse.reach import reach
from .._seed.backup_command import stream_backup
from .._seed.conditions import read_programs
from .._seed.dump_command import stream_dump
from .._seed.freeze import serve as freeze
from .._seed.keep import tell as tell_fence
from .._seed.lend import lend_programs
from .._seed.moment import serve as accounts
from .._seed.old_sessions import serve as writers
from .._seed.one_source import serve as who
from .._seed.programs import tell as tell_programs
from .._seed.space import tell as tell_space
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._server.flavour import open_flavour
from .._state.fences import find_fence, last_of
from .._switch import keeper
from .listener import free

MAX_REQUEST = 1 << 22


def probe(_request: dict) -> None:
    """Answer that the agent is there, who it runs as, and from which address the caller comes."""
    print(json.dumps({"agent": 1, "user": os.getuid(), "client": os.environ.get("SSH_CONNECTION", "").partition(" ")[0]}))


def host(_request: dict) -> None:
    """Tell what this host has for copies."""
    print(json.dumps(read_programs()))


def boot(_request: dict) -> None:
    """Tell which start of this host it is."""
    print(json.dumps({"boot": host_start()}))


def holdable(request: dict) -> None:
    """Tell what would make the configuration worthless that keeps the server closed, before it is written. Changes nothing."""
    print(json.dumps({"against": _with_server(request, lambda server: predict_hold(server, request["path"]))}))


def held(request: dict) -> None:
    """Tell why the server is not closed now or after its next restart, and what else would keep it closed. Changes nothing."""
    path = request["path"]
    against, closed = _with_server(request, lambda server: (prove_hold(server, path), opened_by_nobody(server, path)))
    print(json.dumps({"against": against, "closed": closed}))


def _with_server(request: dict, ask: t.Callable[[Flavour], t.Any]) -> t.Any:
    """An answer about this host's server and a place for its hold."""
    check_place(request["path"])
    with connect(Endpoint(**request["login"]), "the server, from its own host", read_timeout=10) as connection:
        return ask(open_flavour(connection))


def release(request: dict) -> None:
    """Open for good the server that a commit had closed: a rollback makes it the primary again."""
    check_place(request["hold"])
    print(json.dumps(lease.release(request)))


def unlease(request: dict) -> None:
    """Do a lease's work now, or answer that it was committed."""
    print(json.dumps(lease.finish(request)))


def decided(request: dict) -> None:
    """Tell how the fence of a token stands, or the last of a migration; empty where its record is gone, or never was."""
    fence = find_fence(request["token"]) if "token" in request else last_of(request["migration_id"])
    print(json.dumps({"state": fence.state if fence else ""}))


VERBS: dict[str, t.Callable[[dict], None]] = {
    "probe": probe,
    "host": host,
    "boot": boot,
    "dump": stream_dump,
    "freeze": freeze,
    "accounts": accounts,
    "backup": stream_backup,
    "programs": lend_programs,
    "present": tell_programs,
    "space": tell_space,
    "holdable": holdable,
    "held": held,
    "fence": tell_fence,
    "release": release,
    "lease": lease.serve,
    "unlease": unlease,
    "decided": decided,
    "reach": reach,
    "free": free,
    "switch": keeper.serve,
    "who": who,
    "writers": writers,
    "written": written,
}


def main() -> None:
    """Run the verb that the caller's ssh command names."""
    verb = os.environ.get("SSH_ORIGINAL_COMMAND", "").strip()
    if verb not in VERBS:
        sys.exit("nordbridge agent: %r is not one of %s" % (verb[:40], ", ".join(sorted(VERBS))))
    try:
        VERBS[verb](json.loads(sys.stdin.readline(MAX_REQUEST) or "{}"))
    except MigrationError as error:
        sys.exit("nordbridge agent: %s" % error)
    except (KeyError, ValueError) as error:
        sys.exit("nordbridge agent: bad request for %s: %s %s" % (verb, type(error).__name__, error))
