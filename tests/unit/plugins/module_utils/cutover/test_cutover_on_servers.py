# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole cutover by the real server classes and the source host's own part, over two servers in memory.

Each safety line of the steps has a test here that fails without it: by what the servers were asked, and by who can write then.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import nullcontext, redirect_stdout, suppress
from functools import partial
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent import dispatch, verbs
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.fields import parse, plain
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.policy import Login, Policy
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.requests import Arm
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import (
    again,
    context,
    hold,
    lease,
    lease_client,
    lease_service,
    location,
    preflight,
    steps_after_commit,
    steps_before_commit,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import run as cutover
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.history import joined, nothing
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import fences
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning.relax import Durable
from memory_server import ORDINARY, PRIVILEGED

OPENED_ITSELF = "the lease has ended, and the server has opened itself again"
EVERYBODY = (ORDINARY, PRIVILEGED)
LOGINS = {"unix_socket": "/s", "user": "nordbridge_ctl", "password": "s3cret"}


class JsonLinesProcess:
    """The connection to the source's host, whose part is played here, by the same code."""

    policy: Policy

    def __init__(self, *_words):
        self.session, self.answers = None, []

    def say(self, line):
        if line.startswith("{"):
            request = {**plain(parse(Arm, json.loads(line), "lease")), **self.policy.part(("migration_id", "login", "hold"))}
            connection = lease.connect(request["login"], "its own host", read_timeout=1)
            self.session = lease.Session(lease.open_flavour(connection), {})
            self.session.kept = lease.arm(request, self.session.server)
            self.answers.append({"word": "arm", "armed": True, "accounts": self.session.kept["accounts"]})
            return
        try:
            self.answers.append({"word": line, **self.session.words[line]()})
        except MigrationError as error:
            self.answers.append({"word": line, "error": str(error)})

    def answer(self, _seconds):
        return self.answers.pop(0)

    def close(self):
        if self.session is not None:
            self.session.server.connection.close()


class Pair:
    """Two servers, the target following the source, and the ways between them; who may write on both is asked at each statement."""

    def __init__(self, memory_server, flavour, tmp_path):
        self.source, self.target = memory_server(flavour), memory_server(flavour)
        self.source.hostname, self.target.hostname = "us-db1", "oslo-db1"
        self.source.count = self.source.heartbeat = 7
        self.target.follow(self.source)
        self.target.variables.update({"read_only": "ON", "event_scheduler": "OFF"})
        if flavour == "mysql":
            self.target.variables["super_read_only"] = "ON"
        self.root = tmp_path / "state"
        self.holds = {"source": tmp_path / "source.cnf", "target": tmp_path / "target.cnf"}
        self.timeouts = []
        self.down = False
        self.at = {}  # a statement's beginning, and what happens just before it

    def connect(self, login, name="", read_timeout=None):
        if self.down:
            raise ServerError("source: not there", 2003)
        self.timeouts.append(read_timeout)
        server = self.target if name == "target" else self.source
        connection = server.open(name)
        real = connection.raw.execute

        def execute(sql, args=None):
            for word, action in list(self.at.items()):
                if sql.startswith(word):
                    del self.at[word]
                    action()
            real(sql, args)
            assert not (self.open(self.source) and self.open(self.target)), "two writable servers after %s" % sql

        connection.raw.execute = execute
        return connection

    @staticmethod
    def open(server):
        """Whether a new ordinary session could write; without writing."""
        return server.variables["read_only"] == "OFF" and not server.locker

    def call(self, _id, verb, request):
        out = io.StringIO()
        with redirect_stdout(out):
            dispatch.perform(verb, json.dumps(request).encode(), lambda: JsonLinesProcess.policy)
        return json.loads(out.getvalue())

    def state(self):
        fence = fences.read_fence("/var/lib/mysql", str(self.root))
        return fence.state if fence else ""


@pytest.fixture(params=["mariadb", "mysql"])
def pair(memory_server, request, tmp_path, monkeypatch):
    pair = Pair(memory_server, request.param, tmp_path)
    place(pair, monkeypatch, tmp_path)
    return pair


def place(pair, monkeypatch, tmp_path):
    """Everything that leaves this process."""
    root = str(pair.root)
    for name in ("read_fence", "place_fence", "decide_fence", "find_fence"):
        monkeypatch.setattr(lease, name, partial(getattr(fences, name), root=root))
    monkeypatch.setattr(lease, "directory", lambda migration_id: os.path.join(root, migration_id))
    for module, name in ((lease, "_start"), (lease, "check_place"), (hold, "check_place"), (verbs, "check_place"), (cutover, "check_place")):
        monkeypatch.setattr(module, name, lambda *_args: None)
    served = SimpleNamespace(yes=True)
    # The service is known to run while the lease is armed; afterwards who asks for its work does it.
    monkeypatch.setattr(lease, "is_locked", lambda _path: served.yes)
    monkeypatch.setattr(lease, "STAND_IN_SECONDS", 0.0)
    # How a server's own program reads the hold is tested by itself: no program runs here.
    monkeypatch.setattr(lease, "place_hold", written)
    for module, name in ((verbs, "predict_hold"), (verbs, "prove_hold"), (verbs, "opened_by_nobody"), (location, "opened_by_nobody")):
        monkeypatch.setattr(module, name, lambda *_args: [])
    monkeypatch.setattr(JsonLinesProcess, "policy", Policy("shop", Login(**LOGINS), str(pair.holds["source"])), raising=False)
    monkeypatch.setattr(verbs, "find_fence", partial(fences.find_fence, root=root))
    monkeypatch.setattr(verbs, "Endpoint", lambda **login: login)
    for module in (lease, lease_service):
        monkeypatch.setattr(module, "fence_lock", lambda place, seconds=0.2: fences.fence_lock(place, root, seconds))
        monkeypatch.setattr(module, "Endpoint", lambda **login: login)
    for module in (lease, lease_service, cutover, verbs):
        monkeypatch.setattr(module, "connect", pair.connect)
        monkeypatch.setattr(module, "open_flavour", lambda connection: connection.raw.server.over(connection))
    monkeypatch.setattr(lease_client, "JsonLinesProcess", JsonLinesProcess)
    monkeypatch.setattr(lease_client, "agent_command", lambda *_args: [])
    monkeypatch.setattr(location, "call", pair.call)
    monkeypatch.setattr(cutover, "read_login_file", lambda _path: LOGINS)
    monkeypatch.setattr(cutover, "directory", lambda _id: str(tmp_path / "journal"))
    for name in ("look", "check_ready"):
        monkeypatch.setattr(steps_before_commit, name, lambda *_args: None)
    monkeypatch.setattr(steps_before_commit, "make_durable", lambda _target, _journal: Durable({}, [], False))
    monkeypatch.setattr(steps_before_commit, "DOUBT_SECONDS", -20.0)
    monkeypatch.setattr(steps_after_commit, "restore_rest", lambda _target, _journal: [])
    monkeypatch.setattr(steps_after_commit, "look", lambda *_args: joined(nothing("gtid sets"), nothing("binary logs")))
    pair.journal = Journal(str(tmp_path / "journal"))
    monkeypatch.setattr(cutover, "Journal", lambda _directory: pair.journal)
    pair.journal.update("seed done", seed={"status": "done"})


def written(server, path):
    """The hold's file."""
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(hold.hold_text(server.option_group, server.hold_settings))
    return True


class Quiet:
    def say(self, *_args, **_numbers):
        return None


@pytest.fixture
def cut(pair):
    def once(**options):
        fixed = {
            "migration_id": "shop", "source_login": "s", "target_login": "t", "source_hold": str(pair.holds["source"]),
            "target_hold": str(pair.holds["target"]), "budget": 5.0, "lease": 10.0, "fence_seconds": 2.0,
            "max_lag": 1.0, "max_transaction_seconds": 5,
        }  # fmt: skip
        try:
            return cutover.run({**fixed, **options}, Quiet())
        finally:
            with suppress(OSError):
                pair.journal.settle()

    return once


def undone(pair, cut, words, **options):
    """The attempt fails for that reason, and the source is as it was."""
    accounts = {user: sorted(held) for user, held in pair.source.accounts.items()}
    with pytest.raises(MigrationError, match=words) as caught:
        cut(**options)
    assert caught.value.facts == {"outcome": "undone"}
    assert pair.state() == "fired"
    assert [pair.source.write(user) for user in EVERYBODY] == ["done", "done"]
    assert pair.target.write(PRIVILEGED if pair.target.flavour == "mysql" else ORDINARY) == "refused"
    assert pair.target.threads and not pair.holds["source"].exists()
    assert {user: sorted(held) for user, held in pair.source.accounts.items()} == accounts
    assert pair.source.variables["event_scheduler"] == "ON"


def behind(pair, statement, action):
    """Something happens just before a statement."""
    pair.at[statement] = action


END = {"mariadb": "SELECT @@global.read_only AS closed", "mysql": "SELECT @@global.super_read_only AND @@global.read_only AS closed"}


def open_by_hand(pair):
    """What a configuration tool does."""
    pair.source.variables.update({name: "OFF" for name in pair.source.variables if name.endswith("read_only")})
    pair.source.locker = 0


def test_it_is_cut_over_and_nobody_writes_on_the_old_server(pair, cut):
    sessions = [pair.source.login(user) for user in EVERYBODY]
    assert [pair.source.write(session) for session in sessions] == ["done", "done"]
    result = cut()
    assert result["sessions_ended"] >= 2
    assert [pair.source.write(session) for session in sessions] == ["lost", "lost"], "they logged in with their privileges"
    assert [pair.source.write(user) for user in EVERYBODY] == ["refused", "refused"]
    assert pair.target.write(ORDINARY) == "done"
    assert pair.state() == "committed" and pair.source.locker == 0
    assert pair.target.source is None and pair.target.count > 7
    assert pair.source.accounts[PRIVILEGED] == [] and pair.source.variables["event_scheduler"] == "OFF"
    assert pair.holds["source"].read_text().count("read_only = ON") == 1 and not pair.holds["target"].exists()


def test_another_migrations_accounts_and_sessions_are_strangers(pair, cut):
    other = ("nordbridge_ctl_0a1b2c3d", "localhost")
    pair.source.accounts[other] = list(pair.source.accounts[PRIVILEGED])
    session = pair.source.login(other)
    cut()
    assert pair.source.accounts[other] == [] and pair.source.write(session) == "lost" and pair.source.write(other) == "refused"


def test_no_connection_waits_for_ever(pair, cut):
    cut()
    assert pair.timeouts and all(0 < seconds <= 60 for seconds in pair.timeouts)


def test_the_fence_waits_no_longer_than_said_for_locks(pair, cut):
    pair.source.busy = True
    undone(pair, cut, "writes could not be stopped within 2.0 s")
    waits = [sql for sql in pair.source.log if "lock_wait_timeout" in sql]
    assert waits == ["SET SESSION lock_wait_timeout = 2"]


def test_a_fence_that_does_not_hold_has_no_position(pair, cut):
    behind(pair, END[pair.source.flavour], lambda: open_by_hand(pair))
    undone(pair, cut, "the source answers that it is writable although the fence was set")


def opened_before_the_commit(pair, action):
    """The source is asked for its position twice: behind the fence, and at the commit."""
    behind(pair, END[pair.source.flavour], lambda: behind(pair, "STOP REPLICA", lambda: behind(pair, END[pair.source.flavour], noted(pair, action))))


def noted(pair, action):
    # The target is asked for its end in between.
    return lambda: behind(pair, END[pair.source.flavour], action)


def test_a_fence_that_somebody_opened_is_not_committed(pair, cut):
    opened_before_the_commit(pair, lambda: open_by_hand(pair))
    undone(pair, cut, "the source does not acknowledge the fence")


def test_what_was_written_behind_the_fence_is_not_committed(pair, cut):
    def write():
        pair.source.count += 1

    opened_before_the_commit(pair, write)
    undone(pair, cut, "the source wrote behind the fence")


def test_an_applier_that_stopped_with_an_error_is_not_promoted(pair, cut):
    def fail():
        pair.target.apply()
        pair.target.replica_error = "Duplicate entry '1' for key 'PRIMARY'"

    behind(pair, "STOP REPLICA", fail)
    undone(pair, cut, "replication did not stop cleanly: .*Duplicate entry")


@pytest.mark.parametrize(("count", "words"), [(6, "the target's transactions are not the source's"), (9, "of its own")])
def test_a_target_that_has_less_or_more_is_not_promoted(pair, cut, count, words):
    def change():
        pair.target.replica_error = "stands"
        pair.target.count = count

    def mend():
        pair.target.replica_error = ""

    behind(pair, "STOP REPLICA", change)
    behind(pair, {"mariadb": "SHOW ALL REPLICAS", "mysql": "SHOW REPLICA STATUS"}[pair.source.flavour], mend)
    undone(pair, cut, words)


def test_a_target_without_the_last_heartbeat_is_not_promoted(pair, cut):
    def change():
        pair.target.threads, pair.target.heartbeat = False, 6

    behind(pair, "STOP REPLICA", change)
    undone(pair, cut, "last heartbeat has not arrived")


def test_a_target_that_does_not_catch_up_is_not_promoted(pair, cut):
    pair.target.count = 5
    pair.target.threads = False
    with pytest.raises(MigrationError, match="had not applied the source's last write"):
        cut()
    assert [pair.source.write(user) for user in EVERYBODY] == ["done", "done"]


def test_sessions_that_do_not_end_are_not_committed(pair, cut):
    pair.source.login(PRIVILEGED)
    pair.source.kill_works = False
    undone(pair, cut, "1 sessions that logged in before the fence do not end")


def test_an_account_that_keeps_its_privilege_stops_it_before_the_fence(pair, cut, monkeypatch):
    monkeypatch.setattr(type(pair.source), "revoke", lambda *_args, **_more: [])
    undone(pair, cut, "these accounts kept the privilege.*root@localhost")
    assert not any("WITH READ LOCK" in sql or "SET GLOBAL super_read_only = ON" in sql for sql in pair.source.log)


@pytest.mark.parametrize(("budget", "term"), [(1000.0, 5.0), (3.0, 1000.0)])
def test_waits_end_with_the_lease_and_with_the_budget(pair, cut, monkeypatch, budget, term):
    """All that is waited for after the lease's end is lost: the source has opened itself."""
    clock, asked = [1000.0], []

    def wait(_server, _gtid, seconds):
        asked.append(seconds)
        clock[0] += seconds
        return False

    monkeypatch.setattr(type(pair.source.server()), "wait_for_gtid", wait)
    for module in (context, steps_before_commit):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0], time=lambda: clock[0]))
    undone(pair, cut, "had not applied", budget=budget, lease=term, fence_seconds=1.0)
    assert sum(asked) == pytest.approx(min(budget, term))


