# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
import os
import stat

import pytest
import yaml
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog import apply, dropin
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog.plan import Wishes
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog.settings import table_of
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError, Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._optionfiles.program import Program
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import Endpoint
from ansible_collections.nordbridge.mysql_migration.plugins.modules.mysql_binlog_config import RETURN

from .fakes import MARIADB, MYSQL, make_server

PARAMS = {"config_file": None, "gtid_soak_s": 0, "gtid_wait_s": 0}
REPLICA = {"Server_id": 2, "Host": "", "Port": 3306, "Master_id": 1}


@pytest.fixture
def maria(host):
    return make_server("mariadb", (10, 11, 18), MARIADB, host.datadir)


@pytest.fixture
def mysql(host):
    values = dict(MYSQL, gtid_mode="ON", enforce_gtid_consistency="ON")
    return make_server("mysql", (9, 7, 4), values, host.datadir)


def run(server, check=False, params=None, **wishes):
    return apply.Configuration(server, dict(PARAMS, **(params or {}))).run(Wishes(**dict({"server_id": 11}, **wishes)), check)


def restart(host, server):
    """What a restart would do to a fake: it follows its option files."""
    server.connection.values.update(log_bin="ON", log_slave_updates="ON", log_bin_basename=host.datadir + "/binlog")


def test_from_as_shipped_to_configured_with_one_restart(host, maria):
    host.put("50-server.cnf", "expire_logs_days=10\n")
    first = run(maria, retention_hours=336)
    assert first["changed"] and first["file_changed"] and first["restart_required"]
    assert first["config_file"] == host.folder + "/" + dropin.NAME
    assert [reason["setting"] for reason in first["restart_reasons"]] == ["log_bin", "log_slave_updates"]
    assert maria.connection.ran == [("server_id", "11"), ("binlog_format", "ROW"), ("binlog_expire_logs_seconds", "1209600")]
    assert first["statements"] == [
        "SET GLOBAL server_id = 11",
        "SET GLOBAL binlog_format = 'ROW'",
        "SET GLOBAL binlog_expire_logs_seconds = 1209600",
    ]
    assert first["effective"]["server_id"] == 11 and first["effective"]["log_bin"] is False and first["effective"]["gtid"] is True

    waiting = run(maria, retention_hours=336)
    assert not waiting["changed"] and waiting["restart_required"]

    restart(host, maria)
    last = run(maria, retention_hours=336)
    assert not last["changed"] and not last["restart_required"] and last["diff"]["before"] == last["diff"]["after"]
    assert "log_bin = binlog" in host.files()[dropin.NAME]


def test_check_mode_says_the_same_and_touches_nothing(host, maria):
    before, values = host.files(), dict(maria.connection.values)
    planned = run(maria, check=True)
    assert host.files() == before and maria.connection.values == values and not maria.connection.ran
    real = run(maria)
    assert set(planned) == set(real) == set(yaml.safe_load(RETURN)) | {"changed", "diff"}
    for key in set(real) - {"effective"}:
        assert planned[key] == real[key], key
    assert planned["effective"]["binlog_format"] == "MIXED"


def test_the_diff_shows_file_and_running_values(host, maria):
    diff = run(maria, check=True)["diff"]
    assert "binlog_format = ROW" not in diff["before"] and "binlog_format = MIXED" in diff["before"]
    assert diff["after"].count("binlog_format = ROW") == 2
    assert dropin.NAME in diff["before_header"] and "us-db1 (mariadb 10.11.18)" in diff["after_header"]


