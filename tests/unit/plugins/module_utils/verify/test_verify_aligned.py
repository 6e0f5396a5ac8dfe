# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two snapshots of one moment, by the statements that are sent, and who waits for whom. What servers do with them is shown on servers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mariadb import MariaDB
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.mysql import MySQL
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify import aligned, snapshot
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.aligned import Aligner
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.throttle import Limits, Throttle

UUID = "aaaaaaaa-0000-0000-0000-000000000001"


class Connection:
    """Answers by the beginning of a statement; what was said is kept, for all of a server's sessions."""

    def __init__(self, said, answers, name):
        self.said, self.answers, self.name, self.closed = said, answers, name, False

    def rows(self, sql, args=None):
        self.said.append((self.name, sql if not args else sql % tuple("'%s'" % one for one in args)))
        for begin, answer in self.answers.items():
            if sql.startswith(begin):
                answer = answer() if callable(answer) else answer
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return []

    def row(self, sql, args=None):
        return next(iter(self.rows(sql, args)), {})

    def value(self, sql, args=None):
        return next(iter(self.row(sql, args).values()), None)

    def run(self, sql, args=None):
        self.rows(sql, args)

    def variable(self, name):
        return next((row["Value"] for row in self.rows("SHOW GLOBAL VARIABLES " + name)), None)

    def results(self, sql):
        return [self.rows(one) for one in sql.split("; ")]

    def close(self):
        self.closed = True


STOPPED = {"Replica_IO_Running": "Yes", "Replica_SQL_Running": "No", "Source_Host": "h", "Last_SQL_Errno": 0, "Last_IO_Errno": 0}


