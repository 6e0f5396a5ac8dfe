# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The seed by mydumper: rows by several sessions of one snapshot into files on the target, loaded by several streams, table by table.

Definitions, routines, events, views, sequences and triggers are the server's own dump's; accounts and exact floats as behind any dump.
A load that died goes on with the tables that are not whole.
"""

# Part of a job that has a log, not of a module.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import os
import time
from dataclasses import asdict

from ...._bridge.call import agent_command
from ...._errors import Refusal
from ...._jobs.progress import copy_line
from ...._sandbox.properties import Room
from ...._sandbox.run import Sandbox
from ...._server.endpoint import client_options
from ...accounts import Accounts
from ...catalogue import read_catalogue
from ...client import LOADER_SESSION, client_stage
from ...context import Seed, mark, tell_lost
from ...pipeline import Pipeline, Stage
from ...source.dump_command import private_file
from ...source.guard import check_transactions
from ...source.moment import Moment
from ...target_checks import clear_target
from ...watch.watch import binary_logs
from ..dump.dump import check_coordinates, check_unchanged, dump_request
from ..dump.dump_text import DumpReader
from ..dump.views import option_remover
from ..logical import Kept, copy_logically
from ..physical import SPARE
from .dump_directory import FORMAT, DumpDirectory, folder_bytes, location, why_not
from .mydumper_run import dump_rows, round_trip, thread_count
from .row_files import file_size, find_files, pattern, read_tables
from .row_load import SESSION, TableLoader, Unit, end_orphans, make_again, plan_units, read_definitions, stream_count, stream_lock

ONLY_BY_NAME = "it is taken only by name: it holds up the source's commits for some round trips, and needs its room on the target twice"
# Text of rows to bytes of tables: numbers are longer as text, and indexes are not in it.
TEXT = 1.2


def obstacle(source: dict, target: dict) -> str:
    """Why mydumper cannot serve this pair; empty where it can.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    host = target["host"]
    if source["rows"]:
        return source["rows"]
    if source["not_innodb"]:
        return "its snapshot is of InnoDB's tables alone: %s" % ", ".join(source["not_innodb"])
    if not host:
        return "the target's host was not looked at"
    if not host["mydumper"]["found"]:
        return "the target lacks mydumper (package mydumper)"
    if host["mydumper"]["lacks"]:
        return "the target's mydumper does not name in its own help what is needed: %s" % ", ".join(host["mydumper"]["lacks"])
    if host["free_bytes"] is None:
        return "the target's data directory cannot be seen"
    # What an earlier try has left there is used again, or goes.
    room, needed = host["free_bytes"] + host["stashed"] + target["bytes"], int(source["bytes"] * (1 + TEXT)) + SPARE
    return "" if room >= needed else "the target has %d MB free, and files and tables need %d MB" % (room // 1000000, needed // 1000000)


def copy(seed: Seed) -> dict:
    """Dump, load, prove; or go on with the load of a dump that is here.

    :raises MigrationError: naming the part that broke
    """
    threads = _check_way(seed)
    # The try before this one may have failed because the target's server was away for a while.
    seed.reopen_target()
    stash = DumpDirectory(location(seed.target.identity.datadir, seed.options["migration_id"]))
    ledger = stash.read()
    reason = why_not(ledger, _facts(seed)) or _lost(seed, stash, ledger)
    if not reason:
        place = ledger["coordinates"]
        kept = Kept((place["file"], place["position"]), Accounts(**ledger["accounts"]))
        result = copy_logically(seed, lambda *_all: _load(seed, stash, ledger), kept)
    else:
        if ledger:
            seed.progress.say("dump", "the dump in %s is not gone on with: %s" % (stash.folder, reason))
        result = copy_logically(seed, lambda _seed, _options, moment: _load(seed, stash, _dump(seed, stash, threads, moment)))
    stash.remove()
    return result


def _check_way(seed: Seed) -> int:
    """How many threads may read; nothing has been touched yet.

    :raises Refusal: for what mydumper cannot be held to
    """
    if seed.options["bandwidth"]:
        raise Refusal("mydumper cannot be limited (migration_target_seed_bandwidth): its rows do not come through pv; use another method")
    if seed.source_login.tls != "preferred":
        raise Refusal("mydumper goes through the tunnel alone, and migration_bridge is tls; use another method")
    trip = round_trip(seed.source.connection)
    threads = thread_count(seed.options["threads"], trip, seed.options["hold_seconds"])
    seed.progress.say("checking", "mydumper with %d threads, at a round trip of %.1f ms" % (threads, trip * 1000))
    return threads


def _facts(seed: Seed) -> dict:
    identity = seed.source.identity
    source = "%s server_id %d port %d" % (mark(seed.source), identity.server_id, identity.port)
    return {"format": FORMAT, "migration_id": seed.options["migration_id"], "source": source, "target": mark(seed.target)}


def _lost(seed: Seed, stash: DumpDirectory, ledger: dict) -> str:
    """What has been lost since that a dump needs to be of use; empty for nothing."""
    place, source = ledger["coordinates"], seed.source
    if binary_logs(source.connection).get(place["file"], -1) < place["position"]:
        return "the source's binary log %s, from whose position %d the target would replicate, is gone" % (place["file"], place["position"])
    if place["gtid"] and not source.gtid_includes(source.gtid_written(), place["gtid"]):
        return "the source's binary log was started over: it does not hold %s" % place["gtid"]
    if set(seed.erase) - set(ledger["schemas"]):
        return "the target holds other schemas, which are to be erased"
    for table in ledger["files"]:
        for name, size in table["files"]:
            path = os.path.join(stash.rows, name)
            if not os.path.exists(path) or os.path.getsize(path) != size:
                return "its file %s is gone, or another" % name
    return ""


def _dump(seed: Seed, stash: DumpDirectory, threads: int, moment: Moment) -> dict:
    """Write rows and definitions to files on the target. Returns the ledger of the whole dump."""
    source, began = seed.source, time.monotonic()
    check_transactions(source, seed.options["max_transaction_seconds"])
    schemas = source.user_schemas()
    before = read_catalogue(source.connection, schemas)
    tables, sequences = read_tables(source, schemas)
    stash.begin()
    total, whole = max(1, sum(table.size for table in tables)), seed.watch.expected
    seed.watch.expected = int(whole * (1 + TEXT))

    def tick() -> None:
        moment.check()
        written = folder_bytes(stash.rows)
        line = copy_line(written, total, written, time.monotonic() - began)
        seed.progress.say("dump", line, done=whole * TEXT * min(1.0, written / total), total=seed.watch.expected, crossed=written)

    coordinates, held = dump_rows(seed, stash.rows, stash.log, threads, pattern(schemas), moment.known, tick, _sandbox(seed, stash))
    check_coordinates(source, coordinates)
    for part, path in (("definitions", stash.definitions), ("triggers", stash.triggers)):
        seed.progress.say(part, "%s by the source's own dump" % part)
        _fetch(seed, schemas, part, path)
    check_unchanged(source, schemas, before)
    moment.settle()
    files = find_files(stash.rows, tables, sequences)
    ledger = {
        **_facts(seed),
        "schemas": schemas,
        "catalogue": before,
        "coordinates": asdict(coordinates),
        # With hashes, and as private as the rows beside them: a load that goes on takes these, and none of a later moment.
        "accounts": asdict(moment.accounts),
        "files": [
            {"table": list(table), "files": [(name, file_size(os.path.join(stash.rows, name))) for name in names]}
            for table, names in sorted(files.items())
        ],
        "bytes": total,
        "expected": whole,
        "held_seconds": held,
        "threads": threads,
        "dump_seconds": round(time.monotonic() - began, 3),
    }
    stash.close(ledger)
    return ledger


def _sandbox(seed: Seed, stash: DumpDirectory) -> Sandbox:
    """Where mydumper runs: as the server's user, with the folder of rows and this host's own ports.

    :raises MigrationError: where this host does not keep it apart
    """
    owner = os.stat(seed.target.identity.datadir)
    stash.hand_rows(owner.st_uid, owner.st_gid)
    sandbox = Sandbox(seed.options["migration_id"], Room((owner.st_uid, owner.st_gid), (stash.rows,), loopback=True))
    sandbox.stop()
    tell_lost(seed, sandbox.check())
    return sandbox


def _fetch(seed: Seed, schemas: list, part: str, path: str) -> None:
    """A part of the source's own dump, into a file.

    :raises MigrationError: where it is cut off
    """
    reader = DumpReader()
    request = json.dumps(dump_request(seed.source, schemas, seed.options, part)).encode()
    with open(path, "wb") as stream:

        def take(chunk: bytes) -> None:
            stream.write(chunk)
            reader.feed(chunk)

        stages = [
            Stage("the %s on the source" % part, agent_command(seed.options["migration_id"], "dump")),
            Stage("zstd on the target", ["zstd", "-q", "-d", "-c"]),
            Stage("cat", ["cat"]),
        ]
        Pipeline(stages, request, [lambda _chunk: None, take]).run()
    reader.check_complete()


def _load(seed: Seed, stash: DumpDirectory, ledger: dict) -> dict:
    """Load what is not there yet."""
    began, handle = time.monotonic(), private_file(client_options(seed.target_login))
    end_orphans(seed.target.connection, seed.options["migration_id"])
    streams = stream_count(seed.options["load_streams"])
    try:
        done = _tables_ready(seed, stash, ledger, handle)
        _load_rows(seed, stash, ledger, done, handle, streams)
        seed.progress.say("triggers", "triggers, now that the rows are there")
        _load_file(seed, stash.triggers, handle)
    finally:
        os.close(handle)
    files = [size for entry in ledger["files"] for _name, size in entry["files"]]
    return {
        "schemas": ledger["schemas"],
        "catalogue": ledger["catalogue"],
        "coordinates": ledger["coordinates"],
        "tables": len(ledger["files"]),
        "bytes": ledger["bytes"],
        "crossed": sum(files),
        "seconds": round(ledger["dump_seconds"] + time.monotonic() - began, 3),
        "threads": ledger["threads"],
        "streams": streams,
        "held_seconds": ledger["held_seconds"],
        "kept_tables": len(done),
    }


def _tables_ready(seed: Seed, stash: DumpDirectory, ledger: dict, handle: int) -> set:
    """Have each table on the target, whole or empty. Returns the whole ones."""
    connection = seed.target.connection
    defined, done, begun = stash.loaded()
    if defined:
        known = stash.keep_definitions(read_definitions(connection, sorted(begun)))
        there = {(table.schema, table.name) for table in read_tables(seed.target, ledger["schemas"])[0]}
        all_tables = {tuple(entry["table"]) for entry in ledger["files"]}
        if all_tables - begun <= there and all("%s\0%s" % table in known for table in begun):
            make_again(connection, known, sorted(begun))
            _tell_kept(seed, done, begun, len(all_tables))
            return done
    clear_target(seed.target, [schema for schema in seed.target.user_schemas() if schema in ledger["schemas"]])
    stash.begin_load()
    seed.progress.say("definitions", "schemas, tables, views, routines and events")
    _load_file(seed, stash.definitions, handle)
    stash.note(defined=True)
    return set()


def _tell_kept(seed: Seed, done: set, begun: set, number: int) -> None:
    text = "%d of %d tables are whole and are not loaded again; %d that were begun are emptied" % (len(done), number, len(begun))
    seed.progress.say("going on", text)
    for word, tables in (("not loaded again", done), ("emptied", begun)):
        for schema, name in sorted(tables):
            print("%s: %s.%s" % (word, schema, name))


def _load_file(seed: Seed, path: str, handle: int) -> None:
    """Statements of the source's own dump into the target's own client."""
    loader = client_stage(seed.target, handle, LOADER_SESSION + seed.target.loader_defaults)
    stages = [Stage(os.path.basename(path), ["cat", path]), *option_remover(seed.source.connection, seed.source.user_schemas()), loader]
    Pipeline(stages, b"", []).run()


def _load_rows(seed: Seed, stash: DumpDirectory, ledger: dict, done: set, handle: int, streams: int) -> None:
    files = {tuple(entry["table"]): [tuple(part) for part in entry["files"]] for entry in ledger["files"]}
    units = plan_units(files, done)
    total, began, passed = max(1, sum(unit.size for unit in units)), time.monotonic(), [0] * streams
    # What is still to come onto a disk that holds the whole dump, and the tables that are done.
    everything = max(1, sum(size for parts in files.values() for _name, size in parts))
    seed.watch.expected = int(ledger["expected"] * total / everything)

    def start(unit: Unit, number: int) -> Pipeline:
        stash.note(begun=unit.tables)
        lock = ", @nordbridge_stream = GET_LOCK('%s', 10)" % stream_lock(seed.options["migration_id"], number)

        def take(chunk: bytes) -> None:
            passed[number] += len(chunk)

        paths = [os.path.join(stash.rows, name) for name in unit.files]
        loader = client_stage(seed.target, handle, SESSION + lock, unit.schema)
        return Pipeline([Stage("the files of rows", ["cat", *paths]), loader], b"", [take])

    def arrived(tables: list) -> None:
        stash.note(tables=tables)
        for schema, name in tables:
            print("loaded: %s.%s" % (schema, name), flush=True)

    def tick() -> None:
        line = copy_line(sum(passed), total, sum(passed), time.monotonic() - began)
        seed.progress.say("load", line, done=sum(passed), total=total, crossed=sum(passed))

    TableLoader(units, start, arrived).run(streams, tick)
