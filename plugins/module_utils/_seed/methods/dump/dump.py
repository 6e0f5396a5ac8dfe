# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The seed by dump: the servers' own program, streamed through ssh and zstd into the server's own client."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from itertools import accumulate

from ...._bridge.call import agent_command
from ...._child import run_child
from ...._errors import MigrationError
from ...._jobs.progress import Progress, copy_line
from ...._server.base import Flavour
from ...._server.endpoint import Endpoint, client_options
from ...._server.events import hides_events
from ...catalogue import changed_objects, read_catalogue, schema_sizes
from ...client import LOADER_SESSION, client_stage
from ...context import THROTTLE, Seed
from ...pipeline import Pipeline, Stage
from ...source.dump_command import private_file
from ...source.guard import LockWatch, check_transactions
from ...source.moment import Moment
from .dump_text import HEAD_BYTES, Coordinates, DumpReader, holds_coordinates, parse_coordinates
from .views import option_remover


@dataclass
class Copy:
    """A copy under way: what is to come, and what has passed."""

    tables: list  # (schema, table, bytes)
    progress: Progress
    moment: Moment
    reader: DumpReader = field(default_factory=DumpReader)
    crossed: int = 0
    placed: bool = False  # the coordinates have come
    started: float = field(default_factory=time.monotonic)
    # Bytes of the first 0, 1, 2, … tables: asked for with each chunk, and there may be very many tables.
    sums: list = field(init=False)

    def __post_init__(self) -> None:
        self.sums = list(accumulate((size for _schema, _table, size in self.tables), initial=0))

    def take_packed(self, chunk: bytes) -> None:
        """Count what crosses the bridge."""
        self.crossed += len(chunk)

    def take_text(self, chunk: bytes) -> None:
        """Look at the dump's text as it goes by."""
        self.reader.feed(chunk)
        if not self.placed and holds_coordinates(self.reader.head):
            self.placed = True
            self.moment.known()
        self.moment.check()
        total, done = self.sums[-1], self.done()
        elapsed = time.monotonic() - self.started
        line = copy_line(done, total, self.crossed, elapsed)
        self.progress.say("seed", line, done=done, total=total, crossed=self.crossed, elapsed=elapsed)

    def done(self) -> float:
        """Bytes of data that have passed: whole tables by their size, never more than all."""
        begun = min(self.reader.tables, len(self.sums) - 1)
        whole = self.sums[max(0, begun - 1)]
        # Within the table that is passing, the text stands for the data; it is never counted past that table's end.
        return float(max(whole, min(self.sums[begun], self.reader.total)))


def seed_by_dump(seed: Seed, options: dict, moment: Moment) -> dict:
    """Copy all user schemas. Returns schemas, coordinates, bytes and seconds.

    :param options: of the seed job (see run.py)
    :param moment: is told when the coordinates are known
    :raises MigrationError: where any program failed, the dump is cut off, or a definition changed on the way
    """
    source, target, connection = seed.source, seed.target, seed.source.connection
    schemas = source.user_schemas()
    check_transactions(source, options["max_transaction_seconds"])
    before = read_catalogue(connection, schemas)
    copy = Copy(schema_sizes(connection, schemas), seed.progress, moment)
    source_login, target_login = Endpoint(**options["source"]), Endpoint(**options["target"])
    with LockWatch(source_login, source_login.user, options["lock_wait"]) as watch:
        try:
            _stream(source, target, schemas, source_login, target_login, options, copy)
        except MigrationError as error:
            moment.check()
            if watch.killed:
                raise MigrationError("%s (its lock request had waited over %d s and was ended)" % (error, options["lock_wait"])) from None
            raise
    copy.reader.check_complete()
    check_unchanged(source, schemas, before)
    coordinates = parse_coordinates(copy.reader.head, copy.reader.tail)
    check_coordinates(source, coordinates)
    moment.settle()
    return {
        "schemas": schemas,
        "catalogue": before,
        "coordinates": asdict(coordinates),
        "tables": len(copy.tables),
        "bytes": copy.sums[-1],
        "crossed": copy.crossed,
        "seconds": round(time.monotonic() - copy.started, 3),
    }


