# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is against what should be: the difference, and no more than it."""
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.plan import make_plan
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.status import only_status
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.step import Step

VERSIONS = {"mariadb": (10, 11, 18), "mysql": (9, 7, 4)}
FLAVOURS = sorted(VERSIONS)
STOPPED = {
    "mariadb": {"Slave_IO_Running": "No", "Slave_SQL_Running": "No"},
    "mysql": {"Replica_IO_Running": "No", "Replica_SQL_Running": "No"},
}


@pytest.fixture
def planned(kit):
    """Plan for a flavour's server (configured unless row is None); returns the plan and the shown statements."""

    def plan(flavour, row="same", changes=None, version=None, server=None, **given):
        base = kit.MARIADB_ROW if flavour == "mariadb" else kit.MYSQL_ROW
        found = None if row is None else dict(base, **(changes or {}))
        server = server or kit.Server(flavour, version or VERSIONS[flavour], found)
        server.rows_of_status = [] if found is None else [found]
        desired = kit.wanted(server, **given)
        result = make_plan(server.flavour, only_status(server.flavour, settings=True), desired)
        assert server.ran == [], "a plan only reads"
        return result, [step.shown() for step in result.steps]

    return plan


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_to_do(planned, flavour):
    plan, shown = planned(flavour)
    assert shown == [] and plan.before == plan.after and not plan.starts


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_position_that_moved_on_is_no_difference(planned, flavour):
    assert planned(flavour, gtid="0-101-1" if flavour == "mariadb" else "x:1")[1] == []
    changes = {"Using_Gtid": "No"} if flavour == "mariadb" else {"Auto_Position": 0}
    assert planned(flavour, changes=changes, positioning="file", source_log_file="other.000001", source_log_pos=4)[1] == []


def test_new_replica_mariadb_gtid(kit, planned):
    plan, shown = planned("mariadb", row=None, gtid="0-101-6", applier_threads=4)
    assert shown[:3] == ["SET GLOBAL slave_parallel_threads = 4", "RESET MASTER", "SET GLOBAL gtid_slave_pos = '0-101-6'"]
    assert shown[4] == "START REPLICA" and plan.starts and not plan.resumes
    change = shown[3]
    assert change.startswith("CHANGE MASTER TO MASTER_HOST = 'us-db1', MASTER_PORT = 3306, MASTER_USER = 'repl'")
    for part in (
        "MASTER_USE_GTID = slave_pos", "MASTER_SSL = 0", "MASTER_SSL_VERIFY_SERVER_CERT = 0", "MASTER_SSL_CA = ''", "MASTER_DELAY = 0",
        "MASTER_CONNECT_RETRY = 10", "MASTER_HEARTBEAT_PERIOD = 10.0", "MASTER_PASSWORD = '***'", "MASTER_SSL_CIPHER = ''",
    ):  # fmt: skip
        assert part in change
    assert "RETRY_COUNT" not in change and "PUBLIC_KEY" not in change and "LOG_FILE" not in change
    assert plan.after["begins_at"] == {"gtid": "0-101-6"} and plan.after["password"] == "set again"


def test_new_replica_mysql_file_in_old_words(kit, planned):
    server = kit.Server("mysql", (5, 7, 44))
    _plan, shown = planned("mysql", row=None, server=server, positioning="file", source_log_file="binlog.000002", source_log_pos=157)
    assert shown[0].startswith("CHANGE MASTER TO MASTER_HOST = 'us-db1'") and shown[1] == "START SLAVE"
    assert shown[0].endswith("MASTER_AUTO_POSITION = 0, MASTER_LOG_FILE = 'binlog.000002', MASTER_LOG_POS = 157")
    assert "PUBLIC_KEY" not in shown[0]


