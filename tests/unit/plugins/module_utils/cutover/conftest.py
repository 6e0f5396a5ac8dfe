# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two servers in memory for the cutover: every effect is noted, may fail, and may be the last thing before death."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import (
    context,
    location,
    steps_after_commit,
    steps_before_commit,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import run as cutover
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.history import joined, nothing
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import ReplicaStatus
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.base import HistoryEnd
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning.relax import Durable

GTID = "0-1-%d"


class Dead(BaseException):
    """The process was killed: nothing that it does afterwards happens."""


class World:
    """What both hosts are, and what happens to them."""

    Dead = Dead

    def __init__(self) -> None:
        self.log: list[str] = []
        self.failing: dict[str, BaseException] = {}  # effect -> what it ends with, before anything happened
        self.killing = ""  # the effect after which the process dies
        self.dead = False
        self.source_gone = False
        self.host_gone = False
        self.written = 100
        self.applied = 100
        self.arriving = True
        self.lease = "none"
        self.refused = 7
        self.proof = joined(nothing("gtid sets"), nothing("binary logs"))
        self.settled = True
        self.against: dict = {}  # by verb: what makes the hold worthless
        self.elsewhere: list = []  # what would close a promoted server
        self.source = {"read_only": False, "locked": False, "hold": False, "scheduler": "ON", "accounts": set(), "heartbeat": 7}
        self.target = {"read_only": True, "hold": True, "replica": True, "threads": True, "scheduler": "OFF", "heartbeat": 7}

    def effect(self, name: str) -> None:
        if self.dead:
            raise Dead
        self.log.append(name)
        if name in self.failing:
            error = self.failing[name]
            self.killing = name if isinstance(error, Dead) else self.killing
            if isinstance(error, Dead):
                self.dead = True
            raise error

    def after(self, name: str) -> None:
        """Both servers open at once is what must never be."""
        assert self.source["read_only"] or self.target["read_only"], "two writable servers after %s" % name
        if name == self.killing:
            self.dead = True
            self.source["locked"] = False
            raise Dead

    def revive(self) -> None:
        """A new process: the old one's locks are gone with it."""
        self.dead, self.killing, self.source["locked"] = False, "", False
        self.failing.clear()
        del self.log[:]

    def fire(self) -> None:
        """What the lease's timer does."""
        self.lease = "fired"
        self.source.update(read_only=False, locked=False, hold=False, scheduler="ON", accounts=set())

    def unlease(self) -> dict:
        """What the agent answers who asks for the timer's work."""
        if self.lease == "armed":
            self.fire()
        return {"outcome": "committed" if self.lease == "committed" else "fired", "settled": self.settled, "owner": ""}

    def agent(self, _id: str, verb: str, _request: dict) -> dict:
        """The agent on the source's host."""
        self.effect(verb)
        if self.host_gone:
            raise MigrationError("the agent on the source did not answer")
        if verb == "unlease":
            return self.unlease()
        self.after(verb)
        return {"against": self.against.get(verb, [])}

    def apply(self) -> None:
        if self.arriving and self.target["threads"]:
            self.applied = max(self.applied, self.written)


class FakeConnection:
    def __init__(self, world: World, name: str) -> None:
        # In a rollback the servers have other names.
        part = {"the new server": "source", "the old server": "target"}.get(name, name)
        self.world, self.called, self.name, self.id = world, name, part, {"source": 11, "watch": 12, "target": 13}[part]

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        return None

    def close(self) -> None:
        return None

    def status(self, _name: str) -> str:
        self._alive()
        return "60"

    def _alive(self) -> None:
        if self.world.dead:
            raise Dead
        if self.world.source_gone and self.name != "target":
            raise ServerError("%s: lost" % self.called, 2013)

    def value(self, sql: str, _args: object = None) -> int:
        self._alive()
        return 0

    def rows(self, sql: str, _args: object = None) -> list:
        self._alive()
        return []

    def run(self, sql: str, _args: object = None) -> None:
        self._alive()
        world, words = self.world, sql.lower()
        if "replica" in words:
            world.effect(words)
            world.target["threads"] = words == "start replica"
            world.target["replica"] = world.target["replica"] and not words.startswith("reset")
            world.after(words)


