# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unit tests for the module disk_io_check: what it takes, and how it reports."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk import measure
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk.error import DiskIoError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk.options import parse_settings
from ansible_collections.nordbridge.mysql_migration.plugins.modules import disk_io_check

OK = {"id": "fsync_p99_ms", "severity": "ok", "value": 1.0, "threshold": 2.0, "message": "fine"}
MISSED = {"id": "rand_write_iops", "severity": "error", "value": 9.0, "threshold": 10.0, "message": "too few"}
NOTE = {"id": "directio_refused", "severity": "warning", "value": None, "threshold": None, "message": "buffered"}


def run(monkeypatch, capfd, args, findings=(), error=None):
    """Run main() against a prepared check: (exit code, result, the check's arguments)."""
    calls = []

    def check(params, check_mode):
        calls.append((params, check_mode))
        if error is not None:
            raise error
        ok = all(finding["severity"] != "error" for finding in findings)
        return {"changed": False, "ok": ok, "findings": list(findings), "data_directory": params["path"]}

    monkeypatch.setattr(disk_io_check, "check_disk", check)
    with patch_module_args(args), pytest.raises(SystemExit) as end:
        disk_io_check.main()
    return end.value.code, json.loads(capfd.readouterr().out), calls


def test_defaults_and_types(monkeypatch, capfd):
    args = {"path": "/data", "size": 1048576, "max_fsync_p99_ms": "2.5"}
    code, _result, calls = run(monkeypatch, capfd, args)
    assert code == 0
    params, check_mode = calls[0]
    assert check_mode is False
    assert params == {
        "path": "/data",
        "size": "1048576",
        "runtime_s": 10,
        "directio": True,
        "min_free_after": "10%",
        "min_seq_write_mb_s": None,
        "min_rand_write_iops": None,
        "max_fsync_p99_ms": 2.5,
        "max_steal_percent": None,
        "fail_on_findings": True,
    }
    assert parse_settings(params).size_bytes == 1048576


def test_check_mode_reaches_the_check(monkeypatch, capfd):
    calls = run(monkeypatch, capfd, {"path": "/data", "_ansible_check_mode": True})[2]
    assert calls[0][1] is True


def test_path_is_required(monkeypatch, capfd):
    code, result, calls = run(monkeypatch, capfd, {})
    assert (code, calls) == (1, [])
    assert "path" in result["msg"]


def test_a_missed_threshold_fails_with_the_values(monkeypatch, capfd):
    code, result, _calls = run(monkeypatch, capfd, {"path": "/data"}, [OK, MISSED])
    assert code == 1
    assert result["failed"] is True
    assert "/data misses 1 threshold. too few" in result["msg"]
    assert (result["ok"], result["findings"]) == (False, [OK, MISSED])


def test_findings_can_be_only_reported(monkeypatch, capfd):
    code, result, _calls = run(monkeypatch, capfd, {"path": "/data", "fail_on_findings": False}, [MISSED])
    assert (code, result["ok"], result["findings"]) == (0, False, [MISSED])


def test_a_warning_warns_and_does_not_fail(monkeypatch, capfd):
    warned = []
    # Where a warning goes depends on what else of Ansible this process has loaded.
    monkeypatch.setattr(disk_io_check.AnsibleModule, "warn", lambda _self, text, **_options: warned.append(text))
    code, result, _calls = run(monkeypatch, capfd, {"path": "/data"}, [NOTE])
    assert (code, result["ok"]) == (0, True)
    assert "buffered" in warned[0]


def test_an_error_is_one_clear_message(monkeypatch, capfd):
    code, result, _calls = run(monkeypatch, capfd, {"path": "/data"}, error=DiskIoError("no room"))
    assert (code, result["msg"]) == (1, "no room")


def test_the_documentation_says_what_the_module_takes_and_returns(tmp_path):
    options = yaml.safe_load(disk_io_check.DOCUMENTATION)["options"]
    assert set(options) == set(disk_io_check.ARGUMENT_SPEC)
    for name, spec in disk_io_check.ARGUMENT_SPEC.items():
        assert options[name]["type"] == spec["type"]
        assert options[name].get("default") == spec.get("default")
        assert options[name].get("required", False) == spec.get("required", False)
    params = {name: spec.get("default") for name, spec in disk_io_check.ARGUMENT_SPEC.items()}
    planned = measure.check_disk(dict(params, path=str(tmp_path), min_free_after="0", size="1M"), check_mode=True)
    returned = yaml.safe_load(disk_io_check.RETURN)
    always = {name for name, entry in returned.items() if entry["returned"].startswith("always")}
    assert always == set(planned) - {"changed"}
