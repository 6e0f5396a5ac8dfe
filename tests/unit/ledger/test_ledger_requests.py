# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request that is tried once more, as the writers' logs tell of it."""

from __future__ import annotations

import pytest
from ledger_files import Ack, Attempt, ack_log, attempt_log
from ledger_gaps import AROUND_US
from ledger_requests import Requests, at_switch


def ack(at: int, took: int = 10) -> Ack:
    return Ack(1, at, at, at, at - took, "us-db1")


def failed(at: int, outcome: str = "unsent") -> Attempt:
    return Attempt(1, at, outcome, 2013, at, at, "us-db1", "lost")


@pytest.mark.parametrize(
    ("attempts", "retried", "lost"),
    [
        ([], 0, 0),
        ([failed(200)], 1, 0),
        ([failed(200, "refused")], 1, 0),
        ([failed(200, "unknown")], 1, 0),
        ([failed(200), failed(300)], 1, 1),
        # It is noted once for each cause, however often it was tried.
        ([failed(200, "no_connection")], 1, 1),
        ([failed(200), failed(600)], 2, 0),
    ],
)
def test_one_failed_try_is_hidden_and_two_are_a_failure(attempts, retried, lost):
    requests = Requests()
    requests.add([ack(100), ack(500), ack(900)], attempts)
    facts = requests.facts()
    assert (facts["retried"], facts["failed_after_one_retry"]) == (retried, lost)


def test_the_longest_request_has_all_its_tries():
    requests = Requests()
    requests.add([ack(100_000), ack(900_000, took=20_000)], [failed(200_000)])
    requests.add([ack(100_000), ack(400_000, took=150_000)], [])
    assert requests.facts()["longest_request_s"] == 0.8
    assert requests.facts()["longest_request_mono_us"] == 900_000


def test_a_pause_is_no_request():
    requests = Requests()
    requests.add([ack(100_000), ack(900_000, took=20_000)], [])
    assert requests.facts()["longest_request_s"] == 0.02


def test_what_was_answered_before_is_not_counted_and_what_began_before_is():
    requests = Requests(since_us=600)
    requests.add([ack(100), ack(500), ack(900)], [failed(200), failed(300), failed(550)])
    assert (requests.facts()["retried"], requests.facts()["failed_after_one_retry"]) == (1, 0)
    assert requests.facts()["longest_request_mono_us"] == 900


def test_a_restart_before_the_switch_is_not_the_switchs(tmp_path):
    switched = 10 * AROUND_US
    acks = [ack(at) for at in (1_000, 5_000_000, switched, switched + 90_000)]
    ack_log(tmp_path, 1).write_text("".join(entry.line() for entry in acks))
    attempts = [failed(2_000, "no_connection"), failed(switched + 20_000)]
    attempt_log(tmp_path, 1).write_text("".join(entry.line() for entry in attempts))
    facts = at_switch(tmp_path, [{"last_old_mono_us": switched}])
    assert (facts["retried"], facts["failed_after_one_retry"], facts["longest_request_s"]) == (1, 0, 0.09)
    assert at_switch(tmp_path, []) is None
