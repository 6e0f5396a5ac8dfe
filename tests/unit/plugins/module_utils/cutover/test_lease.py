# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: one end only, whoever comes first; what its service does; and whose the server is."""

from __future__ import annotations

import errno
import json
import os
import shlex
import stat
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import lease, lease_service
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import fences

TOKEN = "abc123"
BOSS = ["boss", "%", ["SUPER"], []]


class Server:
    """The host's server: closed or open, with what was done to it."""

    def __init__(self):
        self.connection, self.done, self.closed, self.events, self.sessions = self, [], False, False, [7, 8]
        self.identity = SimpleNamespace(datadir="/var/lib/mysql/", hostname="us-db1")
        self.accounts = [BOSS]
        self.down = None

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        return None

    def close(self):
        return None

    def value(self, _sql, _args=None):
        self._answer()
        return 1

    def _answer(self):
        if self.down is not None:
            raise self.down

    def read_only(self):
        self._answer()
        return self.closed

    def scheduler_runs(self):
        return self.events


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host without systemd: its files, its server, and what would be started there."""
    server = Server()
    root = str(tmp_path / "state")

    def opened(server, kept, opened=False, end_own=True):
        server._answer()
        server.done.append("left" if opened else "open" if end_own else "release")
        server.closed = False
        return list(found.left)

    def taken(server, accounts):
        server.done.append("take")
        server.accounts = []

    def closed_again(server):
        server.done.append("close")
        server.closed, was_open = True, not server.closed
        return was_open

    def connected(*_args, **_more):
        server._answer()
        return server

    found = SimpleNamespace(root=root, server=server, started=[], left=[], units=tmp_path / "units", elapsed=100.0, boot="b1")
    monkeypatch.setattr(lease, "directory", lambda migration_id: os.path.join(root, migration_id))
    for name in ("read_fence", "place_fence", "decide_fence", "find_fence"):
        monkeypatch.setattr(lease, name, partial(getattr(fences, name), root=root))
    for module in (lease, lease_service):
        monkeypatch.setattr(module, "fence_lock", lambda place, seconds=0.2: fences.fence_lock(place, root, seconds))
        monkeypatch.setattr(module, "connect", connected)
        monkeypatch.setattr(module, "open_flavour", lambda _connection: server)
    monkeypatch.setattr(lease_service, "close_again", closed_again)
    monkeypatch.setattr(lease, "UNITS", str(found.units))
    monkeypatch.setattr(lease, "STAND_IN_SECONDS", 0.0)
    monkeypatch.setattr(lease, "check_place", lambda _path: None)
    monkeypatch.setattr(lease, "strangers_privileges", lambda server: server.accounts)
    monkeypatch.setattr(lease, "take_privileges", taken)
    monkeypatch.setattr(lease, "open_server", opened)
    monkeypatch.setattr(lease, "end_sessions", lambda connection: list(connection.sessions))
    monkeypatch.setattr(lease, "sessions_left", lambda connection, ended, seconds: len(found.left_sessions))
    monkeypatch.setattr(lease, "elapsed", lambda: found.elapsed)
    monkeypatch.setattr(lease, "boot_id", lambda: found.boot)
    monkeypatch.setattr(lease, "is_locked", lambda _path: found.served)
    monkeypatch.setattr(lease.os.path, "isdir", lambda path, real=os.path.isdir: path != "/run/systemd/system" and real(path))
    monkeypatch.setattr(lease.subprocess, "Popen", lambda command, **_options: found.started.append(command))
    found.left_sessions, found.served = [], True
    return found


def request_of(migration_id="shop", token=TOKEN, **more):
    login = {"unix_socket": "/s", "user": "u", "password": "s3cret"}
    fixed = {"migration_id": migration_id, "token": token, "seconds": 10, "login": login, "hold": "/etc/mysql/zz", "scheduler": "ON"}
    return {**fixed, "promoted": "oslo-db1", **more}


@pytest.fixture
def session(host):
    """An armed lease."""
    return lease.Session(host.server, lease.arm(request_of(), host.server))


def state(host, token=TOKEN):
    fence = fences.read_fence("/var/lib/mysql", host.root, token)
    return fence.state if fence else ""


def service_of(host, token=TOKEN, migration_id="shop"):
    return lease_service.Service(json.loads(open(lease.lease_path(os.path.join(host.root, migration_id), token)).read()))


def everything(host) -> str:
    return "".join(open(os.path.join(at, name)).read() for at, _folders, names in os.walk(host.root) for name in names)


def test_an_armed_lease_is_its_owners_alone_and_its_service_is_started(host, session):
    assert stat.S_IMODE(os.stat(lease.lease_path(host.root + "/shop", TOKEN)).st_mode) == 0o600
    assert host.started[0][-2:] == [host.root + "/shop", TOKEN]
    assert session.kept["accounts"] == [BOSS] and session.kept["deadline"] == 110.0
    assert fences.read_fence("/var/lib/mysql", host.root).promoted == "oslo-db1"
    assert state(host) == "armed"


def test_a_lease_whose_service_does_not_start_is_none(host, monkeypatch):
    host.served = False
    monkeypatch.setattr(lease, "READY_SECONDS", 0.0)
    with pytest.raises(MigrationError, match="did not start"):
        lease.arm(request_of(), host.server)


@pytest.mark.parametrize(
    ("end", "other", "words"),
    [
        ("armed", "crm", "migration shop is cutting this server over"),
        ("armed", "shop", "migration shop is cutting this server over"),
        ("committed", "crm", "cut over by migration shop to oslo-db1: it is closed for good.*crm cannot be cut over any more"),
        ("committed", "shop", "the same command again: it goes forward"),
        ("fired", "crm", "still opening this server"),
    ],
)
def test_a_server_is_one_migrations_at_a_time(host, session, end, other, words):
    if end != "armed":
        lease.decide("/var/lib/mysql", TOKEN, end)
    with pytest.raises(MigrationError, match=words):
        lease.arm(request_of(other, "def456"), host.server)
    assert state(host) == end and len(host.started) == 1


def test_a_server_that_was_opened_again_is_free(host, session):
    session.end()
    lease.arm(request_of("crm", "def456"), host.server)
    assert (state(host), state(host, "def456")) == ("", "armed")
    assert fences.read_fence("/var/lib/mysql", host.root).number == 2


def test_nothing_is_undone_by_a_migration_whose_server_is_anothers(host, session):
    session.end()
    lease.arm(request_of("crm", "def456"), host.server)
    del host.server.done[:]
    # Its own lease's file is still there, as after a disk that was full.
    lease.write_json(lease.lease_path(host.root + "/shop", TOKEN), {**session.kept})
    assert lease.finish(request_of()) == {"outcome": "fired", "settled": True, "owner": "crm"}
    assert host.server.done == [] and state(host, "def456") == "armed"
    assert not os.path.exists(lease.lease_path(host.root + "/shop", TOKEN)), "its password is of no use any more"


def test_a_committed_lease_does_not_fire(host, session):
    host.server.closed = True
    assert session.take() == {"taken": True, "why": ""}
    assert session.take()["taken"] is True, "an answer that was lost is given again"
    assert lease.finish(request_of()) == {"outcome": "committed", "settled": True, "owner": ""}
    host.elapsed = 1000.0
    assert service_of(host).step() == lease_service.CLOSED_SECONDS
    assert host.server.done == [] and state(host) == "committed"


def test_the_commit_is_known_where_the_leases_own_file_is_gone(host, session):
    host.server.closed = True
    session.take()
    os.unlink(lease.lease_path(host.root + "/shop", TOKEN))
    assert lease.finish(request_of())["outcome"] == "committed"


@pytest.mark.parametrize("why", ["sessions", "open", "over", "boot", "fired"])
def test_what_is_not_taken(host, session, why):
    host.server.closed = True
    words = {
        "sessions": "1 sessions that logged in before the fence do not end", "open": "not read-only any more", "over": "time is over",
        "boot": "time is over", "fired": "has opened itself again",
    }  # fmt: skip
    if why == "sessions":
        host.left_sessions = [7]
    elif why == "open":
        host.server.closed = False
    elif why == "over":
        host.elapsed = 110.0
    elif why == "boot":
        host.boot = "b2"
    else:
        lease.decide("/var/lib/mysql", TOKEN, "fired")
    answer = session.take()
    assert answer["taken"] is False and words[why] in answer["why"]
    assert state(host) == ("fired" if why == "fired" else "armed")


def test_privileges_are_taken_under_a_lease_that_stands_and_seen_to_be_gone(host, session, monkeypatch):
    assert session.privileges() == {"taken": 1}
    monkeypatch.setattr(lease, "take_privileges", lambda _server, _accounts: None)
    host.server.accounts = [BOSS, ["admins", "", ["SUPER"], []]]
    with pytest.raises(MigrationError, match="kept the privilege to write on a read-only server: boss@%, the role admins"):
        session.privileges()
    host.elapsed = 110.0
    for word in (session.privileges, session.sessions):
        with pytest.raises(MigrationError, match="the lease has ended"):
            word()


def test_privileges_that_were_taken_beside_the_leases_end_are_given_back(host, session, monkeypatch):
    given = []
    monkeypatch.setattr(lease, "give_privileges", lambda _server, accounts: given.extend(accounts))
    monkeypatch.setattr(lease, "take_privileges", lambda _server, _accounts: lease.decide("/var/lib/mysql", TOKEN, "fired"))
    with pytest.raises(MigrationError, match="the lease has ended"):
        session.privileges()
    assert given == [BOSS]


def test_who_holds_the_lock_and_hangs_does_not_keep_the_server_closed(host, session, monkeypatch):
    monkeypatch.setattr(lease_service, "LOCK_SECONDS", 0.05)
    host.elapsed = 110.0
    with fences.fence_lock("/var/lib/mysql", host.root):
        assert service_of(host).step() is None
    assert host.server.done == ["open"]


def test_sessions_are_ended_and_their_end_is_waited_for(host, session):
    assert session.sessions() == {"ended": 2, "left": 0}
    host.left_sessions = [7]
    host.server.closed = True
    assert session.sessions() == {"ended": 2, "left": 1}
    assert session.take()["taken"] is False


class TestService:
    def test_it_waits_with_an_open_connection(self, host, session):
        service = service_of(host)
        assert service.step() == lease_service.LOOK_SECONDS
        assert service.server is host.server and host.server.done == []

    @pytest.mark.parametrize("privileged, fails, words", [
        ([["nordbridge_keep_8d9001d3", "localhost", ["SUPER"], []]], False, ""),
        ([["nordbridge_ctl_8d9001d3", "localhost", ["SUPER"], []]], False, "lacks the privileges"),
        ([], True, "cannot log in"),
    ])  # fmt: skip
    def test_it_logs_in_by_this_hosts_own_account_where_that_could_open_the_server(self, host, monkeypatch, privileged, fails, words):
        keep = {"user": "nordbridge_keep_8d9001d3", "password": "known here alone"}
        folder = Path(host.root, "shop")
        folder.mkdir(parents=True)
        (folder / "keep.json").write_text(json.dumps(keep))
        host.server.privileged_accounts = lambda: privileged
        host.server.close = lambda: None

        def denied(*_all, **_more):
            raise ServerError("denied", 1045)

        if fails:
            monkeypatch.setattr(lease, "connect", denied)
        if words:
            with pytest.raises(MigrationError, match=words):
                lease.arm(request_of(), host.server)
            assert state(host) == "" and not host.started
            return
        lease.arm(request_of(), host.server)
        login = service_of(host).kept["login"]
        assert login == {"unix_socket": "/s", **keep}

    @pytest.mark.parametrize("early", [False, True], ids=["time", "undo"])
    def test_it_opens_the_server_at_its_end_and_leaves_no_password(self, host, session, early):
        service = service_of(host)
        if early:
            lease.decide("/var/lib/mysql", TOKEN, "fired")
        else:
            host.elapsed = 110.0
        assert service.step() is None
        assert host.server.done == ["open"] and state(host) == "fired"
        assert "s3cret" not in everything(host)
        assert lease.finish(request_of()) == {"outcome": "fired", "settled": True, "owner": ""}
        assert host.server.done == ["open"], "once is enough"

    def test_a_boot_ends_it(self, host, session):
        host.boot = "b2"
        assert service_of(host).step() is None
        assert host.server.done == ["open"]

    def test_a_decision_that_the_disk_does_not_take_opens_the_server_all_the_same(self, host, session, monkeypatch):
        def full(*_args):
            raise OSError(errno.EROFS, "Read-only file system")

        real = lease_service.decide
        monkeypatch.setattr(lease_service, "decide", full)
        host.elapsed, service = 110.0, service_of(host)
        host.left = ["a file"]
        assert service.step() == lease_service.AGAIN_SECONDS
        assert host.server.done == ["open"]
        host.server.closed = False
        assert service.step() == lease_service.AGAIN_SECONDS
        assert host.server.done == ["open", "left"], "the sessions of others are not ended again and again"
        monkeypatch.setattr(lease_service, "decide", real)
        host.left = []
        assert service.step() is None and state(host) == "fired"

    def test_one_that_a_restart_closed_meanwhile_is_opened_once_more(self, host, session):
        host.left, host.elapsed, service = ["a file"], 110.0, service_of(host)
        service.step()
        host.server.closed = True
        service.step()
        assert host.server.done == ["open", "open"]

    @pytest.mark.parametrize("error", [ServerError("down", 2002), OSError(28, "No space left"), KeyError("s3cret")], ids=str)
    def test_whatever_fails_is_tried_again(self, host, session, monkeypatch, capsys, error):
        service, steps = service_of(host), iter([error, error, None])

        def step():
            found = next(steps)
            if found is not None:
                raise found

        monkeypatch.setattr(service, "step", step)
        slept = []
        monkeypatch.setattr(lease_service.time, "sleep", slept.append)
        lease_service.serve(service)
        assert slept == [0.0, lease_service.AGAIN_SECONDS, 2 * lease_service.AGAIN_SECONDS], "what lasts is tried less often"
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and "s3cret" not in told

    def test_a_server_that_is_down_is_opened_once_it_answers(self, host, session):
        host.elapsed, service = 110.0, service_of(host)
        host.server.down = ServerError("down", 2002)
        with pytest.raises(ServerError):
            service.step()
        assert state(host) == "fired", "the decision does not wait for the server"
        host.server.down = None
        assert service.step() is None and host.server.done == ["open"]

    def test_a_committed_server_that_somebody_opened_is_closed_again(self, host, session, capsys):
        host.server.closed = True
        session.take()
        host.server.closed = False
        service = service_of(host)
        service.step()
        assert host.server.done == ["close"] and host.server.closed
        assert "somebody had opened this server: it is closed again, for migration shop" in capsys.readouterr().err
        # Events alone: nobody has opened it.
        host.server.events = True
        service.step()
        assert host.server.done == ["close", "close"] and capsys.readouterr().err == ""

    def test_events_that_somebody_woke_are_stilled(self, host, session):
        host.server.closed = True
        session.take()
        host.server.events = True
        service_of(host).step()
        assert host.server.done == ["close"]

    def test_nothing_is_closed_that_was_released(self, host, session):
        host.server.closed = True
        session.take()
        service = service_of(host)
        lease.release(request_of(accounts=[BOSS]))
        assert host.server.done == ["release"] and state(host) == "released"
        assert service.step() is None and host.server.done == ["release"]
        assert "s3cret" not in everything(host)

    def test_it_says_that_its_work_is_done_by_its_exit_code(self, host, session, monkeypatch):
        """Any other end, a signal among them, has it started again."""
        session.end()
        monkeypatch.setattr(lease_service.sys, "argv", ["-c", "agent.zip", host.root + "/shop", TOKEN])
        with pytest.raises(SystemExit) as ended:
            lease_service.main()
        assert ended.value.code == lease.DONE

    def test_it_ends_where_another_fence_has_come(self, host, session):
        service = service_of(host)
        session.end()
        lease.arm(request_of("crm", "def456"), host.server)
        del host.server.done[:]
        assert service.step() is None and host.server.done == []


def test_who_asks_early_does_it_himself_where_no_service_runs(host, session):
    host.served = False
    assert lease.finish(request_of()) == {"outcome": "fired", "settled": True, "owner": ""}
    assert host.server.done == ["open"]


def test_who_asks_early_is_told_once_the_service_has_done_it(host, session, monkeypatch):
    def work_of_the_service(_seconds):
        os.remove(lease.lease_path(os.path.join(host.root, "shop"), TOKEN))

    monkeypatch.setattr(lease, "STAND_IN_SECONDS", 60.0)
    monkeypatch.setattr(lease.time, "sleep", work_of_the_service)
    assert lease.finish(request_of())["settled"] is True
    assert host.server.done == [], "the service's work is not done twice"


def test_who_asks_a_server_that_does_not_answer_is_told_so_and_the_service_goes_on(host, session, monkeypatch):
    host.served, host.server.down = False, ServerError("down", 2002)
    monkeypatch.setattr(lease, "FINISH_SECONDS", 0.05)
    assert lease.finish(request_of()) == {"outcome": "fired", "settled": False, "owner": ""}
    host.server.down = None
    assert service_of(host).step() is None
    assert lease.finish(request_of())["settled"] is True


def test_a_release_of_a_server_that_another_migration_has_closed_is_refused(host, session):
    session.end()
    lease.arm(request_of("crm", "def456"), host.server)
    del host.server.done[:]
    with pytest.raises(MigrationError, match="migration crm has closed this server since"):
        lease.release(request_of(accounts=[BOSS]))
    assert host.server.done == []


def test_the_hold_is_placed_under_a_lease_that_will_remove_it_and_under_no_other(host, session, tmp_path, monkeypatch):
    placed, path = [], tmp_path / "hold"
    session.kept["hold"] = str(path)
    monkeypatch.setattr(lease, "place_hold", lambda server, path: placed.append((server, path)) or True)
    assert session.hold() == {"changed": True} and placed == [(host.server, str(path))]

    def late(_server, path):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("x")
        lease.decide("/var/lib/mysql", TOKEN, "fired")
        return True

    monkeypatch.setattr(lease, "place_hold", late)
    with pytest.raises(MigrationError, match="the lease has ended"):
        session.hold()
    assert not path.exists(), "the lease may have looked for it before it was there"
    with pytest.raises(MigrationError, match="the lease has ended"):
        session.hold()
    assert not path.exists()


def test_a_boot_starts_the_same_service(host, monkeypatch):
    monkeypatch.setattr(lease.os.path, "isdir", lambda path, real=os.path.isdir: path == "/run/systemd/system" or real(path))
    monkeypatch.setattr(lease.shutil, "which", lambda name: "/bin/" + name)
    started = []
    monkeypatch.setattr(lease.subprocess, "run", lambda command, **_options: started.append(command) or SimpleNamespace(returncode=0))
    lease.arm(request_of(), host.server)
    unit = host.units / ("nordbridge-shop-boot-%s.service" % TOKEN)
    link = host.units / "multi-user.target.wants" / unit.name
    assert link.resolve() == unit
    start = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    assert shlex.split(start[len("ExecStart=") :])[-3:] == started[0][-3:]
    assert "s3cret" not in unit.read_text()
    for lasting in ("Restart=always", "StartLimitIntervalSec=0", "OOMScoreAdjust=-1000", "RestartPreventExitStatus=9"):
        assert "--property=%s" % lasting in started[0]
    host.elapsed = 110.0
    assert service_of(host).step() is None
    assert not link.is_symlink() and not unit.exists()


def test_of_many_who_decide_one_wins(host, session):
    words = ["committed", "fired"] * 8
    answers = [None] * len(words)
    barrier = threading.Barrier(len(words))

    def race(number):
        barrier.wait()
        answers[number] = lease.decide("/var/lib/mysql", TOKEN, words[number])

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(words))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) in ({"committed"}, {"fired"})
    assert state(host) == answers[0]


def test_a_token_names_no_other_file(host):
    with pytest.raises(Refusal):
        lease.finish({**request_of(), "token": "../../etc/passwd"})


def test_serving_answers_each_word_and_takes_nothing_by_a_lost_connection(host, monkeypatch, capsys):
    lines = iter(["privileges\n", "sessions\n", "take\n", ""])
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda _most: next(lines)))
    lease.serve(request_of())
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0] == {"word": "arm", "armed": True, "accounts": [BOSS]}
    assert [answer["word"] for answer in told[1:]] == ["privileges", "sessions", "take"]
    assert told[3]["taken"] is False, "the server is not closed"
    assert state(host) == "armed"


def test_serving_says_what_failed_and_goes_on(host, monkeypatch, capsys):
    lines = iter(["privileges\n", "end\n", ""])
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda _most: next(lines)))
    host.server.accounts = []
    monkeypatch.setattr(lease, "take_privileges", lambda server, _accounts: server.accounts.append(BOSS))
    host.served = False
    real = lease.arm
    monkeypatch.setattr(lease, "arm", lambda request, server: setattr(host, "served", True) or real(request, server))
    lease.serve(request_of())
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "boss@%" in told[1]["error"]
    assert told[2]["outcome"] == "fired"


def test_a_word_that_is_none_ends_nothing(host, monkeypatch, capsys):
    lines = iter(["fly\n", "take\n", ""])
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda _most: next(lines)))
    lease.serve(request_of())
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "accepts the requests end, hold, privileges, sessions, take" in told[1]["error"] and told[2]["taken"] is False
