# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed import clone


@pytest.mark.parametrize(
    "wish, trips, compressed",
    [
        ("auto", [0.0004, 0.0003, 0.0005], False),
        ("auto", [0.2, 0.101, 0.1], True),
        ("auto", [0.005, 0.006, 0.007], True),
        ("auto", [0.3, 0.0004, 0.0005], False),  # one slow answer is no long way
        ("always", [], True),
        ("never", [], False),
    ],
)
def test_far_sources_are_compressed(wish, trips, compressed):
    now, left = [0.0], list(trips)

    def ask():
        now[0] += left.pop(0)

    assert clone.compresses(wish, ask, lambda: now[0]) is compressed
    assert not left, "as often as is told, and not at all where nothing depends on it"


class Recipient:
    def __init__(self, **values):
        self.values = values

    def variable(self, name):
        return self.values[name]

    def run(self, sql):
        name, _equals, value = sql.removeprefix("SET GLOBAL ").partition(" = ")
        self.values[name] = value


@pytest.mark.parametrize("bandwidth, mib", [(0, "7"), (200, "23"), (1, "1")])
def test_a_clone_that_fails_leaves_the_recipient_as_it_was(bandwidth, mib):
    recipient = Recipient(clone_max_network_bandwidth="7", clone_enable_compression="OFF")
    seed = SimpleNamespace(target=SimpleNamespace(connection=recipient), options={"bandwidth": bandwidth}, reopen_target=lambda: None)
    with pytest.raises(KeyError):
        with clone._carried(seed, True):
            assert recipient.values == {"clone_max_network_bandwidth": mib, "clone_enable_compression": "ON"}
            raise KeyError
    assert recipient.values == {"clone_max_network_bandwidth": "7", "clone_enable_compression": "OFF"}
