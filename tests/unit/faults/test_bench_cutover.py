# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cutover benchmark's file and table, and the relay that makes a host distant."""

from __future__ import annotations

import asyncio
import threading
import time

import arrivals
import foils
import pytest
import relay
import stops


def run(way: str, stop: float, rtt: int = 0, **more):
    entry = {"server": "mariadb-10.11", "way": way, "rtt_ms": rtt, "write_stop_s": stop, "server_s": None, "clients_s": stop + 1, "lost": 0}
    return {**entry, **more}


RUNS = [
    *(run("tasks", 8.0), run("tasks", 9.0), run("tasks", 30.0), run("lean tasks", 2.0)),
    *(run("module", 0.03, server_s=0.02), run("module", 0.05, server_s=0.04)),
]


def test_medians_and_ratio():
    content = stops.record({"cores": 2}, RUNS)
    tasks, module = (content["medians"]["mariadb-10.11"]["0"][way] for way in ("tasks", "module"))
    assert (tasks["write_stop_s"], tasks["least"], tasks["most"], tasks["runs"], tasks["server_s"]) == (9.0, 8.0, 30.0, 3, None)
    assert (module["write_stop_s"], module["server_s"]) == (0.04, 0.03)
    assert content["ratio"] == {"mariadb-10.11": {"0": {"tasks": 225.0, "lean tasks": 50.0}}}
    assert content["lost"] == 0


def test_distances_stand_apart():
    content = stops.record({"cores": 2}, [*RUNS, run("module", 0.6, 100)])
    assert set(content["medians"]["mariadb-10.11"]) == {"0", "100"}
    # Nothing to compare with at that distance.
    assert content["ratio"]["mariadb-10.11"] == {"0": {"tasks": 225.0, "lean tasks": 50.0}, "100": {}}


def test_the_table_says_what_the_file_says():
    content = stops.record({"cores": 2}, [*RUNS, run("module", 0.6, 100, lost=2)])
    table = stops.table(content)
    assert "| mariadb-10.11 | LAN | six tasks with `community.mysql` | 9.000 (8.000 to 30.000) |  | 10.000 |  | 225 |" in table
    assert "| six lean tasks | 2.000 (2.000 to 2.000) |  | 3.000 |  | 50 |" in table
    assert "100 ms" in table
    assert "2 acknowledged writes lost in 7 cutovers" in table
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1


def test_the_ratio_that_counts_is_to_the_best_of_the_others():
    content = stops.record({"cores": 2}, [*RUNS, run("script", 0.03), run("orchestrator-order", 0.5), run("script", 0.01, 100)])
    # The module is slower than a program that looks after nothing, and the file says so.
    assert content["best_foil"] == {"mariadb-10.11": {"0": {"way": "script", "times": 0.75}}}
    assert "| a short program, connections opened before | 0.030 (0.030 to 0.030) |  | 1.030 |  | 0.8 |" in stops.table(content)


def test_the_load_and_the_size_are_told():
    late = {"open_loop": {"p99_s": 0.2, "max_s": 0.4}, "offered_tps": 900}
    content = stops.record({"cores": 2, "megabytes": 2}, [run("module", 0.03, **late), run("module", 0.05, **late)])
    assert content["offered_tps"] == 900
    assert "| 0.200, 0.400 |" in stops.table(content)
    assert "under 900 transactions a second; data of 2 MB;" in stops.table(content)


def test_one_clock_adds_up():
    # At a round trip of 100 ms the statement that stops writes is 50 ms on its way, and writes are still taken meanwhile.
    found = stops.one_clock(last_old=10.05, first_new=10.43, closed_at=10.0, opened_at=10.42)
    assert found == {"write_stop_s": 0.38, "server_s": 0.42, "fence_s": 0.05, "write_s": 0.01}
    assert found["write_stop_s"] == pytest.approx(found["server_s"] - found["fence_s"] + found["write_s"])
    assert stops.one_clock(1.0, 2.0, None, None) == {"write_stop_s": 1.0, "server_s": None, "fence_s": None, "write_s": None}