class FakeServer:
    hold_settings = (("read_only", "ON"),)
    option_group = "mysqld"
    identity = SimpleNamespace(
        label="oslo-db1", hostname="oslo-db1", port=3306, datadir="/d", flavour="mariadb", server_id=2, server_uuid="u2", started_at=5.0
    )

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.connection = FakeConnection(world, name)
        self.name = self.connection.name
        self.state = world.target if self.name == "target" else world.source

    def statement(self, name: str) -> str:
        return {"stop_replica": "STOP REPLICA", "start_replica": "START REPLICA", "reset_replica": "RESET REPLICA ALL"}[name]

    def _do(self, name: str, **changes: object) -> None:
        self.connection._alive()
        self.world.effect(name)
        self.state.update(changes)
        self.world.after(name)

    def refused_writes(self) -> tuple:
        self.connection._alive()
        return self.world.refused, "counted"

    def close_fence(self) -> None:
        self._do("close fence", read_only=True, locked=True)

    def open_fence(self) -> None:
        self._do("open fence", read_only=False, locked=False)

    def release_lock(self) -> None:
        self._do("release lock", locked=False)

    def read_only(self) -> bool:
        self.connection._alive()
        self.world.effect("ask %s" % self.name)
        return self.state["read_only"]

    def set_read_only(self, on: bool) -> None:
        self._do("%s %s" % ("close" if on else "promote", self.name), read_only=on)

    def binlog_position(self) -> tuple:
        self.connection._alive()
        self.world.effect("position")
        return "binlog.000001", self.world.written

    def history_end(self, also: str = "NULL", args: tuple = ()) -> tuple:
        self.connection._alive()
        self.world.effect("compare" if self.name == "target" else "history end")
        return HistoryEnd(self.state["read_only"], "", 0, self.gtid_written(), self.gtid_applied()), self.state["heartbeat"] if args else None

    def gtid_written(self) -> str:
        return GTID % (self.world.written if self.name != "target" else self.world.applied)

    def gtid_applied(self) -> str:
        return GTID % self.world.applied

    def gtid_includes(self, have: str, want: str) -> bool:
        return int(have.rsplit("-", 1)[1]) >= int(want.rsplit("-", 1)[1])

    def gtid_extra(self, have: str, allowed: str) -> str:
        return "" if self.gtid_includes(allowed, have) else have

    def wait_for_gtid(self, gtid: str, seconds: float) -> bool:
        assert seconds > 0
        self.world.effect("wait")
        self.world.apply()
        self.world.after("wait")
        return self.gtid_includes(self.gtid_applied(), gtid)

    def replica_rows(self) -> list:
        return [{}] if self.state["replica"] else []


World.connection = FakeConnection


