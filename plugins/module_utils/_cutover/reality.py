# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether both servers are as a finished cutover or rollback left them: asked of them, for a journal only says how they were."""

from __future__ import annotations

import glob
import os
from dataclasses import asdict, dataclass, field, replace

from .._bridge.call import call
from .._errors import MigrationError
from .._migration.phase import phase_of
from .._replication.status import only_status
from .._server.base import Flavour
from .._server.connection import connect
from .._server.endpoint import read_login_file
from .._server.flavour import open_flavour
from .._state.journal import Journal
from .._state.paths import directory
from .._tuning.configured import configured
from .hold import NAME

# Who is the primary in these phases; in the others nobody's work is finished.
PRIMARY = {"committed": "new", "done": "new", "rolled_back": "old"}
# In these the servers are asked, and nothing is said of what is right: a copy of files has the target's server down.
ASKED = (*PRIMARY, "seeded", "ready", "cutting_over", "rolling_back")
NAMES = {"new": "the new server", "old": "the old server"}
SECONDS = 20
# Where option files of ours can lie, on the host of the new server.
PLACES = ("/etc/mysql/*/", "/etc/mysql/", "/etc/my.cnf.d/")
CLOSE = "SET GLOBAL super_read_only = ON (MariaDB: read_only = ON)"


@dataclass(frozen=True)
class Seen:
    """One of the two servers as it is now.

    :param error: why it could not be asked; empty where it was
    :param open: accounts without privileges can write
    :param closed: nobody can, as far as the server has a word for that
    :param replicates: from the server with source_id, 0 where that is not known
    :param lag: seconds that it is behind by its own estimate; None where its replication does not run
    :param weak: settings by which commits may be lost, as name = value, that neither the cutover nor the server's configuration had so
    :param holds: option files of ours that would close it at its next start
    :param opens: what would open it at its next start, where it is to stay closed
    """

    label: str = ""
    error: str = ""
    open: bool = False
    closed: bool = False
    server_id: int = 0
    replicates: bool = False
    lag: int | None = None
    source_id: int = 0
    weak: list = field(default_factory=list)
    holds: list = field(default_factory=list)
    opens: list = field(default_factory=list)


def wrong_now(phase: str, new: Seen, old: Seen) -> list[str]:
    """What is not as it should be, each with what to do; nothing in a phase that does not say how the servers should be."""
    if phase not in PRIMARY:
        return []
    first, second = ("new", "old") if PRIMARY[phase] == "new" else ("old", "new")
    primary, other = (new, old) if first == "new" else (old, new)
    who, rest = "%s (%s)" % (NAMES[first], primary.label), "%s (%s)" % (NAMES[second], other.label)
    if primary.error:
        return ["%s is the primary and cannot be asked: %s" % (NAMES[first], primary.error)]
    if other.open and primary.open:
        return [
            "BOTH servers take writes. Stop what writes to %s and close it: %s. Erase and copy nothing before it is known what was written"
            " there: it is in that server's binary log" % (rest, CLOSE)
        ]
    if phase == "committed":
        # Whichever is closed: the same command goes forward.
        return []
    return _closed_wrongly(who, rest, primary, other) + _left_over(who, rest, primary, other)


def _closed_wrongly(who: str, rest: str, primary: Seen, other: Seen) -> list[str]:
    found = []
    if other.open:
        found.append("%s takes writes and is not the primary: find out who opened it and what was written there, and close it: %s" % (rest, CLOSE))
    elif not other.error and not other.closed:
        found.append("%s is closed for accounts without privileges only; close it for all: %s" % (rest, CLOSE))
    elif other.opens:
        found.append("%s is closed, and its next restart would open it: %s" % (rest, "; ".join(other.opens)))
    if not primary.open:
        # Opened beside one that is open, it would be the second that takes writes.
        then = "after that SET GLOBAL read_only = OFF on it" if other.open else "then SET GLOBAL read_only = OFF on it"
        none = "; NO server takes writes" if not other.open and not other.error else ""
        found.append("%s is the primary and takes no writes%s: find out who closed it, %s" % (who, none, then))
    return found


