# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A row of the fault matrix: what counts as a violation, and what is measured from the probes' writes."""

from __future__ import annotations

import pytest
from probes import Taken, longest_stop, missing, two_writable
from verdict import at_random, bound, in_short, matrix, outcome, summary, wrong_with

GOOD = {
    "lost": 0, "only_on_source": 0, "duplicated": 0, "altered": 0, "refused_present": 0, "counters_wrong": [], "two_writable": False,
    "probe_rows_lost": 0, "stayed_closed": False, "recovered": True, "acknowledged": 5, "more_runs": 0, "committed_before_more": True,
    "not_as_it_should": {},
}  # fmt: skip


def taken(*moments: float) -> list[Taken]:
    return [Taken(moment, moment + 0.01, number) for number, moment in enumerate(moments)]


def test_a_good_row_is_good():
    assert wrong_with(GOOD) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("lost", 1), ("only_on_source", 1), ("duplicated", 2), ("altered", 1), ("refused_present", 1), ("counters_wrong", [3]),
     ("two_writable", True), ("probe_rows_lost", 1), ("stayed_closed", True), ("privileged_lost", 3), ("not_proven", True)],
)  # fmt: skip
def test_each_violation_is_named(name, value):
    assert wrong_with({**GOOD, name: value}) == [name]


def test_what_did_not_recover_or_proves_nothing_is_wrong():
    assert wrong_with({**GOOD, "recovered": False}) == ["not_recovered"]
    assert wrong_with({**GOOD, "acknowledged": 0}) == ["nothing_acknowledged"]
    assert wrong_with({**GOOD, "not_as_it_should": {"us-db1 read_only": "0"}}) == ["at the end us-db1 read_only is 0"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "finished all the same"),
        ({"more_runs": 1}, "carried on after the commit by the same command"),
        ({"more_runs": 1, "committed_before_more": False}, "undone, then done by the same command"),
        ({"more_runs": 3, "committed_before_more": False}, "given 3 times"),
        ({"more_runs": 4, "recovered": False}, "not recovered by 4 more runs"),
    ],
)
def test_the_outcome_in_words(changes, words):
    assert words in outcome({**GOOD, **changes})


@pytest.mark.parametrize(
    ("source", "target", "both"),
    [
        (taken(1, 2), taken(3, 4), False),
        (taken(1, 2), [], False),
        ([], taken(3), False),
        (taken(1, 3.1), taken(3, 4), True),  # the old one took a write that began after the new one's first
        (taken(1, 3.005), taken(3), False),  # begun before the other was answered: not shown
    ],
)
def test_two_are_writable_when_the_old_takes_what_began_after_the_news_first(source, target, both):
    assert two_writable(source, target) is both


def test_the_longest_time_without_a_write_on_either():
    stop, by = longest_stop(taken(0, 1, 2), taken(7, 8), since=1.5)
    assert stop == pytest.approx(5.0)
    assert by == "target"
    stop, by = longest_stop(taken(0, 1, 2, 12), [], since=1.5)
    assert (round(stop), by) == (10, "source")


def test_an_acknowledged_probe_row_must_be_there():
    assert missing(taken(1, 2, 3), "us-db1", {("us-db1", 0), ("us-db1", 2), ("oslo-db1", 1)}) == [1]


def test_the_matrix_and_a_part_of_it():
    assert matrix(["a", "b"], ["x", "y"]) == [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")]
    assert matrix(["a", "b"], ["x", "y"], "b", "x,y") == [("b", "x"), ("b", "y")]
    with pytest.raises(ValueError, match="there is no z; there are x, y"):
        matrix(["a"], ["x", "y"], "", "z")


def test_a_seed_gives_the_same_rows_again():
    cells = matrix(["a", "b", "c"], ["x", "y"])
    assert at_random(cells, 7, 20) == at_random(cells, 7, 20)
    assert at_random(cells, 7, 20) != at_random(cells, 8, 20)
    assert {(step, fault) for step, fault, _delay in at_random(cells, 7, 200)} == set(cells)


def test_the_summary_counts_violations():
    rows = [{"ok": True, "acknowledged": 5, "source_reopened_s": 1.5}, {"ok": False}]
    assert summary(rows) == {
        "rows": 2, "violations": 1, "acknowledged": 5, "longest_without_writes_s": 1.5, "judged": 2, "violations_below": None,
    }  # fmt: skip
    assert in_short(summary(rows)) == "1 of 2 rows are wrong"


def test_what_none_of_so_many_says():
    rows = [{"ok": True} for _number in range(1000)]
    assert bound(rows) == {"judged": 1000, "violations_below": 0.003}
    assert in_short(summary(rows)).startswith("0 of 1000 rows are wrong: at 95 % fewer than 0.3 %")
    # A row without a verdict is none of N, and a violation leaves nothing to be said.
    assert bound([*rows, {"ok": False, "wrong": ["no_verdict"]}])["judged"] == 1000
    assert bound([*rows, {"ok": False, "wrong": ["lost"]}])["violations_below"] is None
    assert bound([])["violations_below"] is None
