# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check fires on its fault, names the facts, and is silent without it."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess import catalogue, preflight
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._assess.check_input import Settings, listed, make_case, size, span
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal

sys.path.insert(0, os.path.dirname(__file__))
from facts_for_tests import EMPTY, GIB, MYSQL, source, target  # noqa: E402


def run(src: dict | None = None, tgt: dict | None = None, **settings: object) -> dict:
    asked = {"migration_id": "mig-1", **settings}
    return preflight.check(make_case(src or source(), tgt or target(), Settings(**asked)))


def found(result: dict, name: str) -> list[dict]:
    return [finding for finding in result["findings"] if finding["id"] == name and finding["result"] != "ok"]


def mysql(uuid: str = "u1", version: tuple = (9, 7, 4)) -> dict:
    return {**MYSQL, "server_uuid": uuid, "version": list(version), "version_text": ".".join(map(str, version))}


def fence(state: str, migration_id: str = "mig-1", **more: object) -> dict:
    record = {"state": state, "migration_id": migration_id, "token": "t", "server": "/var/lib/mysql/", "number": 1, "at": 1795290000.0}
    return {**record, "promoted": "oslo-db1 (mariadb 10.11.18)", "path": "/var/lib/mysql_migration/fences/k.1.t." + state, **more}


def mark(migration_id: str) -> dict:
    return {"migration_id": migration_id, "role": "source", "created_at": "2026-11-01"}


def writers(**found: list) -> dict:
    return {"accounts": [["root", "localhost"]], "sessions": [], "wrote": [], "lent": [], **found}


SESSION = {
    "session": 7, "user": "root", "host": "localhost", "program": "mariadb", "pid": "12", "state": "idle", "seconds": 42, "schema": "shop",
}  # fmt: skip
SHOP = [{"schema": "shop", "name": "hits", "engine": "MyISAM", "bytes": 2048}]
TARGET_DATA = {"holds_data": ["old"], "schemas": [{"name": "old", "tables": 1, "views": 0, "bytes": 5 * GIB}], "bytes": 5 * GIB}
CHANNEL = {"is_replica": True, "channels": [{"channel": "", "source_host": "us-db0", "source_port": 3306}]}
LACK = {"privilege": "RELOAD", "alternatives": [], "why": "load and reset", "instead": "granted on shop only", "purpose": "target_admin"}
LACKING = {"login": "app@%", "granted": [], "missing": [LACK, {**LACK, "privilege": "GRANT OPTION", "instead": "", "why": "give rights"}]}

LOGIN = {"account": "root@localhost", "socket": True, "password": False}
OUTSIDE = [{"name": "shop.t", "path": "/srv/fast/shop/t.ibd"}]


def places(**found: object) -> dict:
    copying = source()["copying"]
    return {"copying": {**copying, "places": {**copying["places"], **found}}}


def setups(**found: object) -> dict:
    return {"setups": {**source()["setups"], **found}}


def logins(plugins: list) -> dict:
    return setups(logins={"root@localhost": plugins})


COST = json.dumps(
    {"connections": 7, "uptime_s": 5, "longest_transaction_s": 0, "buffer_pool_bytes": 1 << 30, "buffer_pool_dirty_bytes": 2 << 20,
     "buffer_pool_saved": False, "slow_shutdown": False}
)  # fmt: skip


def folder(**changes: object) -> dict:
    """A folder that the migration writes to."""
    return {"folders": [{"path": "/etc/ssh", "needs_mb": 5, "free_mb": 99, "free_inodes": -1, "read_only": False, **changes}]}


def sshd(part: str = "agent", **options: list) -> dict:
    """What the source's sshd has for one of the migration's users."""
    user = {"agent": "nordbridge-agent", "tunnel": "nordbridge"}[part]
    return {"sshd": {user: {"options": options, "groups": [user]}}}


