# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen once of a target that is ahead of its source, or of a source that may have lost its end, stays seen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration import guard
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import catchup, lives, trust
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import ReplicaStatus
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import recover as recovery
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import run as seed_run
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.files import open_lock, take_lock
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal

STOP, ROTATE, NOTHING = "Stop", "Rotate", ""


def raising(error):
    """For a place that takes no statement."""
    raise error


class Source:
    """A source whose binary logs end as they are told to, without a look at more than their last events."""

    def __init__(self):
        self.values = {"sync_binlog": "0", "innodb_flush_log_at_trx_commit": "1"}
        self.now, self.uptime = 5000, 100
        self.logs = {"bin.000001": NOTHING}
        self.size, self.checksum, self.header = 1000, 4, 0
        self.connection = self

    def restart(self, end, logs=1):
        """Another life, after its last file ended so."""
        self.logs[list(self.logs)[-1]] = end
        for _file in range(logs):
            self.logs["bin.%06d" % (len(self.logs) + 1)] = NOTHING
        self.now += 1000
        self.uptime = 10

    def flush(self):
        self.logs[list(self.logs)[-1]] = ROTATE
        self.logs["bin.%06d" % (len(self.logs) + 1)] = NOTHING

    def variables(self, *names):
        return {name: self.values[name] for name in names}

    def status(self, _name):
        return str(self.uptime)

    def row(self, _sql):
        return {"n": self.now}

    def binlog_position(self):
        return list(self.logs)[-1], self.size

    def rows(self, sql, args=None):
        if sql == "SHOW BINARY LOGS":
            return [{"Log_name": name, "File_size": self.size} for name in self.logs]
        name, position = args
        kind = self.logs[name]
        length = {STOP: 19, ROTATE: 19 + 8 + len(name), NOTHING: 0}[kind] + self.checksum
        if kind and position == self.size - self.header - length:
            return [{"Event_type": kind, "Pos": position}]
        raise ServerError("Error when executing command SHOW BINLOG EVENTS: Wrong offset or I/O error", 1220)


class Target(SimpleNamespace):
    foreign = ""

    def gtid_foreign(self, _source):
        return self.foreign


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """A source, its target, and the journal after the copy began."""
    kit = SimpleNamespace(source=Source(), target=Target(), boot="kernel-1/9", status=ReplicaStatus(source_host="s", positioning="gtid"))
    kit.journal = Journal(str(tmp_path))

    def call(_id, verb, _request):
        assert verb == "boot"
        if not kit.boot:
            raise MigrationError("the agent on the source did not answer")
        return {"boot": kit.boot}

    monkeypatch.setattr(trust, "call", call)
    monkeypatch.setattr(trust, "only_status", lambda _target: kit.status)
    kit.look = lambda: trust.look(kit.source, kit.target, kit.journal, "shop")
    kit.settle = lambda wipe="", waive=(), check=False: trust.settle(kit.journal, "shop", wipe, waive, check)
    trust.begin(kit.source, kit.journal, "shop")
    kit.journal.update("seed done", seed={"status": "done", "method": "dump"}, catchup={"lag": 0})
    return kit


def power_cut(kit):
    kit.source.restart(NOTHING)
    kit.boot = "kernel-2/9"


def test_nothing_happened(kit):
    kit.look()
    kit.source.flush()
    kit.source.now += 50
    kit.source.uptime += 50
    kit.look()
    assert trust.untrusted(kit.journal.read()) == []


def test_a_power_cut_is_seen_by_the_next_look_and_by_all_that_follow(kit):
    power_cut(kit)
    with pytest.raises(Refusal, match=r"not trusted any more: the source was not shut down.*-e wipe_target=shop.*-e waive=P65"):
        kit.look()
    kit.source.now += 50
    kit.source.uptime += 50
    with pytest.raises(Refusal, match="not trusted any more"):
        kit.look()
    assert len(kit.journal.read()["distrust"]["reasons"]) == 1, "told once"


@pytest.mark.parametrize("checksum", [0, 4])
@pytest.mark.parametrize("header", [0, 512])
def test_a_shutdown_is_read_from_the_binary_logs_end(kit, checksum, header):
    kit.source.checksum, kit.source.header = checksum, header
    kit.source.flush()
    kit.source.restart(STOP)
    kit.boot = "kernel-2/9"
    kit.look()
    assert trust.ends(kit.source, "bin.000001", "bin.000003") == [lives.ROTATED, lives.STOPPED]