class FakeLease:
    """The job's end of a lease that the world keeps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts = [["boss", "%", ["SUPER"], []]]
        world.effect("arm")
        world.lease = "armed"
        world.after("arm")

    def place_hold(self, seconds: float) -> None:
        self.world.effect("hold")
        self.world.source["hold"] = True
        self.world.after("hold")

    def take_privileges(self, seconds: float) -> None:
        self.world.effect("take privileges")
        self.world.source["accounts"] = {"boss"}
        self.world.after("take privileges")

    def begin_to_end_sessions(self) -> None:
        self.world.effect("end sessions")
        self.world.after("end sessions")

    def sessions_ended(self, seconds: float) -> int:
        self.world.effect("sessions ended")
        return 3

    def take(self, seconds: float) -> str:
        world = self.world
        world.effect("take")
        taken = world.lease == "armed"
        world.lease = "committed" if taken else world.lease
        world.after("take")
        return "" if taken else "the lease has ended, and the server has opened itself again"

    def end(self, seconds: float) -> dict:
        self.world.effect("end")
        if self.world.host_gone:
            raise MigrationError("the connection that holds the lease is lost")
        answer = self.world.unlease()
        self.world.after("end")
        return answer

    def close(self) -> None:
        return None


World.lease_of_job = FakeLease


@pytest.fixture
def world(monkeypatch, tmp_path):
    world = World()

    def scheduler(server, value=None):
        server.connection._alive()
        world.effect("set %s scheduler" % server.name if value else "ask scheduler")
        if value:
            server.state["scheduler"] = value
        return server.state["scheduler"]

    def remove_hold(_path):
        world.effect("remove hold")
        world.target["hold"] = False

    def status(_target):
        running = "Yes" if world.target["threads"] else "No"
        return ReplicaStatus(source_host="us-db1", io_running=running, sql_running=running)

    def connect(_login, name, read_timeout=None):
        if world.source_gone and name not in ("target", "the old server"):
            raise ServerError("%s: not there" % name, 2003)
        return FakeConnection(world, name)

    monkeypatch.setattr(steps_before_commit, "scheduler", scheduler)
    for room in (steps_before_commit, steps_after_commit):
        monkeypatch.setattr(room, "set_scheduler", scheduler)
    monkeypatch.setattr(steps_before_commit, "enabled_events", lambda _server: [["shop", "nightly"]])
    monkeypatch.setattr(steps_after_commit, "wake_events", lambda _server, events: (len(events), []))
    monkeypatch.setattr(location, "call", world.agent)
    monkeypatch.setattr(location, "Lease", lambda _id, _request: FakeLease(world))
    monkeypatch.setattr(location, "remove_hold", remove_hold)
    monkeypatch.setattr(location, "opened_by_nobody", lambda _server, _path: world.elsewhere)
    monkeypatch.setattr(steps_before_commit, "check_ready", lambda *_args: world.effect("preflight"))
    monkeypatch.setattr(steps_before_commit, "only_status", status)
    monkeypatch.setattr(steps_before_commit, "look", lambda *_args: None)
    monkeypatch.setattr(steps_before_commit, "make_durable", lambda _target, _journal: Durable({}, [], False))
    monkeypatch.setattr(steps_after_commit, "restore_rest", lambda _target, _journal: [])
    monkeypatch.setattr(steps_after_commit, "look", lambda *_args: world.effect("look") or world.proof)
    monkeypatch.setattr(steps_after_commit, "beat", lambda _connection, _id: world.effect("beat") or 8)
    monkeypatch.setattr(cutover, "connect", connect)
    monkeypatch.setattr(cutover, "open_flavour", lambda connection: FakeServer(world, connection.called))
    monkeypatch.setattr(cutover, "read_login_file", lambda path: path)
    monkeypatch.setattr(cutover, "check_place", lambda path: None)
    monkeypatch.setattr(cutover, "directory", lambda _id: str(tmp_path))
    world.journal = Journal(str(tmp_path))
    monkeypatch.setattr(cutover, "Journal", lambda _directory: world.journal)
    world.journal.update("seed done", seed={"status": "done"})
    return world


class Quiet:
    def say(self, *_args, **_numbers) -> None:
        return None


OPTIONS = {
    "migration_id": "shop", "source_login": "s", "target_login": "t", "source_hold": "/etc/mysql/zz", "target_hold": "/etc/mysql/zz",
    "budget": 5.0, "lease": 10.0, "fence_seconds": 2.0, "max_lag": 1.0, "max_transaction_seconds": 5,
}  # fmt: skip


@pytest.fixture
def cut(world):
    """Run the cutover; returns its result, its MigrationError, or the fact of death."""

    def once(**options):
        try:
            return cutover.run({**OPTIONS, **options}, Quiet())
        except MigrationError as error:
            return error
        except Dead as death:
            return death
        finally:
            # A death comes when what was being written has landed; see test_killed_before_the_record_landed for the other case.
            with suppress(OSError):
                world.journal.settle()

    return once


class FakeSwitching:
    """Moves the world's clients."""

    world: Any = None

    def __init__(self, options):
        # Without them the real one cannot start its guard, or bound a pause.
        assert options["migration_id"] == "shop" and options["job"] in ("cutover", "rollback") and options["lease"] > 0
        self.definitions = list(options.get("switches") or [])
        self.facts, self.errors, self.paused_at = [{} for _one in self.definitions], [], 0.0

    @property
    def paused(self):
        return [{"switch": one, "facts": facts} for one, facts in zip(self.definitions, self.facts)]

    def take_up(self, paused):
        self.world.taken_up = paused

    def check(self):
        self.world.effect("check switches")
        self.facts = [{"maxconn": 200} for _one in self.definitions]

    def _to(self, name, where):
        if self.definitions:
            self.world.effect(name)
            self.world.clients = where or self.world.clients
            self.world.after(name)

    def pause(self):
        self._to("pause clients", "waiting")

    def cut(self):
        self._to("cut", "")

    def switch(self):
        self.errors = []
        try:
            self._to("switch", "new")
        except MigrationError as error:
            self.errors = [str(error)]

    def undo(self):
        self._to("undo clients", "old")

    def report(self):
        return [{"switch": "haproxy mysql"}]

    def close(self):
        return None


@pytest.fixture
def clients(world, monkeypatch):
    """Where clients are: old, waiting, or new."""
    world.clients = "old"
    monkeypatch.setattr(FakeSwitching, "world", world)
    for room in (context, steps_before_commit):
        monkeypatch.setattr(room, "Switching", FakeSwitching)
    return world
