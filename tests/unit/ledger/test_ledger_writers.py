# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a writer makes of each answer, and how it follows the endpoint file."""

from __future__ import annotations

import json
import os
import socket
import threading
import time

import ledger
import pymysql
import pytest
from ledger_files import Ack, Attempt, Failure, Login, ack_log, attempt_log, read_acks, read_attempts, read_login, stamp, switch
from ledger_writers import INSERT, Plan, Writer, classify


@pytest.fixture
def endpoint(tmp_path):
    path = tmp_path / "endpoint.json"
    path.write_text(json.dumps({"host": "10.0.0.1", "port": 3306, "user": "app", "password": "ø\"'\\", "tls": "preferred"}))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "errno,sent,outcome",
    [
        (1290, False, "refused"),
        (1290, True, "refused"),
        (1836, False, "refused"),
        (1062, False, "refused"),
        (2013, False, "unsent"),
        (2006, False, "unsent"),
        (0, False, "unsent"),
        (2013, True, "unknown"),
        (0, True, "unknown"),
        # A COMMIT that was killed while it waited for a replica has happened.
        (1317, True, "unknown"),
        (1053, True, "unknown"),
    ],
)
def test_outcomes(errno, sent, outcome):
    assert classify(errno, sent) == outcome


class Server:
    """Answers a writer's statements; raises what a test has put in for one of them."""

    def __init__(self):
        self.seen, self.errors, self.open = [], {}, True

    def escape(self, value):
        return "'%s'" % value

    def query(self, sql):
        return self._answer(sql.split()[0])

    def commit(self):
        self._answer("COMMIT")

    def rollback(self):
        self._answer("ROLLBACK")

    def _force_close(self):
        self.open = False

    def _answer(self, word):
        self.seen.append(word)
        if word in self.errors:
            raise self.errors.pop(word)
        return 1


@pytest.fixture
def client(endpoint, tmp_path):
    writer = Writer(Plan(endpoint, tmp_path), 3, 42)
    writer.seq, writer.server, writer.edition, writer.opened_by = 7, "us-db1", 0, 0
    writer.connection = server = Server()

    def write():
        with ack_log(tmp_path, 3).open("a") as acks, attempt_log(tmp_path, 3).open("a") as attempts:
            writer._write(acks, attempts)
        return list(read_acks(ack_log(tmp_path, 3))), list(read_attempts(attempt_log(tmp_path, 3)))

    return writer, server, write


def test_acknowledged_after_commit_only(client):
    writer, server, write = client
    acks, attempts = write()
    assert server.seen == ["INSERT", "UPDATE", "COMMIT"]
    assert [(ack.seq, ack.server) for ack in acks] == [(7, "us-db1")] and attempts == []
    assert writer.seq == 8


@pytest.mark.parametrize("word", ["INSERT", "UPDATE", "COMMIT"])
def test_refused_is_tried_again_with_another_token(client, word):
    writer, server, write = client
    server.errors[word] = pymysql.err.OperationalError(1290, "read only")
    write()
    acks, attempts = write()
    assert [(a.seq, a.outcome, a.errno) for a in attempts] == [(7, "refused", 1290)]
    assert [ack.seq for ack in acks] == [7] and acks[0].token != attempts[0].token
    assert "ROLLBACK" in server.seen and server.open


def test_unknown_uses_its_number_up(client):
    writer, server, write = client
    server.errors["COMMIT"] = pymysql.err.OperationalError(2013, "lost")
    acks, attempts = write()
    assert (acks, [(a.seq, a.outcome) for a in attempts]) == ([], [(7, "unknown")])
    assert writer.seq == 8 and writer.connection is None and not server.open


def test_lost_before_commit_is_not_unknown(client):
    writer, server, write = client
    server.errors["UPDATE"] = pymysql.err.InterfaceError(0, "")
    _acks, attempts = write()
    assert [a.outcome for a in attempts] == ["unsent"]
    assert writer.seq == 7


def test_many_refusals_lead_to_a_new_connection(client):
    writer, server, write = client
    for _attempt in range(20):
        if writer.connection is None:
            break
        server.errors["INSERT"] = pymysql.err.OperationalError(1290, "read only")
        write()
    assert writer.connection is None and 5 < writer.refusals < 20


def test_nothing_is_sent_on_a_connection_of_an_older_edition(client):
    writer, server, write = client
    writer.edition = 1
    write()
    assert server.seen == []


