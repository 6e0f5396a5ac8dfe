# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cutover benchmark's file and table, and the relay that makes a host distant."""

from __future__ import annotations

import asyncio
import time

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
    assert "| mariadb-10.11 | LAN | six tasks with `community.mysql` | 9.000 (8.000 to 30.000) |  | 10.000 | 225 |" in table
    assert "| six lean tasks | 2.000 (2.000 to 2.000) |  | 3.000 | 50 |" in table
    assert "100 ms" in table
    assert "2 acknowledged writes lost in 7 cutovers" in table
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1


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
