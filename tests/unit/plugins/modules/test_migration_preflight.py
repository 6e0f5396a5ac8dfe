# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options to settings, failure or report, and the documentation. The rules: module_utils/assess/test_rules.py."""

from __future__ import annotations

import os
import sys

import pytest
import yaml
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.check_input import Settings
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.modules import migration_preflight as module

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "module_utils", "assess"))
from facts_for_tests import source, target  # noqa: E402

# keys that mean something to Ansible itself in a module's result
RESERVED = {"warnings", "deprecations", "exception", "failed", "skipped", "results", "invocation", "msg", "rc"}


def run(check_mode: bool = False, **params) -> dict:
    options = {name: spec.get("default") for name, spec in module.OPTIONS.items()}
    options.update({"migration_id": "mig-1", "source": source(), "target": target(), **params})
    return module.run_preflight(options, check_mode)


def test_a_good_pair_passes_the_same_in_check_mode() -> None:
    result = run()
    assert result == run(check_mode=True)
    assert result["changed"] is False and result["counts"]["errors"] == 0
    assert set(result) == set(yaml.safe_load(module.RETURN)) | {"changed"}
    assert not RESERVED & set(result)


def test_an_error_fails_and_names_it() -> None:
    with pytest.raises(Refusal, match="P32") as caught:
        run(source=source(xa_prepared=1))
    assert caught.value.facts["counts"]["errors"] == 1
    assert not RESERVED & set(caught.value.facts)


def test_fail_false_only_reports() -> None:
    assert run(source=source(xa_prepared=1), fail=False)["counts"]["errors"] == 1


def test_warnings_do_not_fail() -> None:
    assert run(source=source(longest_transaction_s=999))["counts"] == {"errors": 0, "warnings": 1, "notices": 0}


def test_settings_arrive() -> None:
    with pytest.raises(Refusal, match="P60.*mig-1"):
        run(cutover="other")
    assert run(source=source(log_bin=False), source_allow_restart=True)["counts"]["notices"] == 1


def test_documentation_is_the_options_and_their_defaults() -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(documented) == set(module.OPTIONS)
    for name, spec in module.OPTIONS.items():
        for key in ("type", "default", "choices", "required", "elements"):
            assert documented[name].get(key) == spec.get(key), name
    assert yaml.safe_load(module.EXAMPLES)


def test_option_defaults_are_the_settings_defaults() -> None:
    for name, field in Settings.__dataclass_fields__.items():
        if name != "migration_id":
            default = module.OPTIONS[name].get("default")
            assert (tuple(default) if isinstance(default, list) else default) == field.default, name


def test_directories_of_the_sources_tables_are_looked_for_on_this_host(tmp_path) -> None:
    outside = [{"name": "shop.t", "path": str(tmp_path / "shop" / "t.ibd")}, {"name": "shop.u", "path": "/none/at/all/u.ibd"}]
    given = source()
    given["copying"]["places"]["outside"] = outside
    told = module.with_directories(given, target())
    assert told["directories"][str(tmp_path)] == os.stat(tmp_path).st_uid and "/none/at" not in told["directories"]
    assert module.with_directories({}, {}) == {}, "what is no facts is refused behind it"
