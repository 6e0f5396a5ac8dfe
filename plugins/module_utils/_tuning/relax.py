# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Commits on the target that do not wait for the disk, from the copy until the source is about to be fenced.

Whatever is lost that way the source still has, for the target serves nobody yet. Two kinds of crash differ:

- The server dies and its host lives. Each commit's redo log and binary log were handed to the operating system before the
  commit was told, so all of it is there when the server starts again. Nothing has to be done.
- The host dies. Redo log and binary log may then end at different places. InnoDB is consistent in itself, but MySQL counts as
  executed what its binary log holds, would not fetch it again, and rows would be missing without a word; and a MariaDB whose
  binary log ends early rolls back what it finds prepared. Nobody can tell afterwards: such a copy is not trusted, and made again.

The journal tells the two apart: it holds the id of the kernel under which the target was relaxed.
"""

from __future__ import annotations

import os
import time
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .._errors import MigrationError, Refusal
from .._jobs.record import boot_id
from .._server.base import Flavour
from .._state.journal import Journal
from .configured import Configured, configured
from .settings import REDO_STATUS, SETTINGS, Setting

KEY = "tuning"
# Rotating or flushing must not put a transaction of the target's own into its binary log.
FLUSH = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"
# How long the redo log may take to be on the disk up to where it was: nobody's writes are stopped meanwhile.
FLUSH_SECONDS = 5.0
# The value of both settings with which a commit that was told survives a dead host.
SAFE = "1"
WRITTEN = "the new primary's configuration has %(name)s=%(value)s: writes that were acknowledged can be lost when its host dies"
FLEETING = (
    "%(name)s is %(safe)s on the new primary and stands in no configuration: after a restart the server has its built-in %(value)s"
    " again, and can lose acknowledged writes when its host dies; write %(name)s=%(safe)s into its configuration"
)
UNKNOWN = "what the target's server is configured to have could not be asked, only what decides about a commit's survival is set (%s)"


def observe(server: Flavour) -> dict[str, tuple[Setting, str]]:
    """The settings that this server has, by the name that it knows: (setting, value)."""
    found = {}
    for setting in SETTINGS[server.name]:
        values = server.connection.variables(*setting.names)
        name = next((name for name in setting.names if name in values), None)
        if name is not None:
            found[name] = (setting, values[name])
    return found


def relax(server: Flavour, journal: Journal, again: bool = False) -> None:
    """Stop waiting for the disk; journalled first, so that a host that dies in between is known for what it is.

    What is set now is not noted: it may be what an earlier migration left. What the server gets back is what it is configured to have.

    :param again: before a copy that replaces everything, whatever became of an earlier one
    :raises Refusal: where the target's host went down while it was relaxed, and the copy still counts
    """
    entry = journal.read().get(KEY, {})
    if not again:
        check_power(entry)
    now = observe(server)
    wanted = {"relaxed": True, "boot_id": boot_id()}
    if entry != wanted:
        journal.update("the target's commits do not wait for the disk from now on", **{KEY: wanted})
    _set(server, {name: setting.relaxed for name, (setting, _value) in now.items() if setting.relaxed}, now)


@dataclass(frozen=True)
class Durable:
    """Commits that wait for the disk.

    :param values: the settings in force
    :param notes: what there is to know about them, in words
    :param relaxed: whether this ended a time in which they did not wait
    """

    values: dict
    notes: list
    relaxed: bool


def make_durable(server: Flavour, journal: Journal) -> Durable:
    """Set what decides about a commit's survival, prove it, and bring to the disk what was committed before.

    Whatever the journal says: what a lost journal's migration had relaxed is relaxed still.

    :raises Refusal: where a value does not hold, or the host went down in between; the caller must not fence then
    """
    entry = journal.read().get(KEY, {})
    check_power(entry)
    now = observe(server)
    known, why = _ask(server, now)
    values, notes = durable_values(now, known, why)
    relaxed = bool(entry.get("relaxed"))
    if relaxed or any(now[name][1] != value for name, value in values.items()):
        _set(server, values, now)
        # In this order: what is committed from now on waits for the disk, and what was committed before is brought there.
        flush(server)
    if relaxed:
        journal.update("the target's commits wait for the disk again", **{KEY: {**entry, "relaxed": False}})
    return Durable(values, notes, relaxed)


def durable_values(now: dict, known: dict[str, Configured], why: str) -> tuple[dict, list]:
    """1 for each setting that decides about a commit, unless a configuration says otherwise; and words about what is not plain.

    :param now: as observe
    :param known: the values at the next start; empty where they cannot be told, and why
    """
    values, notes = {}, [why] if why else []
    for name, (setting, _value) in now.items():
        if not setting.durable:
            continue
        found = known.get(name)
        values[name] = found.value if found and found.written else SAFE
        if found and found.value != SAFE:
            notes.append((WRITTEN if found.written else FLEETING) % {"name": name, "value": found.value, "safe": SAFE})
    return values, notes


def _ask(server: Flavour, names: t.Iterable[str]) -> tuple[dict[str, Configured], str]:
    """The configured values; where the program cannot be asked none, and words for it."""
    try:
        return configured(server, names), ""
    except MigrationError as error:
        return {}, UNKNOWN % error


def unsafe(server: Flavour, values: dict) -> list[str]:
    """Where the server does not have these values, in words."""
    got = server.connection.at_once(*values) if values else {}
    return ["%s is %s and should be %s" % (name, got[name], value) for name, value in values.items() if _as_number(got[name]) != _as_number(value)]


def _as_number(value: str) -> str:
    """A value, as SELECT tells it."""
    return {"on": "1", "off": "0"}.get(value.lower(), value.lower())


def follow(server: Flavour, journal: Journal, fast: bool) -> None:
    """Relaxed or not, as the option says, before catching up."""
    if fast:
        relax(server, journal)
    else:
        make_durable(server, journal)


def restore_rest(server: Flavour, journal: Journal) -> list[str]:
    """Set everything to what the server is configured to have, once replication is forgotten.

    :returns: what the server refused, in words: too late to stop for it
    """
    now = observe(server)
    known, why = _ask(server, now)
    wanted = {name: found.value for name, found in known.items() if not now[name][0].durable}
    # Once more: a server that was restarted since has the configured ones.
    wanted.update(durable_values(now, known, why)[0])
    left = [why] if why else []
    for name, value in wanted.items():
        try:
            _set(server, {name: value}, now)
        except MigrationError as error:
            left.append("%s: %s" % (name, error))
    entry = journal.read().get(KEY)
    if entry and not left:
        journal.update("the target's settings are as configured", **{KEY: {**entry, "relaxed": False, "restored": True}})
    return left


def _set(server: Flavour, wanted: dict[str, str], now: dict) -> None:
    """Set what differs, and read it back."""
    for name, value in wanted.items():
        if now[name][1].lower() != value.lower():
            server.connection.run("SET GLOBAL %s = %%s" % name, (int(value) if value.isdigit() else value,))
    wrong = unsafe(server, wanted)
    if wrong:
        raise Refusal("%s: settings did not take effect: %s" % (server.connection.name, "; ".join(wrong)))


def flush(server: Flavour) -> None:
    """Bring to the disk what was committed while nobody waited for it.

    Durable commits from now on sync the redo log and the binary log's last file, with all that is in them. Binary logs that
    were closed meanwhile nobody syncs any more: their files are synced here.
    """
    current, flushed = REDO_STATUS[server.name]
    end = int(server.connection.status(current) or 0)
    deadline = time.monotonic() + FLUSH_SECONDS
    while True:
        server.connection.run(FLUSH)
        on_disk = int(server.connection.status(flushed) or 0)
        # Under writes MariaDB answers with what was on the disk a moment ago.
        if on_disk >= end or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if on_disk < end:
        raise Refusal("%s: InnoDB's redo log is on the disk up to %d and goes to %d" % (server.connection.name, on_disk, end))
    for path in binary_logs(server):
        _sync(path)


def binary_logs(server: Flavour) -> list[str]:
    """The files of the server's own binary log, from its index; none where it writes none."""
    index = server.connection.variable("log_bin_index") or ""
    if (server.connection.variable("log_bin") or "").upper() != "ON" or not index:
        return []
    try:
        with open(os.path.join(server.identity.datadir, index), encoding="utf-8") as stream:
            names = stream.read().split("\n")
    except OSError as error:
        raise Refusal(
            "the target's index of binary logs %s cannot be read (%s): it is not certain that they are on the disk" % (index, error)
        ) from None
    return [os.path.join(server.identity.datadir, name.strip()) for name in names if name.strip()]


