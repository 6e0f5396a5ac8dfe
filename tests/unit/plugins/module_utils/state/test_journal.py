# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
import subprocess
import threading

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration import phase as phases
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.phase import phase_of
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state import files
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import Damaged, Journal, broken_link, last_line
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.paths import check_id, directory, job_directory


@pytest.fixture
def journal(tmp_path):
    return Journal(str(tmp_path / "shop"), clock=lambda: 12.5)


def test_before_anything_the_state_is_empty(journal):
    assert journal.read() == {}


def test_updates_change_their_keys_and_none_removes_one(journal):
    journal.update("one", seed={"status": "running"}, catchup={"lag": 0})
    journal.update("two", seed={"status": "done"}, catchup=None)
    assert journal.read() == {"seed": {"status": "done"}, "format": 1, "updated": 12.5}


def test_each_event_holds_the_hash_of_the_one_before(journal):
    for number in range(3):
        journal.update("event %d" % number, number=number)
    events = [json.loads(line) for line in open(journal.events_path, encoding="utf-8")]
    assert [event["seq"] for event in events] == [1, 2, 3]
    assert events[0]["prev_sha256"] == ""
    assert events[2]["data"] == {"number": 2}
    assert broken_link(journal.events_path) == 0


def test_an_update_behind_writes_what_was_known_when_it_began(journal, monkeypatch):
    slow, real = threading.Event(), journal._update
    monkeypatch.setattr(journal, "_update", lambda event, changes: (slow.wait(10), real(event, changes)))
    facts = {"position": 7}
    journal.update_behind("position", facts=facts)
    facts["position"] = 8
    assert journal.read() == {}
    slow.set()
    journal.settle()
    assert journal.read()["facts"] == {"position": 7}
    journal.settle()  # nothing is under way any more


def test_the_next_update_waits_for_the_one_behind(journal, monkeypatch):
    slow, real = threading.Event(), journal._update
    monkeypatch.setattr(journal, "_update", lambda event, changes: (event == "one" and slow.wait(10), real(event, changes))[1])
    journal.update_behind("one", number=1)
    threading.Timer(0.05, slow.set).start()
    journal.update("two", number=2)
    events = [json.loads(line)["event"] for line in open(journal.events_path, encoding="utf-8")]
    assert events == ["one", "two"] and journal.read()["number"] == 2


def test_who_asks_learns_that_the_disk_did_not_take_it_and_the_next_update_writes_it_all(journal, monkeypatch):
    real = journal._update

    def update(event, changes):
        if event == "one":
            raise OSError(28, "No space left on device")
        return real(event, changes)

    monkeypatch.setattr(journal, "_update", update)
    journal.update_behind("one", number=1)
    with pytest.raises(OSError, match="No space"):
        journal.settle()
    journal.update_behind("one", number=1)
    journal.update("two", number=2)
    assert journal.read()["number"] == 2