def test_new_replica_mysql_gtid(kit, planned):
    seed = kit.SOURCE_UUID + ":1-6"
    _plan, shown = planned("mysql", row=None, gtid=seed)
    assert shown[:2] == ["RESET BINARY LOGS AND GTIDS", "SET GLOBAL gtid_purged = '%s'" % seed]
    assert "SOURCE_AUTO_POSITION = 1" in shown[2] and "GET_SOURCE_PUBLIC_KEY = 1" in shown[2] and "SOURCE_RETRY_COUNT = 0" in shown[2]


def test_the_password_is_bound_and_never_shown(kit, planned):
    plan, shown = planned("mysql", row=None, gtid="")
    change = plan.steps[0]
    assert kit.PASSWORD in change.args
    everything = "%r %s %s %s" % (plan, shown, plan.before, plan.after)
    assert kit.PASSWORD not in everything and "cr\\" not in everything
    assert change.sql.count("%s") == len(change.args)


def test_shown_escapes_values():
    assert Step("SET x = %s, y = %s", ("it's", 3)).shown() == "SET x = 'it''s', y = 3"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_applier_threads_stop_the_applier_only(planned, flavour):
    name = {"mariadb": "slave_parallel_threads", "mysql": "replica_parallel_workers"}[flavour]
    plan, shown = planned(flavour, applier_threads=8)
    assert shown == ["STOP REPLICA SQL_THREAD", "SET GLOBAL %s = 8" % name, "START REPLICA"]
    differing = {key for key in plan.after if plan.before.get(key) != plan.after[key]}
    assert differing == {name} and plan.resumes


def test_commit_order_comes_with_several_threads(kit, planned):
    server = kit.Server("mysql", (8, 0, 36), replica_preserve_commit_order="OFF", replica_parallel_type="DATABASE")
    assert planned("mysql", server=server, applier_threads=4)[1] == [
        "STOP REPLICA SQL_THREAD",
        "SET GLOBAL replica_parallel_type = 'LOGICAL_CLOCK'",
        "SET GLOBAL replica_preserve_commit_order = 'ON'",
        "START REPLICA",
    ]
    server = kit.Server("mysql", (8, 0, 36), replica_preserve_commit_order="OFF", replica_parallel_workers="1")
    assert planned("mysql", server=server, applier_threads=1)[1] == []


def test_commit_order_of_old_versions_needs_an_own_binary_log(kit, planned):
    known = {"slave_parallel_workers": "4", "slave_preserve_commit_order": "OFF", "slave_parallel_type": "LOGICAL_CLOCK"}
    server = kit.Server("mysql", (5, 7, 44), log_slave_updates="OFF", **known)
    server.known = {name: value for name, value in server.known.items() if not name.startswith("replica_")}
    assert planned("mysql", server=server, applier_threads=4)[1] == []
    server.known["log_slave_updates"] = "ON"
    assert "SET GLOBAL slave_preserve_commit_order = 'ON'" in planned("mysql", server=server, applier_threads=4)[1]


def test_parallel_mode_of_mariadb(kit, planned):
    server = kit.Server("mariadb", (10, 11, 18), slave_parallel_mode="conservative", slave_parallel_threads="4")
    assert planned("mariadb", server=server, applier_threads=4)[1][1] == "SET GLOBAL slave_parallel_mode = 'optimistic'"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_net_timeout_stops_the_receiver_only(planned, flavour):
    shown = planned(flavour, net_timeout=30)[1]
    assert shown[0] == "STOP REPLICA IO_THREAD" and shown[1].endswith("net_timeout = 30") and shown[2:] == ["START REPLICA"]


def test_one_changed_option(planned):
    plan, shown = planned("mysql", connect_retry=7)
    assert shown[0] == "STOP REPLICA IO_THREAD" and shown[2] == "START REPLICA", "the applier goes on, the relay logs stay"
    assert "SOURCE_CONNECT_RETRY = 7" in shown[1] and "SOURCE_SSL = 0" in shown[1] and "SOURCE_SSL_VERIFY_SERVER_CERT = 0" in shown[1]
    for absent in ("HOST", "PORT", "PASSWORD", "USER", "AUTO_POSITION", "DELAY", "LOG_"):
        assert absent not in shown[1]
    assert {key for key in plan.after if plan.before.get(key) != plan.after[key]} == {"connect_retry"}


