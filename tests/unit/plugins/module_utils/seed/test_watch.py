# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over a copy: its rules, and how it ends what waits."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.watch import watch as watching
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.watch.free_space import free_bytes
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.watch.watch import StoppedEarly, Watch
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.watch.watch_rules import Baseline, Limits, Sample, judge

MB = 1000000
FIRST = Sample(0.0, source_free={"/data": 5000 * MB}, uptime=1000, logs={"bin.1": 500, "bin.2": 100}, retention=86400)


def found(now: dict, first: Sample = FIRST, last: Sample = FIRST, needs=("bin.2", 100), lock_seconds: int = 60):
    """What the rules say of a look an hour after the first."""
    seen = Sample(**{"at": 3600.0, "share": 0.5, "target_dir": "/data", "uptime": 4600, "logs": FIRST.logs, "retention": 86400, **now})
    return judge(seen, Baseline(first, last, Limits(1000 * MB, 1000 * MB, lock_seconds), needs, "ours"))


def session(user="app", seconds=100, state="Waiting for table metadata lock", statement="ALTER TABLE `orders` x", number=7):
    return {"id": number, "user": user, "schema": "shop", "seconds": seconds, "state": state, "statement": statement}


READING = session("ours", 300, "Writing to net", "SELECT /*!40001 SQL_NO_CACHE */ `id` FROM `orders`", 9)


@pytest.mark.parametrize(
    "now",
    [
        {},
        {"target_free": 3000 * MB, "to_come": 2000 * MB},
        {"source_free": {"/data": 3000 * MB, "/gone": None}},
        # It cannot be asked: the copy itself tells what is wrong.
        {"uptime": None, "logs": {}, "retention": None, "target_free": None},
        {"logs": {"bin.2": 100, "bin.3": 1}},
        {"retention": 90000},
        {"retention": 0},
        {"sessions": (session(), )},
        {"sessions": (session(seconds=60), READING)},
        {"sessions": (session(statement="ALTER TABLE `other` x"), READING)},
        {"sessions": (session(state="Waiting for global read lock"), )},
        {"sessions": (session(state="User lock"), READING)},
    ],
)
def test_nothing_to_stop_for(now):
    assert found(now) == []


@pytest.mark.parametrize(
    "now, words, again",
    [
        ({"target_free": 2999 * MB, "to_come": 2000 * MB}, "2999 MB are free in /data, about 2000 MB are still to come, and 1000 MB", False),
        ({"target_free": 999 * MB, "share": 1.0}, "999 MB are free", False),
        ({"source_free": {"/data": 999 * MB}}, "nearly full: 999 MB are free in /data", False),
        # 2.2 GB went in the first half.
        ({"source_free": {"/data": 2800 * MB}}, "it loses 0.6 MB/s, the copy needs 3600 s", False),
        ({"uptime": 5}, "restarted 5 s ago", True),
        ({"logs": {"bin.3": 900}}, "bin.2, from whose position 100 the target will replicate, is gone (the oldest now: bin.3)", False),
        # Reset: the file of that name is another, and shorter.
        ({"logs": {"bin.1": 4, "bin.2": 90}}, "is gone", False),
        ({"retention": 7200}, "7200 s now, and 86400 s when", False),
        ({"sessions": (session(), READING)}, "session 7 of app for 100 s (Waiting for table metadata lock)", False),
        ({"sessions": (session(state="Waiting for backup lock", statement="COMMIT"), READING)}, "Waiting for backup lock", False),
    ],
)
def test_what_stops_the_copy(now, words, again):
    stops = found(now)
    assert [words in one.text for one in stops] == [True], stops
    assert (stops[0].stops, stops[0].again) == (True, again)


def test_a_retention_that_is_shorter_and_still_long_is_told_and_stops_nothing():
    assert [one.stops for one in found({"retention": 20000})] == [False]
    forever = Sample(0.0, retention=0)
    assert "for ever" in found({"retention": 20000}, first=forever)[0].text


def test_a_restart_is_held_against_the_last_look_and_not_the_first():
    assert found({"uptime": 30}, first=Sample(0.0, uptime=3), last=Sample(50.0, uptime=53))[0].again
    assert found({"uptime": 56}, first=Sample(0.0, uptime=3), last=Sample(50.0, uptime=53)) == []


def test_no_coordinates_no_question_and_no_limit_no_wait():
    assert found({"logs": {"bin.9": 1}}, needs=None) == []
    assert found({"sessions": (session(seconds=99999), READING)}, lock_seconds=0) == []


def test_a_growing_disk_is_judged_late_enough_to_know():
    early = {"source_free": {"/data": 2800 * MB}}
    assert found({**early, "at": 59.0}) == [] and found({**early, "share": 0.04}) == []


def test_free_room(tmp_path):
    assert free_bytes(str(tmp_path)) > 0
    assert free_bytes(str(tmp_path / "no")) is None