@pytest.mark.parametrize(
    "change", [lambda lines: [lines[0].replace("event 0", "event X")] + lines[1:], lambda lines: lines[:1] + lines[2:]]
)
def test_a_changed_or_removed_event_breaks_the_chain(journal, change):
    for number in range(3):
        journal.update("event %d" % number)
    with open(journal.events_path, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    files.write_text(journal.events_path, "\n".join(change(lines)) + "\n")
    assert broken_link(journal.events_path) in (2, 3)


def test_a_line_that_a_crash_cut_off_does_not_break_the_next(journal):
    journal.update("whole")
    with open(journal.events_path, "a", encoding="utf-8") as stream:
        stream.write('{"seq": 2, "eve')
    assert json.loads(last_line(journal.events_path))["event"] == "whole"
    journal.update("after")
    journal.update("and again")
    assert [json.loads(line)["seq"] for line in open(journal.events_path, encoding="utf-8")] == [1, 2, 3]
    assert broken_link(journal.events_path) == 0


@pytest.mark.parametrize(
    "damage, line",
    [
        (lambda text: text.replace(b"event 1", b"event \xff"), 2),
        (lambda text: text.replace(b"event 1", b"event X"), 3),
        (lambda text: text.replace(b'"seq": 3', b'"seq" 3'), 3),
        (lambda text: text.replace(b'"seq": 3', b'"sex": 3'), 3),
        (lambda text: text[: text.rindex(b'"event"')] + b"\n", 3),
        (lambda text: text.replace(text.split(b"\n")[1] + b"\n", b""), 2),
    ],
)
def test_damaged_events_are_put_aside_and_named_by_what_follows(journal, damage, line):
    for number in range(3):
        journal.update("event %d" % number)
    with open(journal.events_path, "rb") as stream:
        damaged = damage(stream.read())
    files.write_text(journal.events_path, damaged)
    assert broken_link(journal.events_path) == line
    again = Journal(journal.directory)
    again.update("after", number=7)
    again.update("and again")
    assert again.read()["number"] == 7
    events = [json.loads(one) for one in open(journal.events_path, encoding="utf-8")]
    assert [event["event"] for event in events] == ["the events before this were damaged, and are put aside", "after", "and again"]
    assert events[0]["data"]["aside"] == "events.jsonl.damaged-1" and events[0]["data"]["broken_at"] == line
    assert broken_link(journal.events_path) == 0
    (aside,) = again.put_aside()
    with open(aside, "rb") as stream:
        assert stream.read() == damaged


def test_each_damaged_file_is_kept(journal):
    for number in (1, 2):
        journal.update("one")
        files.write_text(journal.events_path, "no event\n")
        Journal(journal.directory).update("more")
        assert [path.rpartition("-")[2] for path in journal.put_aside()] == [str(one) for one in range(1, number + 1)]


def test_a_damaged_end_is_noticed_by_the_process_that_has_written_before(journal):
    journal.update("one")
    with open(journal.events_path, "a", encoding="utf-8") as stream:
        stream.write("no event\n")
    journal.update("two")
    assert len(journal.put_aside()) == 1 and broken_link(journal.events_path) == 0


def test_the_state_before_the_last_update_is_kept_beside_it(journal):
    journal.update("one", number=1)
    journal.update("two", number=2)
    journal.update("three", number=3)
    assert files.read_json(journal.previous_path)["number"] == 2
    assert stat.S_IMODE(os.stat(journal.previous_path).st_mode) == 0o600
    files.write_text(journal.state_path, "")
    for action in (journal.read, lambda: journal.update("more")):
        with pytest.raises(Damaged, match="1970-01-01 00:00:12 UTC, is in .*state.json.previous") as told:
            action()
        # Nothing that is left may be lost by following it.
        assert "cp -p state.json.previous state.json" in str(told.value) and "remove" not in str(told.value)
    assert files.read_json(journal.previous_path)["number"] == 2
    # What the message says.
    subprocess.run(
        f"cd {journal.directory} && mv state.json state.json.damaged && cp -p state.json.previous state.json", shell=True, check=True
    )
    assert journal.read()["number"] == 2


@pytest.mark.parametrize("copy", [None, "", "{}", '{"updated": "x"}'])
def test_without_a_copy_the_sources_host_is_named(journal, copy):
    files.write_text(journal.state_path, "{")
    if copy is not None:
        files.write_text(journal.previous_path, copy)
    with pytest.raises(Damaged, match="restore it from a backup.*known on the source's host, in /var/lib/mysql_migration/fences"):
        journal.read()


def test_how_far_a_damaged_journals_migration_is_the_sources_host_says(journal, monkeypatch):
    journal.update("one")
    files.write_text(journal.state_path, "{")
    monkeypatch.setattr(phases, "directory", lambda _name: journal.directory)
    asked = []

    def call(*request):
        asked.append(request[:3])
        return {"state": "committed"}

    monkeypatch.setattr(phases, "call", call)
    with pytest.raises(Refusal, match="is damaged .* The source's host says that the migration is CUT OVER: the target is the primary"):
        phases.migration_info({"migration_id": "shop"}, False)
    assert asked == [("shop", "decided", {})]

    def silent(*_request):
        raise MigrationError("no way")

    monkeypatch.setattr(phases, "call", silent)
    with pytest.raises(Refusal, match="could not be asked how far the migration is: no way"):
        phases.migration_info({"migration_id": "shop"}, False)


def test_whether_the_chain_holds_is_told(journal, monkeypatch):
    journal.update("one")
    journal.update("two")
    monkeypatch.setattr(phases, "directory", lambda _name: journal.directory)
    told = phases.migration_info({"migration_id": "shop"}, False)
    assert told["events"] == {"chain_holds": True, "broken_at": 0, "aside": []} and told["warnings"] == []
    files.write_text(journal.events_path, files.read_text(journal.events_path).replace('"one"', '"eno"'))
    told = phases.migration_info({"migration_id": "shop"}, False)
    assert told["events"]["broken_at"] == 2 and "changed or cut at line 2" in told["warnings"][0]
    Journal(journal.directory).update("three")
    told = phases.migration_info({"migration_id": "shop"}, False)
    assert told["events"]["chain_holds"] and told["events"]["aside"] == [journal.events_path + ".damaged-1"]
    assert "events.jsonl.damaged-1" in told["warnings"][0]


@pytest.mark.parametrize("text", ['{"format": 1, "se', "", "[1]", "null x", '{"seed": {}}', '{"format": 2}'])
def test_a_truncated_or_newer_journal_is_refused(journal, text):
    files.write_text(journal.state_path, text)
    for action in (journal.read, lambda: journal.update("more")):
        with pytest.raises(Refusal, match="the journal"):
            action()
    assert files.read_text(journal.state_path) == text


def test_a_write_that_dies_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = str(tmp_path / "state.json")
    files.write_json(path, {"old": 1})

    def refuse(_handle):
        raise OSError(28, "full")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError):
        files.write_json(path, {"new": 2})
    assert files.read_json(path) == {"old": 1}


