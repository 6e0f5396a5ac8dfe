# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a migration under writes: nothing is lost, one server takes writes, nothing is left open, nothing is told."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

import pymysql
import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.journal import broken_link
from ledger_files import Dialer

#: What a server answers to a write that it does not take: read only, or the account is closed.
READ_ONLY = (1290, 1836)
CLOSED = (1045, 4151, 3118)

#: Objects, and who they run as.
DEFINERS = (
    "SELECT 'view', TABLE_SCHEMA, TABLE_NAME, DEFINER, SECURITY_TYPE FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN ('sys')"
    " UNION ALL SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME, DEFINER, SECURITY_TYPE FROM information_schema.ROUTINES"
    " WHERE ROUTINE_SCHEMA NOT IN ('sys', 'mysql')"
    " UNION ALL SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, DEFINER, ACTION_TIMING FROM information_schema.TRIGGERS"
    " WHERE TRIGGER_SCHEMA NOT IN ('sys')"
    " UNION ALL SELECT 'event', EVENT_SCHEMA, EVENT_NAME, DEFINER, INTERVAL_FIELD FROM information_schema.EVENTS ORDER BY 1, 2, 3"
)
#: How long a disk or a processor that others use too may keep one commit waiting. The write stop's own length is a few hundredths of
#: a second, which a benchmark measures and no test; what is far over this waits for something that it should not wait for.
STALL_S = 3.0
#: Rows that no writer of the ledger wrote.
STRANGERS = "SELECT COUNT(*) FROM ledger.entries WHERE writer = 999"
GRANTS = "SHOW GRANTS FOR odd_app@'%'"


# --- nothing is lost ------------------------------------------------------


def test_every_acknowledged_write_is_on_the_new_server_once(verdict):
    ledger = verdict["ledger"]
    assert {name: ledger[name] for name in ("lost", "duplicated", "only_on_source", "altered", "refused_present")} == {
        "lost": 0, "duplicated": 0, "only_on_source": 0, "altered": 0, "refused_present": 0,
    }  # fmt: skip
    assert ledger["two_writable"] is False
    assert ledger["wrong"] == []


def test_writes_went_on_before_and_after_the_switch(verdict, source, target):
    servers = verdict["ledger"]["servers"]
    assert servers[source.name] > 100, "the source took hardly any writes: the migration was not under load"
    assert servers[target.name] > 100, "the target took hardly any writes"
    assert len(verdict["ledger"]["moves"]) == 1


def test_all_tables_are_equal(verdict):
    assert verdict["integrity"]["mismatched"] == 0, verdict["integrity"]
    # sbtest, odd and the ledger's: a comparison of fewer tables has overlooked some.
    assert verdict["integrity"]["tables"] >= 12


def test_the_write_stop_was_short(state):
    assert 0 < state["cutover"]["facts"]["write_stop_server_s"] < STALL_S


def test_the_journal_is_whole(target, folder, tmp_path):
    copy = tmp_path / "events.jsonl"
    copy.write_text(target.host.file(f"{folder}/events.jsonl").content_string)
    assert broken_link(str(copy)) == 0
    assert len(copy.read_text().splitlines()) > 5


@pytest.mark.skipif(os.environ["NORDBRIDGE_SWITCH"] != "haproxy", reason="the application of this scenario is switched by a hook")
def test_clients_behind_a_proxy_that_retry_once_see_no_failed_request(verdict, state):
    requests, facts = verdict["ledger"]["requests_at_switch"], state["cutover"]["facts"]
    assert requests["failed_after_one_retry"] == 0, requests
    assert requests["retried"] >= 1, "no session was ended: the proxy was not part of it"
    assert facts["switch_errors"] == [] and facts["switches_s"][0]["switch"] == "haproxy /run/haproxy/admin.sock mysql"
    assert facts["clients_paused_s"] < 2 * STALL_S
    assert requests["longest_request_s"] < 2 * STALL_S


@pytest.mark.skipif(os.environ["NORDBRIDGE_SWITCH"] != "haproxy", reason="the application of this scenario is switched by a hook")
def test_a_restarted_proxy_sends_clients_to_the_new_server(target, application_login, verdict):
    assert target.host.run("systemctl restart haproxy").rc == 0
    with Dialer(5.0, 20.0).open(application_login) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@hostname")
        assert cursor.fetchone() == (target.name,)