def _stream(
    source: Flavour, target: Flavour, schemas: list, source_login: Endpoint, target_login: Endpoint, options: dict, copy: Copy
) -> None:
    handle = private_file(client_options(target_login))
    try:
        unpack = Stage("zstd on the target", ["zstd", "-q", "-d", "-c"])
        loader = client_stage(target, handle, LOADER_SESSION + target.loader_defaults)
        bridge = Stage("the dump on the source", agent_command(options["migration_id"], "dump"))
        words = json.dumps(dump_request(source, schemas, options)).encode()
        if options.get("dump_file"):
            _land(bridge, words, options["dump_file"], copy)
            bridge, words = Stage("the dump file", ["cat", options["dump_file"]]), b""
            copy.crossed = 0
        without = option_remover(source.connection, schemas)
        Pipeline([bridge, unpack, *without, loader], words, [copy.take_packed, copy.take_text]).run()
    finally:
        os.close(handle)


def dump_request(source: Flavour, schemas: list, options: dict, part: str = "") -> dict:
    """What the agent's verb `dump` is asked for."""
    hidden = hides_events(source.name, source.version, source.connection.variable("event_scheduler") or "")
    return {
        "flavour": source.name,
        "programs": list(source.dump_programs),
        "gtid": source.gtid_on,
        "schemas": schemas,
        "lock_wait": options["lock_wait"],
        "part": part,
        # Where events cannot be read, the plan has seen that there is none.
        **({"events": False} if hidden else {}),
        "level": options["zstd_level"],
        **{name: options[name] for name in THROTTLE},
    }


def _land(bridge: Stage, request: bytes, path: str, copy: Copy) -> None:
    """Keep the stream as a file first; whole and tested, or not under its name."""
    part = path + ".part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    head, tried = b"", 0
    with os.fdopen(handle, "wb") as stream:

        def write(chunk: bytes) -> None:
            nonlocal head, tried
            stream.write(chunk)
            # The coordinates are in its head, and known long before the file is whole.
            head += chunk[: max(0, HEAD_BYTES - len(head))]
            if tried < len(head) < HEAD_BYTES and len(head) >= 2 * tried:
                tried = len(head)
                if holds_coordinates(unpacked(head)):
                    copy.moment.known()
                    tried = HEAD_BYTES
            copy.moment.check()
            copy.take_packed(chunk)
            copy.progress.say("file", "%d MB into %s" % (copy.crossed // 1000000, path))

        Pipeline([bridge, Stage("zstd -t", ["zstd", "-q", "-t", "-"])], request, [write]).run()
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(part, path)


def unpacked(head: bytes) -> bytes:
    """What the first bytes of a packed stream hold, as far as they do."""
    return run_child(["zstd", "-q", "-d", "-c"], input=head, capture_output=True).stdout


def check_unchanged(source: Flavour, schemas: list, before: dict) -> None:
    """Refuse a copy during which a definition changed.

    :param before: the catalogue from before it
    """
    changed = changed_objects(before, read_catalogue(source.connection, schemas))
    if changed or schemas != source.user_schemas():
        raise MigrationError(
            "definitions changed on the source during the copy: %s; run the same command again when nobody changes definitions"
            % (", ".join(changed[:10]) or "schemas came or went")
        )


def check_coordinates(source: Flavour, coordinates: Coordinates) -> None:
    """Refuse coordinates that disagree with each other: then one of them disagrees with the data."""
    if not source.gtid_on:
        return
    if not coordinates.gtid:
        raise MigrationError("the dump holds no GTID position although the source has GTIDs; its program is too old for this server")
    clash = source.coordinates_agree(coordinates.file, coordinates.position, coordinates.gtid)
    if clash:
        raise MigrationError("the dump's coordinates contradict each other: %s; update the dump program (MySQL bug 105761)" % clash)
