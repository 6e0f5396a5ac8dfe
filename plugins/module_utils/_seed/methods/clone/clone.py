# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The seed by CLONE: MySQL copies its InnoDB files from server to server, and the recipient restarts with them.

https://dev.mysql.com/doc/refman/en/clone-plugin-remote.html
"""

from __future__ import annotations

import time

from ...._errors import MigrationError, Refusal, ServerError
from ...._jobs.progress import copy_line, ticking
from ...._server.background import BackgroundTask
from ...._server.clone_plugin import clone_is_active, load_clone
from ...._server.connection import connect
from ...._server.transport import requires_tls
from ...._server.unlogged import run_unlogged
from ...context import Seed
from ...places import target_obstacle
from ...watch.watch import StoppedEarly
from ..physical import drop_own_accounts, files_obstacle, free_space_obstacle, host_obstacle, series_obstacle, settle
from .clone_wire import carried, choose_wire

OLDEST = (8, 0, 17)
# From here on servers of one series clone from each other; before, only equal versions did.
SERIES = (8, 0, 37)
PROGRESS = (
    "SELECT COALESCE(SUM(ESTIMATE), 0) AS total, COALESCE(SUM(DATA), 0) AS done, COALESCE(SUM(NETWORK), 0) AS crossed,"
    " MAX(CASE WHEN STATE = 'In Progress' THEN STAGE END) AS stage FROM performance_schema.clone_progress"
)
STATUS = (
    "SELECT STATE AS state, ERROR_NO AS errno, ERROR_MESSAGE AS words, BINLOG_FILE AS file, BINLOG_POSITION AS position,"
    " GTID_EXECUTED AS gtid FROM performance_schema.clone_status"
)
# The answers of a clone that worked: the connection goes with the restarting server, or it says that somebody must start it.
RESTARTING = (0, 2006, 2013, 3707)


def obstacle(source: dict, target: dict) -> str:
    """Why CLONE cannot serve this pair; empty where it can.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    if source["flavour"] != "mysql":
        return "CLONE is MySQL's"
    versions = [tuple(server["version"]) for server in (source, target)]
    if min(versions) < OLDEST:
        return "CLONE needs MySQL 8.0.17 on both servers"
    if versions[0] != versions[1] and min(versions) < SERIES:
        return "before 8.0.37 CLONE needs equal versions"
    if (target["values"].get("performance_schema") or "").upper() not in ("ON", "1"):
        return "performance_schema is OFF on the target, and only there a server tells whether its CLONE ended well"
    if source["not_innodb"]:
        return "CLONE copies tables empty that are not InnoDB: %s" % ", ".join(source["not_innodb"])
    blocked = host_obstacle(target) or series_obstacle(source, target) or files_obstacle(source, target)
    # Whether a clone finds its way to redo and undo logs elsewhere was not tried.
    blocked = blocked or target_obstacle(target) or free_space_obstacle(source, target)
    if not blocked and not target["host"]["restarts"]:
        return "the target's service manager does not start the server again by itself (Restart=no)"
    return blocked


def copy(seed: Seed) -> dict:
    """Clone, wait for the restarted server, and read where its data stands.

    :raises MigrationError: with the server's own words
    """
    started = time.monotonic()
    _need_plugin(seed)
    wire = choose_wire(seed)
    seed.progress.say("checking", wire.words)
    with _Watcher(seed, started) as watcher, carried(seed, wire.compressed), seed.watch.armed():
        _clone(seed)
    with ticking(seed.progress, "restart", "the target's server restarts with the copied files", done=1, total=1):
        _await_restart(seed)
    status = seed.target.connection.row(STATUS)
    if str(status.get("state", "")).lower() != "completed" or int(status.get("errno") or 0):
        raise MigrationError("CLONE ended as %s: [%s] %s" % (status.get("state"), status.get("errno"), status.get("words")))
    # A small clone is over before the watcher's first look; the server keeps the figures across its restart.
    crossed = int(seed.target.connection.row(PROGRESS).get("crossed") or watcher.crossed)
    result = settle(seed)
    drop_own_accounts(seed)
    gtid = "".join(str(status["gtid"] or "").split())
    coordinates = {"file": str(status["file"]), "position": int(status["position"]), "gtid": gtid}
    seconds = round(time.monotonic() - started, 3)
    told = {"compressed": wire.compressed, "wire": wire.words, "crossed": crossed, "seconds": seconds, "clone_loaded": seed.clone_loaded}
    return {**result, "coordinates": coordinates, **told}


