# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: one end only, whoever comes first; and what its timer does."""

from __future__ import annotations

import json
import os
import shlex
import stat
import threading
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import lease
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.turn import turn
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError

TOKEN = "abc123"
REQUEST = {
    "migration_id": "shop", "token": TOKEN, "seconds": 10, "login": {"unix_socket": "/s", "user": "u", "password": "s3cret"},
    "hold": "/etc/mysql/zz", "accounts": [["boss", "%"]], "scheduler": "ON", "turn": [1, 0],
}  # fmt: skip


@pytest.fixture
def source(monkeypatch):
    """A source that notes what is done to it."""
    done = []

    class Connection:
        def __enter__(self):
            return self

        def __exit__(self, *_exc):
            return None

        def rows(self, _sql):
            return [{"id": 7}]

        def run(self, sql):
            done.append(sql)

    server = SimpleNamespace(
        connection=Connection(),
        open_fence=lambda: done.append("open"),
        lock_account=lambda user, host, locked: done.append("%s@%s %s" % (user, host, locked)),
    )
    monkeypatch.setattr(lease, "connect", lambda _endpoint, _name, read_timeout: Connection())
    monkeypatch.setattr(lease, "open_flavour", lambda _connection: server)
    monkeypatch.setattr(lease, "set_scheduler", lambda _server, value: done.append("scheduler " + value))
    monkeypatch.setattr(lease, "remove_hold", lambda path: done.append("unhold " + path))
    return done


