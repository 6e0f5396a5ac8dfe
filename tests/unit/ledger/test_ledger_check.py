# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check must tell each way in which a migration can go wrong."""

from __future__ import annotations

import pytest
from ledger_check import Books, compare, judge
from ledger_files import Ack, Attempt, ack_log, attempt_log
from ledger_gaps import measure

OLD, NEW = "us-db1", "oslo-db1"


class World:
    """Two writers' logs and the rows of two servers: writes 1 to 4 on the old server, 5 to 8 on the new."""

    def __init__(self, out):
        self.out = out
        self.acks = {writer: [self.ack(writer, seq) for seq in range(1, 9)] for writer in (1, 2)}
        self.attempts = {1: [], 2: []}
        self.target = {writer: [(ack.token, ack.seq) for ack in acks] for writer, acks in self.acks.items()}
        self.source = {writer: rows[:4] for writer, rows in self.target.items()}
        self.counters = None

    @staticmethod
    def ack(writer, seq):
        # Server changes after the fourth; a write each ms, the stop takes 100 ms more.
        at = 1_000_000 + seq * 1_000 + writer * 10 + (100_000 if seq > 4 else 0)
        return Ack(seq, writer * 1000 + seq, at, at, at - 500, OLD if seq <= 4 else NEW)

    def check(self, with_source=True):
        for writer, acks in self.acks.items():
            ack_log(self.out, writer).write_text("".join(ack.line() for ack in acks))
            attempt_log(self.out, writer).write_text("".join(attempt.line() for attempt in self.attempts[writer]))
        counters = self.counters or {
            writer: (max((seq for _token, seq in rows), default=0), len(rows)) for writer, rows in self.target.items()
        }
        target = Books(self.target.__getitem__, counters.get, [1, 2])
        source = Books(self.source.__getitem__, lambda writer: None, [1, 2]) if with_source else None
        result = {**compare(self.out, source, target), **measure(self.out)}
        result["wrong"] = judge(result)
        return result


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_nothing_wrong(world):
    result = world.check()
    assert result["wrong"] == []
    assert (result["acknowledged"], result["lost"], result["duplicated"], result["only_on_source"]) == (16, 0, 0, 0)
    assert result["clients_gap_s"] == pytest.approx(0.101 - 0.00001)
    assert result["two_writable"] is False


def test_lost(world):
    del world.target[2][6]
    result = world.check()
    assert (result["lost"], result["examples"]["lost"]) == (1, [2007])
    assert "lost" in result["wrong"]
    assert result["only_on_source"] == 0


def test_lost_on_the_way_to_the_new_server(world):
    del world.target[1][3]
    result = world.check()
    assert (result["lost"], result["only_on_source"]) == (1, 1)
    assert result["wrong"] == ["lost", "only_on_source"]


def test_duplicated(world):
    world.target[1].append(world.target[1][2])
    result = world.check()
    assert (result["duplicated"], result["lost"]) == (1, 0)
    assert result["wrong"] == ["duplicated"]


def test_a_row_that_came_three_times_counts_once(world):
    world.target[1] += [world.target[1][2]] * 2
    assert world.check()["duplicated"] == 1


def test_only_on_source_and_never_acknowledged(world):
    world.source[1].append((1999, 5))
    result = world.check()
    assert (result["only_on_source"], result["lost"]) == (1, 0)
    assert result["wrong"] == ["only_on_source"]


def test_altered(world):
    world.target[1][0] = (1001, 77)
    world.counters = {1: (77, 8), 2: (8, 8)}
    assert world.check()["wrong"] == ["altered"]


def test_two_writable(world):
    late = world.acks[1][3]._replace(mono_us=world.acks[2][4].mono_us + 1)
    world.acks[1].insert(4, late._replace(seq=5, token=1500))
    world.acks[1].sort(key=lambda ack: ack.mono_us)
    world.target[1].append((1500, 5))
    result = world.check()
    assert result["two_writable"] is True
    assert result["wrong"] == ["two_writable"]
    assert result["moves"][0]["overlap_acknowledged"] == 1


def test_counter_lags(world):
    world.counters = {1: (8, 8), 2: (8, 7)}
    result = world.check()
    assert (result["counters_wrong"], result["wrong"]) == ([2], ["counters_wrong"])
    assert result["examples"]["counters_wrong"] == ["writer 2: counted to 8 in 7 writes, its rows to 8 in 8"]


def test_counter_missing(world):
    world.counters = {1: (8, 8)}
    assert world.check()["counters_wrong"] == [2]


def test_refused_and_yet_there(world):
    world.attempts[1].append(Attempt(5, 1005, "refused", 1290, 1, 1, OLD, "read\tonly\n"))
    world.acks[1] = [ack for ack in world.acks[1] if ack.token != 1005]
    result = world.check()
    assert (result["refused"], result["refused_present"], result["wrong"]) == (1, 1, ["refused_present"])


def test_unknown_may_be_there_or_not(world):
    world.attempts[1] += [Attempt(9, 1009, "unknown", 2013, 1, 1, OLD, ""), Attempt(10, 1010, "unknown", 2013, 1, 1, OLD, "")]
    world.target[1].append((1009, 9))
    result = world.check()
    assert (result["unknown"], result["unknown_present"], result["wrong"]) == (2, 1, [])


def test_connection_problems_are_no_attempts(world):
    world.attempts[1].append(Attempt(5, 0, "no_connection", 2003, 1, 1, "", ""))
    result = world.check()
    assert (result["refused"], result["unknown"], result["wrong"]) == (0, 0, [])


def test_source_gone(world):
    result = world.check(with_source=False)
    assert result["only_on_source"] is None
    assert result["wrong"] == []


def test_nothing_acknowledged_proves_nothing(world):
    world.acks = {1: [], 2: []}
    world.source = world.target = {1: [], 2: []}
    assert world.check()["wrong"] == ["nothing_acknowledged"]


def test_half_a_line_is_no_acknowledgement(world):
    world.check()
    with ack_log(world.out, 1).open("a") as file:
        file.write("9\t1009\t12")
    target = Books(world.target.__getitem__, {1: (8, 8), 2: (8, 8)}.get, [1, 2])
    assert compare(world.out, None, target)["acknowledged"] == 16


def test_rows_of_a_writer_without_a_log_are_seen(world):
    world.source[3], world.target[3] = [(3001, 1)], []
    target = Books(world.target.__getitem__, {1: (8, 8), 2: (8, 8)}.get, [1, 2])
    world.check()
    assert compare(world.out, Books(world.source.__getitem__, lambda writer: None, [1, 2, 3]), target)["only_on_source"] == 1
