# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write stop as clients saw it."""

from __future__ import annotations

import pytest
from ledger_gaps import Beat, write_stop


def beats(text):
    """'A1@10 B2@20': server A acknowledged writer 1 at 10 ms."""
    parts = [part.split("@") for part in text.split()]
    return [Beat(int(at) * 1000, int(who[1:]), who[0], int(at) * 1000 - 500) for who, at in parts]


def test_gap_is_from_the_last_old_to_the_first_new():
    result = write_stop(beats("A1@10 A2@12 A1@15 B2@115 B1@140 B2@150"))
    assert result["clients_gap_s"] == 0.1
    # Writer 2: 12 to 115; writer 1: 15 to 140.
    assert result["clients_gap_worst_writer_s"] == 0.125
    assert result["servers"] == {"A": 3, "B": 3}


def test_a_longer_gap_elsewhere_is_told_apart():
    result = write_stop(beats("A1@10 A1@500 A1@1600 B1@1610 B1@2611 B1@3500"))
    assert (result["moves"][0]["gap_s"], result["longest_gap_s"], result["longest_gap_mono_us"]) == (0.01, 1.1, 500_000)


def test_a_straggler_does_not_cut_the_write_stop_in_two():
    result = write_stop(beats("A1@10 A2@12 A1@500 B1@510 B2@520"))
    assert (result["clients_gap_s"], result["moves"][0]["gap_s"]) == (0.488, 0.01)


def test_a_stall_of_the_new_server_belongs_to_the_write_stop():
    result = write_stop(beats("A1@10 A2@12 B1@20 B2@320 B1@330"))
    assert (result["clients_gap_s"], result["moves"][0]["gap_s"]) == (0.3, 0.008)


def test_gaps_far_from_the_move_do_not():
    result = write_stop(beats("A1@10 A1@400 A1@1000 A1@1401 B1@1420 B1@2419 B1@2900 B1@9000"))
    assert result["clients_gap_s"] == 0.999
    result = write_stop(beats("A1@10 A1@400 A1@1000 A1@1401 B1@1420 B1@2421 B1@2900 B1@9000"))
    assert result["clients_gap_s"] == 0.6, "1.001 s after the new server's first"
    result = write_stop(beats("A1@10 A1@910 A1@1400 A1@1911 B1@1920"))
    assert result["clients_gap_s"] == 0.511, "1.001 s before the old server's last"


def test_no_move():
    result = write_stop(beats("A1@10 A1@20"))
    assert (result["clients_gap_s"], result["moves"], result["two_writable"]) == (None, [], False)


def test_nothing():
    result = write_stop([])
    assert (result["clients_gap_s"], result["longest_gap_s"]) == (None, 0)


@pytest.mark.parametrize("changes", [[], [14_000]])
def test_old_server_acknowledges_after_the_new(changes):
    result = write_stop(beats("A1@10 B2@20 A1@25 B2@30"), changes)
    assert result["two_writable"] is True
    move = result["moves"][0]
    assert (move["overlap_acknowledged"], move["overlap_s"], move["overlap_started_after"]) == (1, 0.005, 1)
    assert move["gap_s"] == 0.01


def test_overlap_of_a_transaction_begun_before():
    late = Beat(25_000, 1, "A", 5_000)
    result = write_stop([*beats("A1@10 B2@20"), late])
    assert (result["two_writable"], result["moves"][0]["overlap_started_after"]) == (True, 0)


def test_there_and_back_is_two_moves():
    result = write_stop(beats("A1@10 A2@20 B1@50 B2@60 A1@160 A2@170"), [30_000, 70_000])
    assert [(move["from"], move["to"], move["gap_s"]) for move in result["moves"]] == [("A", "B", 0.03), ("B", "A", 0.1)]
    assert (result["two_writable"], result["clients_gap_s"]) == (False, 0.1)


def test_back_without_a_change_of_the_endpoint_is_two_writable():
    assert write_stop(beats("A1@10 B1@50 A1@90"), [30_000])["two_writable"] is True


def test_straggler_within_the_next_moves_window():
    result = write_stop(beats("A1@10 A2@31 B1@50 B1@60 A1@160 A2@161"), [30_000, 70_000])
    assert [(move["from"], move["to"], move["gap_s"]) for move in result["moves"]] == [("A", "B", 0.019), ("B", "A", 0.1)]
    assert result["moves"][1]["worst_writer_s"] == 0.1, "writer 2 was never acknowledged by B"


def test_overlap_belongs_to_its_own_move():
    result = write_stop(beats("A1@10 B1@50 A2@55 B1@60 A1@160"), [30_000, 70_000])
    assert [(move["overlap_acknowledged"], move["gap_s"]) for move in result["moves"]] == [(1, 0.04), (0, 0.1)]


def test_straggler_after_the_second_change():
    result = write_stop(beats("A1@10 B1@50 A1@160 B1@170 A1@180"), [30_000, 70_000])
    assert result["two_writable"] is True


def test_change_within_a_server_is_no_move():
    result = write_stop(beats("A1@10 A1@20 B1@50"), [15_000, 30_000])
    assert [(move["from"], move["to"]) for move in result["moves"]] == [("A", "B")]
