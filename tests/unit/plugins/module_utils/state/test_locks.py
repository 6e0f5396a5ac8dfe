# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock is one holder's, and a wait for it ends in time."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.background import BackgroundTask
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.files import open_lock, take_lock


def test_a_lock_that_is_held_is_not_taken(tmp_path):
    path = str(tmp_path / "lock")
    with open_lock(path) as holder, open_lock(path) as other:
        assert take_lock(holder, 0)
        assert not take_lock(other, 0.1)


@pytest.mark.parametrize("seconds", [20.0, None])
def test_a_lock_is_taken_as_soon_as_it_is_free(tmp_path, seconds):
    path = str(tmp_path / "lock")
    holder = open_lock(path)
    assert take_lock(holder, 0)
    threading.Timer(0.2, holder.close).start()
    began = time.monotonic()
    with open_lock(path) as other:
        assert take_lock(other, seconds)
    assert 0.15 < time.monotonic() - began < 15


def test_a_companion_works_beside_the_block_and_no_longer():
    class Counter(BackgroundTask):
        count = 0

        def in_background(self):
            while not self.ended.wait(0.005):
                self.count += 1

    with Counter() as counter:
        deadline = time.monotonic() + 10
        while counter.count < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
    seen = counter.count
    time.sleep(0.05)
    assert counter.count == seen >= 3
