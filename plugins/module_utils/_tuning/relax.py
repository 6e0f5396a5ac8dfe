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
  binary log ends early rolls back what it finds prepared. Nobody can tell afterwards: such a copy is not trusted, and made anew.

The journal tells the two apart: it holds the id of the kernel under which the target was relaxed.
"""

from __future__ import annotations

import os
import time
import typing as t
from contextlib import contextmanager, suppress

from .._errors import MigrationError, Refusal
from .._jobs.record import boot_id
from .._server.base import Flavour
from .._state.journal import Journal
from .settings import REDO_STATUS, SETTINGS, Setting

if t.TYPE_CHECKING:
    from .._seed.context import Seed

KEY = "tuning"
# Rotating or flushing must not put a transaction of the target's own into its binary log.
FLUSH = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"
# How long the redo log may take to be on the disk up to where it was: nobody's writes are stopped meanwhile.
FLUSH_SECONDS = 5.0


def observe(server: Flavour) -> dict[str, tuple[Setting, str]]:
    """The settings that this server has, by the name that it knows: (setting, value)."""
    found = {}
    for setting in SETTINGS[server.name]:
        values = server.connection.variables(*setting.names)
        name = next((name for name in setting.names if name in values), None)
        if name is not None:
            found[name] = (setting, values[name])
    return found


def relax(server: Flavour, journal: Journal, anew: bool = False) -> None:
    """Stop waiting for the disk. What was set before is journalled first, so that a crash in between loses nothing of it.

    :param anew: before a copy that replaces everything, whatever became of an earlier one
    :raises Refusal: where the target's host went down while it was relaxed, and the copy still counts
    """
    entry = journal.read().get(KEY, {})
    if not anew:
        check_power(entry)
    now = observe(server)
    was = {name: _was(setting, value, entry.get("was", {}).get(name)) for name, (setting, value) in now.items()}
    wanted = {"relaxed": True, "boot_id": boot_id(), "was": was}
    if entry != wanted:
        journal.update("the target's commits do not wait for the disk from now on", **{KEY: wanted})
    _set(server, {name: setting.relaxed for name, (setting, _value) in now.items() if setting.relaxed}, now)


def _was(setting: Setting, value: str, journalled: str | None) -> str:
    """A setting's value of before: the journal's, unless the server has been given another one of its own since."""
    kept = journalled is not None and (not setting.relaxed or value == setting.relaxed)
    return str(journalled) if kept else value


def make_durable(server: Flavour, journal: Journal) -> dict[str, str]:
    """Set back what decides about a commit's survival, prove it, and bring to the disk what was committed before.

    :returns: the settings in force, empty where nothing was relaxed
    :raises Refusal: where a value does not hold, or the host went down in between; the caller must not fence then
    """
    entry = journal.read().get(KEY, {})
    if not entry.get("relaxed"):
        return {}
    check_power(entry)
    now = observe(server)
    wanted = {name: entry["was"][name] for name, (setting, _value) in now.items() if setting.durable and name in entry["was"]}
    _set(server, wanted, now)
    # In this order: what is committed from now on waits for the disk, and what was committed before is brought there.
    flush(server)
    journal.update("the target's commits wait for the disk again", **{KEY: {**entry, "relaxed": False}})
    return wanted


def follow(server: Flavour, journal: Journal, fast: bool) -> None:
    """Relaxed or not, as the option says, before catching up."""
    if fast:
        relax(server, journal)
    else:
        make_durable(server, journal)


def restore_rest(server: Flavour, journal: Journal) -> list[str]:
    """Set back everything else, once replication is forgotten.

    :returns: what the server refused, in words: too late to stop for it
    """
    entry: dict = journal.read().get(KEY, {})
    if not entry.get("was"):
        return []
    left, now = [], observe(server)
    for name, value in entry["was"].items():
        try:
            _set(server, {name: value} if name in now else {}, now)
        except MigrationError as error:
            left.append("%s: %s" % (name, error))
    if not left:
        journal.update("the target's settings are as before", **{KEY: {**entry, "relaxed": False, "restored": True}})
    return left


def _set(server: Flavour, wanted: dict[str, str], now: dict) -> None:
    """Set what differs, and read it back."""
    for name, value in wanted.items():
        if now[name][1].lower() != value.lower():
            server.connection.run("SET GLOBAL %s = %%s" % name, (int(value) if value.isdigit() else value,))
    got = server.connection.variables(*wanted) if wanted else {}
    wrong = ["%s is %s and should be %s" % (name, got.get(name), value) for name, value in wanted.items() if got.get(name) != value]
    if wrong:
        raise Refusal("%s: settings do not hold: %s" % (server.connection.name, "; ".join(wrong)))


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
            "the target's index of binary logs %s cannot be read (%s): whether they are on the disk cannot be made sure" % (index, error)
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
            "server believes it has: this copy is not trusted; run the playbook migrate again, it copies anew "
            "(target_fast_load: false avoids this, and is slower)"
        )


def distrust(journal: Journal, check_mode: bool) -> str:
    """Have a copy made anew that a dead host may have damaged; the words for the operator, or nothing."""
    state = journal.read()
    entry, seed = state.get(KEY, {}), state.get("seed", {})
    if not power_lost(entry) or state.get("cutover", {}).get("begun"):
        return ""
    if not check_mode:
        changes = {"seed": {**seed, "status": "running"}} if seed else {}
        event = "the target's host went down while commits did not wait for its disk: the copy is made anew"
        journal.update(event, catchup=None, **{KEY: {**entry, "relaxed": False}}, **changes)
    return (
        "the target's host was restarted while commits did not wait for its disk: rows may be missing that its server believes it "
        "has, so the copy is made anew"
    )


@contextmanager
def relaxed_copy(seed: Seed, journal: Journal) -> t.Iterator[None]:
    """A copy under relaxed commits, which stay so for the replication that follows; a copy that fails leaves none.

    A physical copy restarts the server, which has its configured values then: they are set once more at the end.
    """
    if not seed.options["fast_load"]:
        yield
        return
    relax(seed.target, journal, anew=True)
    try:
        yield
    except BaseException:
        with suppress(MigrationError):
            make_durable(seed.target, journal)
        raise
    relax(seed.target, journal)
