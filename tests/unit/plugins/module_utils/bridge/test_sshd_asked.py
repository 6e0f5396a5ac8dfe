# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd says of its configuration, and what is made of it."""

from __future__ import annotations

import getpass
import sys

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import sshd_asked

SAID = """port 22
allowusers deploy
allowusers root@10.0.0.1
authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2
forcecommand none
permitopen any
"""


def program(tmp_path, monkeypatch, code: str) -> None:
    path = tmp_path / "sshd"
    path.write_text("#!%s\nimport sys\n%s" % (sys.executable, code))
    path.chmod(0o755)
    monkeypatch.setattr(sshd_asked, "SSHD", str(path))


def test_a_list_is_read_from_all_of_its_lines():
    assert sshd_asked.parse(SAID) == {
        "allowusers": ["deploy", "root@10.0.0.1"], "authorizedkeysfile": [".ssh/authorized_keys", ".ssh/authorized_keys2"],
        "forcecommand": ["none"], "permitopen": ["any"],
    }  # fmt: skip


def test_sshd_is_asked_for_each_user_and_address(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "print('allowusers', sys.argv[1], sys.argv[3])")
    found = sshd_asked.ask_sshd(["nobody-of-this-name", getpass.getuser()], "10.0.0.9")
    assert found["nobody-of-this-name"] == {
        "options": {"allowusers": ["-T", "user=nobody-of-this-name,host=10.0.0.9,addr=10.0.0.9,laddr=127.0.0.1,lport=22"]}, "groups": ["nobody-of-this-name"],
    }  # fmt: skip
    assert found[getpass.getuser()]["groups"]
    assert "addr=192.0.2.1" in str(sshd_asked.ask_sshd(["x"], ""))


def test_an_sshd_that_cannot_be_asked_is_told(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "sys.exit('bad configuration')")
    assert sshd_asked.ask_sshd(["x"], "") == {"x": {"error": "sshd -T failed: bad configuration"}}
    monkeypatch.setattr(sshd_asked, "SSHD", str(tmp_path / "none"))
    assert "there is no" in sshd_asked.ask_sshd(["x"], "")["x"]["error"]
