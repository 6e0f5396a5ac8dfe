# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: one end only, whoever comes first; and what its timer does."""

from __future__ import annotations

import json
import os
import stat
import threading
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import lease
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal, ServerError

TOKEN = "abc123"
REQUEST = {
    "migration_id": "shop", "token": TOKEN, "seconds": 10, "login": {"unix_socket": "/s", "user": "u", "password": "s3cret"},
    "hold": "/etc/mysql/zz", "accounts": [["boss", "%"]], "scheduler": "ON",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(lease.os.path, "isdir", lambda path: path != "/run/systemd/system" and os.path.exists(path))
    started = []
    monkeypatch.setattr(lease.subprocess, "Popen", lambda command, **_options: started.append(command))
    lease.arm(REQUEST)
    assert started[0][-3:] == [str(tmp_path), TOKEN, "10.0"]
    return tmp_path


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


def test_the_armed_lease_is_its_owners_alone(folder):
    assert stat.S_IMODE(os.stat(folder / ("lease-%s.json" % TOKEN)).st_mode) == 0o600


def test_a_taken_lease_does_not_fire_and_leaves_no_password(folder, source):
    assert lease.take(REQUEST) is True
    lease.fire(str(folder), TOKEN)
    assert source == []
    assert lease.take(REQUEST) is True, "an answer that was lost is given again"
    assert "s3cret" not in "".join(path.read_text() for path in folder.iterdir())
    assert lease.settle(REQUEST)


def test_a_fired_lease_opens_the_source_and_is_not_taken_any_more(folder, source):
    lease.fire(str(folder), TOKEN)
    assert source == ["KILL 7", "open", "SET SESSION sql_log_bin = 0", "boss@% False", "scheduler ON", "unhold /etc/mysql/zz"]
    assert lease.take(REQUEST) is False
    assert lease.settle(REQUEST)
    assert "s3cret" not in "".join(path.read_text() for path in folder.iterdir())


def test_a_source_that_is_restarting_is_opened_once_it_answers(folder, source, monkeypatch):
    ended = []
    connect, answers = lease.connect, iter([ServerError("down", 2002), ServerError("down", 2002)])

    def refusing(*arguments, **options):
        for error in answers:
            # Asked meanwhile, what still waits is ended by its unit's name, and only then counts as settled.
            ended.append([path.name for path in folder.glob("*.ended")])
            raise error
        return connect(*arguments, **options)

    monkeypatch.setattr(lease, "connect", refusing)
    lease.fire(str(folder), TOKEN, pause=0)
    assert "open" in source and lease.settle(REQUEST)
    assert ended == [["lease-%s.ended" % TOKEN]] * 2


def test_what_died_while_it_fired_is_ended_before_another_attempt(folder, monkeypatch):
    lease.end(str(folder), TOKEN, "fired")
    monkeypatch.setattr(lease.shutil, "which", lambda _name: None)
    assert lease.settle(REQUEST) is False
    stopped = []
    monkeypatch.setattr(lease.shutil, "which", lambda name: "/bin/" + name)
    monkeypatch.setattr(lease.subprocess, "run", lambda command, **_options: stopped.append(command))
    assert lease.settle(REQUEST) is True
    assert stopped == [["systemctl", "stop", "nordbridge-shop-lease-%s.service" % TOKEN]]
    assert not list(folder.glob("*.ended"))


def test_of_many_who_end_it_one_wins(folder):
    words = ["taken", "fired"] * 8
    answers = [None] * len(words)
    barrier = threading.Barrier(len(words))

    def race(number):
        barrier.wait()
        answers[number] = lease.end(str(folder), TOKEN, words[number])

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(words))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({word for word, answer in zip(words, answers) if answer}) == 1


def test_a_token_names_no_other_file(folder):
    with pytest.raises(Refusal):
        lease.take({**REQUEST, "token": "../../etc/passwd"})


def test_serving_answers_armed_and_then_taken(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lease, "arm", lambda _request: None)
    monkeypatch.setattr(lease, "take", lambda _request: True)
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda: "take\n"))
    lease.serve(REQUEST)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"armed": True}, {"taken": True}]
    monkeypatch.setattr(lease.sys, "stdin", SimpleNamespace(readline=lambda: ""))
    lease.serve(REQUEST)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"armed": True}], "a lost connection takes nothing"