RIVALS = [
    ("binlog_format=MIXED", "binlog_format would be MIXED by .*zzz-rival.cnf instead of ROW"),
    ("loose-binlog-format=1", "binlog_format would be STATEMENT"),
    ("expire_logs_days=1", "binlog_expire_logs_seconds would be 86400 .* instead of 864000"),
    ("skip-log-bin", "log_bin would be OFF"),
    ("log_bin=/elsewhere/x", "log_bin would be /elsewhere/x"),
    ("server-id=12", "server_id would be 12"),
    ("skip_log_slave_updates", "log_slave_updates would be OFF"),
]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("option, text", RIVALS)
def test_a_later_rival_is_a_clear_failure_and_nothing_stays(host, maria, option, text, check):
    host.put("zzz-rival.cnf", option + "\n")
    before = host.files()
    with pytest.raises(MigrationError, match=text):
        run(maria, check=check, retention_hours=100)
    assert host.files() == before and not maria.connection.ran


def test_the_previous_file_is_back_after_a_failure(host, maria):
    run(maria)
    path = host.folder + "/" + dropin.NAME
    os.chmod(path, 0o640)
    before = host.files()
    rival = host.put("zzz-rival.cnf", "max_binlog_size=1M\n")
    with pytest.raises(MigrationError, match="zzz-rival.*as it was before"):
        run(maria, max_binlog_size=8192)
    os.unlink(rival)
    assert host.files() == before and stat.S_IMODE(os.stat(path).st_mode) == 0o640


def test_a_rival_that_appears_later_is_found_though_nothing_is_written(host, maria):
    run(maria)
    host.put("zzz-rival.cnf", "binlog_format=MIXED\n")
    with pytest.raises(MigrationError, match="zzz-rival"):
        run(maria)


def test_rivals_that_say_the_same_or_come_before_do_no_harm(host, maria):
    host.put("zzz-same.cnf", "binlog-format=row\nbind-address=::\n")
    host.put("a.cnf", "binlog_format=MIXED\nskip-log-bin\n")
    assert run(maria)["changed"]


def test_the_command_line_is_a_rival_too(host, maria, monkeypatch):
    started = dataclasses.replace(host.program, arguments=("--binlog-format=MIXED",))
    monkeypatch.setattr(apply, "find_program", lambda server: started)
    for check in (True, False):
        with pytest.raises(MigrationError, match="MIXED by the command line of the running server"):
            run(maria, check=check)


def test_a_file_that_is_not_read_proves_nothing(host, maria, tmp_path):
    run(maria)
    for check in (True, False):
        with pytest.raises(MigrationError, match="not among the files that the server reads"):
            run(maria, check=check, params={"config_file": str(tmp_path / "unread.cnf")})
    assert not (tmp_path / "unread.cnf").exists()


def test_a_name_that_sorts_first_loses(host, mysql):
    host.put("mysqld.cnf", "max_binlog_size=100M\n")
    with pytest.raises(MigrationError, match="max_binlog_size would be 104857600 by .*mysqld.cnf instead of 67108864"):
        run(mysql, max_binlog_size=67108864, params={"config_file": host.folder + "/90-binlog.cnf"})
    assert run(mysql, max_binlog_size=67108864)["file_changed"]


def test_somebody_elses_file_is_not_overwritten(host, maria):
    path = host.put("mysqld.cnf", "port=3306\n")
    with pytest.raises(Refusal, match="was not written by this module"):
        run(maria, params={"config_file": path})
    for wrong in ("relative.cnf", host.folder + "/absent/x.cnf"):
        with pytest.raises(Refusal, match="does not exist, or the path is not absolute"):
            run(maria, params={"config_file": wrong})


def test_no_directory_to_drop_into(host, maria):
    with open(host.root_file, "w", encoding="utf-8") as stream:
        stream.write("[mysqld]\nport=1\n")
    with pytest.raises(Refusal, match="set config_file"):
        run(maria)


def test_a_failing_statement_puts_the_file_back(host, maria):
    maria.connection.refuses = {"binlog_expire_logs_seconds": "no privilege"}
    with pytest.raises(MigrationError, match="no privilege .*as it was before; set at run time until then: SET GLOBAL server_id = 11"):
        run(maria, retention_hours=1000)
    assert dropin.NAME not in host.files()


