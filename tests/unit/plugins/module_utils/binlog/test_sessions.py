# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that write to the binary log as before a change, and the wait for their end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog import sessions
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source import old_sessions


def server(started_at=1000, told=None, rows=()):
    asked = []

    def ask(_sql, args):
        asked.append(args)
        return list(rows)

    return SimpleNamespace(
        identity=SimpleNamespace(started_at=started_at), row_sessions=lambda: told, connection=SimpleNamespace(rows=ask), asked=asked
    )


ROW = {"id": 5, "user": "app", "host": "10.0.0.7:4711"}


class TestRecord:
    def test_it_is_there_before_the_change_and_gets_its_number_once(self, tmp_path):
        path = str(tmp_path / "record.json")
        assert sessions.complete(9, path) == {}
        sessions.begin(server(), ["binlog_format"], path)
        assert sessions.complete(9, path)["below"] == 9
        assert sessions.complete(12, path) == {"started_at": 1000, "settings": ["binlog_format"], "below": 9}

    def test_older_sessions_of_the_same_start_are_named(self):
        record = {"started_at": 1001, "settings": ["binlog_format", "binlog_row_image"], "below": 9}
        one = server(rows=[ROW])
        assert sessions.old_sessions(one, record) == [
            "session 5 of app from 10.0.0.7:4711 (open since before binlog_format or binlog_row_image was changed)"
        ]
        assert one.asked == [(9,)]

    @pytest.mark.parametrize("record", [{}, {"started_at": 900, "settings": ["binlog_format"], "below": 9}])
    def test_without_a_change_or_after_a_restart_there_are_none(self, record):
        assert sessions.old_sessions(server(rows=[ROW]), record) == []

    def test_a_server_that_tells_its_sessions_values_is_believed(self):
        assert sessions.old_sessions(server(told=["session 7"]), {}) == ["session 7"]
        assert sessions.old_sessions(server(told=[], rows=[ROW]), {"started_at": 1000, "settings": ["x"], "below": 9}) == []


class TestWait:
    def wait(self, monkeypatch, answers, limit=10):
        given, now, said = iter(answers), [0.0], []
        monkeypatch.setattr(old_sessions, "call", lambda *_all: {"old": next(given)})
        seed = SimpleNamespace(
            source_login=SimpleNamespace(user="u", password="p"),
            options={"migration_id": "shop", "source_socket": "/s", "max_transaction_seconds": limit},
            progress=SimpleNamespace(say=lambda *words: said.append(words)),
        )
        old_sessions.await_new_sessions(seed, lambda seconds: now.__setitem__(0, now[0] + seconds), lambda: now[0])
        return said

    def test_nobody_is_waited_for_and_somebody_is(self, monkeypatch):
        assert self.wait(monkeypatch, [[]]) == []
        assert len(self.wait(monkeypatch, [["session 5"], ["session 5"], []])) == 2

    def test_who_stays_is_named_and_not_for_ever(self, monkeypatch):
        with pytest.raises(Refusal, match="6 sessions .* s1; s2; s3; s4; s5; and 1 more. Waited 10 s"):
            self.wait(monkeypatch, [["s%d" % number for number in range(1, 7)]] * 9)