# --- one server takes writes ----------------------------------------------


def refused(side, account: str) -> int:
    """The server's answer to a write over the network; 0 where it took it."""
    try:
        connection = side.connect(account)
    except Exception as error:  # the ledger's own: only its text has the number
        return next((code for code in CLOSED if str(code) in str(error)), -1)
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO ledger.entries (writer, seq, token, server, at_us) VALUES (999, 1, 1, 'nobody', 0)")
        return 0
    except pymysql.MySQLError as error:
        return int(error.args[0])
    finally:
        connection.close()


def await_server(side) -> None:
    """Wait for a server that was restarted."""
    for _attempt in range(60):
        if side.host.run("%s -e 'SELECT 1'", side.client).rc == 0:
            return
        time.sleep(0.5)
    pytest.fail(f"{side.name}: the server does not answer after its restart")


def test_the_source_refuses_writes_and_goes_on_to_after_a_restart(source, verdict):
    for moment in ("now", "after a restart"):
        if moment != "now":
            assert source.host.run("systemctl restart %s", source.client).rc == 0
            await_server(source)
        assert source.value("SELECT @@global.read_only") == "1", moment
        assert source.value("SELECT @@global.event_scheduler") in ("OFF", "DISABLED"), moment
        assert refused(source, "app") in READ_ONLY, moment
        assert refused(source, "dba") in READ_ONLY + CLOSED, moment
    assert source.value(STRANGERS) == "0"


def test_the_target_takes_writes_and_follows_nobody(target, verdict):
    assert target.value("SELECT @@global.read_only") == "0"
    assert target.sql("SHOW SLAVE STATUS" if target.client == "mariadb" else "SHOW REPLICA STATUS") == []
    before = int(target.value(STRANGERS))
    for account in ("app", "dba"):
        assert refused(target, account) == 0
    assert target.value(STRANGERS) == str(before + 2)


def test_the_target_takes_writes_after_a_restart(target, verdict):
    assert target.host.run("systemctl restart %s", target.client).rc == 0
    await_server(target)
    assert target.value("SELECT @@global.read_only") == "0"
    assert target.sql("SHOW SLAVE STATUS" if target.client == "mariadb" else "SHOW REPLICA STATUS") == []


def test_the_hold_lies_on_the_source_alone(source, target):
    find = "find /etc/mysql -name zz-nordbridge-hold.cnf"
    assert len(source.host.check_output(find).split()) == 1
    assert target.host.check_output(find) == ""


# --- what is more than rows -----------------------------------------------


def test_events_run_where_they_ran(target, state):
    assert state["cutover"]["facts"]["scheduler"] == "ON"
    found = target.sql("SELECT EVENT_SCHEMA, EVENT_NAME, STATUS FROM information_schema.EVENTS ORDER BY 2")
    assert found == [["odd", "nightly", "ENABLED"], ["odd", "sleeping", "DISABLED"]]


def test_objects_keep_their_definers_and_accounts_their_rights(source, target):
    definers = source.sql(DEFINERS)
    assert [row[0] for row in definers].count("event") == 2
    assert len(definers) >= 6
    assert target.sql(DEFINERS) == definers
    assert target.sql(GRANTS) == source.sql(GRANTS)
    assert len(target.sql(GRANTS)) >= 4


def test_views_routines_and_triggers_work(target, verdict):
    total = "SELECT total FROM odd.totals WHERE name = 'Nord'"
    audited, before = int(target.value("SELECT COUNT(*) FROM odd.audit")), float(target.value(total))
    target.sql("CALL odd.add_child(1, 5)")
    assert int(target.value("SELECT COUNT(*) FROM odd.audit")) == audited + 1
    assert float(target.value(total)) == pytest.approx(before + 5)
    assert target.value("SELECT odd.twice(21)") == "42"


# --- nothing is left open -------------------------------------------------


def test_the_migrations_files_are_roots_alone(source, target, folder):
    for side in (source, target):
        # The public halves of the keys are what their name says.
        found = side.host.check_output(f"find {folder} ! -name '*.pub' '(' -perm /077 -o ! -user root ')'")
        assert found == "", f"{side.name}: {found}"
        assert side.host.file(folder).mode == 0o700
    for name in ("source", "replication", "target"):
        assert target.host.file(f"{folder}/{name}.json").mode == 0o600