def test_a_second_look_looks_from_the_first_on(kit):
    power_cut(kit)
    with pytest.raises(Refusal):
        kit.look()
    kit.settle(waive=["P65"])
    kit.source.restart(STOP)
    kit.look()


def test_a_power_cut_between_two_shutdowns(kit):
    kit.source.restart(STOP)
    kit.source.restart(NOTHING)
    kit.source.restart(STOP)
    kit.boot = "kernel-2/9"
    with pytest.raises(Refusal, match="was not shut down"):
        kit.look()


def test_files_that_are_gone_show_nothing(kit):
    kit.source.restart(STOP)
    del kit.source.logs["bin.000001"]
    kit.boot = "kernel-2/9"
    with pytest.raises(Refusal, match="nothing shows that it was shut down before"):
        kit.look()


def test_a_server_that_was_killed_on_a_host_that_lives_lost_nothing(kit):
    kit.source.restart(NOTHING)
    kit.look()


def test_a_host_that_nobody_can_ask_may_have_died(kit):
    kit.source.restart(NOTHING)
    kit.boot = ""
    with pytest.raises(Refusal, match="was not shut down"):
        kit.look()


def test_an_error_of_the_server_is_not_taken_for_a_torn_file(kit):
    kit.source.restart(STOP)
    kit.source.rows = lambda sql, args=None: raising(ServerError("denied", 1227))
    with pytest.raises(ServerError):
        trust.ends(kit.source, "bin.000001", "bin.000002")


@pytest.mark.parametrize(
    "seen",
    [
        {"last_io_errno": 1236, "last_io_error": "requested to start from GTID 0-1-105, which is not in the master's binlog"},
        {"positioning": "file", "read_file": "bin.000001", "read_position": 1001},
        {"positioning": "file", "read_file": "bin.000002", "read_position": 1001},
        {"foreign": "0-1-105"},
    ],
)
def test_seen_for_an_instant_and_never_forgotten(kit, seen):
    kit.source.flush()
    seen = dict(seen)
    kit.target.foreign = seen.pop("foreign", "")
    kit.status = ReplicaStatus(**{"source_host": "s", "positioning": "gtid", **seen})
    trust.sight(kit.source, kit.target, kit.journal)
    kit.target.foreign, kit.status = "", ReplicaStatus(source_host="s", positioning="gtid")
    with pytest.raises(Refusal, match="not trusted any more"):
        kit.look()
    with pytest.raises(Refusal, match="not trusted any more"):
        trust.check(kit.journal, "shop")


def test_a_look_sees_what_the_target_has_alone(kit):
    kit.target.foreign = "0-1-105"
    with pytest.raises(Refusal, match="0-1-105"):
        kit.look()


def test_a_position_within_the_file_is_none(kit):
    kit.status = ReplicaStatus(source_host="s", positioning="file", read_file="bin.000001", read_position=1000)
    trust.sight(kit.source, kit.target, kit.journal)
    trust.check(kit.journal, "shop")


def test_the_same_trouble_with_other_numbers_is_told_once(kit):
    trust.note(kit.journal, "the target holds transactions that the source does not have: 0-1-105")
    trust.note(kit.journal, "the target holds transactions that the source does not have: 0-1-106")
    trust.note(kit.journal, "the source refused the target as being ahead of it: [1236] x")
    assert len(kit.journal.read()["distrust"]["reasons"]) == 2


def test_a_new_copy_clears_it(kit):
    power_cut(kit)
    trust.note(kit.journal, "x")
    assert kit.settle(wipe="another") == []
    assert "copied again" in kit.settle(wipe="shop", check=True)[0]
    assert kit.journal.read()["seed"]["status"] == "done", "check mode writes nothing"
    assert "copied again" in kit.settle(wipe="shop")[0]
    state = kit.journal.read()
    assert state["seed"]["status"] == "running" and "catchup" not in state
    assert kit.settle(wipe="shop") == [], "told once"
    assert kit.journal.read()["erasures"][0]["word"] == "shop", "and used up"
    assert trust.begin(kit.source, kit.journal, "shop") is False
    kit.look()