def test_mariadb_needs_both_threads_stopped_and_told_the_heartbeat(planned):
    shown = planned("mariadb", connect_retry=7)[1]
    assert shown[0] == "STOP REPLICA" and "MASTER_HEARTBEAT_PERIOD = 10.0" in shown[1], "else MariaDB sets it back"
    assert "MASTER_HOST" not in shown[1], "naming the host alone makes the server forget its position"


def test_positioning_and_delay_need_both_threads_stopped_on_mysql(planned):
    for changes in ({"Auto_Position": 0}, {"SQL_Delay": 3600}):
        assert planned("mysql", changes=changes)[1][0] == "STOP REPLICA"
    assert "SOURCE_DELAY = 0" in planned("mysql", changes={"SQL_Delay": 3600})[1][1]


def test_current_pos_becomes_slave_pos(planned):
    assert planned("mariadb", changes={"Using_Gtid": "Current_Pos"})[1][1].endswith("MASTER_USE_GTID = slave_pos")


@pytest.mark.parametrize("change", [{"source_user": "other"}, {"tls": "required"}, {"update_password": "always"}])
def test_the_password_comes_with_a_changed_login(planned, change):
    plan, shown = planned("mysql", **change)
    assert "SOURCE_PASSWORD = '***'" in shown[1] and plan.after["password"] == "set again"


def test_a_refused_password_is_set_again(planned):
    changes = {"Last_IO_Errno": 1045, "Replica_IO_Running": "Connecting"}
    assert "SOURCE_PASSWORD = '***'" in planned("mysql", changes=changes)[1][1]
    assert planned("mysql", changes=dict(changes, Last_IO_Errno=2003))[1] == [], "an unreachable source says nothing about it"
    assert planned("mysql", changes=changes, source_password=None)[1] == []


def test_other_source(kit, planned):
    for change in ({"source_host": "us-db2"}, {"source_port": 3307}):
        with pytest.raises(Refusal, match=r"already replicates from us-db1:3306.*replace_source"):
            planned("mysql", **change)
    server = kit.Server("mysql", (9, 7, 4), gtid_executed=kit.SOURCE_UUID + ":1-6")
    server.values = {"GTID_SUBTRACT": kit.SOURCE_UUID + ":1-6"}
    _plan, shown = planned("mysql", server=server, source_port=3307, replace_source=True)
    assert shown[0] == "STOP REPLICA" and "SOURCE_HOST = 'us-db1', SOURCE_PORT = 3307" in shown[1]
    assert "SOURCE_AUTO_POSITION = 1" in shown[1] and "SOURCE_PASSWORD" in shown[1]


def test_a_replaced_source_by_file_needs_new_coordinates(planned):
    given = {"source_host": "us-db2", "replace_source": True, "positioning": "file"}
    with pytest.raises(Refusal, match="source_log_file and source_log_pos"):
        planned("mysql", changes={"Auto_Position": 0}, **given)
    shown = planned("mysql", changes={"Auto_Position": 0}, source_log_file="b.000001", source_log_pos=4, **given)[1]
    assert shown[1].endswith("SOURCE_AUTO_POSITION = 0, SOURCE_LOG_FILE = 'b.000001', SOURCE_LOG_POS = 4")


def test_a_replaced_source_never_resets(kit, planned):
    server = kit.Server("mysql", (9, 7, 4), gtid_executed=kit.SOURCE_UUID + ":1-6")
    server.values = {"GTID_SUBSET": 0, "GTID_SUBTRACT": kit.SOURCE_UUID + ":1-6"}
    with pytest.raises(Refusal, match="holds the GTIDs"):
        planned("mysql", server=server, source_host="us-db2", replace_source=True, gtid="other:1-9")