class Server:
    """A source that tells what a test wants."""

    def __init__(self):
        self.uptime, self.name = 100, "source"
        self.logs = [{"Log_name": "bin.1", "File_size": 10}]

    def status(self, _name):
        return str(self.uptime)

    def rows(self, sql, _args=None):
        if sql == "SHOW BINARY LOGS":
            return self.logs
        return [{"n": 10 * MB}] if "SUM(DATA_LENGTH" in sql else []

    def variables(self, *_names):
        return {"datadir": "/data/", "log_bin_basename": "/data/bin"}

    def close(self):
        pass


@pytest.fixture
def watched(monkeypatch):
    server = Server()
    room = {"source": 5000 * MB, "target": 5000 * MB}
    source = SimpleNamespace(connection=server, binlog_position=lambda: ("bin.1", 5), identity=SimpleNamespace(hostname="us"))
    options = {"migration_id": "shop", "watch_seconds": 0.01, "target_reserve_mb": 100, "source_reserve_mb": 100, "lock_seconds": 9}
    seed = SimpleNamespace(
        source=source, target=SimpleNamespace(identity=SimpleNamespace(datadir="/there", hostname="oslo")), options=options,
        source_login=SimpleNamespace(user="ours"), progress=SimpleNamespace(share=0.0),
    )  # fmt: skip
    monkeypatch.setattr(watching, "connect", lambda *_args, **_more: server)
    monkeypatch.setattr(watching, "open_flavour", lambda _connection: SimpleNamespace(retention_seconds=lambda: 0))
    monkeypatch.setattr(watching, "free_bytes", lambda _path: room["target"])
    monkeypatch.setattr(watching, "call", lambda _id, verb, request, _seconds: {"free": dict.fromkeys(watching.source_paths(server), room["source"])})
    return SimpleNamespace(seed=seed, server=server, room=room)


def test_a_source_without_room_is_refused_before_anything(watched):
    watched.room["source"] = MB
    with pytest.raises(Refusal, match="in us:/data, .*nothing was copied"), Watch(watched.seed):
        raise AssertionError("it began")


def test_what_waits_is_woken(watched):
    began = time.monotonic()
    with Watch(watched.seed) as watch, pytest.raises(StoppedEarly, match="stopped early: the target's disk .* in oslo:/there") as told:
        with watch.armed():
            watched.room["target"] = 50 * MB
            time.sleep(20)
    assert time.monotonic() - began < 10 and not told.value.again
    time.sleep(0.05)


def test_what_is_not_armed_is_not_ended_and_the_reason_waits(watched):
    with Watch(watched.seed) as watch:
        watched.room["target"] = 50 * MB
        time.sleep(0.3)
        with pytest.raises(StoppedEarly), watch.armed():
            raise AssertionError("it began")


def test_a_reason_that_went_does_not_end_the_next_try(watched):
    with Watch(watched.seed) as watch:
        with pytest.raises(StoppedEarly, match="restarted") as told, watch.armed():
            watched.server.uptime = 1
            time.sleep(20)
        assert told.value.again
        with watch.armed():
            time.sleep(0.1)


def test_a_failure_is_told_with_what_is_seen_beside_it(watched):
    with Watch(watched.seed) as watch:
        plain = Refusal("the copy broke")
        assert watch.explain(plain) is plain
        watched.room["target"] = 0
        assert "the copy broke; meanwhile the target's disk would fill: 0 MB" in str(watch.explain(plain))


def test_a_list_of_binary_logs_that_is_older_than_the_snapshot_ends_nothing(watched):
    watched.server.logs = [{"Log_name": "bin.1", "File_size": 3}]
    with Watch(watched.seed) as watch:
        # The file has grown to the snapshot's position since.
        watched.server.logs = [{"Log_name": "bin.1", "File_size": 10}]
        with watch.armed(snapshot_now=True):
            time.sleep(0.2)


def test_binary_logs_that_go_end_the_copy(watched):
    with Watch(watched.seed) as watch, pytest.raises(StoppedEarly, match="the oldest now: bin.2"), watch.armed(snapshot_now=True):
        watched.server.logs = [{"Log_name": "bin.2", "File_size": 10}]
        time.sleep(20)


def test_coordinates_that_are_gone_at_the_end(watched):
    with Watch(watched.seed) as watch:
        watch.check_covered({"file": "bin.1", "position": 10})
        with pytest.raises(StoppedEarly, match="of no use"):
            watch.check_covered({"file": "bin.0", "position": 4})


def test_a_source_that_does_not_answer_ends_nothing(watched, monkeypatch):
    with Watch(watched.seed) as watch:

        def away(*_args, **_more):
            raise watching.ServerError("away", 2003)

        monkeypatch.setattr(watching, "connect", away)
        watched.server.status = away
        with watch.armed():
            time.sleep(0.2)
