# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port of its own for each migration, that no ordinary user can bind."""

from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import ports
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal


@pytest.fixture(autouse=True)
def no_services(monkeypatch):
    monkeypatch.setattr(ports, "_named", lambda port: port == 201)


def test_a_migration_keeps_its_port_whoever_listens():
    assert ports.choose_port("shop", 333, {333}, ports.PRIVILEGED) == 333


def test_a_kept_port_that_is_not_safe_any_more_is_chosen_anew():
    assert ports.choose_port("shop", 13306, (), ports.PRIVILEGED) in ports.PRIVILEGED
    assert ports.choose_port("shop", 333, (), range(200, 300)) in range(200, 300)


def test_two_migrations_have_two_ports_and_each_the_same_again():
    first = ports.choose_port("shop", 0, (), ports.PRIVILEGED)
    assert first == ports.choose_port("shop", 0, (), ports.PRIVILEGED)
    assert ports.choose_port("other", 0, {first}, ports.PRIVILEGED) != first
    assert ports.choose_port("shop", 0, {first}, ports.PRIVILEGED) != first


def test_known_services_are_left_their_ports():
    chosen, taken = set(), set()
    while True:
        try:
            port = ports.choose_port("shop", 0, taken, ports.PRIVILEGED)
        except Refusal as refusal:
            assert "no port of 127.0.0.1 from 200 to 511 is free" in str(refusal)
            break
        chosen.add(port)
        taken.add(port)
    assert chosen == set(ports.PRIVILEGED) - ports.KNOWN - {201}


@pytest.mark.parametrize(("start", "last"), [(1024, 511), (300, 299), (201, 200)])
def test_the_range_ends_where_everybody_may_bind(start, last):
    assert ports.privileged_ports(start)[-1] == last


@pytest.mark.parametrize("start", [0, 80, 200])
def test_a_host_without_such_ports_is_refused_with_the_reason(start):
    with pytest.raises(Refusal, match="ip_unprivileged_port_start is %d; 1024" % start):
        ports.privileged_ports(start)


@pytest.mark.parametrize(("port", "start", "words"), [(13306, 1024, "any user of this host can listen"), (1024, 1024, "any user"),
                                                      (80, 80, "any user"), (70000, 1024, "1 to 65535"), (-1, 1024, "1 to 65535")])  # fmt: skip
def test_a_given_port_that_is_not_safe_is_refused(port, start, words):
    with pytest.raises(Refusal, match="target_tunnel_port is .*%s" % words):
        ports.check_given(port, start, "target_tunnel_port")


def test_a_given_port_below_is_taken():
    ports.check_given(1023, 1024, "target_tunnel_port")
