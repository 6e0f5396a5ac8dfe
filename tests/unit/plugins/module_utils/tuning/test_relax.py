# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relaxed commits: journalled before they are set, set back and proven, and a copy that a dead host may have damaged is not trusted."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import recover as recovery
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Journal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning import relax as tuning
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning.configured import Configured
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._tuning.settings import REDO_STATUS, SETTINGS

CONFIGURED = {
    "mysql": {
        "innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1", "replica_parallel_workers": "4", "replica_preserve_commit_order": "ON",
        "max_allowed_packet": "67108864",
    },
    "mariadb": {
        "innodb_flush_log_at_trx_commit": "1", "sync_binlog": "0", "slave_parallel_threads": "0", "slave_parallel_mode": "optimistic",
        "max_allowed_packet": "16777216",
    },
}  # fmt: skip
# What nobody wrote, MariaDB's sync_binlog and all the others, is the program's own.
COMPILED = {flavour: {name: Configured(value, False) for name, value in values.items()} for flavour, values in CONFIGURED.items()}
SAFE = {"innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1"}
DURABILITY = {"innodb_flush_log_at_trx_commit": "2", "sync_binlog": "0"}
RELAXED = {**DURABILITY, "max_allowed_packet": "1073741824"}


class Died(BaseException):
    """The process was killed."""


class Connection:
    """Keeps global variables, and notes what is done to them and to the journal, in order."""

    name = "target"

    def __init__(self, flavour, folder, log):
        self.flavour, self.log = flavour, log
        self.known = dict(CONFIGURED[flavour], log_bin="ON", log_bin_index=str(folder / "binlog.index"))
        self.redo = [100, 40]
        self.stubborn = set()
        self.dies_at = ""

    def variables(self, *names):
        return {name: self.known[name] for name in names if name in self.known}

    def variable(self, name):
        return self.known.get(name)

    def at_once(self, *names):
        return {name: {"ON": "1", "OFF": "0"}.get(self.known[name], self.known[name]) for name in names}

    def status(self, name):
        place = REDO_STATUS[self.flavour].index(name)
        return str(self.redo[place])

    def run(self, sql, args=None):
        if self.dies_at and self.dies_at in sql:
            raise Died
        self.log.append(sql % args if args else sql)
        found = re.match(r"SET GLOBAL (\w+) = %s", sql)
        if found and found[1] not in self.stubborn:
            self.known[found[1]] = str(args[0])
        if "ENGINE LOGS" in sql:
            self.redo[1] = self.redo[0]


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """A target of a flavour, and its journal."""
    kit = SimpleNamespace(log=[], boot="kernel-1", synced=[])

    def server(flavour):
        folder = tmp_path / "data"
        folder.mkdir()
        (folder / "binlog.000001").write_text("old")
        (folder / "binlog.index").write_text("./binlog.000001\n%s/binlog.000002\n" % folder)
        kit.connection = Connection(flavour, folder, kit.log)
        return SimpleNamespace(name=flavour, connection=kit.connection, identity=SimpleNamespace(datadir=str(folder)))

    class Noted(Journal):
        def update(self, event, **changes):
            kit.log.append("journal: %s" % event)
            return super().update(event, **changes)

    def configured(server, names):
        if kit.silent:
            raise MigrationError("the server's program is not found")
        known = {**COMPILED[server.name], **{name: Configured(value, True) for name, value in kit.file.items()}}
        return {name: known[name] for name in names}

    kit.file, kit.silent = {}, False
    monkeypatch.setattr(tuning, "configured", configured)
    kit.server, kit.journal = server, Noted(str(tmp_path / "state"))
    monkeypatch.setattr(tuning, "boot_id", lambda: kit.boot)
    real = tuning.os.fsync
    monkeypatch.setattr(tuning.os, "fsync", lambda handle: kit.synced.append(tuning.os.readlink("/proc/self/fd/%d" % handle)) or real(handle))
    kit.binary_logs_synced = lambda: [name.rsplit("/", 1)[1] for name in kit.synced if "binlog." in name]
    return kit


@pytest.fixture(params=["mysql", "mariadb"])
def target(kit, request):
    return kit.server(request.param)