def test_a_cutover_that_has_begun_is_not_settled_by_erasing(kit):
    trust.note(kit.journal, "x")
    kit.journal.update("cutover", cutover={"begun": ["lease"]})
    assert kit.settle(wipe="shop", waive=["P65"]) == []
    assert kit.journal.read()["seed"]["status"] == "done"


def test_waived_by_name_it_goes_on_and_is_said_loudly(kit):
    trust.note(kit.journal, "the target holds transactions that the source does not have: 0-1-105")
    assert kit.settle(waive=["P30"]) == []
    assert kit.settle(waive=["P65"], check=True) and trust.untrusted(kit.journal.read())
    assert "may become the primary although the target holds" in kit.settle(waive=["P65"])[0]
    kit.look()
    assert trust.waived(kit.journal.read()) == ["the target holds transactions that the source does not have: 0-1-105"]
    assert kit.settle(waive=["P65"]) == []
    trust.note(kit.journal, "the target holds transactions that the source does not have: 0-1-190")
    with pytest.raises(Refusal):
        kit.look()


def test_a_dump_is_gone_on_with_only_while_its_source_is_what_it_was(kit):
    kit.journal.update("x", seed={"status": "running"})
    assert trust.begin(kit.source, kit.journal, "shop", goes_on=True) is True
    power_cut(kit)
    assert trust.begin(kit.source, kit.journal, "shop", goes_on=True) is False
    assert trust.untrusted(kit.journal.read()) == []
    trust.note(kit.journal, "x")
    assert trust.begin(kit.source, kit.journal, "shop", goes_on=True) is False


def test_the_first_dump_of_a_migration_goes_on_with_none(kit, tmp_path):
    assert trust.begin(kit.source, Journal(str(tmp_path / "new")), "shop", goes_on=True) is False


def test_a_migration_of_before_this_was_looked_at_is_looked_at_from_now_on(kit):
    kit.journal.update("x", source_life=None)
    kit.look()
    power_cut(kit)
    with pytest.raises(Refusal):
        kit.look()


@pytest.fixture
def catching_up(kit, monkeypatch):
    """The catch-up job on the kit's servers, READY in its first round."""
    kit.log, kit.target.connection = [], None

    class Connection(SimpleNamespace):
        def __enter__(self):
            return self

        def __exit__(self, *_exc):
            return None

    monkeypatch.setattr(catchup, "connect", lambda _login, name, _timeout: Connection(name=name))
    monkeypatch.setattr(catchup, "open_flavour", lambda connection: kit.source if connection.name == "source" else kit.target)
    monkeypatch.setattr(catchup, "read_login_file", lambda path: path)
    monkeypatch.setattr(catchup, "directory", lambda _id: kit.journal.directory)
    monkeypatch.setattr(catchup, "follow", lambda *_args: kit.log.append("follow"))
    monkeypatch.setattr(catchup, "arrives", lambda *_args: True)
    monkeypatch.setattr(catchup, "read_transit", lambda connection, folder: {"tls": "TLSv1.3", "of": connection.name, "known": folder})
    monkeypatch.setattr(catchup, "beat", lambda *_args: kit.log.append("beat"))
    monkeypatch.setattr(catchup, "lag", lambda *_args: 0.0)
    monkeypatch.setattr(catchup, "only_status", lambda _target: kit.status)
    monkeypatch.setattr(catchup, "INTERVAL", 0.0)
    kit.status = ReplicaStatus(source_host="s", positioning="gtid", io_running="Yes", sql_running="Yes")
    options = {"migration_id": "shop", "source_login": "s", "target_login": "t", "threshold": 1.0, "ready_seconds": 0.001}
    options.update(timeout=2.0, patience=2.0, fast_load=True)
    kit.run = lambda: catchup.run(options, SimpleNamespace(say=lambda *_args, **_numbers: kit.log.append("say")))
    return kit


def test_ready_is_what_was_looked_at(catching_up):
    assert catching_up.run()["lag"] == 0.0
    assert catching_up.journal.read()["catchup"]["lag"] == 0.0
    # Of the way to the source, while it is there.
    assert catching_up.journal.read()["transit"] == {"tls": "TLSv1.3", "of": "source", "known": catching_up.journal.directory}