def _need_plugin(seed: Seed) -> None:
    """Load the plugin on the target where it is not; it stays, for a clone that is tried again. The playbook retire takes it away.

    :raises Refusal: where the source has not loaded it: the migration's account may not do that
    """
    if not clone_is_active(seed.source):
        raise Refusal(
            "%s: the plugin clone is not loaded. The playbook migrate loads it where its plan says clone: run it again; or load it yourself:"
            " INSTALL PLUGIN clone SONAME 'mysql_clone.so'" % seed.source.connection.name
        )
    if not clone_is_active(seed.target):
        load_clone(seed.target)
        seed.clone_loaded = True


def _clone(seed: Seed) -> None:
    login, connection = seed.source_login, seed.target.connection
    connection.run("SET GLOBAL clone_valid_donor_list = %s", ("%s:%d" % (login.host, login.port),))
    secure = login.tls in ("required", "verify_ca", "verify_identity") or requires_tls(seed.source.connection)
    if login.tls_ca:
        connection.run("SET GLOBAL clone_ssl_ca = %s", (login.tls_ca,))
    statement = "CLONE INSTANCE FROM %%s@%%s:%d IDENTIFIED BY %%s REQUIRE %s" % (login.port, "SSL" if secure else "NO SSL")
    number = connection.id
    try:
        run_unlogged(seed.target, statement, (login.user, login.host, login.password), seed.options["allow_logged_passwords"])
    except StoppedEarly:
        _end_statement(seed, number)
        raise
    except ServerError as error:
        if error.errno not in RESTARTING:
            raise MigrationError("CLONE failed: %s" % error) from None


def _end_statement(seed: Seed, number: int) -> None:
    """End the clone on the recipient: the server does not notice by itself that nobody waits for it any more."""
    seed.reopen_target()
    connection, deadline = seed.target.connection, time.monotonic() + 60
    running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s AND COMMAND = 'Query'"
    while time.monotonic() < deadline and connection.value(running, (number,)):
        try:
            connection.run("KILL %d" % number)
        except ServerError:
            return  # it has ended meanwhile
        time.sleep(0.5)


def _await_restart(seed: Seed) -> None:
    """Wait for the server that came up after the clone, not for the one that is about to go."""
    before, deadline = seed.target.identity.started_at, time.monotonic() + 300
    while time.monotonic() < deadline:
        seed.reopen_target()
        if seed.target.identity.started_at > before + 1 or seed.target.connection.row(STATUS).get("state") == "Completed":
            return
        time.sleep(0.5)
    raise MigrationError("the target's server did not restart after CLONE; start it by its service manager and run the same command again")


class _Watcher(BackgroundTask):
    """Tells the clone's progress from a connection of its own."""

    def __init__(self, seed: Seed, started: float) -> None:
        super().__init__()
        self.seed = seed
        self.started = started
        self.crossed = 0

    def in_background(self) -> None:
        try:
            with connect(self.seed.target_login, "target", read_timeout=30) as connection:
                while not self.ended.wait(0.5):
                    row = connection.row(PROGRESS)
                    done, total, self.crossed = (int(row[name]) for name in ("done", "total", "crossed"))
                    line = copy_line(done, total, self.crossed, time.monotonic() - self.started)
                    stage = "  (%s)" % str(row["stage"]).lower() if row["stage"] else ""
                    self.seed.progress.say("seed", line + stage, done=done, total=total, crossed=self.crossed)
        except ServerError:
            return  # the server restarts, or the clone's own connection tells what is wrong
