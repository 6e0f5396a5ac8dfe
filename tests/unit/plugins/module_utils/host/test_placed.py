# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders, files and units that a role places on a host in one go."""

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._host import placed, units

RUNS = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


class Systemd:
    """systemctl: each unit's state, and what it was told."""

    def __init__(self):
        self.states, self.told, self.fails = {}, [], ""

    def run(self, command, *_seconds, **_more):
        if command[1] == "show":
            state = {**RUNS, **self.states.get(command[-1], {})}
            return subprocess.CompletedProcess(command, 0, "".join("%s=%s\n" % one for one in state.items()), "")
        self.told.append(" ".join(command[1:]))
        return subprocess.CompletedProcess(command, int(command[1] == self.fails), "", "it says no")


@pytest.fixture
def systemd(monkeypatch):
    made = Systemd()
    monkeypatch.setattr(units, "run_child", made.run)
    return made


def place(tmp_path, check=False, **more):
    params = {
        "folders": [{"path": str(tmp_path / "f"), "mode": "0750"}],
        "files": [{"path": str(tmp_path / "f" / "one"), "content": "1\n", "mode": "0600"}, {"path": str(tmp_path / "two"), "content": "2\n", "mode": "0644"}],
        "units": [],
    }
    return placed.place({**params, **more}, check)


def test_written_once(tmp_path):
    first, again = place(tmp_path), place(tmp_path)
    assert first["changed"] and first["written"] == [str(tmp_path / "f" / "one"), str(tmp_path / "two")]
    assert again == {"changed": False, "written": [], "units": [], "diff": []}
    assert [os.stat(tmp_path / name).st_mode & 0o777 for name in ("f", "f/one", "two")] == [0o750, 0o600, 0o644]


def test_check_mode_tells_the_same_and_writes_nothing(tmp_path):
    planned = place(tmp_path, check=True)
    assert os.listdir(tmp_path) == []
    assert planned == place(tmp_path)


def test_what_somebody_changed_is_mended_and_shown(tmp_path):
    place(tmp_path)
    (tmp_path / "two").write_text("changed\n")
    os.chmod(tmp_path / "f" / "one", 0o644)
    os.chmod(tmp_path / "f", 0o777)
    found = place(tmp_path)
    assert found["written"] == [str(tmp_path / "f" / "one"), str(tmp_path / "two")]
    shown = {one["after_header"]: (one["before"], one["after"]) for one in found["diff"]}
    assert shown[str(tmp_path / "two")] == ("changed\n", "2\n")
    assert shown[str(tmp_path / "f" / "one")] == ("mode 0644, owner %d\n1\n" % os.geteuid(), "mode 0600, owner %d\n1\n" % os.geteuid())
    assert shown[str(tmp_path / "f")][0].startswith("mode 0777")
    assert not place(tmp_path)["changed"]


def test_what_is_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "f").write_text("a file")
    with pytest.raises(Refusal, match="is a file and not a folder"):
        place(tmp_path)
    with pytest.raises(Refusal, match="is a folder and not a file"):
        place(tmp_path, folders=[], files=[{"path": str(tmp_path), "content": "", "mode": "0644"}])
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(Refusal, match="neither a file nor a folder"):
        place(tmp_path, folders=[], files=[{"path": str(tmp_path / "link"), "content": "", "mode": "0644"}])


@pytest.mark.parametrize("mode", ["", "rw", "0", "7777", "-1", "0o8"])
def test_a_mode_is_octal(mode):
    with pytest.raises(Refusal, match="not an octal number"):
        placed.read_mode(mode)


def unit(name="a.service", **more):
    return {"name": name, "restart": False, "restart_for": [], **more}


def test_a_unit_that_runs_is_left_alone(tmp_path, systemd):
    place(tmp_path)
    assert not place(tmp_path, units=[unit()])["changed"] and systemd.told == []


def test_a_new_unit_is_read_enabled_and_started(tmp_path, systemd):
    systemd.states["a.service"] = {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}
    assert place(tmp_path, check=True, units=[unit()])["units"] == ["a.service"] and systemd.told == []
    assert place(tmp_path, units=[unit()])["units"] == ["a.service"]
    assert systemd.told == ["daemon-reload", "enable a.service", "start a.service"]


def test_only_what_lacks_is_told(tmp_path, systemd):
    systemd.states["a.service"] = {"ActiveState": "failed"}
    systemd.states["b.service"] = {"UnitFileState": "disabled", "ActiveState": "activating"}
    assert place(tmp_path, units=[unit(), unit("b.service"), unit("c.service")])["units"] == ["a.service", "b.service"]
    assert systemd.told == ["start a.service", "enable b.service"]


def test_a_unit_is_restarted_for_what_it_runs_by(tmp_path, systemd):
    path = str(tmp_path / "two")
    assert place(tmp_path, units=[unit(restart_for=[path]), unit("b.service", restart_for=["/elsewhere"])])["units"] == ["a.service"]
    assert place(tmp_path, units=[unit(restart_for=[path])])["units"] == []
    assert place(tmp_path, units=[unit(restart=True)])["units"] == ["a.service"]
    assert systemd.told == ["restart a.service", "restart a.service"]


def test_a_run_that_died_before_the_restart_leaves_it_to_the_next(tmp_path, systemd):
    place(tmp_path)
    systemd.states["a.service"] = {"NeedDaemonReload": "yes"}
    assert place(tmp_path, units=[unit()])["units"] == ["a.service"]
    assert systemd.told == ["daemon-reload", "restart a.service"]


def test_systemd_reads_what_was_written_for_it(tmp_path, systemd, monkeypatch):
    monkeypatch.setattr(placed, "SYSTEMD", str(tmp_path) + "/two")
    found = place(tmp_path, units=[unit()])
    # A template of units is nobody's own file: no unit changed.
    assert found["units"] == [] and systemd.told == ["daemon-reload"]


def test_a_unit_that_does_not_start_is_said(tmp_path, systemd):
    systemd.states["a.service"], systemd.fails = {"ActiveState": "failed"}, "start"
    with pytest.raises(MigrationError, match="systemctl start a.service failed: it says no; see journalctl -u a.service"):
        place(tmp_path, units=[unit()])
