# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: its properties, its own test, and the units it runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._sandbox import run
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._sandbox.probe import CHECKS, PROBE, missing, parse
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._sandbox.properties import (
    FIXED,
    Room,
    properties,
    quoted,
    unknown_to,
)


@pytest.fixture(autouse=True)
def systemd(monkeypatch):
    """A host with a systemd, whatever this one has."""
    monkeypatch.setattr(run, "systemd_version", lambda: 252)


ROOM = Room((110, 115), ("/var/lib/mysql/.nordbridge-new",))
HERE = {"network": "net:[1]", "mounts": "mnt:[1]"}
SEEN = {
    "users": [110],
    "groups": [115],
    "capabilities": ["0000000000000000"] * 5,
    "no_new_privileges": "1",
    "seccomp": "2",
    "internet": False,
    "read_only": True,
    "network": "net:[2]",
    "mounts": "mnt:[2]",
    "writable": [True],
}


def test_a_program_has_the_new_folder_and_nothing_else():
    found = properties(ROOM)
    assert "User" not in found and found["Environment"] == "HOME=/nonexistent"
    assert found["ReadWritePaths"] == '"/var/lib/mysql/.nordbridge-new"'
    assert found["ProtectSystem"] == "strict" and found["PrivateNetwork"] == "yes" and found["NoNewPrivileges"] == "yes"
    assert found["CapabilityBoundingSet"] == "CAP_SETGID CAP_SETPCAP CAP_SETUID" and found["RestrictAddressFamilies"] == "AF_UNIX"
    assert (found["ProtectHome"], found["PrivateTmp"], found["PrivateDevices"]) == ("yes", "yes", "yes")
    assert found["TimeoutStartSec"] == "86400s" and "LimitNOFILE" not in found
    assert properties(Room((1, 1), (), 60, 5000))["LimitNOFILE"] == "5000"


@pytest.mark.parametrize("folder, home, temporary", [("/home/db/new", "read-only", "yes"), ("/tmp/new", "yes", "no"), ("/homes/x", "yes", "yes")])
def test_a_data_directory_below_home_can_be_written(folder, home, temporary):
    found = properties(Room((1, 1), (folder,)))
    assert (found["ProtectHome"], found["PrivateTmp"]) == (home, temporary)


def test_a_program_that_needs_the_tunnel_reaches_this_host_alone():
    found = properties(Room((1, 1), (), loopback=True))
    assert (found["IPAddressDeny"], found["IPAddressAllow"]) == ("any", "localhost") and "PrivateNetwork" not in found


@pytest.mark.parametrize("version, names", [(239, 4), (245, 1), (247, 0), (257, 0)])
def test_an_older_systemd_is_asked_for_what_it_knows(version, names):
    assert len(unknown_to(version)) == names
    assert set(FIXED) - set(properties(ROOM, version)) == set(unknown_to(version))


def test_a_path_stays_one_word():
    assert quoted('/a b/"c"\\d') == '"/a b/\\"c\\"\\\\d"'


def test_a_host_that_applies_all_lacks_nothing():
    assert missing(SEEN, HERE, ROOM) == []


@pytest.mark.parametrize(
    "change, name",
    [
        ({"users": [0]}, "User and Group"),
        ({"users": [0, 110]}, "User and Group"),
        ({"groups": [0, 115]}, "User and Group"),
        ({"capabilities": ["0000000000000001"] * 5}, "CapabilityBoundingSet"),
        ({"capabilities": []}, "CapabilityBoundingSet"),
        ({"no_new_privileges": "0"}, "NoNewPrivileges"),
        ({"internet": True, "network": "net:[1]"}, "PrivateNetwork or RestrictAddressFamilies"),
        ({"writable": [False]}, "ReadWritePaths"),
    ],
)
def test_without_what_is_essential_nothing_runs(change, name):
    with pytest.raises(MigrationError, match="does not apply %s; nothing was run" % name):
        missing({**SEEN, **change}, HERE, ROOM)


def test_root_is_never_the_servers_user():
    with pytest.raises(MigrationError, match="User and Group"):
        missing({**SEEN, "users": [0], "groups": [0]}, HERE, Room((0, 0), ("/x",)))


def test_what_a_container_cannot_apply_is_told():
    seen = {**SEEN, "read_only": False, "mounts": "mnt:[1]", "network": "net:[1]"}
    assert missing(seen, HERE, ROOM) == ["ProtectSystem, ProtectHome, PrivateTmp and PrivateDevices", "PrivateNetwork"]
    assert missing({**SEEN, "seccomp": "0"}, HERE, ROOM) == ["SystemCallFilter"]
    assert missing({**SEEN, "internet": True, "network": "net:[1]"}, HERE, Room((110, 115), ("/x",), loopback=True)) == []


