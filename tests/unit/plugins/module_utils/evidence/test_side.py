# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself: only what can be seen, and nothing that is nobody's affair."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace

from plugins.module_utils._bridge import transit
from plugins.module_utils._bridge.transit import agreed, fingerprints, read_transit
from plugins.module_utils._evidence import side


def disk(tmp_path, *floors):
    """A folder's device in a sysfs of its own, with the uuids of the devices below each other."""
    found = os.stat(tmp_path).st_dev
    place = tmp_path / ("dev/block/%d:%d" % (os.major(found), os.minor(found)))
    for uuid in floors:
        (place / "dm").mkdir(parents=True)
        (place / "dm/uuid").write_text(uuid + "\n")
        place = place / "slaves/below"
    place.mkdir(parents=True)
    return side.encrypted(str(tmp_path), str(tmp_path))


def test_dm_crypt_is_seen_below_a_volume_too(tmp_path):
    assert disk(tmp_path, "CRYPT-LUKS2-0a-data") is True


def test_a_volume_on_it_has_it_below(tmp_path):
    assert disk(tmp_path, "LVM-x", "LVM-y", "CRYPT-PLAIN-z") is True


def test_a_disk_without_it_is_told_from_one_that_cannot_be_seen(tmp_path):
    assert disk(tmp_path, "LVM-x") is False
    assert side.encrypted(str(tmp_path / "nowhere")) is None
    assert side.encrypted(str(tmp_path), str(tmp_path / "no sysfs")) is None


def test_sizes_are_what_the_disk_gives_and_not_what_a_sparse_file_claims(tmp_path):
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 30)
    (tmp_path / "dense").write_bytes(b"x" * 8192)
    assert 8192 <= side.bytes_below(str(tmp_path)) < 1 << 20
    assert side.bytes_below(str(tmp_path / "nowhere")) == 0


def test_fingerprints_are_those_of_ssh_keygen(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    kind, key, _comment = (tmp_path / "key.pub").read_text().split()
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")], capture_output=True, text=True, check=True).stdout.split()[1]
    assert fingerprints(f"# a comment\n@revoked x {kind} {key}\nnordbridge-source {kind} {key}\n\n") == [f"{shown} ({kind})"]


def test_what_ssh_agreed_on_is_told_whole_or_not_at_all():
    told = """debug1: kex: algorithm: sntrup761x25519-sha512
debug1: kex: host key algorithm: ssh-ed25519
debug1: kex: server->client cipher: chacha20-poly1305@openssh.com MAC: <implicit> compression: none
debug1: kex: client->server cipher: chacha20-poly1305@openssh.com MAC: <implicit> compression: none
debug1: Server host key: ssh-ed25519 SHA256:JBHf
"""
    assert agreed(told) == "chacha20-poly1305@openssh.com, key exchange sntrup761x25519-sha512, host key ssh-ed25519 SHA256:JBHf"
    assert agreed(told.rpartition("debug1: Server")[0]) == agreed("") == agreed("ssh: connect to host x: refused") == ""


def test_the_way_is_read_off_the_session_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(transit, "read_ssh", lambda migration_id: "of " + migration_id)
    asked = []
    rows = [{"Variable_name": "Ssl_version", "Value": "TLSv1.3"}, {"Variable_name": "Ssl_cipher", "Value": "X"}, {"Variable_name": "Ssl_accepts", "Value": 3}]
    connection = SimpleNamespace(rows=lambda sql, args: asked.append((sql, args)) or rows)
    found = read_transit(connection, str(tmp_path))
    assert (found["tls"], found["cipher"], found["host_keys"], found["ssh"]) == ("TLSv1.3", "X", [], "of " + tmp_path.name)
    assert asked[0][0].startswith("SHOW SESSION STATUS")