def test_it_is_journalled_before_anything_is_set(kit, target):
    tuning.relax(target, kit.journal)
    assert kit.log[0].startswith("journal: ")
    assert all(line.startswith("SET GLOBAL") for line in kit.log[1:])
    assert kit.journal.read()["tuning"] == {"relaxed": True, "boot_id": "kernel-1"}
    assert {name: target.connection.known[name] for name in RELAXED} == RELAXED
    del kit.log[:]
    tuning.relax(target, kit.journal)
    assert kit.log == [], "a second time changes nothing"


def test_what_another_migration_left_is_not_taken_for_the_users_wish(kit, target, tmp_path):
    """Its journal is gone, or the migration has a new id on the same target."""
    tuning.relax(target, kit.journal)
    threads = "slave_parallel_threads" if target.name == "mariadb" else "replica_parallel_workers"
    target.connection.known[threads] = "8"
    another = Journal(str(tmp_path / "another"))
    tuning.relax(target, another)
    assert tuning.make_durable(target, another).values == SAFE
    assert {name: target.connection.known[name] for name in SAFE} == SAFE
    assert tuning.restore_rest(target, another) == []
    assert target.connection.known == {**target.connection.known, **CONFIGURED[target.name], **SAFE}


def test_a_journal_that_knows_of_nothing_relaxed_is_not_believed(kit, target):
    target.connection.known.update(DURABILITY)
    with tuning.relaxed_copy(lambda: target, kit.journal, False):
        assert {name: target.connection.known[name] for name in SAFE} == SAFE
    target.connection.known.update(DURABILITY)
    kit.log.clear()
    made = tuning.make_durable(target, kit.journal)
    assert (made.values, made.relaxed) == (SAFE, False)
    assert {name: target.connection.known[name] for name in SAFE} == SAFE
    assert kit.log[-1] == tuning.FLUSH, "what was committed before is brought to the disk"


def test_what_the_user_wrote_is_what_durable_means(kit, target):
    kit.file = {"sync_binlog": "7"}
    tuning.relax(target, kit.journal)
    made = tuning.make_durable(target, kit.journal)
    assert made.values == {"sync_binlog": "7", "innodb_flush_log_at_trx_commit": "1"}
    assert len(made.notes) == 1 and "configuration has sync_binlog=7" in made.notes[0]
    assert tuning.restore_rest(target, kit.journal) == []
    assert target.connection.known["sync_binlog"] == "7"


def test_a_value_that_a_restart_takes_back_is_told(kit, target):
    notes = tuning.make_durable(target, kit.journal).notes
    if target.name == "mysql":
        assert notes == []
    else:
        assert len(notes) == 1 and "stands in no configuration: after a restart the server has its built-in 0 again" in notes[0]


def test_where_the_program_cannot_be_asked_it_is_durable_all_the_same_and_said(kit, target):
    tuning.relax(target, kit.journal)
    kit.silent = True
    made = tuning.make_durable(target, kit.journal)
    assert made.values == SAFE and "could not be asked" in made.notes[0] and "is not found" in made.notes[0]
    assert [text for text in tuning.restore_rest(target, kit.journal) if "could not be asked" in text]
    assert {name: target.connection.known[name] for name in SAFE} == SAFE


def test_made_durable_first_the_settings_then_what_was_before_then_the_journal(kit, target):
    tuning.relax(target, kit.journal)
    del kit.log[:]
    made = tuning.make_durable(target, kit.journal)
    assert (made.values, made.relaxed) == (SAFE, True)
    assert {name: target.connection.known[name] for name in SAFE} == SAFE
    assert kit.log[-2:] == [tuning.FLUSH, "journal: the target's commits wait for the disk again"]
    assert kit.binary_logs_synced() == ["binlog.000001"], "a closed one is synced, a purged one is no error"
    assert kit.journal.read()["tuning"]["relaxed"] is False
    del kit.log[:]
    made = tuning.make_durable(target, kit.journal)
    assert (made.values, made.relaxed) == (SAFE, False)
    assert kit.log == [], "nothing is left to do"


