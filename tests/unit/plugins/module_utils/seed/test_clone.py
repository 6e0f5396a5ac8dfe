# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods.clone import clone, clone_wire


class Way:
    """A connection over a way of so many bytes a second and a round trip of so many seconds, whose first bytes come at once."""

    def __init__(self, rate, trip, burst=0):
        self.rate, self.trip, self.burst = rate, trip, burst
        self.now, self.asked = 0.0, 0

    def value(self, sql):
        assert sql == "SELECT 1"
        self.asked, self.now = self.asked + 1, self.now + self.trip

    def rows(self, sql):
        size = sql.count("SELECT 1") * clone_wire.PIECE
        at_once, self.burst = min(size, self.burst), max(0, self.burst - size)
        self.asked, self.now = self.asked + 1, self.now + self.trip + (size - at_once) / self.rate


@pytest.mark.parametrize(
    "way, bandwidth, compressed, words",
    [
        (Way(110e6, 0.0003), 0, False, "does not compress on the wire: the way from the source carries about 110 MB/s"),
        (Way(25e6, 0.0003), 0, True, "compresses on the wire: the way from the source carries about 25 MB/s"),
        (Way(25e6, 0.0003, burst=1 << 20), 0, True, "about 25 MB/s"),
        (Way(8e6, 0.1), 0, True, "about 8 MB/s"),
        (Way(110e6, 0.1), 0, False, "about 110 MB/s"),  # far is not narrow
        (Way(110e6, 0.0003), 200, True, "carries about 110 MB/s, of which 25 MB/s may be used"),
        (Way(25e6, 0.0003), 900, True, "about 25 MB/s"),
    ],
)
def test_a_clone_is_compressed_where_the_way_is_narrow(way, bandwidth, compressed, words, monkeypatch):
    monkeypatch.setattr(clone_wire, "speed", lambda fetch, measure=clone_wire.speed: measure(fetch, lambda: way.now))
    seed = SimpleNamespace(source=SimpleNamespace(connection=way), options={"bandwidth": bandwidth, "clone_compression": "auto"})
    wire = clone_wire.choose_wire(seed)
    assert wire.compressed is compressed and wire.words.endswith(words)


@pytest.mark.parametrize("wish", ["always", "never"])
def test_what_is_told_needs_no_measurement(wish):
    way = Way(1.0, 1.0)
    wire = clone_wire.choose_wire(
        SimpleNamespace(source=SimpleNamespace(connection=way), options={"bandwidth": 0, "clone_compression": wish})
    )
    assert wire.compressed is (wish == "always") and way.asked == 0 and wish in wire.words


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
        with clone_wire.carried(seed, True):
            assert recipient.values == {"clone_max_network_bandwidth": mib, "clone_enable_compression": "ON"}
            raise KeyError
    assert recipient.values == {"clone_max_network_bandwidth": "7", "clone_enable_compression": "OFF"}


@pytest.mark.parametrize("source, target, loads", [("ACTIVE", None, True), ("ACTIVE", "ACTIVE", False), (None, None, None)])
def test_the_plugin_is_loaded_on_the_target_and_asked_for_on_the_source(source, target, loads):
    class Server:
        def __init__(self, status):
            self.connection, self.status, self.ran, self.name = self, status, [], "source"

        def value(self, _sql):
            return self.status

        def run(self, sql):
            self.ran.append(sql)

    seed = SimpleNamespace(source=Server(source), target=Server(target), clone_loaded=False)
    if loads is None:
        with pytest.raises(Refusal, match="the plugin clone is not loaded.*run it again"):
            clone._need_plugin(seed)
    else:
        clone._need_plugin(seed)
        assert seed.clone_loaded is loads and bool(seed.target.ran) is loads
    assert not seed.source.ran, "the migration's account may not"