def test_a_statement_without_effect_is_a_failure(host, maria):
    maria.connection.run = lambda sql, args=None: None
    with pytest.raises(MigrationError, match="did not take over: server_id is 1 instead of 11"):
        run(maria)


def test_an_invalid_configuration_is_refused_first(host, mysql):
    host.put("a.cnf", "bogus=1\n")
    with pytest.raises(Refusal, match="invalid as it is.*a.cnf"):
        run(mysql, check=True)
    assert dropin.NAME not in host.files() and not mysql.connection.ran


def test_settings_that_the_server_refuses_are_taken_back(host, mysql, monkeypatch):
    monkeypatch.setattr(dropin, "HEADER", dropin.HEADER + ("# bogus",))
    with pytest.raises(MigrationError, match="the server refuses the settings"):
        run(mysql)
    assert dropin.NAME not in host.files() and not mysql.connection.ran


def test_persisted_values_that_contradict(host, mysql):
    query = "SELECT VARIABLE_NAME AS n"
    mysql.connection.replies[query] = [{"n": "log_slave_updates", "v": "OFF"}, {"n": "max_connections", "v": "7"}]
    with pytest.raises(Refusal, match="log_replica_updates = OFF instead of ON. Run RESET PERSIST log_replica_updates"):
        run(mysql)
    assert dropin.NAME not in host.files()
    mysql.connection.replies[query] = [{"n": "log_slave_updates", "v": "ON"}]
    assert run(mysql)["changed"]