def test_the_way_is_read_off_once_and_never_under_the_lock(catching_up, monkeypatch):
    def read(*_args):
        with open_lock(f"{catching_up.journal.directory}/{guard.LOCK}") as lock:
            assert take_lock(lock, 0.1), "a cutover that is asked for meanwhile would wait for ssh"
        read.times += 1
        return {"tls": ""}

    read.times = 0
    monkeypatch.setattr(catchup, "read_transit", read)
    catching_up.journal.update("x", catchup=None)
    catching_up.run()
    catching_up.run()
    assert read.times == 1


def test_a_power_cut_before_it_stops_the_catch_up_before_anything_is_set(catching_up):
    catching_up.journal.update("x", catchup=None)
    power_cut(catching_up)
    with pytest.raises(Refusal, match="not trusted any more"):
        catching_up.run()
    assert catching_up.log == [] and "catchup" not in catching_up.journal.read()


def test_what_stops_it_once_somebody_has_cut_over_is_said_so(catching_up, monkeypatch):
    def closed(*_args):
        catching_up.journal.update("x", cutover={"done": ["commit", "confirm"]})
        raise MigrationError("the source is read-only")

    monkeypatch.setattr(catchup, "beat", closed)
    with pytest.raises(Refusal, match="catching up ends: migration .* was cut over meanwhile"):
        catching_up.run()


def test_an_instant_while_it_waits_is_enough(catching_up, monkeypatch):
    """It is over before the last look, and nobody waits for that."""
    foreign = iter(["", "0-1-105", ""])

    class Fleeting:
        connection = None

        def gtid_foreign(self, _source):
            return next(foreign)

    catching_up.target = Fleeting()
    monkeypatch.setattr(catchup, "lag", lambda *_args: 9.0)
    with pytest.raises(Refusal, match="0-1-105"):
        catching_up.run()
    assert next(foreign) == ""


def test_a_power_cut_while_it_waits_is_seen_before_ready(catching_up, monkeypatch):
    catching_up.journal.update("x", catchup=None)
    monkeypatch.setattr(catchup, "lag", lambda *_args: power_cut(catching_up) or 0.0)
    with pytest.raises(Refusal, match="was not shut down"):
        catching_up.run()
    assert "catchup" not in catching_up.journal.read()


@pytest.mark.parametrize("fit", [True, False])
def test_a_dump_that_may_not_be_gone_on_with_goes(kit, monkeypatch, fit):
    forgotten = []
    monkeypatch.setattr(seed_run, "begin", lambda _source, _journal, _id, goes_on: fit and goes_on)
    monkeypatch.setattr(seed_run, "forget_others", lambda *where: forgotten.append(where))
    monkeypatch.setattr(seed_run, "relaxed_copy", lambda *_args: raising(MigrationError("here it would copy")))
    identity = SimpleNamespace(datadir="/var/lib/mysql")
    seed = SimpleNamespace(source=kit.source, target=SimpleNamespace(identity=identity), options={"migration_id": "shop", "tries": 1, "fast_load": True})
    seed.source_login = None
    method = SimpleNamespace(goes_on=True, starts_over=False)
    with pytest.raises(MigrationError, match="here it would copy"):
        seed_run._copy(seed, method, kit.journal, {})
    assert forgotten == ([] if fit else [("/var/lib/mysql", "shop")])


def test_what_the_operator_decides_is_taken_before_anything_else(kit, monkeypatch):
    monkeypatch.setattr(recovery, "directory", lambda _id: kit.journal.directory)
    monkeypatch.setattr(recovery, "observe", lambda _folder: SimpleNamespace(state="succeeded"))
    trust.note(kit.journal, "x")
    assert recovery.recover({"migration_id": "shop", "wipe": "", "waive": []}, False) == {"changed": False, "restored": False, "warnings": []}
    result = recovery.recover({"migration_id": "shop", "wipe": "", "waive": ["P65"]}, False)
    assert result["changed"] and "P65 is waived" in result["warnings"][0]
    trust.note(kit.journal, "y")
    result = recovery.recover({"migration_id": "shop", "wipe": "shop", "waive": []}, False)
    assert result["changed"] and "copied again" in result["warnings"][0]