def test_after_an_undo_it_is_relaxed_again(kit, target):
    tuning.relax(target, kit.journal)
    tuning.make_durable(target, kit.journal)
    tuning.relax(target, kit.journal)
    assert {name: target.connection.known[name] for name in RELAXED} == RELAXED
    tuning.make_durable(target, kit.journal)
    assert target.connection.known["innodb_flush_log_at_trx_commit"] == "1"


def test_the_read_back_names_what_differs(target):
    target.connection.known["sync_binlog"] = "0"
    assert tuning.unsafe(target, SAFE) == ["sync_binlog is 0 and should be 1"]
    assert tuning.unsafe(target, {"sync_binlog": "0"}) == [] == tuning.unsafe(target, {})


def test_a_value_that_does_not_hold_refuses_the_fence(kit, target):
    tuning.relax(target, kit.journal)
    target.connection.stubborn = {"innodb_flush_log_at_trx_commit"}
    with pytest.raises(Refusal, match="innodb_flush_log_at_trx_commit is 2 and should be 1"):
        tuning.make_durable(target, kit.journal)
    assert kit.journal.read()["tuning"]["relaxed"] is True


def test_a_redo_log_that_is_not_on_the_disk_refuses_the_fence(kit, target, monkeypatch):
    tuning.relax(target, kit.journal)
    monkeypatch.setattr(tuning, "FLUSH", "DO 0")
    monkeypatch.setattr(tuning, "FLUSH_SECONDS", 0.0)
    with pytest.raises(Refusal, match="redo log is on the disk up to 40 and goes to 100"):
        tuning.make_durable(target, kit.journal)
    assert kit.journal.read()["tuning"]["relaxed"] is True


def test_an_index_that_cannot_be_read_refuses_the_fence(kit, target):
    tuning.relax(target, kit.journal)
    target.connection.known["log_bin_index"] = "/nowhere/binlog.index"
    with pytest.raises(Refusal, match="not certain that they are on the disk"):
        tuning.make_durable(target, kit.journal)


def test_without_a_binary_log_there_is_nothing_of_it_to_sync(kit, target):
    target.connection.known.update(log_bin="OFF", log_bin_index="/nowhere")
    tuning.relax(target, kit.journal)
    assert tuning.make_durable(target, kit.journal).values == SAFE


def test_the_rest_is_set_back_after_promotion_and_what_is_refused_is_told(kit, target):
    tuning.relax(target, kit.journal)
    name = "slave_parallel_threads" if target.name == "mariadb" else "replica_parallel_workers"
    target.connection.known[name] = "8"
    tuning.make_durable(target, kit.journal)
    assert target.connection.known[name] == "8", "the applier goes on as it is until the last write has arrived"
    target.connection.stubborn = {name}
    assert [text for text in tuning.restore_rest(target, kit.journal) if text.startswith(name)]
    target.connection.stubborn = set()
    assert tuning.restore_rest(target, kit.journal) == []
    assert target.connection.known == {**target.connection.known, **CONFIGURED[target.name], **SAFE}
    assert kit.journal.read()["tuning"]["restored"] is True


def test_a_server_that_was_restarted_behind_the_promotion_is_made_durable_once_more(kit, target):
    tuning.make_durable(target, kit.journal)
    target.connection.known["sync_binlog"] = "0"
    assert tuning.restore_rest(target, kit.journal) == []
    assert target.connection.known["sync_binlog"] == "1"


def test_a_server_that_died_under_a_living_kernel_has_lost_nothing(kit, target):
    tuning.relax(target, kit.journal)
    target.connection.known.update(CONFIGURED[target.name])
    assert tuning.distrust(kit.journal, False) == ""
    tuning.relax(target, kit.journal)
    assert tuning.make_durable(target, kit.journal)


def test_a_host_that_went_down_while_relaxed_makes_the_copy_anew(kit, target):
    kit.journal.update("seed done", seed={"status": "done", "target": "x", "schemas": ["shop"]}, catchup={"lag": 0})
    tuning.relax(target, kit.journal)
    kit.boot = "kernel-2"
    for verb in (tuning.relax, tuning.make_durable):
        with pytest.raises(Refusal, match="this copy is not trusted; run the playbook migrate again"):
            verb(target, kit.journal)
    assert "made again" in tuning.distrust(kit.journal, True)
    assert kit.journal.read()["seed"]["status"] == "done", "check mode writes nothing"
    assert "made again" in tuning.distrust(kit.journal, False)
    state = kit.journal.read()
    assert (state["seed"]["status"], state["seed"]["schemas"], "catchup" in state) == ("running", ["shop"], False)
    assert tuning.distrust(kit.journal, False) == "", "told once"
    tuning.relax(target, kit.journal, again=True)


