# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which failures another try can help, and how a program on the source stands back."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal, ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import programs
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source import throttle
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.watch import tries
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.watch.watch import StoppedEarly

RESTART = "the clone was ended on the source, as by a restart"


@pytest.mark.parametrize(
    "error, cause",
    [
        (MigrationError("the backup on the source ended with 255: client_loop: send disconnect: Broken pipe"), "the connection was cut"),
        (MigrationError("the backup on the source was killed by signal 9; zstd ended with 1"), "a program was killed"),
        (MigrationError("nordbridge agent: the backup is not complete (mariadb-backup ended with -9): x"), "a program was killed"),
        (MigrationError("CLONE failed: target: [2013] Lost connection"), "a server was away for a while"),
        (MigrationError("CLONE failed: target: [3862] Clone Donor Error: 1317 : Query execution was interrupted."), RESTART),
        (StoppedEarly("stopped: the source's server was restarted 3 s ago", True), "the source's server was restarted"),
        (StoppedEarly("the target's disk would fill; zstd was killed by signal 9", False), ""),
        (MigrationError("mbstream ended with 1: No space left on device; the backup was killed by signal 13"), ""),
        (MigrationError("the backup on the source ended with 255: Permission denied (publickey)"), ""),
        (MigrationError("CLONE failed: [1045] Access denied; lost connection"), ""),
        (MigrationError("the backup is not complete (mariadb-backup ended with 1): something odd"), ""),
        (Refusal("a connection timed out"), ""),
    ],
)
def test_causes(error, cause):
    assert tries.passing_cause(error) == cause


CUT = MigrationError("the backup on the source ended with 255")


def run(*outcomes, allowed=3):
    """Copy with these outcomes in turn; what was noted, said and slept."""
    queue, seen = list(outcomes), SimpleNamespace(notes=[], said=[], slept=[], opened=0)

    def copy(_seed):
        found = queue.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def reopen():
        seen.opened += 1

    watch = SimpleNamespace(explain=lambda error: error)
    seed = SimpleNamespace(watch=watch, progress=SimpleNamespace(say=lambda *words: seen.said.append(words)), reopen_source=reopen)
    try:
        seen.result = tries.copy_in_tries(seed, copy, allowed, seen.notes.append, seen.slept.append)
    except MigrationError as error:
        seen.error = error
    return seen


def test_it_starts_over_and_says_so():
    seen = run(CUT, CUT, {"bytes": 1})
    assert seen.result == {"bytes": 1, "tries": 3}
    assert [note["try"] for note in seen.notes] == [1, 2] and seen.opened == 2
    assert "try 2 of 3 failed, the connection was cut: starting over" in seen.said[1][1]
    assert seen.slept == [5.0, 15.0]


def test_the_limit_is_kept_and_told():
    seen = run(CUT, CUT, allowed=2)
    assert "(try 2 of 2)" in str(seen.error) and len(seen.notes) == 2


def test_what_cannot_be_helped_is_tried_once():
    full = MigrationError("No space left on device")
    seen = run(full)
    assert seen.error is full and full.__cause__ is None and seen.slept == [] and "not one" in seen.notes[0]["cause"]


def test_a_stop_stays_a_stop():
    seen = run(CUT, StoppedEarly("the target's disk would fill", False))
    assert isinstance(seen.error, StoppedEarly) and not seen.error.again


def test_a_source_that_stays_away():
    def reopen():
        raise ServerError("no answer", 2003)

    now = [0.0]
    with pytest.raises(MigrationError, match="was unreachable for 300 s: no answer"):
        tries.await_source(SimpleNamespace(reopen_source=reopen), lambda seconds: now.__setitem__(0, now[0] + 100), lambda: now[0])


class TestPolite:
    @pytest.fixture(autouse=True)
    def programs(self, monkeypatch):
        monkeypatch.setattr(throttle.shutil, "which", lambda name: "/usr/bin/" + name)

    def test_nice_and_the_class(self):
        assert throttle.prefix({"nice": 19, "ionice": "idle"}) == ["nice", "-n", "19", "/usr/bin/ionice", "-c", "3"]
        assert throttle.prefix({}) == ["nice", "-n", "10"]

    def test_a_class_that_nobody_knows(self):
        with pytest.raises(MigrationError, match="one of best-effort, idle"):
            throttle.prefix({"ionice": "realtime; rm"})

    def test_megabits_become_bytes(self):
        assert throttle.limiter({"bandwidth": 200})[-2:] == ["-L", "25000000"]
        assert throttle.limiter({}) == throttle.limiter({"bandwidth": 0}) == []

    def test_without_the_limiter_it_is_refused(self, monkeypatch):
        monkeypatch.setattr(throttle.shutil, "which", lambda name: None)
        with pytest.raises(MigrationError, match="package pv"):
            throttle.limiter({"bandwidth": 1})

    def test_what_is_sent_is_packed_and_limited(self, capfd, monkeypatch):
        monkeypatch.setattr(throttle.sys, "stdout", sys.__stdout__)
        monkeypatch.setattr(throttle, "prefix", lambda request: [])
        slow = [sys.executable, "-c", "import sys, time; data = sys.stdin.buffer.read(); time.sleep(.2); sys.stdout.buffer.write(data)"]
        monkeypatch.setattr(throttle, "limiter", lambda request: slow)
        began = time.monotonic()
        assert set(throttle.send(["printf", "abc"], ["tr", "a", "x"], {}).values()) == {0}
        assert capfd.readouterr().out == "xbc" and time.monotonic() - began >= 0.2

    def test_each_end_is_told(self, capfd, monkeypatch):
        monkeypatch.setattr(throttle.sys, "stdout", sys.__stdout__)
        monkeypatch.setattr(throttle, "prefix", lambda request: [])
        assert throttle.send(["sh", "-c", "exit 3"], ["cat"], {}) == {"sh": 3, "cat": 0}
        assert throttle.send(["yes"], ["head", "-c", "10"], {})["yes"] != 0


class TestPrograms:
    def seed(self, bandwidth=0):
        side = SimpleNamespace(dump_programs=("mariadb-dump", "mysqldump"), client_programs=("mariadb", "mysql"))
        return SimpleNamespace(source=side, target=side, options={"migration_id": "shop", "bandwidth": bandwidth})

    @pytest.fixture
    def hosts(self, monkeypatch):
        found = {"source": {"mariadb-backup", "mysqldump", "zstd"}, "target": {"mbstream", "mysql", "zstd", "ssh"}}
        monkeypatch.setattr(programs.shutil, "which", lambda name: name if name in found["target"] else None)

        def asked(_id, _verb, request):
            return {"found": {name: name in found["source"] for name in request["names"]}}

        monkeypatch.setattr(programs, "call", asked)
        return found

    @pytest.mark.parametrize("method", ["dump", "mariadb-backup", "clone"])
    def test_all_there(self, hosts, method):
        programs.check_programs(self.seed(), method)

    def test_all_that_is_missing_is_named_with_host_and_package(self, hosts):
        hosts["source"] -= {"zstd", "mariadb-backup"}
        hosts["target"] -= {"mbstream"}
        with pytest.raises(Refusal) as told:
            programs.check_programs(self.seed(bandwidth=5), "mariadb-backup")
        for words in (
            "the source lacks mariadb-backup or mariabackup (package mariadb-backup)", "the source lacks zstd (package zstd)",
            "the source lacks pv (package pv)", "the target lacks mbstream (package mariadb-backup)",
        ):  # fmt: skip
            assert words in str(told.value)
        assert "ssh" not in str(told.value)