def test_missing_counter_row_is_no_success(client):
    writer, server, write = client
    server._answer = lambda word: 0
    acks, attempts = write()
    assert acks == [] and "no row for writer 3" in attempts[0].text


def test_tokens_differ_between_writers_and_runs(endpoint, tmp_path):
    plan = Plan(endpoint, tmp_path)
    firsts = {Writer(plan, number, run).token for number in (1, 255) for run in (1, 2)}
    assert len(firsts) == 4 and all(token + 2**32 - 1 < 2**63 for token in firsts)
    assert INSERT.count("%d") == 4


def watch(writer):
    reading, writing = os.pipe()
    thread = threading.Thread(target=writer.watch, args=(reading,), daemon=True)
    thread.start()
    return writing


def test_watcher_ends_a_hung_operation_when_the_endpoint_changes(client):
    writer, _server, _write = client
    ours, theirs = socket.socketpair()
    writer.dialing = ours
    writer.busy_since = 1
    pipe = watch(writer)
    ours.settimeout(5)
    began = time.monotonic()
    threading.Timer(0.05, os.write, (pipe, b"c")).start()
    assert ours.recv(1) == b""
    assert time.monotonic() - began < 1
    os.close(pipe)
    theirs.close()


def test_watcher_leaves_a_connection_of_the_new_edition_alone(client):
    writer, _server, _write = client
    ours, theirs = socket.socketpair()
    writer.dialing, writer.busy_since, writer.opened_by = ours, 1, 1
    pipe = watch(writer)
    os.write(pipe, b"c")
    ours.settimeout(0.1)
    with pytest.raises(TimeoutError if hasattr(socket, "timeout") and socket.timeout is TimeoutError else socket.timeout):
        ours.recv(1)
    assert writer.edition == 1
    os.close(pipe)
    theirs.close()


def test_watcher_stops_the_writer_when_the_parent_is_gone(client):
    writer, _server, _write = client
    os.close(watch(writer))
    assert writer.wake.wait(2) and writer.stopping


def test_switch_is_one_rename(endpoint):
    before = stamp(endpoint)
    held = endpoint.open()
    switch(endpoint, "10.0.0.2", 3307)
    assert json.load(held)["host"] == "10.0.0.1", "who was reading goes on reading the old file"
    assert stamp(endpoint) != before
    assert json.loads(endpoint.read_text()) == {
        "host": "10.0.0.2", "port": 3307, "user": "app", "password": "ø\"'\\", "tls": "preferred",
    }  # fmt: skip
    assert endpoint.stat().st_mode & 0o777 == 0o600


def test_switch_leaves_a_socket_behind(endpoint):
    endpoint.write_text(json.dumps({"unix_socket": "/run/x.sock", "user": "app"}))
    switch(endpoint, "10.0.0.2", 3306)
    assert read_login(endpoint) == Login("10.0.0.2", 3306, "app")


def test_login_hides_its_password(endpoint):
    login = read_login(endpoint)
    assert login.password == "ø\"'\\" and "ø" not in repr(login) and login.address == "10.0.0.1:3306"


def test_bad_endpoint_says_which(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{")
    with pytest.raises(Failure, match="x.json"):
        read_login(path)


def test_lines_come_back_as_they_went(tmp_path):
    ack, attempt = Ack(1, 2, 3, 4, 5, "us-db1"), Attempt(1, 2, "unknown", 2013, 3, 4, "us-db1", "a b")
    ack_log(tmp_path, 1).write_text(ack.line())
    attempt_log(tmp_path, 1).write_text(attempt.line())
    assert list(read_acks(ack_log(tmp_path, 1))) == [ack]
    assert list(read_attempts(attempt_log(tmp_path, 1))) == [attempt]


def test_status_counts(tmp_path):
    lines = [Ack(n, n, 1, n * 1_000_000, 1, "us-db1").line() for n in range(1, 2001)]
    ack_log(tmp_path, 1).write_text("".join(lines))
    ack_log(tmp_path, 2).write_text(lines[0] + "2\t2")
    found = ledger.status(tmp_path)
    assert (found["acknowledged"], found["server"]) == (2001, "us-db1")


def test_command_line_reports_failure(tmp_path, capsys):
    assert ledger.main(["setup", "--endpoint", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
