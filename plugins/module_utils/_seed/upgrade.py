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
from dataclasses import dataclass

from .._bridge.call import agent_command, tail
from .._child import WORK_SECONDS, run_child
from .._errors import MigrationError, ServerError
from .._server.connection import connect
from .._server.endpoint import Endpoint
from .._state.paths import PROGRAMS_ROOT, check_id
from .conditions import PROGRAMS, find
from .lend import LOADER
from .physical import PROVIDED, series

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
START_SECONDS = 300.0
KINDS = ("bin/", "lib/", "share/", LOADER)


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
    algorithm = source["values"].get("innodb_compression_algorithm", "zlib")
    if algorithm in PROVIDED and steps[0] < (10, 7):
        return "pages may be compressed by %s, which the target has as a plugin only" % algorithm
    return ""


def _dotted(version: tuple) -> str:
    return ".".join(map(str, version))


def as_owner(owner: tuple) -> list[str]:
    """What runs a program as a user and group, without a way back, and ends it with us."""
    ids = ["--reuid=%d" % owner[0], "--regid=%d" % owner[1], "--clear-groups", "--no-new-privs"]
    return ["setpriv", *ids, "--pdeathsig=KILL", "--"]


@dataclass
class Borrowed:
    """The source's programs on the target, run as whom the data directory belongs to.

    :param folder: where they are
    :param owner: user and group, by number
    """

    folder: str
    owner: tuple

    def run(self, program: str, *options: str) -> bytes:
        """All that a program said.

        :raises MigrationError: where it failed
        """
        loaded = [os.path.join(self.folder, LOADER), "--library-path", os.path.join(self.folder, "lib")]
        command = as_owner(self.owner) + loaded + [os.path.join(self.folder, "bin", program), *options]
        with tempfile.TemporaryFile() as words:
            code = run_child(command, WORK_SECONDS, stdout=words, stderr=words, cwd="/").returncode
            words.seek(0)
            told = words.read()
        if code:
            raise MigrationError("the source's %s failed on the target (%d): %s" % (program, code, tail(told)))
        return told


@contextmanager
def borrowed(migration_id: str, datadir: str) -> t.Iterator[Borrowed]:
    """The source's programs, on the target for a while; they are tried before anything is touched.

    :raises MigrationError: where they do not arrive or do not run
    """
    folder = os.path.join(PROGRAMS_ROOT, check_id(migration_id))
    owner = os.stat(datadir)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, 0o755)
    try:
        _fetch(migration_id, folder)
        tools = Borrowed(folder, (owner.st_uid, owner.st_gid))
        for program in ("mariadb-backup", "mariadbd"):
            tools.run(program, "--no-defaults", "--version")
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
                    for member in archive:
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
    content = archive.extractfile(member) if member.isfile() and place.startswith(KINDS) and ".." not in place else None
    if content is None:
        raise MigrationError("the source's programs hold %r, which belongs to none" % member.name)
    path = os.path.join(folder, place)
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    with open(path, "wb") as stream:
        shutil.copyfileobj(content, stream)
    os.chmod(path, 0o755 if place == LOADER or place.startswith("bin/") else 0o644)


def shut_down_cleanly(tools: Borrowed, folder: str) -> None:
    """Let the source's own server open the prepared files once, finish what is unfinished, and end.

    C(--bootstrap) reads statements from its standard input, which is empty, and opens no socket. It ends as any shutdown does, but
    its last words go nowhere: its exit code tells, and after it the target's server, which refuses an older log that is not empty.
    """
    share = os.path.join(tools.folder, "share")
    made_by = os.path.join(folder, "backup-my.cnf")
    tools.run(
        "mariadbd",
        "--defaults-file=%s" % made_by if os.path.exists(made_by) else "--no-defaults",
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


def upgrade_system_tables(folder: str, tools: Borrowed, say: t.Callable[[str], None]) -> None:
    """Open the files by the target's own server and run its upgrade program on it, before they are swapped in.

    The server is nobody's but ours: its socket is in a folder of its own user, it has no network, no binary log, no replication
    and no events, and needs no login. The program is the whole of C(mariadb-upgrade): system tables, views, and a look at every
    table for what the new version must rebuild. The packages' own upgrade finds nothing left to do when the service starts.

    :raises MigrationError: where the server does not start or end, or the program fails; with their words
    """
    place = os.path.join(tools.folder, "run")
    os.mkdir(place, 0o700)
    os.chown(place, *tools.owner)
    socket, log = os.path.join(place, "socket"), os.path.join(place, "log")
    command = as_owner(tools.owner) + [find(PROGRAMS["mariadbd"])]
    command += ["--datadir=%s" % folder, "--socket=%s" % socket, "--pid-file=%s/pid" % place, "--log-error=%s" % log, *ALONE]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/") as server:
        try:
            _await(server, socket, log)
            say("mariadb-upgrade of %s" % folder)
            _upgrade(socket)
            server.terminate()
            if server.wait():
                raise MigrationError("the target's server ended with %d after the upgrade: %s" % (server.returncode, _end_of(log)))
        finally:
            if server.poll() is None:
                server.kill()


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


def _upgrade(socket: str) -> None:
    command = [find(PROGRAMS["mariadb-upgrade"]), "--no-defaults", "--socket=%s" % socket, "--user=root", "--force"]
    done = run_child(command, WORK_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise MigrationError("mariadb-upgrade failed (%d): %s" % (done.returncode, tail(done.stdout)))


def _end_of(log: str) -> str:
    try:
        with open(log, "rb") as stream:
            return tail(stream.read())
    except OSError as error:
        return "its log: %s" % error.strerror