def test_file_and_position_serve_where_there_are_no_gtids(pair, cut):
    pair.source.gtids = pair.target.gtids = False
    cut()
    assert any("_POS_WAIT(" in sql for sql in pair.target.log)
    assert pair.state() == "committed"


class TestSourceHost:
    """The part of the source's host by itself: what it does at its lease's end, over a real server class."""

    @pytest.fixture
    def session(self, pair):
        """Armed, staged and fenced."""
        server = lease.open_flavour(pair.connect(LOGINS, "its own host", 1))
        request = {
            "migration_id": "shop", "token": "abc", "seconds": 10.0, "login": LOGINS, "hold": str(pair.holds["source"]),
            "scheduler": "ON", "promoted": "oslo-db1",
        }  # fmt: skip
        session = lease.Session(server, lease.arm(request, server))
        session.hold()
        session.privileges()
        pair.fence = pair.source.server("the job's")
        pair.fence.close_fence()
        pair.source.variables["event_scheduler"] = "OFF"
        return session

    @pytest.fixture
    def over(self, monkeypatch):
        """The lease's time is over."""
        return lambda: [monkeypatch.setattr(module, "is_over", lambda _kept: True) for module in (lease, lease_service)]

    @staticmethod
    def opened(pair):
        return (
            [pair.source.write(user) for user in EVERYBODY] == ["done", "done"]
            and not pair.holds["source"].exists()
            and pair.source.variables["event_scheduler"] == "ON"
        )

    def test_its_service_opens_the_server_and_is_bounded(self, pair, session, over):
        service = lease_service.Service(session.kept)
        assert service.step() == lease_service.LOOK_SECONDS
        assert pair.holds["source"].exists() and pair.source.write(PRIVILEGED) != "done"
        over()
        del pair.timeouts[:]
        service.drop()
        assert service.step() is None
        assert self.opened(pair) and pair.state() == "fired"
        assert pair.timeouts and all(0 < seconds <= 10 for seconds in pair.timeouts)
        assert not os.path.exists(lease.lease_path(str(pair.root / "shop"), "abc")), "it holds a password"

    def test_it_goes_on_for_as_long_as_the_server_is_down(self, pair, session, over, monkeypatch):
        over()
        pair.down, pauses = True, []

        def sleep(seconds):
            pauses.append(seconds)
            pair.down = len(pauses) < 500

        monkeypatch.setattr(lease_service.time, "sleep", sleep)
        lease_service.serve(lease_service.Service(session.kept))
        assert self.opened(pair)
        assert len(pauses) >= 500 and all(seconds <= 1.0 for seconds in pauses)

    def test_who_asks_early_opens_it_by_a_bounded_connection(self, pair, session, monkeypatch):
        del pair.timeouts[:]
        assert lease.finish({"migration_id": "shop", "token": "abc"}) == {"outcome": "fired", "settled": True, "owner": ""}
        assert self.opened(pair)
        assert pair.timeouts and all(0 < seconds <= 10 for seconds in pair.timeouts)

    def test_a_committed_server_that_was_opened_is_closed_again_and_its_writers_are_gone(self, pair, session):
        assert session.sessions()["left"] == 0
        assert session.take() == {"taken": True, "why": ""}
        pair.fence.release_lock()
        service = lease_service.Service(session.kept)
        service.step()
        assert pair.source.write(PRIVILEGED) == "refused"
        open_by_hand(pair)
        pair.source.variables["event_scheduler"] = "ON"
        writer = pair.source.login(ORDINARY)
        assert pair.source.write(writer) == "done"
        service.step()
        assert [pair.source.write(one) for one in (writer, ORDINARY, PRIVILEGED)] == ["lost", "refused", "refused"]
        assert pair.source.variables["event_scheduler"] == "OFF"

    @pytest.mark.parametrize("late", ["over", "fired", "none"])
    def test_nothing_is_closed_by_a_lease_that_has_ended(self, pair, session, over, late):
        if late == "over":
            over()
        else:
            lease.finish({"migration_id": "shop", "token": "abc"})
        if late == "none":
            os.unlink(fences.fence_path(fences.read_fence("/var/lib/mysql", str(pair.root)), str(pair.root)))
        pair.holds["source"].unlink(missing_ok=True)
        pair.source.log.clear()
        for word in (session.hold, session.privileges, session.sessions):
            with pytest.raises(MigrationError, match="the lease has ended"):
                word()
        assert not pair.holds["source"].exists()
        assert not any(sql.startswith(("REVOKE", "KILL")) for sql in pair.source.log)
        # Its own session was ended with the others.
        session.server = pair.source.server()
        session.server.set_read_only(True)
        assert session.take() == {"taken": False, "why": "the lease's time is over" if late == "over" else OPENED_ITSELF}

    def test_a_hold_that_meets_the_leases_end_is_removed_again(self, pair, session, monkeypatch):
        pair.holds["source"].unlink()

        def place(_server, _path):
            pair.holds["source"].write_text("[mysqld]\n")
            lease.decide("/var/lib/mysql", "abc", fences.FIRED)
            return True

        monkeypatch.setattr(lease, "place_hold", place)
        with pytest.raises(MigrationError, match="the lease has ended"):
            session.hold()
        assert not pair.holds["source"].exists()

    @pytest.mark.parametrize("state", ["armed", "committed"])
    def test_a_server_that_another_migration_has_closed_is_not_released(self, pair, session, state):
        if state == "committed":
            session.take()
        request = {"migration_id": "crm", "token": "", "login": LOGINS, "hold": str(pair.holds["source"]), "accounts": [], "scheduler": "ON"}
        with pytest.raises(MigrationError, match="migration shop has closed this server since"):
            lease.release(request)
        assert pair.state() == state and pair.holds["source"].exists() and not pair.open(pair.source)

    def test_a_rollback_opens_it_and_gives_all_back(self, pair, session):
        session.take()
        pair.fence.release_lock()
        request = {"migration_id": "shop", "token": "abc", "login": LOGINS, "hold": str(pair.holds["source"]), "accounts": [], "scheduler": "ON"}
        assert lease.release(request) == {"changed": True, "left": []}
        assert self.opened(pair) and pair.state() == "released"
        assert pair.source.accounts[PRIVILEGED]

    @pytest.mark.parametrize("held", [True, False], ids=["known", "unknown"])
    def test_who_begins_anew_leaves_a_closed_server_its_privileges_and_no_service(self, pair, session, monkeypatch, held):
        session.take()
        pair.fence.release_lock()
        root = str(pair.root)
        for name in ("read_fence", "decide_fence"):
            monkeypatch.setattr(again, name, partial(getattr(fences, name), root=root))
        monkeypatch.setattr(again, "fence_lock", lambda place: fences.fence_lock(place, root, 0.2))
        monkeypatch.setattr(again, "Endpoint", lambda **login: login)
        # After a rollback the fenced server is the target: the one of this host either way.
        monkeypatch.setattr(again, "connect", lambda login, _name, read_timeout: pair.connect(login, "this host's", read_timeout))
        monkeypatch.setattr(again, "open_flavour", lambda connection: connection.raw.server.over(connection))
        monkeypatch.setattr(again, "directory", lambda migration_id: os.path.join(root, migration_id))
        renewed = []
        monkeypatch.setattr(again, "changing", lambda *_args: nullcontext())
        monkeypatch.setattr(again, "renew", lambda _params, check: renewed.append(check) or {"changed": True})
        if not held:
            os.unlink(fences.fence_path(fences.read_fence("/var/lib/mysql", root), root))
        kept = lease.lease_path(str(pair.root / "shop"), "abc")
        again.begin_anew({"migration_id": "shop"}, True)
        assert renewed == [True] and os.path.exists(kept), "check mode changes nothing"
        again.begin_anew({"migration_id": "shop"}, False)
        assert renewed == [True, True, False] and not os.path.exists(kept)
        assert pair.source.accounts[PRIVILEGED] and pair.state() == ("released" if held else "")
        assert pair.source.server().read_only() and pair.source.write(ORDINARY) == "refused"

    def test_what_a_rollback_opened_stays_open(self, pair, session):
        """The service has read that it is committed, and waits for the lock that the rollback holds."""
        session.take()
        pair.fence.release_lock()
        request = {"migration_id": "shop", "token": "abc", "login": LOGINS, "hold": str(pair.holds["source"]), "accounts": [], "scheduler": "ON"}
        lease.release(request)
        lease_service.Service(session.kept).keep_closed()
        assert self.opened(pair)

    def test_the_boots_link_is_on_the_disk(self, pair, tmp_path, monkeypatch):
        done, symlink, fsync = [], os.symlink, os.fsync
        monkeypatch.setattr(lease, "UNITS", str(tmp_path / "units"))
        monkeypatch.setattr(lease.os, "symlink", lambda *paths: (done.append("link"), symlink(*paths)))
        monkeypatch.setattr(lease.os, "fsync", lambda handle: (done.append(os.readlink("/proc/self/fd/%d" % handle)), fsync(handle)))
        lease._place_boot_unit("shop", "abc", ["x"])
        assert done[-2:] == ["link", str(tmp_path / "units" / "multi-user.target.wants")]


