# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A copy of files onto a later series of MariaDB: made ready by the source's own programs, then upgraded by the target's.

A later server takes an older one's data files, but not its logs: an upgrade needs a server that was shut down cleanly, and a
backup is prepared by the series that made it. So the target borrows both programs from the source for as long as that takes.
The backup program prepares; the server, without a network and without anything to do, rolls back what was not committed, empties
its change buffer and its history, and ends cleanly. What is left is what an administrator would have after a clean shutdown
of the old server, and it is what the later series' own manual asks for.
https://mariadb.com/kb/en/upgrading-between-major-mariadb-versions/
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ...._bridge.call import agent_command
from ...._errors import MigrationError, ServerError
from ...._sandbox.properties import Room
from ...._sandbox.run import Sandbox
from ...._server.connection import connect
from ...._server.endpoint import Endpoint
from ...._state.paths import PROGRAMS_ROOT, check_id
from ...._text import tail
from ...conditions import PROGRAMS, find
from ..physical import PROVIDED, series
from .backup_files import OPTION_FILE
from .ship_programs import LOADER, SHIPPED

# From where to where this was tried under writes (molecule/, tests/integration).
OLDEST, NEWEST = (10, 5), (11, 8)
# A server for the upgrade alone. What its configuration says of files and memory holds.
ALONE = (
    "--skip-networking",
    "--skip-grant-tables",
    "--skip-log-bin",
    "--skip-slave-start",
    "--event-scheduler=DISABLED",
    "--read-only=OFF",
    "--general-log=OFF",
    "--slow-query-log=OFF",
    "--loose-wsrep-on=OFF",
)
START_SECONDS, STOP_SECONDS, VERSION_SECONDS = 300.0, 1800.0, 60.0
KINDS = ("bin/", "lib/", "share/")
# More than any series' programs and messages take.
MOST_FILES, MOST_BYTES = 2000, 4 << 30
LOG_BYTES = 1 << 16


def upgrade_obstacle(source: dict, target: dict) -> str:
    """Why the source's files cannot be upgraded for the target; empty where they can, or need not be.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    if series(source) == series(target):
        return ""
    steps = [tuple(server["version"][:2]) for server in (source, target)]
    if not OLDEST <= steps[0] < steps[1] <= NEWEST:
        return "files of %s for a server of %s: tried is %s to %s only" % (series(source), series(target), _dotted(OLDEST), _dotted(NEWEST))
    one, other = source["host"], target["host"]
    if one["machine"] != other["machine"]:
        return "the source's programs (%s) do not run on the target (%s)" % (one["machine"], other["machine"])
    missing = ["%s on the source" % name for name in ("mariadbd", "ldd") if not one["programs"][name]]
    missing += ["mariadb-upgrade on the target"] if not other["programs"]["mariadb-upgrade"] else []
    if missing:
        return "the upgrade needs %s" % ", ".join(missing)
    refused = borrow_obstacle(series(source), target.get("borrow") or ())
    if refused:
        return refused
    algorithm = source["values"].get("innodb_compression_algorithm", "zlib")
    if algorithm in PROVIDED and steps[0] < (10, 7):
        return "pages may be compressed by %s, which the target has as a plugin only" % algorithm
    return ""


def borrow_obstacle(source_series: str, allowed: t.Collection[str]) -> str:
    """Why the source's own programs may not run on the target; empty where its owner allowed all that are needed, by name."""
    lacks = [name for name in SHIPPED if name not in allowed]
    if not lacks:
        return ""
    return (
        "the upgrade of files runs the source's own programs on the target, and %s not allowed there: trust the source's host with that"
        " (migration_target_seed_borrow_programs: [%s]; they run as the server's user in a sandbox), or install the packages mariadb-server and"
        " mariadb-backup of %s on the target and upgrade it after the cutover"
        % (" and ".join(lacks) + (" is" if len(lacks) == 1 else " are"), ", ".join(SHIPPED), source_series)
    )


def _dotted(version: tuple) -> str:
    return ".".join(map(str, version))


@dataclass(frozen=True)
class ShippedPrograms:
    """The source's programs on the target. They are whatever the source sent, and run in the sandbox alone.

    :param folder: where they are
    """

    folder: str

    def argv(self, program: str, *options: str) -> list[str]:
        """What runs one of them with its own libraries."""
        loaded = [os.path.join(self.folder, LOADER), "--library-path", os.path.join(self.folder, "lib")]
        return [*loaded, os.path.join(self.folder, "bin", program), *options]


@contextmanager
def borrowed(migration_id: str, datadir: str) -> t.Iterator[ShippedPrograms]:
    """The source's programs, on the target for a while; they are tried before anything is touched.

    :raises MigrationError: where they do not arrive or do not run
    """
    folder = os.path.join(PROGRAMS_ROOT, check_id(migration_id))
    owner = os.stat(datadir)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, 0o755)
    try:
        _fetch(migration_id, folder)
        tools, sandbox = ShippedPrograms(folder), Sandbox(migration_id, Room((owner.st_uid, owner.st_gid), (), VERSION_SECONDS))
        for program in SHIPPED:
            sandbox.run("version", tools.argv(program, "--no-defaults", "--version"), "the source's %s, on the target," % program)
        yield tools
    finally:
        return_programs(migration_id)


def return_programs(migration_id: str) -> None:
    """Remove what was borrowed."""
    shutil.rmtree(os.path.join(PROGRAMS_ROOT, check_id(migration_id)), ignore_errors=True)
    if os.path.isdir(PROGRAMS_ROOT) and not os.listdir(PROGRAMS_ROOT):
        os.rmdir(PROGRAMS_ROOT)


