# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog.plan import (
    Facts,
    Wishes,
    derive_server_id,
    make_plan,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal

from .fakes import MARIADB, MYSQL

FOLLOWED = ("2 replicas are registered (server_id 2, 3)",)


def maria(**more):
    running = dict(MARIADB, **more.pop("running", {}))
    return Facts("mariadb", more.pop("version", (10, 11, 18)), running, machine="m/us-db1/3306", **more)


def mysql(**more):
    running = dict(MYSQL, **more.pop("running", {}))
    return Facts("mysql", more.pop("version", (9, 7, 4)), running, machine="m/us-db1/3306", **more)


def mysql80(**running):
    return mysql(version=(8, 0, 36), running=dict({"expire_logs_days": "0"}, **running))


def mysql57(**running):
    values = dict(MYSQL, log_bin="OFF", expire_logs_days="0", server_id="0", **running)
    for name in ("binlog_expire_logs_seconds", "log_replica_updates", "binlog_row_value_options"):
        values.pop(name)
    values["log_slave_updates"] = "OFF"
    return Facts("mysql", (5, 7, 44), values, machine="m")


def names(changes):
    return [(change.name, change.running, change.wanted) for change in changes]


def test_mariadb_as_shipped():
    plan = make_plan(Wishes(server_id=11), maria())
    assert plan.wanted == {
        "server_id": "11",
        "log_bin": "binlog",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "log_slave_updates": "ON",
        "binlog_expire_logs_seconds": "864000",
    }
    assert names(plan.live) == [("server_id", "1", "11"), ("binlog_format", "MIXED", "ROW")]
    assert names(plan.restart) == [("log_bin", "OFF", "binlog"), ("log_slave_updates", "OFF", "ON")]
    assert all(change.reason for change in plan.restart)
    assert not plan.steps


def test_mysql_as_shipped_without_gtids():
    plan = make_plan(Wishes(server_id=11), mysql(configured={"log_bin": "/x/binlog"}))
    assert names(plan.steps) == [("enforce_gtid_consistency", "OFF", "ON"), ("gtid_mode", "OFF", "ON")]
    assert not plan.restart
    assert "log_bin" not in plan.wanted
    assert plan.wanted["log_replica_updates"] == "ON" and "log_slave_updates" not in plan.wanted
    assert plan.wanted["binlog_row_value_options"] == ""


def test_mysql_57_as_shipped():
    plan = make_plan(Wishes(retention_hours=100), mysql57())
    assert names(plan.restart) == [("log_bin", "OFF", "binlog"), ("log_slave_updates", "OFF", "ON")]
    assert plan.wanted["expire_logs_days"] == "0", "for ever is what it has"
    assert plan.wanted["server_id"] not in ("0", "1")


def test_a_setting_that_the_server_lacks_is_left_out():
    facts = mysql()
    del facts.running["binlog_format"]
    assert "binlog_format" not in make_plan(Wishes(), facts).wanted


# --- server_id


def test_an_id_of_its_own_stays():
    assert make_plan(Wishes(avoid_server_ids=(5, 6)), maria(running={"server_id": "77"})).wanted["server_id"] == "77"


@pytest.mark.parametrize("running, avoid", [("0", ()), ("1", ()), ("77", (77,))])
def test_an_id_is_derived_where_it_is_nobodys_own(running, avoid):
    first = make_plan(Wishes(avoid_server_ids=avoid), maria(running={"server_id": running})).wanted["server_id"]
    again = make_plan(Wishes(avoid_server_ids=avoid), maria(running={"server_id": running})).wanted["server_id"]
    assert first == again and first not in ("0", "1", "77") and 2 <= int(first) < 2**32
    second_run = make_plan(Wishes(avoid_server_ids=avoid), maria(running={"server_id": first}))
    assert second_run.wanted["server_id"] == first and "server_id" not in [change.name for change in second_run.live]


def test_a_configured_id_comes_before_a_derived_one():
    assert make_plan(Wishes(), maria(configured={"server_id": "42"})).wanted["server_id"] == "42"


def test_derived_ids_differ_by_machine_and_avoid_what_is_taken():
    one = derive_server_id("a/us-db1/3306", set())
    assert one != derive_server_id("a/oslo-db1/3306", set()) and one != derive_server_id("a/us-db1/3307", set())
    other = derive_server_id("a/us-db1/3306", {one})
    assert other != one and other == derive_server_id("a/us-db1/3306", {one})


@pytest.mark.parametrize("server_id, avoid, text", [(0, (), "1 to 4294967295"), (2**32, (), "1 to"), (5, (5,), "server_id 5 is taken.*give one")])
def test_impossible_ids(server_id, avoid, text):
    with pytest.raises(Refusal, match=text):
        Wishes(server_id=server_id, avoid_server_ids=avoid)


def test_the_id_never_changes_under_replicas():
    followed = maria(running={"server_id": "77"}, followers=FOLLOWED)
    with pytest.raises(Refusal, match="from 77 to 9: 2 replicas are registered"):
        make_plan(Wishes(server_id=9), followed)
    with pytest.raises(Refusal, match="server_id cannot be changed from 77"):
        make_plan(Wishes(avoid_server_ids=(77,)), followed)
    assert make_plan(Wishes(server_id=77), followed).wanted["server_id"] == "77"


def test_the_default_id_stays_under_replicas_where_nobody_else_has_it():
    plan = make_plan(Wishes(), maria(followers=FOLLOWED))
    assert plan.wanted["server_id"] == "1" and "server_id stays 1" in plan.notes[0]