# id, result, words of the message, source's changes, target's changes, settings
FIRES = [
    ("P13", "error", "/srv/fast: the target has no such directory; it is asked for by shop.t (/srv/fast/shop/t.ibd)", places(outside=OUTSIDE), {}, {}),
    ("P13", "error", "does not belong to the server's user", places(outside=OUTSIDE), {
        "directories": {"/srv/fast": 0, "/var/lib/mysql/": 105}}, {"method": "dump"}),
    ("P13", "error", "does not name it in innodb_directories (/srv/other)", {"identity": mysql(), **places(outside=OUTSIDE)}, {
        "identity": mysql("u2"), "directories": {"/srv/fast": 105, "/var/lib/mysql/": 105}, **places(known=["/srv/other"])}, {"method": "dump"}),
    ("P13", "error", "the target lacks them: ts1", {"identity": mysql(), **places(general=["ts1"])}, {"identity": mysql("u2")}, {"method": "dump"}),
    ("P14", "error", "there it logs in by mysql_native_password, and no migration_target_login_password", logins(["mysql_native_password"]), {}, {}),
    ("P14", "error", "no administrator has that name", setups(logins={}), {}, {}),
    ("P15", "error", "in the time zone Europe/Oslo, which the target does not know by name: shop.e", setups(event_zones={"Europe/Oslo": ["shop.e"]}), {}, {
        "method": "dump"}),
    ("P15", "error", "in the time zone Europe/Oslo (time_zone)", {"time_zone": "Europe/Oslo"}, {}, {"method": "dump"}),
    ("P15", "warning", "knows 2 time zones by name, and the target none", setups(known_zones=["UTC", "Europe/Oslo"]), {}, {"method": "dump"}),
    ("P16", "error", "DISABLED at the source, and the source has 4 events", {"events": 4, "event_scheduler": "DISABLED"}, {}, {}),
    ("P16", "error", "DISABLED at the target", {"events": 4}, {"event_scheduler": "DISABLED"}, {}),
    ("P17", "error", "1 view lies on", setups(broken_views=["shop.v"]), {}, {"method": "dump"}),
    ("P18", "warning", "follow the old server after the cutover: r1 (server_id 9)", {"replicas": [{"server_id": 9, "host": "r1", "uuid": ""}]}, {}, {}),
    ("P18", "warning", "server_id 9, a session from 10.0.0.9", {"replicas": [{"server_id": 9, "host": "", "uuid": ""}], **setups(
        followers=[{"user": "repl", "host": "10.0.0.9:4711"}])}, {}, {}),
    ("P18", "warning", "a session from cdc1", setups(followers=[{"user": "cdc", "host": "cdc1"}]), {}, {}),
    ("P19", "warning", "145 of the source's 151 connections are taken", {"connections": 145}, {}, {}),
    ("P55", "warning", "group_concat_max_len is 1048576 on the source and 1024 on the target", {}, setups(
        variables={"group_concat_max_len": "1024"}), {}),
    ("P56", "warning", "mandatory_roles is reader on the source and '' on the target", setups(variables={"mandatory_roles": "reader"}), setups(
        variables={"mandatory_roles": ""}), {}),
    ("P57", "warning", "max_connections is 151 on the source and 50 on the target", {}, setups(variables={"max_connections": "50"}), {}),
    ("P75", "error", "runs for the replication account", {"init_connect": "SET @a = 1; INSERT INTO audit.logins VALUES (USER())"}, {}, {}),
    ("P75", "error", "(28 characters)", {"init_connect": "SET @a = (SELECT 1 FROM b.c)"}, {}, {}),
    ("P01", "error", "us-db1, port 3306", {}, {"identity": source()["identity"]}, {}),
    ("P02", "error", "u1", {"identity": mysql()}, {"identity": mysql()}, {}),
    ("P03", "error", "server_id is 1 on both", {}, {"identity": {"server_id": 1}}, {}),
    ("P03", "error", "server_id is 7 on both", {}, {}, {"source_server_id": 7, "target_server_id": 7}),
    ("P03", "error", "server_id is 2 on both", {}, {}, {"source_server_id": 2}),
    ("P03", "error", "the target's server_id is 0", {}, {"identity": {"server_id": 0}}, {}),
    ("P03", "error", "taken by another replica", {"replicas": [{"server_id": 2, "host": "r1", "uuid": ""}]}, {}, {}),
    ("P03", "error", "(r1)", {"identity": mysql(), "replicas": [{"server_id": 2, "host": "r1", "uuid": "u9"}]}, {
        "identity": mysql("u2")}, {}),
    ("P04", "error", "between flavours", {}, {"identity": mysql()}, {}),
    ("P05", "error", "older", {}, {"identity": {"version": [10, 5, 23], "version_text": "10.5.23-MariaDB"}}, {}),
    ("P05", "error", "older", {"identity": mysql()}, {"identity": mysql("u2", (8, 4, 5))}, {}),
    ("P06", "warning", "skips 8.4", {"identity": mysql("u1", (8, 0, 36))}, {"identity": mysql("u2")}, {}),
    ("P06", "warning", "skips 8.0, 8.4", {"identity": mysql("u1", (5, 7, 44))}, {"identity": mysql("u2")}, {}),
    ("P07", "error", "0 on the source and 1 on the target", {}, {"lower_case_table_names": 1}, {}),
    ("P08", "warning", "16384 on the source and 65536", {}, {"innodb_page_size": 65536}, {}),
    ("P09", "error", "cannot follow", {}, {"identity": {"version": [11, 8, 6], "version_text": "11.8.6"}}, {"reverse_replication": True}),
    ("P09", "error", "gtid_mode is not ON on the source", {"gtid": {"on": False, "written": "", "applied": ""}}, {}, {"reverse_replication": True}),
    ("P10", "error", "RELOAD (granted on shop only) to load and reset; GRANT OPTION to give rights", {"privileges": LACKING}, {}, {}),
    ("P11", "error", "app@% lacks, on *.*: RELOAD", {}, {"privileges": LACKING}, {}),
    ("P12", "error", "the method clone cannot serve this pair: CLONE is MySQL's", {}, {}, {"method": "clone"}),
    ("P20", "error", "the binary log is off", {"log_bin": False}, {}, {}),
    ("P20", "error", "log_bin, server_id; the restart costs 7 open connections, 2.0 MiB of changed pages to write first", {}, {}, {
        "restart_required": True, "restart_reasons": ["log_bin", "server_id"], "restart_cost": COST}),
    ("P20", "notice", "allowed", {"log_bin": False}, {}, {"source_allow_restart": True}),
    ("P21", "warning", "binlog_format is MIXED", {"binlog_format": "MIXED"}, {}, {}),
    ("P21", "warning", "binlog_row_image is MINIMAL", {"row_image": "MINIMAL"}, {}, {}),
    ("P22", "error", "us-db0:3306", CHANNEL, {}, {}),
    ("P23", "error", "binlog_do_db=a,b", {"binlog_do_db": ["a", "b"]}, {}, {}),
    ("P23", "error", "binlog_ignore_db=a", {"binlog_ignore_db": ["a"]}, {}, {}),
    ("P23", "error", "replicate_do_db=x", {"replication_filters": [{"name": "replicate_do_db", "value": "x"}]}, {}, {}),
    ("P24", "error", "the source is a node of a Galera cluster", {"wsrep_on": True}, {}, {}),
    ("P24", "error", "the target is a member of group replication", {}, {"group_replication": True}, {}),
    ("P25", "error", "read_only is ON", {"read_only": True}, {}, {}),
    ("P25", "error", "super_read_only is ON", {"super_read_only": True}, {}, {"phase": "ready"}),
    ("P25", "error", "read_only is ON at the source: a cutover of this migration has begun", {"read_only": True}, {}, {"phase": "cutover"}),
    ("P26", "notice", "for 1d 0h, expected are 7d 0h", {"retention_seconds": 86400}, {}, {}),
    ("P27", "error", "no certificate", {"tls": {"available": False}}, {}, {"bridge": "tls"}),
    ("P28", "notice", "semi-synchronous", {"semi_sync": True}, {}, {}),
    ("P29", "warning", "need 167.0 GiB more, and 166.0 GiB is free", {
        "binlogs": {"files": 9, "bytes": GIB, "bytes_per_hour": GIB}, "retention_seconds": 0,
        "disk": {"path": "/d", "free_bytes": 166 * GIB}}, {}, {}),
    ("P29", "warning", "grow by 1.0 GiB an hour", {"binlogs": {"files": 9, "bytes": GIB, "bytes_per_hour": GIB}}, {}, {}),
    ("P30", "error", "shop.hits (MyISAM, 2.0 KiB)", {"not_innodb": SHOP, "not_innodb_count": 1}, {}, {}),
    ("P31", "warning", "shop.hits (MyISAM, 2.0 KiB) and 3 more", {"without_primary_key": SHOP, "without_primary_key_count": 4}, {}, {}),
    ("P32", "error", "2 XA", {"xa_prepared": 2}, {}, {}),
    ("P33", "warning", "61 seconds, more than 60", {"longest_transaction_s": 61}, {}, {}),
    ("P33", "warning", "11 seconds, more than 10", {"longest_transaction_s": 11}, {}, {"max_transaction_seconds": 10}),
    ("P34", "error", "3 tables on the source are encrypted", {"encryption": {"tables": 3, "new_tables": False, "key_management": True}}, {}, {}),
    ("P34", "error", "by default", {"encryption": {"tables": 0, "new_tables": True, "key_management": True}}, {}, {}),
    ("P35", "warning", "shop.hits", {"versioned_tables": SHOP}, {}, {}),
    ("P36", "error", "shop.hits", {"unreadable_tables": SHOP}, {}, {}),
    ("P37", "warning", "nothing to migrate", EMPTY, {}, {}),
    ("P37", "error", "swapped", EMPTY, TARGET_DATA, {}),
    ("P39", "error", "read_only would be OFF", {"hold": {"against": ["read_only would be OFF"], "closed": ["x"]}}, {}, {}),
    ("P48", "error", "SET PERSIST keeps", {}, {"hold": {"against": ["SET PERSIST keeps"], "closed": []}}, {"seed_state": "done"}),
    ("P49", "warning", "read_only is ON by", {}, {"hold": {"against": [], "closed": ["read_only is ON by line 3"]}}, {}),
    ("P40", "error", "13.9 GiB free; 14.0 GiB is needed: the source's data of 10.0 GiB x 1.3 and a reserve of 1.0 GiB", {}, {
        "disk": {"path": "/d", "free_bytes": int(13.9 * GIB)}}, {}),
    ("P40", "error", "21.0 GiB is needed", {}, {"disk": {"path": "/d", "free_bytes": 20 * GIB}}, {"disk_factor": 2.0}),
    ("P40", "error", "13.0 GiB after what lies there is erased", {}, {**TARGET_DATA, "disk": {"path": "/d", "free_bytes": 8 * GIB}}, {
        "wipe_target": "mig-1"}),
    ("P40", "error", "8.0 GiB free; 14.0 GiB", {}, {**TARGET_DATA, "disk": {"path": "/d", "free_bytes": 8 * GIB}}, {}),
    ("P40", "error", "1 B free; 1.0 GiB", {}, {**TARGET_DATA, "disk": {"path": "/d", "free_bytes": 1}}, {"seed_state": "done"}),
    ("P40", "error", "the reserve", {}, {"disk": {"path": "/d", "free_bytes": 1}}, {"seed_state": "done"}),
    ("P40", "warning", "not known", {}, {"disk": None}, {}),
    ("P41", "error", "old", {}, TARGET_DATA, {}),
    ("P41", "warning", "WILL BE ERASED", {}, TARGET_DATA, {"wipe_target": "mig-1"}),
    ("P41", "error", "old", {}, TARGET_DATA, {"wipe_target": "mig-2"}),
    ("P41", "notice", "half-loaded", {}, TARGET_DATA, {"seed_state": "failed"}),
    ("P42", "error", "wipe_target=mig-2 is not this migration's id, mig-1", {}, {}, {"wipe_target": "mig-2"}),
    ("P43", "error", "the target replicates from us-db0:3306", {}, CHANNEL, {}),
    ("P43", "error", "replicates from us-db0:3306", {}, CHANNEL, {"wipe_target": "mig-1"}),
    ("P43", "error", "r1 (server_id 9)", {}, {"replicas": [{"server_id": 9, "host": "r1", "uuid": ""}]}, {"seed_state": "done"}),
    ("P43", "error", "host unknown (server_id 1)", CHANNEL, {"replicas": [{"server_id": 1, "host": "", "uuid": ""}]}, {}),
    ("P43", "error", "(server_id 1)", {"identity": mysql("u1")}, {"replicas": [{"server_id": 1, "host": "", "uuid": "u9"}]}, {}),
    ("P44", "notice", "3 accounts of its own", {}, {"accounts": 3}, {}),
    ("P44", "notice", "binary log", {}, {"gtid": {"on": True, "written": "0-2-9", "applied": ""}}, {}),
    ("P44", "notice", "2 other connections now", {}, {"connections": 2}, {}),
    ("P45", "error", "replicate_do_db=x", {}, {"replication_filters": [{"name": "replicate_do_db", "value": "x"}]}, {}),
    ("P45", "error", "binlog_do_db=a", {}, {"binlog_do_db": ["a"]}, {}),
    ("P46", "warning", "4 events", {"events": 4}, {"event_scheduler": "ON"}, {}),
    ("P46", "notice", "0 events", {}, {"event_scheduler": "ON"}, {}),
    ("P47", "error", "log in by ed25519, which", {"login_plugins": ["ed25519"]}, {}, {"method": "dump"}),
    ("P47", "warning", "if its library is installed", {"login_plugins": ["ed25519"]}, {}, {}),
    ("P50", "warning", "only on the source NO_ENGINE_SUBSTITUTION; only on the target ANSI_QUOTES", {}, {
        "sql_mode": "STRICT_TRANS_TABLES,ANSI_QUOTES"}, {}),
    ("P51", "warning", "SYSTEM (EST)", {"system_time_zone": "EST"}, {}, {}),
    ("P51", "warning", "+01:00", {}, {"time_zone": "+01:00"}, {}),
    ("P52", "warning", "latin1", {"character_set_server": "latin1"}, {}, {}),
    ("P52", "warning", "utf8mb4_bin", {}, {"collation_server": "utf8mb4_bin"}, {}),
    ("P53", "warning", "16.0 MiB on the source and 1.0 MiB", {}, {"max_allowed_packet": 1 << 20}, {}),
    ("P54", "warning", "on the target", {}, {"general_log": True}, {}),
    ("P60", "error", "cutover=mig-2, but this migration is mig-1", {}, {}, {"cutover": "mig-2"}),
    ("P61", "error", "P99: there is no such check", {}, {}, {"waive": ["P99"]}),
    ("P61", "error", "P01 (source and target are two servers)", {}, {}, {"waive": ["P01"]}),
    ("P62", "error", "'../x'", {}, {}, {"migration_id": "../x"}),
    ("P62", "error", "file name", {}, {}, {"migration_id": "a\n"}),
    ("P63", "error", "longer than the budget (12 s)", {}, {}, {"cutover_budget": 12.0}),
    ("P63", "error", "leaves no time", {}, {}, {"cutover_budget": 0.0}),
    ("P63", "error", "at most the budget", {}, {}, {"cutover_fence_seconds": 6.0}),
    ("P38", "warning", "sync_binlog=0 and innodb_flush_log_at_trx_commit=1 at the source", {"sync_binlog": 0}, {}, {}),
    ("P38", "warning", "innodb_flush_log_at_trx_commit=2", {"innodb_flush_log_at_trx_commit": 2}, {}, {}),
    ("P38", "warning", "sync_binlog=1000", {"sync_binlog": 1000}, {}, {}),
    ("P65", "error", "whatever replication shows now: 0-1-7 was seen", {}, {}, {"distrust": ["0-1-7 was seen"], "seed_state": "done"}),
    ("P65", "warning", "(waived)", {}, {}, {"distrust": ["x"], "seed_state": "done", "waive": ["P65"]}),
    ("P67", "error", "does not reach the source at us-db1 port 22: no answer within 5 s", {}, {}, {"way": {
        "address": "us-db1", "port": 22, "reachable": False, "error": "no answer within 5 s", "round_trip_ms": None}}),
    ("P59", "warning", "/etc/ssh/sshrc runs on the source before each session's command", {}, {}, {"session_script": "/etc/ssh/sshrc"}),
    ("P58", "error", "not found at 127.0.0.1 port 3306 of its own host, where the tunnel ends: Connection refused", {}, {}, {"listening": {
        "address": "127.0.0.1", "port": 3306, "reachable": False, "error": "Connection refused", "round_trip_ms": None}}),
    ("P68", "error", "would not let the user nordbridge-agent in: AllowUsers has only deploy", {}, {}, sshd(allowusers=["deploy"])),
    ("P68", "warning", "AllowUsers has only deploy (waived)", {}, {}, {**sshd(allowusers=["deploy"]), "waive": ["P68"]}),
    ("P68", "error", "what sshd has for the user nordbridge-agent is not known: sshd -T failed", {}, {}, {
        "sshd": {"nordbridge-agent": {"error": "sshd -T failed: x"}}}),
    ("P69", "error", "/etc/ssh cannot be written as the migration needs it: its file system is read-only", {}, folder(read_only=True), {}),
    ("P69", "warning", "its file system is read-only", folder(read_only=True), {}, {"seed_state": "done", "phase": "ready"}),
    ("P69", "error", "3 MB are free on its file system, and 5 are needed", folder(free_mb=3), {}, {}),
    ("P69", "error", "its file system has only 7 inodes left", folder(free_inodes=7), {}, {}),
    ("P66", "error", "plan=yesterday's is not a plan's id", {}, {}, {"plan": "yesterday's"}),
    ("P64", "warning", "no record of a row-level comparison", {}, {}, {"cutover": "mig-1"}),
    ("P80", "error", "whether the source was cut over is not known: kept elsewhere", {"fence_unknown": "kept elsewhere"}, {}, {}),
    ("P80", "error", "whether the target was cut over is not known", {}, {"fence_unknown": "kept elsewhere"}, {}),
    ("P80", "error", "by migration mig-0 at 2026-11-21", {"fence": fence("committed", "mig-0")}, {}, {}),
    ("P80", "error", "AND TAKES WRITES", {"fence": fence("committed", "mig-0")}, {}, {}),
    ("P80", "error", "a cutover of this migration has begun", {"fence": fence("armed")}, {}, {"phase": "cutover"}),
    ("P80", "error", "migration mig-0 is cutting the source over", {"fence": fence("armed", "mig-0")}, {}, {}),
    ("P80", "error", "the target was a primary until it was fenced", {}, {"fence": fence("committed", "mig-0")}, {}),
    ("P80", "error", "taking clients from the target", {}, {"fence": fence("armed")}, {}),
    ("P81", "warning", "mig-0 (since 2026-11-01)", {"markers": [mark("mig-1"), mark("mig-0")]}, {}, {}),
    ("P81", "warning", "mig-0", {"markers": [mark("mig-0")], "fence": fence("fired", "mig-0")}, {}, {}),
    ("P82", "error", "oslo-db2 and this target have one source", {}, {}, {"rivals": ["oslo-db2"]}),
    ("P70", "warning", "root@localhost (mariadb, pid 12; session 7, idle for 42 s)", {"writers": writers(sessions=[SESSION])}, {}, {}),
    ("P70", "warning", "1 session is open", {"writers": writers(sessions=[{**SESSION, "program": "", "pid": ""}])}, {}, {}),
    ("P71", "warning", "(statements or rows): root@localhost (12), boss (3)", {"writers": writers(wrote=[
        {"user": "root", "host": "localhost", "count": 12}, {"user": "boss", "host": "", "count": 3}])}, {}, {}),
    ("P71", "warning", "root@localhost (2)", {"markers": [mark("mig-1")], "writers": writers(wrote=[
        {"user": "root", "host": "localhost", "count": 2}])}, {}, {}),
    ("P71", "warning", "boss (1)", {"markers": [mark("mig-1")], "writers": writers(wrote=[{"user": "boss", "host": "", "count": 1}])}, {}, {}),
    ("P72", "warning", "shop.note (procedure of root@localhost)", {"writers": writers(lent=[
        {"name": "shop.note", "kind": "procedure", "definer": "root@localhost"}])}, {}, {}),
    ("P73", "error", "the source runs with skip-grant-tables", {"skip_grant_tables": True}, {}, {}),
    ("P74", "warning", "init_connect is set at the source (10 characters)", {"init_connect": "SET @a = 1"}, {}, {}),
    ("P82", "error", "a copy that is never cut over", {}, {}, {"copy_only": True, "cutover": "mig-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "result", "words", "src", "tgt", "settings"), FIRES)
def test_fires(name: str, result: str, words: str, src: dict, tgt: dict, settings: dict) -> None:
    outcome = run(source(**src), target(**tgt), **settings)
    hits = found(outcome, name)
    assert hits, "the check is silent"
    assert [hit for hit in hits if hit["result"] == result and words in hit["message"]], hits
    assert all(hit["remedy"] for hit in hits)
    assert outcome["counts"][result + "s"] >= 1


def test_a_pair_without_fault_has_no_finding() -> None:
    outcome = run()
    assert [finding["id"] for finding in outcome["findings"]] == [check.id for check in catalogue.CHECKS]
    assert {finding["result"] for finding in outcome["findings"]} == {"ok"}
    assert outcome["counts"] == {"errors": 0, "warnings": 0, "notices": 0}


# id, source's changes, target's changes, settings: near to a fault, and none
SILENT = [
    ("P13", places(outside=OUTSIDE), {"directories": {"/srv/fast": 105, "/var/lib/mysql/": 105}}, {"method": "dump"}),
    ("P13", {"identity": mysql(), **places(general=["ts1"])}, {"identity": mysql("u2"), **places(general=["ts1"])}, {"method": "dump"}),
    ("P13", places(outside=OUTSIDE), {}, {"seed_state": "done"}),
    ("P14", logins(["unix_socket"]), {}, {}),
    ("P14", logins(["mysql_native_password"]), {"login": {**LOGIN, "password": True}}, {}),
    ("P14", logins(["mysql_native_password"]), {}, {"method": "dump"}),
    ("P15", setups(event_zones={"Europe/Oslo": ["shop.e"]}), {}, {}),
    ("P15", setups(event_zones={"Europe/Oslo": ["shop.e"]}), setups(known_zones=["europe/oslo"]), {"method": "dump"}),
    ("P15", {"time_zone": "+01:00"}, {}, {"method": "dump"}),
    ("P16", {"events": 4}, {}, {}),
    ("P16", {"identity": mysql(), "events": 4, "event_scheduler": "DISABLED"}, {"identity": mysql("u2"), "event_scheduler": "DISABLED"}, {}),
    ("P16", {"events": 0, "event_scheduler": "DISABLED"}, {"event_scheduler": "DISABLED"}, {}),
    ("P17", setups(broken_views=["shop.v"]), {}, {}),
    ("P18", {"replicas": [{"server_id": 2, "host": "oslo-db1", "uuid": ""}]}, {}, {}),
    ("P18", setups(followers=[{"user": "nordbridge_repl_1", "host": "localhost:3"}]), {}, {}),
    ("P18", {"replicas": [{"server_id": 9, "host": "r1", "uuid": ""}]}, {}, {"phase": "committed", "seed_state": "done"}),
    ("P19", {"connections": 141}, {}, {}),
    ("P55", setups(variables={"group_concat_max_len": "5"}), setups(variables={}), {}),
    ("P57", setups(variables={"max_statement_time": "0.000000"}), setups(variables={"max_statement_time": "0"}), {}),
    ("P75", {"init_connect": "SET NAMES utf8mb4; set autocommit = 0;"}, {}, {}),
    ("P75", {"init_connect": "INSERT INTO a.b VALUES (1)"}, {}, {"phase": "committed", "seed_state": "done"}),
    ("P01", {}, {"identity": {"hostname": "us-db1"}}, {}),
    ("P02", {"identity": mysql("u1")}, {"identity": mysql("u2")}, {}),
    ("P02", {}, {}, {}),
    ("P03", {}, {"identity": {"server_id": 1}}, {"target_server_id": 2}),
    ("P03", {"replicas": [{"server_id": 3, "host": "r1", "uuid": ""}]}, {}, {}),
    ("P03", {"replicas": [{"server_id": 2, "host": "oslo-db1", "uuid": ""}]}, CHANNEL, {"seed_state": "done"}),
    ("P03", {"identity": mysql(), "replicas": [{"server_id": 2, "host": "", "uuid": "u2"}]}, {"identity": mysql("u2")}, {}),
    ("P04", {"identity": mysql()}, {"identity": mysql("u2")}, {}),
    ("P05", {}, {"identity": {"version": [11, 8, 6], "version_text": "11.8.6-MariaDB"}}, {}),
    ("P05", {}, {"identity": mysql()}, {}),
    ("P05", {"identity": mysql("u1", (9, 7, 4))}, {"identity": mysql("u2", (9, 7, 2))}, {}),
    ("P06", {"identity": mysql("u1", (8, 4, 1))}, {"identity": mysql("u2")}, {}),
    ("P06", {"identity": {"version": [10, 5, 23]}}, {"identity": {"version": [11, 8, 6]}}, {}),
    ("P20", {}, {}, {"restart_required": False}),
    ("P20", {"log_bin": False}, {}, {"restart_required": False}),
    ("P21", {"binlog_format": "MIXED", "log_bin": False}, {}, {}),
    ("P22", CHANNEL, {}, {"phase": "committed"}),
    ("P25", {"read_only": True}, {}, {"phase": "committed"}),
    ("P26", {"retention_seconds": 0}, {}, {}),
    ("P26", {"retention_seconds": 604800}, {}, {}),
    ("P03", {"replicas": [{"server_id": 2, "host": "", "uuid": ""}]}, {"identity": mysql("u2"), **CHANNEL}, {}),
    ("P06", {"identity": mysql("u1", (8, 0, 40))}, {"identity": mysql("u2", (8, 4))}, {}),
    ("P53", {"max_allowed_packet": None}, {}, {}),
    ("P53", {}, {"max_allowed_packet": None}, {}),
    ("P26", {"retention_seconds": 86400}, {}, {"retention_seconds": 3600}),
    ("P27", {"tls": {"available": False}}, {}, {}),
    ("P27", {}, {}, {"bridge": "tls"}),
    ("P29", {"binlogs": {"files": 9, "bytes": 0, "bytes_per_hour": 1 << 20}}, {}, {}),
    ("P29", {
        "binlogs": {"files": 9, "bytes": GIB, "bytes_per_hour": GIB}, "retention_seconds": 0,
        "disk": {"path": "/d", "free_bytes": 167 * GIB}}, {}, {}),
    ("P33", {"longest_transaction_s": 60}, {}, {}),
    ("P34", {"encryption": {"tables": 3, "new_tables": True}}, {"encryption": {"key_management": True}}, {}),
    ("P37", EMPTY, TARGET_DATA, {"phase": "committed"}),
    ("P39", {"hold": None}, {}, {}),
    ("P39", {"hold": {"against": ["read_only would be OFF"], "closed": []}}, {}, {"phase": "committed"}),
    ("P48", {}, {"hold": {"against": ["read_only would be OFF"], "closed": []}}, {"phase": "committed"}),
    ("P49", {}, {"hold": None}, {}),
    ("P40", {}, {"disk": {"path": "/d", "free_bytes": 14 * GIB}}, {}),
    ("P40", {}, {**TARGET_DATA, "disk": {"path": "/d", "free_bytes": 9 * GIB}}, {"wipe_target": "mig-1"}),
    ("P40", {}, {**TARGET_DATA, "disk": {"path": "/d", "free_bytes": 2 * GIB}}, {"seed_state": "done"}),
    ("P40", {}, {**TARGET_DATA, "disk": {"path": "/d", "free_bytes": 9 * GIB}}, {"seed_state": "running"}),
    ("P41", {}, TARGET_DATA, {"seed_state": "done"}),
    ("P41", {}, TARGET_DATA, {"seed_state": "running"}),
    ("P42", {}, {}, {"wipe_target": "mig-1"}),
    ("P43", {}, CHANNEL, {"seed_state": "done"}),
    ("P43", {}, {"replicas": [{"server_id": 9, "host": "us-db1", "uuid": ""}]}, {"phase": "committed"}),
    ("P43", {}, {"replicas": [{"server_id": 1, "host": "", "uuid": ""}]}, {"wipe_target": "mig-1"}),
    ("P43", {"identity": mysql("u1")}, {"replicas": [{"server_id": 1, "host": "", "uuid": "u1"}]}, {}),
    ("P44", {}, {"accounts": 3, "connections": 2}, {"seed_state": "done"}),
    ("P46", {"events": 4}, {"event_scheduler": "DISABLED"}, {}),
    ("P46", {"events": 4}, {"event_scheduler": "ON"}, {"phase": "committed"}),
    ("P50", {}, {"sql_mode": "NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES"}, {}),
    ("P51", {"time_zone": "UTC"}, {}, {}),
    ("P51", {"time_zone": "+00:00", "system_time_zone": "EST"}, {"time_zone": "+00:00"}, {}),
    ("P53", {}, {"max_allowed_packet": 1 << 30}, {}),
    ("P60", {}, {}, {"cutover": "mig-1"}),
    ("P61", {}, {}, {"waive": ["P30", "P31"]}),
    ("P62", {}, {}, {"migration_id": "Shop_2026.oslo-1"}),
    ("P63", {}, {}, {"cutover_budget": 12.0, "cutover_lease": 30.0}),
    ("P38", {}, {}, {}),
    ("P38", {"innodb_flush_log_at_trx_commit": 3}, {}, {}),
    ("P38", {"sync_binlog": 0}, {}, {"phase": "committed"}),
    ("P38", {"sync_binlog": None}, {}, {}),
    ("P65", {}, {}, {"seed_state": "done"}),
    ("P65", {}, {}, {"distrust": ["x"], "seed_state": "running"}),
    ("P65", {}, {}, {"distrust": ["x"], "seed_state": "done", "wipe_target": "mig-1"}),
    ("P65", {}, {}, {"distrust": ["x"], "seed_state": "done", "phase": "committed"}),
    ("P64", {}, {}, {}),
    ("P80", {"fence": fence("fired")}, {"fence": fence("released")}, {}),
    ("P80", {"fence": fence("released")}, {"fence": fence("committed")}, {"renewed": True, "wipe_target": "mig-1"}),
    ("P41", {"fence": fence("released")}, {"fence": fence("committed")}, {"renewed": True, "wipe_target": "mig-1"}),
    ("P81", {"markers": [mark("mig-1")]}, {}, {}),
    ("P81", {"markers": [mark("mig-0")], "fence": fence("released", "mig-0")}, {}, {}),
    ("P81", {"markers": [mark("mig-0")], "journals": [{"migration_id": "mig-0", "phase": "done"}]}, {}, {}),
    ("P70", {"writers": writers(sessions=[SESSION])}, {}, {"phase": "committed"}),
    ("P71", {"markers": [mark("mig-1")], "writers": writers(wrote=[{"user": "root", "host": "localhost", "count": 1}])}, {}, {}),
    ("P71", {}, {"writers": writers(wrote=[{"user": "root", "host": "", "count": 1}])}, {}),
    ("P82", {}, {}, {"rivals": ["oslo-db2"], "copy_only": True}),
    ("P82", {}, {}, {"copy_only": True, "cutover": "mig-2"}),
    ("P64", {}, {}, {"cutover": "mig-1", "phase": "committed"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "src", "tgt", "settings"), SILENT)
def test_silent(name: str, src: dict, tgt: dict, settings: dict) -> None:
    assert not found(run(source(**src), target(**tgt), **settings), name)


def test_every_check_has_a_rule_a_remedy_and_a_test() -> None:
    ids = [check.id for check in catalogue.CHECKS]
    assert len(ids) == len(set(ids))
    assert set(preflight.RULES) == set(ids)
    assert all(check.remedy and check.title for check in catalogue.CHECKS)
    assert {entry[0] for entry in FIRES} == set(ids)


@pytest.mark.parametrize("check", [check for check in catalogue.CHECKS if check.needs], ids=lambda check: check.id)
def test_what_cannot_be_read_is_not_passed(check: catalogue.Check) -> None:
    for side, topic in check.needs:
        unreadable = {"unreadable": [{"topic": topic, "message": "[1227] denied"}]}
        outcome = run(
            source(**(unreadable if side == "source" else {})), target(**(unreadable if side == "target" else {})), waive=["P30", "P31"]
        )
        hits = found(outcome, check.id)
        assert [hit["result"] for hit in hits] == [check.severity]
        assert "not checked" in hits[0]["message"] and "denied" in hits[0]["message"]
        assert hits[0]["where"] == side
        assert not hits[0]["waivable"] and not hits[0]["waived"]


def test_waiving_lowers_by_one_step_and_stays_in_sight() -> None:
    outcome = run(source(not_innodb=SHOP, not_innodb_count=1, without_primary_key=SHOP, without_primary_key_count=1), waive=["P30", "P31"])
    assert [(hit["result"], hit["waived"]) for hit in found(outcome, "P30") + found(outcome, "P31")] == [
        ("warning", True),
        ("notice", True),
    ]
    assert outcome["counts"] == {"errors": 0, "warnings": 1, "notices": 1}
    assert any("(waived)" in line for line in outcome["plan_text"])


def test_what_cannot_be_waived_stays_an_error() -> None:
    outcome = run(source(xa_prepared=1), waive=["P32"])
    assert found(outcome, "P32")[0]["result"] == "error"


def test_privileges_come_with_the_statement_that_grants_them() -> None:
    hit = found(run(tgt=target(privileges=LACKING)), "P11")[0]
    assert hit["remedy"] == "GRANT RELOAD ON *.* TO 'app'@'%' WITH GRANT OPTION"


def test_the_exact_words_that_permit() -> None:
    assert found(run(tgt=target(**TARGET_DATA)), "P41")[0]["remedy"].endswith("-e wipe_target=mig-1")
    again = run(tgt=target(**TARGET_DATA), wipe_target="mig-1", wipe_permission="mig-1@2")
    assert found(again, "P41")[0]["remedy"].endswith("-e wipe_target=mig-1@2"), "one that was used permits nothing more"
    assert not found(again, "P42"), "and may stay where it was written"
    assert not [hit for hit in found(run(tgt=target(**TARGET_DATA), wipe_target="mig-1@2", wipe_permission="mig-1@2"), "P41") if hit["result"] == "error"]
    assert found(run(cutover="no"), "P60")[0]["remedy"] == "to open it: -e cutover=mig-1"
    assert "-e migration_source_allow_restart=true" in found(run(source(log_bin=False)), "P20")[0]["remedy"]
    closed = {phase: found(run(source(read_only=True), phase=phase), "P25")[0]["remedy"] for phase in ("ready", "cutover")}
    assert "Only if no other server has taken over" in closed["ready"]
    assert "SET GLOBAL read_only = OFF" in closed["ready"]
    assert "do not open the source" in closed["cutover"] and "-e cutover=mig-1" in closed["cutover"]


def test_refusal_names_each_error_and_leaves_out_what_is_well() -> None:
    outcome = run(source(log_bin=False, xa_prepared=1))
    with pytest.raises(Refusal) as caught:
        preflight.refuse(outcome, "mig-1")
    text = str(caught.value)
    assert "2 errors found" in text and "nothing was touched" in text
    assert "P20 [source] the source must be restarted" in text and "P32 [source] 1 XA" in text and text.count("What to do:") == 2
    assert {finding["result"] for finding in caught.value.facts["findings"]} == {"error"}
    assert caught.value.facts["changed"] is False


def test_plan_text() -> None:
    lines = run(source(log_bin=False, longest_transaction_s=99), target(**TARGET_DATA), source_allow_restart=True, wipe_target="mig-1")[
        "plan_text"
    ]
    assert lines[0].startswith("MIGRATION PLAN mig-1  us-db1 (mariadb 10.11.18) -> oslo-db1 (mariadb 10.11.18)")
    assert lines[1].strip() == "nothing has been changed"
    text = "\n".join(lines)
    assert "PREFLIGHT  78 checks: 0 errors, 2 warnings, 1 notice" in text
    assert " CUTOVER    undone after 5 s of write stop;" in text and "opens by itself within 10 s" in text
    assert "CUTOVER" not in "\n".join(run(phase="committed", seed_state="done")["plan_text"])
    assert "[W] P33 [source]" in text and "[W] P41 [target]" in text and "[N] P20 [source]" in text
    assert " CHANGES    before the copy, on the source us-db1" in lines and "   restart  one restart of the server" in lines
    assert "   data     1 schema ERASED (5.0 GiB)" in lines
    assert lines[-2].endswith("-e migration_source_allow_restart=true -e wipe_target=mig-1") and lines[-1].strip() == "(it stops before the cutover)"


def test_the_plan_says_how_the_data_is_copied_and_why_not_otherwise() -> None:
    outcome = run()
    assert outcome["seed"] == {
        "method": "mariadb-backup",
        "not_taken": {
            "clone": "CLONE is MySQL's",
            "mydumper": "the target lacks mydumper (package mydumper)",
            "dump": "mariadb-backup is faster",
        },
    }
    lines = outcome["plan_text"]
    place = lines.index(" COPY       mariadb-backup")
    assert lines[place + 1 : place + 4] == ["             not %s: %s" % item for item in outcome["seed"]["not_taken"].items()]
    assert run(seed_state="done")["seed"]["method"] == "", "nothing is copied any more"
    assert run(method="clone")["seed"]["method"] == "", "an error says why"


def test_any_later_series_of_mariadb_is_no_skipped_one() -> None:
    outcome = run(source(identity={"version": [10, 5, 23]}), target(identity={"version": [11, 8, 6]}))
    assert found(outcome, "P05") == found(outcome, "P06") == []


def test_a_new_table_of_default_collations_is_told() -> None:
    outcome = run(None, target(character_set_collations="utf8mb4=utf8mb4_uca1400_ai_ci"))
    hit = found(outcome, "P52")[0]
    assert hit["result"] == "warning" and "utf8mb4_uca1400_ai_ci there, empty on the source" in hit["message"]


def test_the_plan_lists_only_changes_that_come() -> None:
    def changes(kind: str, *args: dict, **settings: object) -> list[str]:
        outcome = run(*args, **settings)
        told = [change["what"] for change in outcome["changes"] if change["kind"] == kind]
        assert all("   %-8s %s" % (kind, what) in outcome["plan_text"] for what in told)
        return told

    assert changes("restart") == [] == changes("restart", restart_required=False)
    assert not any("ERASED" in what for what in changes("data", wipe_target="mig-1"))
    assert "1 schema in the way (5.0 GiB)" in changes("data", None, target(**TARGET_DATA))
    assert changes("restart", source(log_bin=False), restart_required=False) == []
    assert changes("restart", restart_required=True) == ["one restart of the server, not allowed yet"]
    assert changes("server", source(log_bin=False), phase="committed") == [], "nothing is left to be changed"
    ready = run(source(log_bin=False), seed_state="done", phase="ready")["changes"]
    assert {change["when"] for change in ready} == {"at the cutover"}, "what was made is not announced again"
    assert {change["when"] for change in run(copy_only=True)["changes"]} == {"before the copy", "with the copy"}
    assert "after the cutover" in {change["when"] for change in run(reverse_replication=True)["changes"]}


def test_the_plan_names_files_settings_accounts_and_packages() -> None:
    log = {
        "config_file": "/etc/mysql/conf.d/zz.cnf", "file_changed": True, "wanted": {"server_id": "7", "log_bin": "binlog"},
        "runtime_changes": [{"setting": "binlog_format", "before": "MIXED", "after": "ROW"}], "restart_required": True,
    }  # fmt: skip
    text = "\n".join(run(source_log=log, target_log=log, missing_programs=["zstd"], bridge="tls")["plan_text"])
    for words in (
        "file     /etc/mysql/conf.d/zz.cnf: server_id = 7, log_bin = binlog", "variable binlog_format: MIXED -> ROW", "what brings zstd",
        "nordbridge_repl_", "from the target's address", "before the copy, on the target oslo-db1\n", "restart  one restart of the server\n",
    ):  # fmt: skip
        assert words in text, words
    assert "tunnel" not in text and "nordbridge-mig-1-tunnel-proxy" in "\n".join(run()["plan_text"])
    named = "\n".join(run(agent_user="agent7", tunnel_user="tunnel7")["plan_text"])
    assert "user     agent7," in named and "user     tunnel7," in named and "rules of sshd for the user tunnel7" in named


@pytest.mark.parametrize(
    ("part", "options", "words"),
    [
        ("agent", {"allowusers": ["root@10.0.0.1", "nordbridge-*"]}, ""),
        ("agent", {"allowusers": ["nordbridge-agent@10.0.0.9"]}, ""),
        ("agent", {"allowusers": ["nordbridge-agent@10.0.0.0/24"]}, ""),
        ("agent", {"allowusers": ["nordbridge-agent@10.1.*"]}, "AllowUsers has only nordbridge-agent@10.1.*"),
        ("agent", {"allowusers": ["nordbridge-agent@10.1.0.0/24"]}, "AllowUsers has only nordbridge-agent@10.1.0.0/24"),
        ("agent", {"denyusers": ["nord*@10.1.0.0/16"]}, ""),
        ("agent", {"denyusers": ["nord*@10.0.0.0/16"]}, "DenyUsers has nord*@10.0.0.0/16"),
        ("agent", {"denyusers": ["nord*"]}, "DenyUsers has nord*"),
        ("agent", {"denyusers": ["other"]}, ""),
        ("agent", {"allowgroups": ["ssh-users"]}, "AllowGroups has only ssh-users, and the user is in nordbridge-agent"),
        ("agent", {"allowgroups": ["ssh-users", "nordbridge*"]}, ""),
        ("agent", {"denygroups": ["nordbridge-agent"]}, "DenyGroups has nordbridge-agent"),
        ("agent", {"pubkeyauthentication": ["no"]}, "PubkeyAuthentication is no"),
        ("agent", {"authenticationmethods": ["publickey,keyboard-interactive"]}, "AuthenticationMethods is publickey,keyboard-interactive"),
        ("agent", {"authenticationmethods": ["publickey,password", "publickey"]}, ""),
        ("agent", {"authorizedkeysfile": ["/etc/ssh/keys/%u"]}, "AuthorizedKeysFile is /etc/ssh/keys/%u"),
        ("agent", {"authorizedkeysfile": ["/etc/ssh/keys/%u", "%h/.ssh/authorized_keys"]}, ""),
        ("agent", {"authorizedkeysfile": [".ssh/authorized_keys", ".ssh/authorized_keys2"]}, ""),
        ("agent", {"forcecommand": ["/usr/bin/bastion", "-x"]}, "ForceCommand is /usr/bin/bastion -x"),
        ("agent", {"chrootdirectory": ["/jail"]}, "ChrootDirectory is /jail"),
        ("agent", {"maxsessions": ["0"]}, "MaxSessions is 0"),
        ("agent", {"maxsessions": ["1"], "forcecommand": ["none"], "chrootdirectory": ["none"]}, ""),
        ("agent", {"pubkeyacceptedalgorithms": ["rsa-sha2-512,rsa-sha2-256"]}, "PubkeyAcceptedAlgorithms has no ssh-ed25519"),
        # The migration's own rules set these for the tunnel's user.
        ("tunnel", {"authenticationmethods": ["publickey,password"], "allowtcpforwarding": ["no"]}, ""),
        ("tunnel", {"disableforwarding": ["yes"]}, "DisableForwarding is yes"),
        ("tunnel", {"permitopen": ["10.0.0.5:22"]}, "PermitOpen is 10.0.0.5:22, and the tunnel opens 127.0.0.1:3306"),
        ("tunnel", {"permitopen": ["*:3306"]}, ""),
        ("tunnel", {"permitopen": ["127.0.0.1:3306"]}, ""),
        ("tunnel", {"allowusers": ["deploy"]}, "user nordbridge in: AllowUsers"),
    ],
)
def test_what_keeps_the_migrations_users_out_of_the_source(part: str, options: dict, words: str) -> None:
    hits = found(run(target_address="10.0.0.9", **sshd(part, **options)), "P68")
    assert [words in hit["message"] for hit in hits] == ([True] if words else [])


def test_a_tunnels_user_is_not_asked_for_where_there_is_no_tunnel() -> None:
    assert found(run(bridge="tls", **sshd("tunnel", allowusers=["deploy"])), "P68") == []
    assert found(run(phase="committed", seed_state="done", **sshd(allowusers=["deploy"])), "P68") == []


def test_a_plan_that_was_approved_counts_until_what_it_rests_on_changes() -> None:
    plan = run()["plan_id"]
    assert any(line == " PLAN ID    %s" % plan for line in run()["plan_text"])
    assert run(plan=plan)["counts"]["errors"] == 0
    # What moves by itself is no part of it.
    grown = source(bytes=99 << 30, rows_estimate=5, longest_transaction_s=3, binlogs={"files": 9, "bytes": 9, "bytes_per_hour": 9})
    assert run(grown, plan=plan, verified_at=7.0)["plan_id"] == plan
    for changed, words in (
        ({"source": source(identity={"version_text": "10.11.19"})}, "the source's server"),
        ({"source": source(schemas=[{"name": "shop", "tables": 4, "views": 0, "bytes": 1}])}, "the source's schemas and tables"),
        ({"source": source(sql_mode="ANSI")}, "the source's settings"),
        ({"target": target(**TARGET_DATA)}, "what the target holds"),
        ({"bridge": "tls"}, "the migration's settings, what is changed on the hosts"),
        ({"method": "dump"}, "the migration's settings, the copy's method, what is changed on the hosts"),
        ({"missing_programs": ["zstd"]}, "what is changed on the hosts"),
    ):
        sides = [changed.pop(side, None) for side in ("source", "target")]
        (hit,) = found(run(*sides, plan=plan, **changed), "P66")
        assert hit["result"] == "error" and words in hit["message"] and not hit["waivable"], changed


def test_a_plan_that_was_begun_is_known_by_its_id() -> None:
    plan = run()["plan_id"]
    other = run(method="dump")["plan_id"]
    assert found(run(plan=other, plan_begun=other), "P66") == [], "what it has changed already makes another plan of the rest"
    assert "have changed" in found(run(plan=other, plan_begun=plan), "P66")[0]["message"]
    assert found(run(plan=plan, plan_begun=other), "P66") == [], "one that was begun may be begun by another approval"
    assert "was begun by the plan %s" % other in found(run(plan=plan, plan_begun=other, seed_state="done"), "P66")[0]["message"]
    for word in ("x", "1234", plan + "0", plan.upper() if plan != plan.upper() else "z"):
        assert "is not a plan's id" in found(run(plan=word), "P66")[0]["message"]


def test_nothing_is_announced_where_it_is_not_sure_which_server_is_the_primary() -> None:
    outcome = run(phase="committed", seed_state="done")
    assert (outcome["plan_id"], outcome["changes"]) == ("", [])


def test_a_waiver_is_hinted_at_for_errors_that_may_be_waived() -> None:
    def hinted(**changes: object) -> bool:
        return any("waive: -e waive=" in line for line in run(source(**changes))["plan_text"])

    assert hinted(not_innodb=SHOP, not_innodb_count=1)
    assert hinted(**EMPTY) is False, "a warning needs none"
    assert not hinted(xa_prepared=1)
    assert any(line.endswith("waive: -e waive=P99") for line in _plan_of("P99")), "where the remedy does not say it already"


def _plan_of(name: str) -> list[str]:
    """The plan for one error whose remedy does not speak of waiving."""
    finding = {"id": name, "result": "error", "where": "source", "message": "m", "remedy": "r", "waivable": True, "waived": False}
    result = {"findings": [finding], "counts": {"errors": 1}, "summary": "", "standing": "", "seed": {"method": "", "not_taken": {}}}
    result["plan_id"] = ""
    return preflight.plan_text(make_case(source(), target(), Settings("mig-1")), result, [], False)


def test_swapped_servers_cannot_be_waived() -> None:
    hit = found(run(source(**EMPTY), target(**TARGET_DATA), waive=["P37"], wipe_target="mig-1"), "P37")[0]
    assert (hit["result"], hit["waived"], hit["waivable"]) == ("error", False, False)
    assert found(run(source(**EMPTY), waive=["P37"]), "P37")[0]["result"] == "notice"


def test_the_next_command() -> None:
    assert "migrate" in run(seed_state="done", phase="migrate")["plan_text"][-2]
    assert "migrate" in run(phase="ready")["plan_text"][-1]
    assert "errors above" in run(source(xa_prepared=1))["plan_text"][-1]
    assert "cutover -i INVENTORY -e cutover=mig-1" in run(seed_state="done", phase="ready")["plan_text"][-1]
    assert "nothing" in run(phase="committed", seed_state="done")["plan_text"][-1]
    assert "waive: -e waive=P36" not in "\n".join(run(source(unreadable_tables=SHOP))["plan_text"])


@pytest.mark.parametrize("facts", [{}, {"server": source()}, {"identity": None}, {"identity": {"flavour": "mysql"}}, []])
def test_facts_of_something_else_are_refused(facts: object) -> None:
    with pytest.raises(Refusal, match="target: these are not facts of a server"):
        make_case(source(), facts, Settings("mig-1"))  # type: ignore[arg-type]


def test_what_a_restart_costs_is_said_in_words() -> None:
    words = found(run(source(log_bin=False), restart_required=True, restart_cost=COST), "P20")[0]["message"]
    assert "a cache of 1.0 GiB that begins empty" in words and "{" not in words and "transaction" not in words


def test_words_for_people() -> None:
    assert [size(0), size(2048), size(3 * GIB), size(5 << 40)] == ["0 B", "2.0 KiB", "3.0 GiB", "5.0 TiB"]
    assert [span(61), span(600), span(3 * 3600 + 300), span(90000)] == ["61 s", "10 min", "3h 5m", "1d 1h"]
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abc"), 5, most=2) == "a, b and 3 more"


# --- what was done before: nothing may lead to the loss of the only good copy ---

CUT_OVER = {"fence": fence("committed"), "read_only": True}
PROMOTED = {"markers": [mark("mig-1")], **TARGET_DATA}


def advice(outcome: dict) -> str:
    return "\n".join(outcome["plan_text"])


def is_safe(outcome: dict) -> bool:
    """Whether no words of the plan offer to open a server or to erase one."""
    return not re.search(r"SET GLOBAL|-e wipe_target|initialise|WILL BE ERASED|RESET", advice(outcome))


@pytest.mark.parametrize("phase", ["migrate", "ready"])
def test_a_migration_that_is_done_and_has_lost_its_journal_is_done(phase: str) -> None:
    outcome = run(source(**CUT_OVER), target(**PROMOTED), phase=phase, cutover="mig-1")
    assert outcome["standing"] == "done_without_journal" and outcome["counts"]["errors"] == 0
    assert is_safe(outcome) and "nothing: the cutover is done" in advice(outcome)
    hit = found(outcome, "P80")[0]
    assert hit["result"] == "warning" and "DONE" in hit["message"] and "oslo-db1 (mariadb 10.11.18)" in hit["message"]
    assert "Open and erase nothing" in hit["remedy"] and "make a backup" in hit["remedy"]


NOT_DONE = {
    "asked to erase": (CUT_OVER, PROMOTED, {"wipe_target": "mig-1"}),
    "another's commit": ({**CUT_OVER, "fence": fence("committed", "mig-0")}, PROMOTED, {}),
    "the target is closed": (CUT_OVER, {**PROMOTED, "read_only": True}, {}),
    "the target is closed by super_read_only": (CUT_OVER, {**PROMOTED, "super_read_only": True}, {}),
    "no marker": (CUT_OVER, TARGET_DATA, {}),
    "another took over": ({**CUT_OVER, "fence": fence("committed", promoted="oslo-db7 (mariadb 10.11.18)")}, PROMOTED, {}),
    "both take writes": ({"fence": fence("committed")}, PROMOTED, {}),
    "rolled back meanwhile": (CUT_OVER, {**PROMOTED, "fence": fence("committed")}, {}),
    "not known of the target": (CUT_OVER, {**PROMOTED, "fence_unknown": "kept elsewhere"}, {}),
    "not known of the source": ({"fence_unknown": "kept elsewhere", "read_only": True}, PROMOTED, {}),
    "no record at all": ({"read_only": True}, PROMOTED, {}),
    "no record, the target closed": ({"read_only": True, "markers": [mark("mig-1")]}, {**PROMOTED, "read_only": True}, {}),
    "no record, both open": ({"markers": [mark("mig-1")]}, PROMOTED, {}),
    "no record, the target's journal says so": ({}, {**TARGET_DATA, "journals": [{"migration_id": "mig-0", "phase": "done"}]}, {}),
    "a damaged journal": ({}, {**TARGET_DATA, "journals": [{"migration_id": "mig-0", "phase": "damaged"}]}, {}),
}


@pytest.mark.parametrize("permitted", [False, True])
@pytest.mark.parametrize("name", NOT_DONE)
def test_where_the_target_may_be_the_primary_nothing_is_erased_or_opened(name: str, permitted: bool) -> None:
    src, tgt, settings = NOT_DONE[name]
    settings = {**settings, **({"wipe_target": "mig-1"} if permitted else {})}
    outcome = run(source(**src), target(**{**tgt, "lower_case_table_names": 1}), **settings)
    assert outcome["standing"] == "" and outcome["counts"]["errors"] >= 1
    assert is_safe(outcome), advice(outcome)
    assert found(outcome, "P41")[0]["result"] == "error" and (not permitted or found(outcome, "P42"))


def test_a_cutover_that_was_undone_leaves_the_checks_as_they_were() -> None:
    begun = {"journals": [{"migration_id": "mig-1", "phase": "cutting_over"}], "read_only": True}
    outcome = run(source(fence=fence("fired")), target(**begun), phase="cutover", seed_state="done")
    assert len(outcome["findings"]) == len(catalogue.CHECKS) and outcome["counts"]["errors"] == 0
    outcome = run(source(**CUT_OVER), target(**begun), phase="cutover", seed_state="done")
    assert "with -e cutover=mig-1: the cutover is committed, and goes forward" in found(outcome, "P80")[0]["remedy"] and is_safe(outcome)


def test_a_source_that_was_closed_by_hand_may_be_opened_where_nothing_speaks_for_a_successor() -> None:
    for src in ({}, {"fence": fence("fired")}, {"fence": fence("released"), "markers": [mark("mig-1")]}):
        assert "SET GLOBAL read_only = OFF" in found(run(source(read_only=True, **src)), "P25")[0]["remedy"]
    ready = {"phase": "ready", "seed_state": "done"}
    copy = target(**PROMOTED, read_only=True)
    assert "SET GLOBAL" in found(run(source(read_only=True, markers=[mark("mig-1")]), copy, **ready), "P25")[0]["remedy"]
    assert "SET GLOBAL" not in found(run(source(read_only=True, markers=[mark("mig-0")]), copy, **ready), "P25")[0]["remedy"]
    assert "SET GLOBAL" not in found(run(source(read_only=True, markers=[mark("mig-1")]), target(**PROMOTED), **ready), "P25")[0]["remedy"]