def _fetch(migration_id: str, folder: str) -> None:
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(
            agent_command(migration_id, "programs"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words
        ) as agent:
            try:
                with tarfile.open(fileobj=agent.stdout, mode="r|") as archive:
                    left = MOST_BYTES
                    for number, member in enumerate(archive):
                        left -= member.size
                        if left < 0 or number >= MOST_FILES:
                            raise OSError("they are more than %d files or %d MB" % (MOST_FILES, MOST_BYTES >> 20))
                        _unpack(archive, member, folder)
            except (tarfile.TarError, OSError) as error:
                agent.kill()
                agent.wait()
                words.seek(0)
                raise MigrationError("the source's programs did not arrive: %s" % (tail(words.read()) or error)) from None
        if agent.returncode:
            words.seek(0)
            raise MigrationError("the source's programs did not arrive: %s" % tail(words.read()))


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    """Write one file; plain files in known places only, whatever the archive says."""
    place = os.path.normpath(member.name)
    known = place == LOADER or (place.startswith(KINDS) and ".." not in place)
    content = archive.extractfile(member) if member.isfile() and known else None
    if content is None:
        raise MigrationError("the source's programs hold %r, which belongs to none" % member.name)
    path = os.path.join(folder, place)
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    with open(path, "wb") as stream:
        shutil.copyfileobj(content, stream)
    os.chmod(path, 0o755 if place == LOADER or place.startswith("bin/") else 0o644)


def shut_down_cleanly(tools: ShippedPrograms, folder: str, sandbox: Sandbox) -> None:
    """Let the source's own server open the prepared files once, finish what is unfinished, and end.

    C(--bootstrap) reads statements from its standard input, which is empty, and opens no socket. It ends as any shutdown does, but
    its last words go nowhere: its exit code tells, and after it the target's server, which refuses an older log that is not empty.
    """
    share = os.path.join(tools.folder, "share")
    command = tools.argv(
        "mariadbd",
        # Ours: see backup_files.py.
        "--defaults-file=%s" % os.path.join(folder, OPTION_FILE),
        "--bootstrap",
        "--datadir=%s" % folder,
        "--innodb-fast-shutdown=0",
        "--innodb-buffer-pool-dump-at-shutdown=0",
        "--innodb-buffer-pool-load-at-startup=0",
        "--event-scheduler=DISABLED",
        "--skip-log-bin",
        "--skip-slave-start",
        "--plugin-dir=%s" % share,
        "--lc-messages-dir=%s" % share,
        "--character-sets-dir=%s" % os.path.join(share, "charsets"),
    )
    sandbox.run("shutdown", command, "the source's mariadbd, on the target,")


def upgrade_system_tables(folder: str, tools: ShippedPrograms, sandbox: Sandbox, say: t.Callable[[str], None]) -> None:
    """Open the files by the target's own server and run its upgrade program on it, before they are swapped in.

    The server is nobody's but ours: its socket is in a folder of its own user, it has no network, no binary log, no replication
    and no events, and needs no login. The program is the whole of C(mariadb-upgrade): system tables, views, and a look at every
    table for what the new version must rebuild. The packages' own upgrade finds nothing left to do when the service starts.

    :param sandbox: where the files are written
    :raises MigrationError: where the server does not start or end, or the program fails; with their words
    """
    place = os.path.join(tools.folder, "run")
    os.mkdir(place, 0o700)
    os.chown(place, *sandbox.room.owner)
    sandbox = Sandbox(sandbox.migration_id, replace(sandbox.room, writable=(folder, place)))
    socket, log = os.path.join(place, "socket"), os.path.join(place, "log")
    command = [find(PROGRAMS["mariadbd"]), "--datadir=%s" % folder, "--socket=%s" % socket, "--pid-file=%s/pid" % place]
    command = sandbox.command("server", [*command, "--log-error=%s" % log, *ALONE])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/") as server:
        try:
            _await(server, socket, log)
            say("mariadb-upgrade of %s" % folder)
            _upgrade(socket, sandbox)
            _shut_down(server, socket, log)
        finally:
            if server.poll() is None:
                server.kill()
            sandbox.stop("server", "upgrade")


def _await(server: subprocess.Popen, socket: str, log: str) -> None:
    """Wait until a server answers at its socket."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            connect(Endpoint(unix_socket=socket), "upgrade").close()
            return
        except ServerError:
            time.sleep(0.3)
    raise MigrationError("the target's server does not start on the source's files: %s" % _end_of(log))


def _upgrade(socket: str, sandbox: Sandbox) -> None:
    command = [find(PROGRAMS["mariadb-upgrade"]), "--no-defaults", "--socket=%s" % socket, "--user=root", "--force"]
    sandbox.run("upgrade", command, "mariadb-upgrade")


def _shut_down(server: subprocess.Popen, socket: str, log: str) -> None:
    """By a statement, which reaches the server itself: a signal would reach what started it."""
    try:
        with connect(Endpoint(unix_socket=socket), "upgrade") as connection:
            connection.run("SHUTDOWN")
    except ServerError:
        pass  # it may hang up before it answers; its end is what counts
    try:
        code = server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise MigrationError("the target's server did not end within %d s after the upgrade: %s" % (STOP_SECONDS, _end_of(log))) from None
    if code:
        raise MigrationError("the target's server ended with %d after the upgrade: %s" % (code, _end_of(log)))


def _end_of(log: str) -> str:
    try:
        with os.fdopen(os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - LOG_BYTES))
            return tail(stream.read())
    except OSError as error:
        return "its log: %s" % error.strerror