def test_a_late_write_counts_from_the_time_it_was_meant_to_begin():
    taken = [(0, 0, 1_000, 1), *((n, n * 10_000, n * 10_000 + 2_000, 1) for n in range(1, 100)), (100, 1_000_000, 1_500_000, 3)]
    found = stops.latencies([*taken, (101, 1_010_000, 0, 9), (102, 9_000_000, 9_900_000, 1)], 10_000, 2_000_000)
    assert found == {"p50_s": 0.002, "p99_s": 0.5, "max_s": 0.5, "writes": 101, "unanswered": 1, "retried": 2}
    assert stops.latencies([], 0, 1) is None


class Slow:
    """A server that takes its time for one write, and refuses another once."""

    def __init__(self):
        self.asked = []

    def query(self, text):
        number = int(text.rsplit(",", 1)[1].strip(" )"))
        self.asked.append(number)
        if number == 3:
            time.sleep(0.3)
        if number == 5 and self.asked.count(5) == 1:
            raise arrivals.pymysql.err.OperationalError(1290, "read only")

    def _force_close(self):
        pass


def test_arrivals_do_not_wait_for_one_another(tmp_path, monkeypatch):
    server = Slow()
    monkeypatch.setattr(arrivals.Dialer, "open", lambda *_args, **_more: server)
    monkeypatch.setattr(arrivals, "read_login", lambda _path: None)
    client = arrivals.Client(tmp_path, rate=100.0)
    worker = threading.Thread(target=client.work)
    worker.start()
    time.sleep(0.6)
    client.end.set()
    worker.join(5)
    late = {arrival.number: arrival.acknowledged_us - arrival.intended_us for arrival in client.taken}
    # One connection: those that were meant to begin while the third one waited are late by what it left them of its time.
    assert late[2] < 150_000 and late[3] >= 300_000 and late[10] >= 200_000
    assert next(arrival.tries for arrival in client.taken if arrival.number == 5) == 2
    path = tmp_path / "log"
    path.write_text("".join(arrival.line() for arrival in client.taken))
    assert arrivals.read(path) == client.taken


class Cursor:
    """Answers in turn, and what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def execute(self, text, values=()):
        self.asked.append((text, *values))

    def fetchone(self):
        return self.answers.pop(0)


def test_the_script_waits_for_the_gtid():
    source, target = Cursor({"g": "a:1-5,\nb:1"}), Cursor({"late": 0})
    foils.by_gtid("mysql", source, target)
    assert target.asked == [(foils.WAIT["mysql"], "a:1-5,b:1")]
    with pytest.raises(SystemExit):
        foils.by_gtid("mariadb", Cursor({"g": "0-1-5"}), Cursor({"late": -1}))


@pytest.mark.parametrize("names", [("Relay_Master_Log_File", "Exec_Master_Log_Pos"), ("Relay_Source_Log_File", "Exec_Source_Log_Pos")])
def test_orchestrators_order_looks_until_the_replica_is_there(monkeypatch, names):
    slept = []
    monkeypatch.setattr(foils.time, "sleep", slept.append)
    status = [dict(zip(names, at)) for at in (("binlog.000002", 900), ("binlog.000003", 90), ("binlog.000003", 100))]
    target = Cursor(*status)
    foils.by_coordinates("mysql", Cursor({"File": "binlog.000003", "Position": 100}), target)
    assert slept == [0.5, 0.5] and not target.answers


def test_the_relay_delays_each_way_and_loses_nothing():
    async def talk() -> tuple[float, bytes]:
        async def echo(reader, writer):
            while block := await reader.read(1 << 16):
                writer.write(block)
            writer.close()

        far = await asyncio.start_server(echo, "127.0.0.1", 0)
        near = await asyncio.start_server(lambda r, w: relay.join(r, w, far.sockets[0].getsockname(), 0.05), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*near.sockets[0].getsockname())
        began = time.monotonic()
        writer.write(b"?")
        await reader.readexactly(1)
        seconds = time.monotonic() - began
        text = bytes(range(256)) * 4096
        writer.write(text)
        back = await reader.readexactly(len(text))
        writer.close()
        far.close()
        near.close()
        assert back == text
        return seconds, back

    seconds, _back = asyncio.run(talk())
    assert 0.1 <= seconds == pytest.approx(0.1, abs=0.3)
