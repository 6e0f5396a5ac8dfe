# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Late writes are those after the promotion, and a server that does not count them stops nothing."""

from __future__ import annotations

import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import stragglers
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError


class Counting:
    """A server that has run for some seconds and refused some writes."""

    def __init__(self, count: int, uptime: int) -> None:
        self.count, self.uptime, self.connection = count, uptime, self

    def refused_writes(self) -> tuple:
        if self.count < 0:
            raise ServerError("no such table", 1146)
        return self.count, "counted"

    def status(self, name: str) -> str:
        assert name == "Uptime"
        return str(self.uptime)


def test_the_write_stops_own_refusals_are_not_late():
    base = stragglers.baseline(Counting(40, 1000))
    assert stragglers.late_writes(Counting(43, 1001), base) == {"count": 3, "basis": "counted", "since_restart": False}


def test_a_restart_begins_the_count_anew():
    base = {"count": 40, "at": time.time() - 60}
    assert stragglers.late_writes(Counting(2, 30), base) == {"count": 2, "basis": "counted", "since_restart": True}


def test_a_server_that_does_not_tell_stops_nothing():
    assert stragglers.baseline(Counting(-1, 1000)) == {}


def test_why_nothing_is_known_is_told():
    found = stragglers._late_or_why(Counting(-1, 1000), {"count": 1, "at": 0})
    assert found == {"why": "no such table"}


def test_before_a_cutover_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(stragglers, "directory", lambda _id: str(tmp_path))
    found = stragglers.stragglers({"migration_id": "shop"}, False)
    assert found["known"] is False and "not been cut over" in found["why"]


def test_the_cutover_notes_where_the_count_stood(world, cut):
    cut()
    assert world.journal.read()["cutover"]["facts"]["late_base"]["count"] == 7


@pytest.mark.parametrize("gone", [True, False])
def test_a_source_that_is_gone_is_no_failure(tmp_path, monkeypatch, gone):
    monkeypatch.setattr(stragglers, "directory", lambda _id: str(tmp_path))
    monkeypatch.setattr(
        stragglers,
        "Journal",
        lambda _path: type("J", (), {"read": lambda self: {"cutover": {"facts": {"late_base": {"count": 1, "at": 0}}}}})(),
    )
    if not gone:
        (tmp_path / "source.json").write_text('{"host": "127.0.0.1", "port": 1, "user": "u", "password": "p"}')
    found = stragglers.stragglers({"migration_id": "shop"}, False)
    assert found["changed"] is False and found["known"] is False and found["why"]