def test_the_probe_answers_what_the_checks_ask(tmp_path):
    seen = parse(subprocess.run([sys.executable, "-I", "-c", PROBE, str(tmp_path)], capture_output=True, check=True).stdout)
    assert set(seen) == set(SEEN) and seen["writable"] == [True] and len(CHECKS) == 8
    assert seen["network"] == os.readlink("/proc/self/ns/net")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("output", [b"", b"Failed to start", b"[1"])
def test_an_answer_that_is_none_is_a_failure(output):
    with pytest.raises(MigrationError, match="did not answer"):
        parse(output)


def test_the_command_names_unit_and_properties():
    command = run.Sandbox("shop", ROOM, systemd=True).command("prepare", ["/bin/x", "--y"])
    assert command[0] == "systemd-run" and command[-3:] == ["--", "/bin/x", "--y"]
    assert "--unit=nordbridge-shop-prepare.service" in command and "--service-type=oneshot" in command
    assert "--property=CapabilityBoundingSet=CAP_SETGID CAP_SETPCAP CAP_SETUID" in command and "--wait" in command and "--pipe" in command


def test_no_word_of_a_command_is_taken_for_a_variable():
    assert run.Sandbox("shop", ROOM, systemd=True).command("rows", ["/bin/x", "$HOME/${y}"])[-1] == "$$HOME/$${y}"
    assert run.Sandbox("shop", ROOM, systemd=False).command("rows", ["/bin/x", "$HOME"])[-1] == "$HOME"


def test_without_systemd_the_user_is_dropped_to():
    command = run.Sandbox("shop", ROOM, systemd=False).command("prepare", ["/bin/x"])
    assert command[:3] == ["setpriv", "--reuid=110", "--regid=115"] and command[-1] == "/bin/x"
    assert "--no-new-privs" in command and "--bounding-set=-all" in command
    assert run.Sandbox("shop", ROOM, systemd=False).check() == ["all that systemd does: this host has none"]


def test_a_unit_has_a_known_name_or_none():
    with pytest.raises(ValueError, match="none of the sandbox's names"):
        run.unit_name("shop", "../x")
    with pytest.raises(Refusal):
        run.unit_name("../shop", "prepare")


@pytest.mark.parametrize(
    "groups, unit",
    [
        ("0::/system.slice/nordbridge-shop-seed-1.service\n", "nordbridge-shop-seed-1.service"),
        ("3:cpu:/\n1:name=systemd:/machine/x/system.slice/nordbridge-a-b-seed-12.service\n0::/\n", "nordbridge-a-b-seed-12.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", ""),
        ("", ""),
    ],
)
def test_a_program_ends_with_the_job_that_started_it(groups, unit, monkeypatch):
    assert run.own_unit(groups) == unit
    monkeypatch.setattr(run, "_control_groups", lambda: groups)
    command = run.Sandbox("shop", ROOM, systemd=True).command("prepare", ["/bin/x"])
    assert ("--property=BindsTo=%s" % unit in command) == bool(unit)


class Systemctl:
    """Answers for systemctl: the states that units are in, look after look."""

    def __init__(self, *states):
        self.states, self.calls = list(states), []

    def __call__(self, command, _seconds, **_more):
        self.calls.append(command[1])
        text = self.states.pop(0) if command[1] == "show" else ""
        return type("Done", (), {"stdout": text, "returncode": 0})()


def test_what_an_earlier_job_left_is_ended_and_waited_for(monkeypatch):
    systemctl = Systemctl("inactive\n\nactivating\n", "inactive\n\ninactive\n")
    monkeypatch.setattr(run, "run_child", systemctl)
    monkeypatch.setattr(run, "has_systemd", lambda: True)
    monkeypatch.setattr(run.time, "sleep", lambda _seconds: None)
    run.stop_units("shop")
    assert systemctl.calls == ["stop", "reset-failed", "show", "show"]


def test_what_does_not_end_is_a_failure(monkeypatch):
    monkeypatch.setattr(run, "run_child", Systemctl(*["deactivating\n"] * 9))
    monkeypatch.setattr(run, "has_systemd", lambda: True)
    monkeypatch.setattr(run.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(run, "STOP_SECONDS", 0.0)
    with pytest.raises(MigrationError, match="does not end"):
        run.stop_units("shop", ["prepare"])


def test_a_failure_has_the_programs_words(monkeypatch):
    sandbox = run.Sandbox("shop", ROOM, systemd=False)
    monkeypatch.setattr(run, "as_owner", lambda _owner, *_more: [])
    assert sandbox.run("prepare", ["sh", "-c", "echo one; echo two >&2"], "the prepare") == b"one\ntwo\n"
    with pytest.raises(MigrationError, match=r"the prepare failed \(3\): bad \\x1b\[31m"):
        sandbox.run("prepare", ["sh", "-c", "printf 'bad \\033[31m'; exit 3"], "the prepare")