def _sync(path: str) -> None:
    """Wait until a file is on the disk, whoever wrote it; one that the server purged just now needs not be."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def power_lost(entry: dict) -> bool:
    """Whether the target's host went down while commits did not wait for its disk."""
    return bool(entry.get("relaxed") and entry.get("boot_id") and entry["boot_id"] != boot_id())


def check_power(entry: dict) -> None:
    """Refuse to go on with such a copy."""
    if power_lost(entry):
        raise Refusal(
            "the target's host was restarted while commits did not wait for its disk, so that rows may be missing which the "
            "server believes it has: this copy is not trusted; run the playbook migrate again, it copies again "
            "(migration_target_fast_load: false avoids this, and is slower)"
        )


def distrust(journal: Journal, check_mode: bool) -> str:
    """Have a copy made again that a dead host may have damaged; the words for the operator, or nothing."""
    state = journal.read()
    entry, seed = state.get(KEY, {}), state.get("seed", {})
    if not power_lost(entry) or state.get("cutover", {}).get("begun"):
        return ""
    if not check_mode:
        changes = {"seed": {**seed, "status": "running"}} if seed else {}
        event = "the target's host went down while commits did not wait for its disk: the copy is made again"
        journal.update(event, catchup=None, **{KEY: {**entry, "relaxed": False}}, **changes)
    return (
        "the target's host was restarted while commits did not wait for its disk: rows may be missing that its server believes it "
        "has, so the copy is made again"
    )


@contextmanager
def relaxed_copy(target: t.Callable[[], Flavour], journal: Journal, fast: bool) -> t.Iterator[None]:
    """A copy under relaxed commits, which stay so for the replication that follows; a copy that fails leaves none.

    A physical copy restarts the server, which has its configured values then: they are set once more at the end.

    :param target: the session on the target as it is then: a physical copy's restart ends the one of before
    :param fast: whether the owner lets commits not wait for the disk
    """
    if not fast:
        # Another migration's relaxed settings, whose journal is gone, would outlive this one's.
        make_durable(target(), journal)
        yield
        return
    relax(target(), journal, again=True)
    try:
        yield
    except BaseException:
        with suppress(MigrationError):
            make_durable(target(), journal)
        raise
    relax(target(), journal)