def test_state_is_its_owners_alone(journal):
    os.umask(0o022)
    journal.update("one")
    for path in (journal.state_path, journal.events_path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(journal.directory).st_mode) == 0o700


def test_a_wider_old_mode_is_narrowed(tmp_path):
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0o644)
    files.write_text(str(path), "y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", None, "../x", "a/b", "Shop", "-a", "a" * 32, "a b", "a\n", "a'b"])
def test_ids_that_cannot_name_files_are_refused(name):
    with pytest.raises(Refusal, match="migration_id"):
        check_id(name)
    with pytest.raises(Refusal):
        job_directory(name, "seed")


def test_places():
    assert directory("shop-1", "/r") == "/r/shop-1"
    assert job_directory("shop-1", "seed", "/r") == "/r/shop-1/jobs/seed"


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ({}, "new"),
        ({"seed": {"status": "running"}}, "seeding"),
        ({"seed": {"status": "done"}}, "seeded"),
        ({"seed": {"status": "done"}, "catchup": {}}, "ready"),
        ({"seed": {"status": "done"}, "catchup": {}, "cutover": {"begun": ["fence"], "done": ["fence"]}}, "cutting_over"),
        ({"seed": {"status": "done"}, "catchup": {}, "cutover": {"begun": [], "done": []}}, "ready"),
        ({"seed": {"status": "done"}, "catchup": {}, "cutover": {"done": ["commit", "promote"]}}, "committed"),
        ({"seed": {"status": "done"}, "catchup": {}, "cutover": {"done": ["commit", "confirm"]}}, "done"),
    ],
)
def test_phases(state, phase):
    assert phase_of(state) == phase