class World:
    """A pair; the applier stops when it is told, and where."""

    def __init__(self, flavour, source_answers, then, stops=True, applied=""):
        self.flavour, self.said, self.opened = flavour, [], []
        self.running = True
        self.source_answers = source_answers
        self.applied, self.then, self.stops = applied, then, stops

    def status(self):
        last = [sql for name, sql in self.said if name == "target1" and ("REPLICA" in sql or "UNTIL" in sql) and not sql.startswith("SHOW")]
        stopped = bool(last) and (last[-1].startswith("STOP") or "UNTIL" in last[-1] and self.stops)
        if last and "UNTIL" in last[-1]:
            self.applied = self.then
        applier = "No" if stopped else "Yes"
        return [{**STOPPED, "Replica_SQL_Running": applier, "Using_Gtid": "Slave_Pos", "Auto_Position": 1}]

    def session(self, name):
        answers = dict(self.source_answers) if name == "source" else {
            "SHOW REPLICA STATUS": self.status, "SHOW ALL REPLICAS STATUS": self.status,
            "SHOW GLOBAL VARIABLES gtid_executed": lambda: [{"Value": self.applied}], "SHOW GLOBAL VARIABLES gtid_mode": [{"Value": "ON"}],
            "SELECT @@GLOBAL.gtid_slave_pos": lambda: [{"x": self.applied}],
            "SELECT GTID_SUBTRACT": [{"x": ""}], "SELECT GTID_SUBSET": lambda: [{"x": int(self.applied == UUID + ":1-9")}],
        }  # fmt: skip
        number = sum(1 for one in self.opened if one.connection.name.startswith(name))
        connection = Connection(self.said, answers, name + str(number or ""))
        version = {MySQL: (9, 7, 4), MariaDB: (10, 11, 6)}[self.flavour]
        server = self.flavour(connection, SimpleNamespace(version=version, server_uuid=UUID, server_id=2, version_text=""))
        self.opened.append(server)
        return server

    def open(self, lock_seconds=1.0):
        return Aligner(lambda: self.session("source"), lambda: self.session("target"), lock_seconds).open()

    def order(self, *words):
        """Which of the words was said by whom, in order."""
        return [(name, word) for name, sql in self.said for word in words if sql.startswith(word) or word in sql]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(aligned, "ADVANCE_SECONDS", 0.2)
    monkeypatch.setattr(aligned, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(snapshot, "LOOP_SECONDS", 0.05)


MARIADB_PLACE = {
    "SHOW SESSION STATUS": [
        {"Variable_name": "Binlog_snapshot_file", "Value": "log.000003"}, {"Variable_name": "Binlog_snapshot_position", "Value": "4711"},
    ],
    "SELECT BINLOG_GTID_POS": [{"x": "0-1-9"}],
}  # fmt: skip


def test_mariadb_s_applier_stands_before_the_snapshot_and_goes_to_its_place():
    world = World(MariaDB, MARIADB_PLACE, "0-1-9")
    pair = world.open()
    assert (pair.place.file, pair.place.position, pair.place.gtid) == ("log.000003", 4711, "0-1-9")
    assert world.order("STOP REPLICA", "START TRANSACTION", "UNTIL", "FLUSH") == [
        ("target1", "STOP REPLICA"), ("source", "START TRANSACTION"), ("target1", "UNTIL"), ("target", "START TRANSACTION"),
    ]  # fmt: skip
    assert ("target1", "START REPLICA SQL_THREAD UNTIL MASTER_LOG_FILE = 'log.000003', MASTER_LOG_POS = '4711'") in world.said
    # START REPLICA ends the session's own snapshot: it is said in another one, which is closed, and last of all.
    assert world.said[-1] == ("target1", "START REPLICA")
    assert [server.connection.closed for server in world.opened] == [False, False, True]


def loop(*answers):
    """Answers of the loop's questions for gtid_executed and gtid_owned, in turn."""
    left = list(answers)
    return {
        "SELECT @@GLOBAL.gtid_executed": lambda: [{"done": left.pop(0)}],
        "SELECT @@GLOBAL.gtid_owned": lambda: [{"owned": left.pop(0)}],
        "SHOW GLOBAL VARIABLES gtid_mode": [{"Value": "ON"}],
    }


NINE = UUID + ":1-9"


def test_mysql_s_snapshot_is_between_two_equal_answers_with_nothing_in_flight():
    # Before, in flight, after: moved on; in flight; good.
    world = World(MySQL, loop(UUID + ":1-7", "", UUID + ":1-8", NINE, UUID + ":10#3", NINE, NINE, "", NINE), NINE)
    pair = world.open()
    assert pair.place.gtid == NINE and "between" in pair.place.how
    assert sum("START TRANSACTION" in sql for name, sql in world.said if name == "source") == 3
    # What is being committed is asked before what is done.
    last = [sql for name, sql in world.said if name == "source"][-4:]
    assert [sql.split()[1] for sql in last] == ["@@GLOBAL.gtid_executed", "TRANSACTION", "@@GLOBAL.gtid_owned", "@@GLOBAL.gtid_executed"]
    assert world.said[-1] == ("target1", "START REPLICA")


def busy():
    return {
        **loop(), "SELECT @@GLOBAL.gtid_executed": [{"done": NINE}], "SELECT @@GLOBAL.gtid_owned": [{"owned": UUID + ":10#3"}],
        "SHOW GLOBAL VARIABLES gtid_executed": [{"Value": NINE}], "SHOW BINARY LOG STATUS": [{"File": "log.000001", "Position": 9}],
    }  # fmt: skip


def test_a_mysql_that_never_rests_is_locked_for_a_moment():
    world = World(MySQL, busy(), NINE)
    assert "read lock" in world.open().place.how
    assert world.order("lock_wait_timeout", "FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES", "UNTIL")[:3] == [
        ("source", "lock_wait_timeout"), ("source", "FLUSH TABLES WITH READ LOCK"), ("source", "UNLOCK TABLES"),
    ]  # fmt: skip


def test_no_lock_is_taken_where_none_is_allowed():
    world = World(MySQL, busy(), NINE)
    with pytest.raises(Refusal, match="commits too often"):
        world.open(lock_seconds=0)
    assert world.said[-1] == ("target1", "START REPLICA") and all(server.connection.closed for server in world.opened)


def test_a_lock_that_is_not_had_is_given_back_and_the_replica_goes_on():
    world = World(MySQL, {**busy(), "FLUSH TABLES": ServerError("waited", 1205)}, NINE)
    with pytest.raises(ServerError, match="waited"):
        world.open()
    assert world.order("UNLOCK TABLES", "START REPLICA") == [("source", "UNLOCK TABLES"), ("target1", "START REPLICA")]


@pytest.mark.parametrize(
    ("world", "words"),
    [
        (lambda: World(MySQL, loop(NINE, "", NINE), UUID + ":1-8"), "another position"),
        (lambda: World(MySQL, loop(NINE, "", NINE), UUID + ":1-8", stops=False), "has not applied"),
        (lambda: World(MariaDB, MARIADB_PLACE, "0-1-8"), "another position"),
        (lambda: World(MariaDB, MARIADB_PLACE, "0-1-10"), "another position"),
        (lambda: World(MariaDB, {"SHOW SESSION STATUS": []}, ""), "does not report the position"),
    ],
)
def test_a_target_that_is_not_there_is_an_error_and_goes_on(world, words):
    made = world()
    with pytest.raises(MigrationError, match=words):
        made.open()
    assert made.said[-1] == ("target1", "START REPLICA") and all(server.connection.closed for server in made.opened)


def test_an_applier_that_is_there_already_is_not_started():
    world = World(MariaDB, MARIADB_PLACE, "0-1-9", applied="0-1-9")
    world.open()
    assert not world.order("UNTIL") and world.said[-1] == ("target1", "START REPLICA")


def test_an_applier_that_waits_for_an_event_at_the_place_is_stopped_there():
    world = World(MySQL, loop(NINE, "", NINE), NINE, stops=False)
    world.open()
    assert world.order("STOP REPLICA", "UNTIL")[-2:] == [("target1", "UNTIL"), ("target1", "STOP REPLICA")]


def throttled(monkeypatch, running, behind, history, looks=3):
    """A throttle whose reasons go away after some looks; the reasons, and the seconds waited."""
    clock = [0.0]
    seen = [0]

    def status(_name):
        seen[0] += 1
        return str(running if seen[0] <= looks else 1)

    source = SimpleNamespace(connection=SimpleNamespace(status=status, value=lambda _sql: history))
    monkeypatch.setattr(
        "ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.throttle.only_status",
        lambda _target: SimpleNamespace(seconds_behind=behind if seen[0] <= looks else 0),
    )
    throttle = Throttle(source, None, Limits(50, 30.0, 1000), 3, lambda: clock[0], lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    told = []
    throttle.wait(told.append)
    return throttle, told


@pytest.mark.parametrize(
    ("running", "behind", "reason"),
    [(60, 0, "57 sessions run on the source, the limit is 50"), (10, 31, "the target is 31 s behind, the limit is 30 s")],
)
def test_it_waits_while_a_server_is_busy(monkeypatch, running, behind, reason):
    throttle, told = throttled(monkeypatch, running, behind, 5)
    assert set(told) == {reason} and throttle.waited == pytest.approx(3.0) and not throttle.snapshots_hurt


@pytest.mark.parametrize(("running", "behind"), [(53, 0), (1, 30), (1, None)])
def test_it_does_not_wait_at_the_limit_nor_by_a_lag_that_is_not_known(monkeypatch, running, behind):
    assert throttled(monkeypatch, running, behind, 1001)[1] == []
    assert throttled(monkeypatch, running, behind, 1001)[0].snapshots_hurt