@pytest.mark.parametrize(("given", "words"), [({"source_user": None}, "source_user"), ({"source_password": None}, "source_password")])
def test_a_new_replica_needs_a_login(planned, given, words):
    with pytest.raises(Refusal, match=words):
        planned("mysql", row=None, gtid="", **given)


def test_an_empty_password_is_a_password(planned):
    assert "SOURCE_PASSWORD" in planned("mysql", row=None, gtid="", source_password="")[1][0]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_started_without_source(planned, flavour):
    with pytest.raises(Refusal, match="source_host"):
        planned(flavour, row=None, source_host=None)
    assert planned(flavour, source_host=None)[1] == []
    assert planned(flavour, changes=STOPPED[flavour], source_host=None)[1] == ["START REPLICA"]


def test_mysql_that_holds_other_gtids_is_refused_with_them_named(kit, planned):
    server = kit.Server("mysql", (9, 7, 4), gtid_executed=kit.TARGET_UUID + ":1-3")
    server.values = {"GTID_SUBSET": 0, "GTID_SUBTRACT": ""}
    with pytest.raises(Refusal, match=kit.TARGET_UUID + ":1-3"):
        planned("mysql", row=None, server=server, gtid=kit.SOURCE_UUID + ":1-6")
    with pytest.raises(Refusal, match="nothing of another server"):
        planned("mysql", row=None, server=server)


def test_mysql_that_includes_the_seed_goes_on(kit, planned):
    server = kit.Server("mysql", (9, 7, 4), gtid_executed=kit.SOURCE_UUID + ":1-9")
    server.values = {"GTID_SUBSET": 1, "GTID_SUBTRACT": kit.SOURCE_UUID + ":1-9"}
    for gtid in (kit.SOURCE_UUID + ":1-6", None, ""):
        shown = planned("mysql", row=None, server=server, gtid=gtid)[1]
        assert len(shown) == 2 and "SOURCE_AUTO_POSITION = 1" in shown[0]


def test_mysql_without_gtid_mode(kit, planned):
    with pytest.raises(Refusal, match="gtid_mode"):
        planned("mysql", row=None, server=kit.Server("mysql", (8, 4, 0), gtid_mode="OFF_PERMISSIVE"), gtid="x:1")


@pytest.mark.parametrize(
    ("applied", "state", "written", "named"),
    [
        ("0-101-9,1-7-3", "", "", "1-7-3"),  # beyond the seed in a domain of another server
        ("", "0-102-1", "0-102-1", "0-102-1"),  # written here
        ("", "5-101-2", "5-101-2", "5-101-2"),  # a domain that the seed does not know
    ],
)
def test_mariadb_that_holds_other_gtids_is_refused_with_them_named(kit, planned, applied, state, written, named):
    server = kit.Server("mariadb", (10, 11, 18), gtid_binlog_state=state)
    server.values = {"gtid_slave_pos": applied, "gtid_binlog_pos": written}
    with pytest.raises(Refusal, match=named):
        planned("mariadb", row=None, server=server, gtid="0-101-9,2-101-1")


@pytest.mark.parametrize(
    ("applied", "written", "expected"),
    [
        ("", "", ["RESET MASTER", "SET GLOBAL gtid_slave_pos = '0-101-9'"]),
        ("0-101-4", "", ["RESET MASTER", "SET GLOBAL gtid_slave_pos = '0-101-9'"]),  # a stale position in a physical copy
        ("0-101-9", "", []),
        ("0-101-12", "", []),
        # an old source that follows its successor: it wrote exactly up to there, and its binary log stays
        ("", "0-102-9", ["SET GLOBAL gtid_slave_pos = '0-102-9'"]),
    ],
)
def test_position_of_a_new_mariadb_replica(kit, planned, applied, written, expected):
    server = kit.Server("mariadb", (10, 11, 18), gtid_binlog_state=written)
    server.values = {"gtid_slave_pos": applied, "gtid_binlog_pos": written}
    assert planned("mariadb", row=None, server=server, gtid=written or "0-101-9")[1][:-2] == expected


