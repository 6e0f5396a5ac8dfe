# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher, with the answers of a host in place of a connection."""

from __future__ import annotations

import base64
import json
import types

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.nordbridge.mysql_migration.plugins.action import migration_watch


def coded(data):
    return base64.b64encode(json.dumps(data).encode()).decode()


def answer(running=0, outcome=None, phase="seed", text="1%"):
    spec = coded({"attempt": 1})
    found = {
        "running": running,
        "progress": coded({"phase": phase, "text": text}),
        "outcome": coded(outcome) if outcome else "",
        "spec": spec,
    }
    return {"rc": 0, "stdout": "a banner\n%s\n" % json.dumps(found), "stderr": ""}


DONE = {"attempt": 1, "ok": True, "result": {"lag": 0.1}}


@pytest.fixture
def watch(monkeypatch):
    def run(answers, check_mode=False, clock_step=1.0, **args):
        lines, looked, now, resets = [], [], [0.0], []

        def look(command, sudoable):
            looked.append(command)
            found = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(found, Exception):
                raise found
            return found

        def tick():
            now[0] += clock_step
            return now[0]

        monkeypatch.setattr(migration_watch.time, "sleep", lambda _seconds: None)
        monkeypatch.setattr(migration_watch.time, "monotonic", tick)
        monkeypatch.setattr(migration_watch.Display, "display", lambda _self, text, **kwargs: lines.append((text, kwargs)))
        action = migration_watch.ActionModule.__new__(migration_watch.ActionModule)
        action._task = types.SimpleNamespace(args={"migration_id": "shop", "job": "seed", **args}, check_mode=check_mode, async_val=0)
        action._connection = types.SimpleNamespace(reset=lambda: resets.append(1), _shell=types.SimpleNamespace(tmpdir=None))
        action._low_level_execute_command = look
        monkeypatch.setattr(migration_watch.ActionBase, "run", lambda _self, _tmp, _vars: {})
        result = action.run(None, {"inventory_hostname": "oslo-db1"})
        return types.SimpleNamespace(result=result, lines=lines, looked=looked, resets=resets)

    return run


def test_it_prints_progress_and_ends_with_the_result(watch):
    seen = watch([answer(1), answer(1, phase="proving", text="counting"), answer(0, DONE, "proving", "done")])
    assert seen.result == {"changed": False, "state": "succeeded", "result": {"lag": 0.1}}
    assert [text for text, _kwargs in seen.lines] == ["[oslo-db1] seed: 1%", "[oslo-db1] proving: counting", "[oslo-db1] proving: done"]
    assert all(kwargs == {"stderr": True} for _text, kwargs in seen.lines)
    assert "/var/lib/mysql_migration/shop/jobs/seed" in seen.looked[0]


def test_a_failed_job_fails_with_its_words_and_its_log(watch):
    result = watch([answer(0, {"attempt": 1, "ok": False, "error": "out of luck"})]).result
    assert result["failed"] and result["state"] == "failed"
    assert "out of luck" in result["msg"] and "jobs/seed/log" in result["msg"]


def test_a_killed_job_fails(watch):
    assert "killed" in watch([answer(0)]).result["msg"]


def test_a_job_that_was_never_started_fails_at_once(watch):
    seen = watch([{"rc": 0, "stdout": '{"absent": true}', "stderr": ""}])
    assert seen.result["failed"] and "never started" in seen.result["msg"]
    assert len(seen.looked) == 1


@pytest.mark.parametrize(
    "lost", [AnsibleConnectionFailure("gone"), {"rc": 255, "stdout": "", "stderr": "gone"}, {"rc": 0, "stdout": "", "stderr": ""}]
)
def test_a_lost_connection_is_tried_again(watch, lost):
    seen = watch([answer(1), lost, lost, answer(0, DONE)])
    assert seen.result["state"] == "succeeded"
    assert len(seen.resets) == 2
    assert any("connection lost" in text for text, _kwargs in seen.lines)


def test_a_connection_that_stays_lost_is_given_up(watch):
    with pytest.raises(AnsibleConnectionFailure, match="could not be watched"):
        watch([AnsibleConnectionFailure("gone")], clock_step=100.0)


def test_a_timeout_leaves_the_job_alone(watch):
    result = watch([answer(1)], timeout=5)
    assert result.result["failed"] and "goes on" in result.result["msg"]


def test_check_mode_looks_at_nothing(watch):
    seen = watch([answer(1)], check_mode=True)
    assert seen.looked == [] and seen.result["changed"] is False


@pytest.mark.parametrize("args", [{"migration_id": "../x"}, {"migration_id": None}])
def test_a_bad_id_is_refused(watch, args):
    seen = watch([answer(1)], **args)
    assert seen.result["failed"] and seen.looked == []