def test_gtids_are_switched_on_by_steps(host):
    server = make_server("mysql", (9, 7, 4), MYSQL, host.datadir)
    planned = run(server, check=True, server_id=1)
    result = run(server, server_id=1)
    assert [value for name, value in server.connection.ran] == ["WARN", "ON", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"]
    assert planned["statements"] == result["statements"] and planned["diff"] == result["diff"]
    assert result["effective"]["gtid"] is True and "gtid_mode = ON\n" in host.files()[dropin.NAME]
    assert not run(server, server_id=1)["changed"]


def test_failing_steps_put_the_file_back(host):
    server = make_server("mysql", (9, 7, 4), MYSQL, host.datadir)
    server.connection.states["Ongoing_anonymous_transaction_count"] = ["1"]
    with pytest.raises(MigrationError, match="began without a GTID.*as it was before"):
        run(server)
    assert dropin.NAME not in host.files()


def test_replicas_and_sources_forbid_a_new_id(host, maria):
    maria.connection.replies = {"SHOW REPLICA HOSTS": [REPLICA]}
    with pytest.raises(Refusal, match="server_id 2"):
        run(maria)
    maria.connection.replies = {"SHOW ALL REPLICAS STATUS": [{"Master_Host": "us-db1", "Master_Port": 3306}]}
    with pytest.raises(Refusal, match="it replicates from us-db1:3306"):
        run(maria)
    maria.connection.replies = {"SHOW PROCESSLIST": [{"Id": 5, "User": "cdc", "Host": "h:1", "Command": "Binlog Dump GTID"}]}
    with pytest.raises(Refusal, match="1 clients read its binary log"):
        run(maria)


SESSIONS = [
    {"Id": 7, "User": "root", "Host": "", "Command": "Query"},
    {"Id": 8, "User": "app", "Host": "", "Command": "Sleep"},
    {"Id": 9, "User": "event_scheduler", "Host": "", "Command": "Daemon"},
    {"Id": 10, "User": "system user", "Host": "", "Command": "Slave_SQL"},
]


def test_a_change_that_open_sessions_do_not_follow_is_noted_before_it_is_made(host, maria, tmp_path):
    seen, plain = {}, maria.connection.run

    def look(sql, args=None):
        if "binlog_format" in sql:
            seen.update(json.loads((tmp_path / "sessions.json").read_text()))
        plain(sql, args)

    maria.connection.run = look
    run(maria, retention_hours=336)
    assert seen["below"] == 0 and seen["settings"] == ["binlog_format"]
    assert json.loads((tmp_path / "sessions.json").read_text()) == {**seen, "below": 99}
    (tmp_path / "sessions.json").unlink()
    run(maria, retention_hours=336)
    assert not (tmp_path / "sessions.json").exists()


def test_old_sessions_are_told_of(host, maria):
    maria.connection.values.update(log_bin="ON", log_bin_basename="/x/binlog")
    maria.connection.replies = {"SHOW PROCESSLIST": SESSIONS}
    notes = run(maria, retention_hours=240)["notes"]
    assert len(notes) == 1 and "binlog_format: only new sessions follow; 1 sessions" in notes[0]
    assert not run(maria, retention_hours=240)["notes"]


def test_a_log_that_is_off_has_no_sessions_to_tell_of(host, maria):
    maria.connection.replies = {"SHOW PROCESSLIST": SESSIONS}
    assert not run(maria, retention_hours=240)["notes"]


def test_what_a_restart_costs(host, maria):
    maria.connection.values.update(innodb_buffer_pool_size="134217728", innodb_buffer_pool_dump_at_shutdown="ON", innodb_fast_shutdown="0")
    maria.connection.states["Innodb_buffer_pool_bytes_dirty"] = ["4096"]
    maria.connection.replies = {"SHOW PROCESSLIST": SESSIONS, "SELECT MAX(TIMESTAMPDIFF": [{"s": 33}]}
    assert run(maria, check=True)["restart_cost"] == {
        "connections": 1,
        "uptime_s": 60,
        "longest_transaction_s": 33,
        "buffer_pool_bytes": 134217728,
        "buffer_pool_dirty_bytes": 4096,
        "buffer_pool_saved": True,
        "slow_shutdown": True,
    }


def test_a_directory_for_the_log_that_would_keep_the_server_from_starting(host, maria, tmp_path):
    with pytest.raises(Refusal, match="the directory .*absent does not exist"):
        run(maria, check=True, log_basename=str(tmp_path / "absent" / "bin"))
    assert run(maria, check=True, log_basename=host.datadir + "/bin")["wanted"]["log_bin"] == host.datadir + "/bin"


def test_a_directory_that_the_servers_user_may_not_write(tmp_path, monkeypatch):
    folder, datadir = tmp_path / "logs", tmp_path / "data"
    folder.mkdir(mode=0o755)
    datadir.mkdir()
    real = os.stat

    def owned(path, *args, **kwargs):
        found = list(real(path, *args, **kwargs))
        found[4], found[5] = (0, 0) if str(path) == str(folder) else (110, 110)
        return os.stat_result(found)

    monkeypatch.setattr(apply.os, "stat", owned)
    with pytest.raises(Refusal, match="may not write in"):
        apply.check_log_directory(str(folder / "bin"), str(datadir))
    folder.chmod(0o777)
    apply.check_log_directory(str(folder / "bin"), str(datadir))


def test_the_file_is_the_servers_host_own(maria, monkeypatch):
    monkeypatch.setattr(apply.socket, "gethostname", lambda: "oslo-db1.example")
    with pytest.raises(Refusal, match="runs on us-db1 and this is oslo-db1"):
        apply.check_local(maria, Endpoint(host="127.0.0.1", port=33061))
    apply.check_local(maria, Endpoint(unix_socket="/run/mysqld/mysqld.sock"))
    monkeypatch.setattr(apply.socket, "gethostname", lambda: "us-db1.example")
    apply.check_local(maria, Endpoint(host="127.0.0.1"))


def test_the_command_line_wins(host):
    host.put("a.cnf", "binlog_format=ROW\n")
    started = Program(host.program.path, arguments=("--binlog-format=STATEMENT", "--skip-log-bin", "stray"))
    assert table_of("mariadb", (10, 11, 18)).resolve(started.print_defaults()) == {"binlog_format": "STATEMENT", "log_bin": "OFF"}