class TestPreflight:
    OPTIONS = {"migration_id": "shop", "max_lag": 0.05}

    def reasons(self, pair):
        return preflight.replication_reasons(pair.source.server(), pair.target.server("target"), self.OPTIONS)

    def test_a_target_that_follows_this_source_is_ready(self, pair):
        assert self.reasons(pair) == []

    def test_one_that_follows_another_is_not(self, pair):
        pair.target.source_id = 5
        assert self.reasons(pair) == ["the target replicates from server_id 5, not from the source (1)"]

    def test_one_that_follows_nobody_is_not(self, pair):
        pair.target.source = None
        assert self.reasons(pair) == ["the target is not a replica"]

    def test_one_that_stands_or_failed_is_not(self, pair):
        pair.target.threads = False
        found = self.reasons(pair)
        assert found[0] == "the target's replication threads do not both run: they are stopped" and "behind" in found[1]
        pair.target.replica_error = "Duplicate entry"
        assert "Duplicate entry" in self.reasons(pair)[0]

    def test_who_may_write_already_or_not_any_more(self, pair):
        servers = pair.source.server(), pair.target.server("target")
        for server in servers:
            server.gtid_foreign = lambda _source: ""
        assert preflight._positions(*servers) == []
        servers[0].close_fence()
        servers[1].set_read_only(False)
        assert [reason.split(":")[0] for reason in preflight._positions(*servers)] == [
            "the source is read-only already", "the target is writable before it is promoted",
        ]  # fmt: skip