def _left_over(who: str, rest: str, primary: Seen, other: Seen) -> list[str]:
    """What a task for targets leaves on a primary."""
    found = []
    # From the other one: a primary that was given another source since is somebody's own affair.
    if primary.replicates and primary.source_id in (0, other.server_id):
        found.append("%s is the primary and is set to replicate from %s: STOP REPLICA; RESET REPLICA ALL on it" % (who, rest))
    if primary.weak:
        found.append(
            "%s may lose commits that it has acknowledged: %s, and neither the cutover nor its configuration had it so; SET GLOBAL it back"
            % (who, ", ".join(primary.weak))
        )
    if primary.holds:
        found.append("%s would be closed by its next restart: remove %s" % (who, ", ".join(primary.holds)))
    return found


def look(params: dict, _check_mode: bool) -> dict:
    """Ask both servers; the module's one function.

    :param params: migration_id
    :raises MigrationError: with all that is wrong
    """
    folder = directory(params["migration_id"])
    state = Journal(folder).read()
    phase = phase_of(state)
    if phase not in ASKED:
        return {"changed": False, "phase": phase, "looked": False, "wrong": []}
    promoted = PRIMARY.get(phase) == "new"
    durable = state.get("cutover", {}).get("facts", {}).get("durability", {}) if promoted else {}
    holds = sorted(path for place in PLACES for path in glob.glob(place + NAME)) if promoted else []
    new = _ask(os.path.join(folder, "target.json"), NAMES["new"], durable, holds)
    old = _ask(os.path.join(folder, "source.json"), NAMES["old"], {}, [])
    unasked = ""
    if phase == "done" and not old.error:
        old, unasked = _with_restart(params, state, old)
    found = wrong_now(phase, new, old)
    result = {"changed": False, "phase": phase, "looked": True, "new": asdict(new), "old": asdict(old), "wrong": found}
    if found:
        error = MigrationError("migration %s is %s, and the servers are not so: %s" % (params["migration_id"], phase, "; ".join(found)))
        error.facts = result
        raise error
    gone = [seen for seen in (new, old) if seen.error and phase in PRIMARY]
    warnings = ["%s; where it is gone for good, nothing is to be done" % seen.error for seen in gone]
    return {**result, "warnings": warnings + ([unasked] if unasked else [])}


def _with_restart(params: dict, state: dict, old: Seen) -> tuple[Seen, str]:
    """What the old server's own host says of its next start, and why it could not be asked."""
    path = state["cutover"].get("facts", {}).get("source_hold", "")
    try:
        answer = call(params["migration_id"], "held", {}) if path else {"against": []}
    except MigrationError as error:
        return old, "whether the old server stays closed after its next restart is not known: %s" % error
    return replace(old, opens=answer["against"]), ""


def _ask(login_file: str, name: str, durable: dict, holds: list[str]) -> Seen:
    try:
        with connect(read_login_file(login_file), name, SECONDS) as connection:
            return _see(open_flavour(connection), durable, holds)
    except MigrationError as error:
        return Seen(error=str(error))


def _see(server: Flavour, durable: dict, holds: list[str]) -> Seen:
    status = only_status(server)
    values = server.connection.variables("read_only", "super_read_only")
    return Seen(
        label=server.identity.label,
        open=all(value.upper() in ("OFF", "0", "NO") for value in values.values()),
        closed=server.read_only(),
        server_id=server.identity.server_id,
        replicates=status.configured,
        lag=status.seconds_behind,
        source_id=status.source_server_id,
        weak=_weak(server, durable),
        holds=holds,
    )


def _weak(server: Flavour, durable: dict) -> list[str]:
    now = server.connection.variables(*durable) if durable else {}
    differ = {name: value for name, value in now.items() if value != str(durable[name])}
    try:
        own = configured(server, differ) if differ else {}
    except MigrationError:
        own = {}
    return ["%s = %s" % (name, value) for name, value in differ.items() if name not in own or own[name].value != value]