@pytest.fixture
def bare(tmp_path, monkeypatch, source):
    """A host without systemd; what would be started there is noted."""
    monkeypatch.setattr(lease, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(lease, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(lease.os.path, "isdir", lambda path, real=os.path.isdir: path != "/run/systemd/system" and real(path))
    started = []
    monkeypatch.setattr(lease.subprocess, "Popen", lambda command, **_options: started.append(command))
    return SimpleNamespace(folder=tmp_path, started=started)


@pytest.fixture
def folder(bare):
    lease.arm(REQUEST)
    assert bare.started[0][-3:] == [str(bare.folder), TOKEN, "10.0"]
    return bare.folder


def everything(folder) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_the_armed_lease_is_its_owners_alone(folder):
    assert stat.S_IMODE(os.stat(folder / ("lease-%s.json" % TOKEN)).st_mode) == 0o600


def test_a_host_that_could_not_open_its_server_arms_nothing(bare, monkeypatch):
    def refused(*_arguments, **_options):
        raise ServerError("no such socket", 2002)

    monkeypatch.setattr(lease, "connect", refused)
    with pytest.raises(ServerError):
        lease.arm(REQUEST)
    assert bare.started == [] and "s3cret" not in everything(bare.folder)


def test_a_committed_lease_does_not_fire_and_leaves_no_password(folder, source):
    assert lease.take(REQUEST) is True
    lease.fire(str(folder), TOKEN)
    assert source == []
    assert lease.take(REQUEST) is True, "an answer that was lost is given again"
    assert lease.finish(REQUEST) == {"outcome": "committed", "settled": True}
    assert source == []
    assert "s3cret" not in everything(folder)


@pytest.mark.parametrize("early", [False, True], ids=["timer", "undo"])
def test_a_fired_lease_opens_the_source_and_is_not_taken_any_more(folder, source, early):
    if early:
        assert lease.finish(REQUEST) == {"outcome": "fired", "settled": True}
    else:
        lease.fire(str(folder), TOKEN)
    # The hold goes first: a restart in between would close the source again by it.
    opened = ["unhold /etc/mysql/zz", "KILL 7", "open", "SET SESSION sql_log_bin = 0", "boss@% False", "scheduler ON"]
    assert source == opened
    assert lease.take(REQUEST) is False
    lease.fire(str(folder), TOKEN)
    assert lease.finish(REQUEST) == {"outcome": "fired", "settled": True}
    assert source == opened, "once is enough"
    assert "s3cret" not in everything(folder)


def test_a_source_that_is_restarting_is_opened_once_it_answers(folder, source, monkeypatch):
    connect, answers = lease.connect, iter([ServerError("down", 2002), ServerError("down", 2002)])

    def refusing(*arguments, **options):
        for error in answers:
            raise error
        return connect(*arguments, **options)

    monkeypatch.setattr(lease, "connect", refusing)
    monkeypatch.setattr(lease.time, "sleep", lambda _seconds: None)
    lease.fire(str(folder), TOKEN)
    assert "open" in source and lease.finish(REQUEST)["settled"]


def test_who_asks_a_source_that_does_not_answer_is_told_so_and_the_timer_goes_on(folder, source, monkeypatch):
    real = lease.connect

    def refused(*_arguments, **_options):
        raise ServerError("down", 2002)

    monkeypatch.setattr(lease, "connect", refused)
    monkeypatch.setattr(lease, "FINISH_SECONDS", 0.0)
    assert lease.finish(REQUEST) == {"outcome": "fired", "settled": False}
    assert "open" not in source
    monkeypatch.setattr(lease, "connect", real)
    lease.fire(str(folder), TOKEN)
    assert "open" in source and lease.finish(REQUEST)["settled"]


def test_the_hold_is_placed_under_a_lease_that_will_remove_it_and_under_no_other(folder, source):
    placed = []
    assert lease.placed_under(REQUEST, lambda: placed.append(1) or True) is True
    lease.fire(str(folder), TOKEN)
    with pytest.raises(MigrationError, match="the lease has ended"):
        lease.placed_under(REQUEST, lambda: placed.append(2) or True)
    with pytest.raises(MigrationError, match="the lease has ended"):
        lease.placed_under({**REQUEST, "token": "never"}, lambda: placed.append(3) or True)
    assert placed == [1]


def test_a_boot_does_the_timers_work(bare, source, monkeypatch):
    monkeypatch.setattr(lease.os.path, "isdir", lambda path, real=os.path.isdir: path == "/run/systemd/system" or real(path))
    monkeypatch.setattr(lease.shutil, "which", lambda name: "/bin/" + name)
    armed = []
    monkeypatch.setattr(lease.subprocess, "run", lambda command, **_options: armed.append(command) or SimpleNamespace(returncode=0))
    lease.arm(REQUEST)
    unit = bare.folder / "units" / ("nordbridge-shop-boot-%s.service" % TOKEN)
    link = bare.folder / "units/multi-user.target.wants" / unit.name
    assert link.resolve() == unit
    start = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    assert shlex.split(start[len("ExecStart=") :])[-4:] == armed[0][-4:], "the timer and the boot do the same"
    assert "s3cret" not in unit.read_text()
    lease.fire(str(bare.folder), TOKEN)
    assert "open" in source
    assert not link.is_symlink() and not unit.exists()


def test_of_many_who_end_it_one_wins(folder):
    words = ["committed", "fired"] * 8
    answers = [None] * len(words)
    barrier = threading.Barrier(len(words))
    pids = iter(range(1, 100))
    lock = threading.Lock()

    def pid():
        with lock:
            return next(pids)

    with pytest.MonkeyPatch.context() as patch:
        # Each is a process of its own.
        own = threading.local()
        patch.setattr(lease.os, "getpid", lambda: own.__dict__.setdefault("pid", pid()))

        def race(number):
            barrier.wait()
            answers[number] = lease.decide(str(folder), TOKEN, words[number])

        threads = [threading.Thread(target=race, args=(number,)) for number in range(len(words))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(answers) in ({"committed"}, {"fired"})


def test_a_token_names_no_other_file(folder):
    with pytest.raises(Refusal):
        lease.take({**REQUEST, "token": "../../etc/passwd"})


def test_serving_answers_armed_and_then_taken(bare, monkeypatch, capsys):
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda: ""))
    lease.serve(REQUEST)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"armed": True}], "a lost connection takes nothing"
    assert lease.finish(REQUEST)["outcome"] == "fired"
    again = {**REQUEST, "token": "def456"}
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda: "take\n"))
    lease.serve(again)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"armed": True}, {"taken": True}]
    assert "s3cret" not in everything(bare.folder)


def test_a_request_that_comes_after_a_later_turn_is_not_done(bare, source):
    done = []
    with turn(str(bare.folder), [2, 1]):
        done.append("undo")
    for late in ([2, 0], [1, 9]):
        with pytest.raises(MigrationError, match="not done any more"):
            lease.serve({**REQUEST, "turn": late})
    with turn(str(bare.folder), [2, 1]), pytest.raises(FileNotFoundError):
        (bare.folder / ("lease-%s.json" % TOKEN)).read_text()
    assert bare.started == []
