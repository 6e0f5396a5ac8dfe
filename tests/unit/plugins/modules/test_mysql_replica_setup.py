# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module: its documentation, its glue, and no secret in anything it says."""
from __future__ import annotations

import importlib.util
import json
import os

import pytest
import yaml
from ansible_collections.nordbridge.mysql_migration.plugins.doc_fragments._accounts import ModuleDocFragment as AccountsFragment
from ansible_collections.nordbridge.mysql_migration.plugins.doc_fragments._login import ModuleDocFragment
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication import apply as rules
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.desired import argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.modules import mysql_replica_setup as module

HERE = os.path.dirname(os.path.abspath(__file__))


def _fakes():
    path = os.path.join(HERE, "..", "module_utils", "replication", "conftest.py")
    spec = importlib.util.spec_from_file_location("replication_fakes", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


FAKES = _fakes()


@pytest.fixture
def server(monkeypatch):
    """A MySQL server that becomes a running replica once it is started."""
    fake = FAKES.Server("mysql", (9, 7, 4))
    run = fake.run

    def running(sql, args=None):
        run(sql, args)
        if sql == "START REPLICA":
            fake.rows_of_status = [dict(FAKES.MYSQL_ROW)]

    monkeypatch.setattr(fake, "run", running)
    monkeypatch.setattr(rules, "connect", lambda endpoint, name: fake)
    monkeypatch.setattr(rules, "open_flavour", lambda connection: fake.flavour)
    monkeypatch.setattr(rules, "wait_until_running", lambda read, *_args, **_more: read())
    return fake


def params(**given):
    login = {name: spec.get("default") for name, spec in login_argument_spec().items()}
    base = {"source_host": "us-db1", "source_user": "repl", "source_password": FAKES.PASSWORD, "tls": "off", "gtid": ""}
    return dict(login, **FAKES.options(**dict(base, **given)))


def test_documentation_and_argument_spec_agree():
    documented = {**yaml.safe_load(module.DOCUMENTATION)["options"], **yaml.safe_load(AccountsFragment.DOCUMENTATION)["options"]}
    spec = argument_spec()
    assert set(documented) == set(spec)
    for name, option in spec.items():
        assert documented[name]["type"] == option["type"], name
        assert documented[name].get("choices") == option.get("choices"), name
        assert documented[name].get("default") == option.get("default"), name
    assert not set(spec) & set(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"])
    assert spec["source_password"]["no_log"] is True


def test_examples_and_return_are_yaml_and_complete(server):
    assert all("nordbridge.mysql_migration.mysql_replica_setup" in task for task in yaml.safe_load(module.EXAMPLES))
    assert set(rules.set_up(params(), False)) == set(yaml.safe_load(module.RETURN)) | {"changed", "diff"}


def test_run_and_run_again(server):
    first = rules.set_up(params(), False)
    assert first["changed"] and first["status"]["running"] and first["statements"][-1] == "START REPLICA"
    second = rules.set_up(params(), False)
    assert not second["changed"] and second["statements"] == [] and second["diff"]["before"] == second["diff"]["after"]


def test_check_mode_says_the_same_and_does_nothing(server):
    planned = rules.set_up(params(), True)
    assert server.ran == [] and not planned["status"]["configured"]
    done = rules.set_up(params(), False)
    assert (planned["statements"], planned["diff"], planned["changed"]) == (done["statements"], done["diff"], done["changed"])


def test_no_secret_in_the_result(server):
    text = json.dumps(rules.set_up(params(), False), ensure_ascii=False)
    assert "'***'" in text
    for form in (FAKES.PASSWORD, json.dumps(FAKES.PASSWORD, ensure_ascii=False)[1:-1], "cr\\", "s3'"):
        assert form not in text
    assert any(FAKES.PASSWORD in (args or ()) for _sql, args in server.ran), "and yet it was sent"


def test_a_failed_wait_tells_status_and_statements(server, monkeypatch):
    def fail(read, *_args, **_more):
        raise ServerError("the receiver cannot log in", 1045)

    monkeypatch.setattr(rules, "wait_until_running", fail)
    with pytest.raises(ServerError) as error:
        rules.set_up(params(), False)
    assert error.value.facts["changed"] and error.value.facts["status"]["source_host"] == "us-db1"
    assert FAKES.PASSWORD not in json.dumps(error.value.facts, ensure_ascii=False)


def test_stopped_and_absent_do_not_wait(server, monkeypatch):
    monkeypatch.setattr(rules, "wait_until_running", None)
    server.rows_of_status = [dict(FAKES.MYSQL_ROW)]
    assert rules.set_up(params(state="stopped"), False)["statements"] == ["STOP REPLICA"]
    assert rules.set_up(params(state="absent"), False)["statements"] == ["STOP REPLICA", "RESET REPLICA ALL"]


def test_clear_text_is_refused_before_anything_is_touched(server, monkeypatch):
    asked = []
    monkeypatch.setattr(rules, "refuse_clear_text", lambda host, port: asked.append((host, port, list(server.ran))))
    rules.set_up(params(tls="required"), False)
    assert asked == [("us-db1", 3306, [])]
    server.rows_of_status = []
    rules.set_up(params(tls="off"), False)
    assert len(asked) == 1


def test_main_is_glue(monkeypatch):
    seen = {}
    monkeypatch.setattr(module, "run_module", lambda function, options, **more: seen.update(function=function, options=options, **more))
    module.main()
    assert seen["function"] is module.set_up and {"login_file", "source_host"} <= set(seen["options"])
    assert seen["mutually_exclusive"] == [("source_password", "source_password_file")]
