# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tunnel's key opens."""

from __future__ import annotations

import datetime
import os

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import authorized_keys as keys
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal

NOW = datetime.datetime(2026, 11, 28, 12, 0)
PARAMS = {
    "migration_id": "shop", "name": "tunnel", "public_key": "ssh-ed25519 AAAA root@oslo-db1", "from_address": "192.0.2.10", "days": 90,
    "open": "127.0.0.1:3306", "listen": "",
}  # fmt: skip


@pytest.fixture
def params(tmp_path):
    return {**PARAMS, "path": str(tmp_path / "authorized_keys")}


def test_the_tunnels_key_opens_one_port_and_listens_nowhere(params):
    assert keys.admit_key(params, False)["changed"]
    with open(params["path"], encoding="utf-8") as stream:
        line = stream.read()
    assert line.startswith('from="192.0.2.10",expiry-time="20')
    assert ',restrict,port-forwarding,command="/bin/false",permitopen="127.0.0.1:3306",permitlisten="255.255.255.255:1" ' in line
    assert line.endswith(" ssh-ed25519 AAAA nordbridge-tunnel-shop\n")
    assert os.stat(params["path"]).st_mode & 0o777 == 0o644


def test_the_way_backs_key_listens_at_one_port_and_opens_none(params):
    result = keys.admit_key({**params, "name": "back", "open": "", "listen": "127.0.0.1:13577"}, True)
    assert 'permitopen="255.255.255.255:1",permitlisten="127.0.0.1:13577"' in result["diff"]["after"]
    assert result["changed"] and not os.path.exists(params["path"])


def test_a_second_run_changes_nothing_and_others_lines_stay(params):
    with open(params["path"], "w", encoding="utf-8") as stream:
        stream.write("# mine\nssh-rsa BBBB nordbridge-tunnel-other\nrestrict ssh-ed25519 OLD nordbridge-tunnel-shop\n")
    assert keys.admit_key(params, False)["changed"]
    assert not keys.admit_key(params, False)["changed"] or os.getuid() != 0
    with open(params["path"], encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    assert len(lines) == 3 and lines[:2] == ["# mine", "ssh-rsa BBBB nordbridge-tunnel-other"] and "OLD" not in lines[2]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_that_the_tunnels_user_could_change_is_taken_from_it(params):
    keys.admit_key(params, False)
    os.chown(params["path"], 1, 1)
    assert keys.admit_key(params, False)["changed"]
    assert os.stat(params["path"]).st_uid == 0


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("", "202702261200"),
        ("202702261200", "202702261200"),
        ("202701121200", "202702261200"),  # half is left, and no more
        ("202701121300", "202701121300"),
        ("202712311200", "202702261200"),  # longer than wanted
        ("nonsense", "202702261200"),
    ],
)
def test_a_key_is_renewed_when_less_than_half_is_left(kept, expected):
    assert keys.expiry(kept, 90, NOW) == expected


@pytest.mark.parametrize("address", ['192.0.2.1",command="/bin/sh', "a b", "x\ny", "x\\"])
def test_no_value_becomes_another_option(params, address):
    with pytest.raises(Refusal, match="cannot stand in authorized_keys"):
        keys.admit_key({**params, "from_address": address}, True)


@pytest.mark.parametrize("address", ["*", "?*", "*.*.*.*", "0.0.0.0/0", "::/0", "192.0.2.1,*", "!192.0.2.1,10.0.0.0/8", "192.0.2.1,"])
def test_no_address_is_every_hosts(params, address):
    with pytest.raises(Refusal, match="not an address of the target, or it matches every host"):
        keys.admit_key({**params, "from_address": address}, True)


@pytest.mark.parametrize("key", ["ssh-ed25519", "", "ssh-ed25519 AAAA x\nssh-ed25519 BBBB y", 'ssh-ed25519,command="/bin/sh" AAAA'])
def test_what_is_no_public_key_is_refused(params, key):
    with pytest.raises(Refusal, match="is not a public key"):
        keys.admit_key({**params, "public_key": key}, True)


@pytest.mark.parametrize("address", ["2001:db8::1", "192.0.2.0/24,198.51.100.7", "fe80::1%eth0", "*.example.com"])
def test_addresses_and_patterns_can_stand_there(params, address):
    assert 'from="%s"' % address in keys.admit_key({**params, "from_address": address}, True)["diff"]["after"]


def test_a_key_without_an_address_is_refused(params):
    with pytest.raises(Refusal, match="set migration_target_address"):
        keys.admit_key({**params, "from_address": ""}, True)