def test_the_tunnels_key_opens_one_port_and_nothing_else(source, target, folder):
    assert source.host.user("nordbridge").shell == "/usr/sbin/nologin"
    keys = source.host.file("/var/lib/mysql_migration_tunnel/.ssh/authorized_keys").content_string.splitlines()
    assert len(keys) == 1
    options = 'restrict,port-forwarding,command="/bin/false",permitopen="127.0.0.1:3306",permitlisten="255.255.255.255:1" ssh-ed25519 '
    assert keys[0].startswith('from="') and options in keys[0]
    tunnel = f"ssh -F {folder}/ssh_config -o ClearAllForwardings=yes -o LogLevel=INFO"
    # ssh ends with 255 where it is refused, which would look like a lost connection to the test's own ssh.
    login = target.host.check_output(f"{tunnel} tunnel id 2>&1 || true")
    assert "uid=" not in login
    assert "not available" in login or "refused" in login or "closed" in login, login
    # To another port than the database's.
    other = target.host.check_output(f"timeout 5 {tunnel} -W 127.0.0.1:22 tunnel </dev/null 2>&1 || true")
    assert "SSH-2.0" not in other
    assert "prohibited" in other, other


def test_the_agents_key_runs_the_agent_and_nothing_else(source, target, folder):
    agent = f"ssh -F {folder}/ssh_config agent"
    assert '"agent": 2' in target.host.check_output(f"echo '{{}}' | {agent} probe")
    answer = target.host.check_output(f"echo '{{}}' | {agent} 'cat /etc/shadow' 2>&1 || true")
    assert "root:" not in answer
    assert "does not know" in answer
    assert "nordbridge" not in source.host.file("/root/.ssh/authorized_keys").content_string
    keys = source.host.file("/var/lib/mysql_migration_agent/.ssh/authorized_keys").content_string.splitlines()
    assert len(keys) == 1
    assert f'restrict,command="{folder.rpartition("/")[2]}"' in keys[0]
    assert 'from="' in keys[0] and 'expiry-time="' in keys[0]


# --- nothing is told ------------------------------------------------------


def leaks(text: bytes, secrets: dict[str, str]) -> list[str]:
    """The secrets that a text holds, by name."""
    return [name for name, secret in secrets.items() if secret.encode() in text]


def test_no_password_in_processes(overheard, secrets, state):
    # It has looked at the right time, and at both hosts. CLONE packs nothing: the servers copy.
    packed = () if state["seed"]["method"] == "clone" else (b"zstd",)
    for word in (b"mysql_migration/", b"/jobs/seed/payload.zip", b"ledger.py", *packed):
        assert word in overheard, word
    assert leaks(overheard, secrets) == []


def output(side, command: str) -> bytes:
    """The raw output of a command; binary logs are not text."""
    done = side.host.run(command)
    assert done.rc == 0, done.stderr
    return done.stdout_bytes


def test_no_password_in_journals_logs_and_units(source, target, secrets, folder):
    for side in (source, target):
        text = output(side, "journalctl --no-pager --all --output=verbose")
        assert len(text) > 10_000
        assert leaks(text, secrets) == [], side.name
        # All but the login files, whose purpose it is.
        files = f"find {folder} /etc/systemd/system /etc/mysql /var/log /tmp /root -xdev -type f ! -path '{folder}/*.json' -exec cat {{}} +"
        assert leaks(output(side, files), secrets) == [], side.name
        state = output(side, f"cat {folder}/state.json 2>/dev/null || true")
        assert leaks(state, secrets) == [], side.name


def test_no_password_in_binary_logs(source, target, secrets):
    for side in (source, target):
        base = side.value("SELECT @@global.log_bin_basename")
        index = shlex.quote(base + ".index")
        program = "mariadb-binlog" if side.client == "mariadb" else "mysqlbinlog"
        text = output(side, f"cd {shlex.quote(str(Path(base).parent))} && {program} --verbose $(cat {index})")
        assert b"ledger" in text, f"{side.name}: the binary log was not read"
        # The migration's own: the application's accounts were made by its own people, in their own words.
        own = {name: secret for name, secret in secrets.items() if name in ("source", "replication")}
        assert leaks(text, own) == [], side.name