def test_a_dead_host_is_told_of_and_its_half_physical_copy_put_back_all_the_same(kit, target, monkeypatch):
    entry = {"status": "running", "method": "mariadb-backup", "datadir": "/nowhere", "flavour": "mariadb", "service": ""}
    kit.journal.update("seed started", seed=entry)
    tuning.relax(target, kit.journal)
    kit.boot = "kernel-2"
    started = []
    monkeypatch.setattr(recovery, "directory", lambda _id: kit.journal.directory)
    monkeypatch.setattr(recovery, "observe", lambda _folder: SimpleNamespace(state="lost"))
    monkeypatch.setattr(recovery, "start_server", lambda *server: started.append(server))
    result = recovery.recover({"migration_id": "shop"}, False)
    assert result["changed"] and "made again" in result["warnings"][0]
    assert started == [("mariadb", "")]
    again = recovery.recover({"migration_id": "shop"}, False)
    assert (again["changed"], again["warnings"]) == (False, [])


def test_a_host_that_went_down_after_it_was_made_durable_is_trusted(kit, target):
    tuning.relax(target, kit.journal)
    tuning.make_durable(target, kit.journal)
    kit.boot = "kernel-2"
    assert tuning.distrust(kit.journal, False) == ""
    tuning.relax(target, kit.journal)


def test_a_cutover_that_has_begun_is_not_replaced_by_a_copy(kit, target):
    tuning.relax(target, kit.journal)
    kit.journal.update("cutover", cutover={"begun": ["fence"]})
    kit.boot = "kernel-2"
    assert tuning.distrust(kit.journal, False) == ""


def copied(kit, target, fast=True, ends=None):
    asked = []
    with tuning.relaxed_copy(lambda: asked.append(1) or target, kit.journal, fast):
        during = dict(target.connection.known)
        # A physical copy's restart.
        target.connection.known.update(CONFIGURED[target.name])
        if ends:
            raise ends
    assert len(asked) == (2 if fast else 1), "the restart ended the session of before"
    return during


def test_a_copy_is_made_relaxed_and_stays_so_across_the_restart_of_a_physical_one(kit, target):
    during = copied(kit, target)
    assert {name: during[name] for name in RELAXED} == RELAXED
    assert {name: target.connection.known[name] for name in RELAXED} == RELAXED


def test_a_copy_that_fails_leaves_commits_that_wait_for_the_disk(kit, target):
    with pytest.raises(MigrationError, match="broke"):
        copied(kit, target, ends=MigrationError("broke"))
    assert {name: target.connection.known[name] for name in SAFE} == SAFE
    assert kit.journal.read()["tuning"]["relaxed"] is False


def test_without_the_option_nothing_is_relaxed(kit, target):
    copied(kit, target, fast=False)
    tuning.follow(target, kit.journal, False)
    assert not any("= 2" in line or "journal" in line for line in kit.log)
    assert target.connection.known["max_allowed_packet"] == CONFIGURED[target.name]["max_allowed_packet"]
    tuning.follow(target, kit.journal, True)
    assert kit.journal.read()["tuning"]["relaxed"] is True
    tuning.follow(target, kit.journal, False)
    assert kit.journal.read()["tuning"]["relaxed"] is False


def test_each_setting_says_why_and_where_that_is_written():
    for flavour, settings in SETTINGS.items():
        assert {setting.names[0] for setting in settings if setting.durable} == set(DURABILITY), flavour
        assert all(len(setting.why) > 30 and setting.source.startswith("https://") for setting in settings)
        # 0 would let a killed server's binary log tell of more than its tables have.
        assert [setting.relaxed for setting in settings if setting.names[0] == "innodb_flush_log_at_trx_commit"] == ["2"]