# --- log_bin


def test_log_basename_where_the_log_is_off():
    assert make_plan(Wishes(log_basename="/logs/bin"), maria()).wanted["log_bin"] == "/logs/bin"
    assert make_plan(Wishes(), maria(own={"log_bin": "/logs/bin"})).wanted["log_bin"] == "/logs/bin"


ON = {"log_bin": "ON", "log_bin_basename": "/var/lib/mysql/theirs"}


def test_a_log_that_is_on_by_other_files_stays_theirs():
    plan = make_plan(Wishes(log_basename="/logs/bin"), maria(running=ON, configured={"log_bin": "theirs"}))
    assert "log_bin" not in plan.wanted and "not used" in plan.notes[0]


def test_a_log_that_is_on_by_our_file_stays_in_it():
    plan = make_plan(Wishes(retention_hours=240), maria(running=ON, own={"log_bin": "theirs"}, configured={"log_bin": "theirs"}))
    assert plan.wanted["log_bin"] == "theirs" and not plan.notes


@pytest.mark.parametrize("facts", [maria(running=ON), mysql(running=ON, configured={"log_bin": "OFF"})])
def test_a_log_that_the_next_start_would_end_is_written_where_it_is(facts):
    assert make_plan(Wishes(), facts).wanted["log_bin"] == "/var/lib/mysql/theirs"


def test_a_log_that_is_on_by_default_needs_no_line():
    assert "log_bin" not in make_plan(Wishes(), mysql(running=ON)).wanted


# --- retention


@pytest.mark.parametrize(
    "hours, running, configured, wanted",
    [
        (168, "86400", {}, "604800"),  # longer is granted
        (24, "864000", {}, "864000"),  # shorter is not
        (24, "86400", {"binlog_expire_logs_seconds": "900000"}, "900000"),  # the next start's value counts too
        (168, "0", {}, "0"),  # for ever stays
        (168, "86400", {"binlog_expire_logs_seconds": "0"}, "0"),
        (0, "86400", {}, "0"),  # for ever is granted
    ],
)
def test_retention_is_never_shortened(hours, running, configured, wanted):
    facts = maria(running={"binlog_expire_logs_seconds": running}, configured=configured)
    assert make_plan(Wishes(retention_hours=hours), facts).wanted["binlog_expire_logs_seconds"] == wanted


@pytest.mark.parametrize("hours, wanted", [(24, "1"), (25, "2"), (168, "7"), (1, "1")])
def test_retention_in_days_is_rounded_up(hours, wanted):
    facts = maria(version=(10, 5, 23), running={"expire_logs_days": "1"})
    del facts.running["binlog_expire_logs_seconds"]
    plan = make_plan(Wishes(retention_hours=hours), facts)
    assert plan.wanted["expire_logs_days"] == wanted and "binlog_expire_logs_seconds" not in plan.wanted
    rounded = make_plan(Wishes(retention_hours=hours), Facts("mariadb", (10, 5, 23), dict(facts.running, expire_logs_days=wanted)))
    assert not rounded.notes, "rounding is nothing to report"


def test_mysql_80_counts_in_seconds_and_empties_days_first():
    plan = make_plan(Wishes(retention_hours=48), mysql80(expire_logs_days="10", binlog_expire_logs_seconds="0"))
    assert (plan.wanted["expire_logs_days"], plan.wanted["binlog_expire_logs_seconds"]) == ("0", "864000")
    live = [change.name for change in plan.live]
    assert live.index("expire_logs_days") < live.index("binlog_expire_logs_seconds")


@pytest.mark.parametrize("facts, hours", [(maria(), 2377), (mysql(), 1193047)])
def test_more_than_a_server_can_keep(facts, hours):
    with pytest.raises(Refusal, match="more than this server can keep"):
        make_plan(Wishes(retention_hours=hours), facts)
    make_plan(Wishes(retention_hours=hours - 1), facts)


def test_negative_retention():
    with pytest.raises(Refusal, match="retention_hours -1"):
        Wishes(retention_hours=-1)


# --- sizes and GTIDs


def test_max_binlog_size():
    assert "max_binlog_size" not in make_plan(Wishes(), maria()).wanted
    plan = make_plan(Wishes(max_binlog_size=5000), maria())
    assert plan.wanted["max_binlog_size"] == "4096" and ("max_binlog_size", "1073741824", "4096") in names(plan.live)
    assert make_plan(Wishes(), maria(own={"max_binlog_size": "8192"})).wanted["max_binlog_size"] == "8192"
    for size in (4095, 1073741825):
        with pytest.raises(Refusal, match="max_binlog_size"):
            Wishes(max_binlog_size=size)


def test_gtid_false_leaves_gtids_as_they_are():
    plan = make_plan(Wishes(gtid=False), mysql())
    assert not plan.steps and "gtid_mode" not in plan.wanted
    on = {"gtid_mode": "ON", "enforce_gtid_consistency": "ON"}
    assert make_plan(Wishes(gtid=False), mysql(running=on, own=on)).wanted["gtid_mode"] == "ON"


def test_gtids_are_not_switched_on_under_replicas():
    facts = mysql(running={"server_id": "5"}, followers=FOLLOWED)
    with pytest.raises(Refusal, match="GTIDs cannot be switched on here alone: 2 replicas"):
        make_plan(Wishes(), facts)
    make_plan(Wishes(gtid=False), facts)
    make_plan(Wishes(), mysql(running={"server_id": "5", "gtid_mode": "ON", "enforce_gtid_consistency": "ON"}, followers=FOLLOWED))