def test_no_position_at_all_is_refused(planned):
    for flavour in FLAVOURS:
        with pytest.raises(Refusal, match="gtid is not given"):
            planned(flavour, row=None)
        assert len(planned(flavour, row=None, gtid="")[1]) == 2


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_stopped(planned, flavour):
    plan, shown = planned(flavour, state="stopped")
    assert shown == ["STOP REPLICA"] and (plan.after["receiver"], plan.after["applier"]) == ("stopped", "stopped")
    assert planned(flavour, state="stopped", changes=STOPPED[flavour])[1] == []
    assert planned(flavour, row=None, state="stopped", source_host=None)[1] == []
    shown = planned(flavour, state="stopped", connect_retry=7)[1]
    assert shown[0] == "STOP REPLICA" and len(shown) == 2


def test_stopped_stops_a_single_thread_too(planned):
    assert planned("mysql", state="stopped", changes={"Replica_IO_Running": "No"})[1] == ["STOP REPLICA"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_absent(planned, flavour):
    assert planned(flavour, state="absent")[1] == ["STOP REPLICA", "RESET REPLICA ALL"]
    assert planned(flavour, state="absent", changes=STOPPED[flavour])[1] == ["RESET REPLICA ALL"]
    plan, shown = planned(flavour, state="absent", row=None)
    assert shown == [] and plan.before == plan.after


def test_a_stopped_applier_is_started_and_nothing_is_skipped(planned):
    assert planned("mysql", changes={"Replica_SQL_Running": "No", "Last_SQL_Errno": 1062})[1] == ["START REPLICA"]


def test_a_connecting_receiver_is_left_alone(planned):
    assert planned("mysql", changes={"Replica_IO_Running": "Connecting"})[1] == []


def test_encryption_is_looked_at_only_where_a_channel_is_set_up_with_it(planned):
    assert planned("mysql", tls="required")[0].encrypts
    assert not planned("mysql", connect_retry=7)[0].encrypts
    assert not planned("mysql", changes={"Source_SSL_Allowed": "Yes", "Get_Source_public_key": 0}, tls="required")[0].encrypts


#: How each flavour's status says that the applier cannot read its relay logs.
TORN = {
    "mariadb": {"Slave_SQL_Running": "No", "Last_SQL_Errno": 1594, "Last_SQL_Error": "Relay log read failure"},
    "mysql": {"Replica_SQL_Running": "No", "Last_SQL_Errno": 13121, "Last_SQL_Error": "Relay log read failure"},
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_relay_logs_that_cannot_be_read_are_fetched_anew(planned, flavour):
    plan, shown = planned(flavour, changes=TORN[flavour])
    assert shown == {"mariadb": ["STOP REPLICA", "START REPLICA"], "mysql": ["STOP REPLICA", "RESET REPLICA", "START REPLICA"]}[flavour]
    assert (plan.before["relay_logs"], plan.after["relay_logs"]) == ("damaged", "fetched again")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_relay_logs_are_kept_where_nobody_could_send_them_again(planned, flavour):
    by_file = {"Using_Gtid": "No"} if flavour == "mariadb" else {"Auto_Position": 0}
    shown = planned(flavour, changes={**TORN[flavour], **by_file}, positioning="file", source_log_file="a.1", source_log_pos=4)[1]
    assert "RESET REPLICA" not in shown and "STOP REPLICA" not in shown
    # An applier that stopped over the data has nothing to gain from it.
    other = {**TORN[flavour], "Last_SQL_Errno": 1062}
    assert "RESET REPLICA" not in planned(flavour, changes=other)[1]
    assert planned(flavour, changes=TORN[flavour], state="stopped")[1][-1].startswith("STOP ")
