# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients behind a real HAProxy: what cannot work is refused before anything is frozen, what fails lets them go on to where they were.

With MariaDB, HAProxy runs on the target's host and knows both servers; with MySQL it runs on the source's host, is reached through
the agent, and its one server gets another address. The tests of a flavour share one migration under writes, in this order; the last
ones go back.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import application
import proxy
import pymysql
import pytest
from ledger_files import Dialer, read_login
from pairs import SOURCE, TARGET, Pair, until
from test_cutover import UNDO_SECONDS, as_before, blocked_applier, journal, replicates

#: A switch of the operator's own: it notes what it was asked, and fails where a file says so.
PROGRAM = """cat > /usr/local/bin/note <<'END'
#!/bin/sh
echo "$1 $2 $NORDBRIDGE_OLD $NORDBRIDGE_NEW $NORDBRIDGE_MIGRATION" >> /root/noted
if [ -e "/root/fail-$2" ]; then echo "cannot $2"; exit 3; fi
END
chmod 755 /usr/local/bin/note; rm -f /root/noted /root/fail-*
"""
#: Seconds between a writer's transactions.
PAUSE_S = 0.02
ROLLBACK = "nordbridge.mysql_migration.rollback"
#: A machine that does much else takes its time for what comes before the fence.
PATIENT = {"migration_rollback_max_lag": 5, "migration_rollback_lease": 30}
NOTE = {"type": "command", "argv": ["/usr/local/bin/note", "told"], "timeout_seconds": 2}


@dataclass
class Behind:
    """A migration that is READY, its application behind a HAProxy."""

    pair: Pair
    host: str
    switch: dict[str, Any]

    @property
    def out(self):
        """The application's files."""
        return self.pair.out / "application"

    def cutover(self, *switches: dict, **options: Any):
        """Cut over with these switches."""
        return self.pair.cutover("-e", json.dumps({"migration_cutover_switches": list(switches), **options}))

    def rollback(self, **options: Any):
        """Go back. No switches: the cutover's are known."""
        return self.pair.start("-e", f"rollback={self.pair.name}", "-e", json.dumps({**PATIENT, **options}), playbook=ROLLBACK)

    def write_anew(self, writers: int) -> None:
        """Writers of whom nothing is known yet."""
        application.stop(self.out)
        shutil.rmtree(self.out / "ledger", ignore_errors=True)
        application.WRITERS = writers
        application.write(self.out, PAUSE_S)

    def told(self, what: str) -> str:
        """HAProxy's answer."""
        code = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode()+b'\\n')\n"
        code += "while True:\n    d=s.recv(65536)\n    if not d: break\n    sys.stdout.write(d.decode())"
        return self.pair.sh(self.host, f"python3 - {proxy.SOCKET} {json.dumps(what)} <<'END'\n{code}\nEND\n")

    @property
    def maxconn(self) -> str:
        """How many connections HAProxy takes now."""
        return re.findall(r"^Maxconn: (\d+)$", self.told("show info"), re.M)[0]

    def served_by(self, seconds: float = 3.0) -> str:
        """The server that acknowledges the writers' writes now."""
        began = time.monotonic()
        return until(
            "the writers are served", lambda: (s := self.status())["last_ack_age_s"] < time.monotonic() - began and s["server"], seconds + 3
        )

    def status(self) -> dict:
        """The ledger's."""
        return json.loads(application.tool("ledger.py", "status", "--out", str(self.out / "ledger")).stdout)

    def noted(self) -> list[str]:
        """What the program was asked."""
        return self.pair.sh(TARGET, "cat /root/noted 2>/dev/null || true").split("\n")[:-1]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def behind(request):
    """READY, under writes that go through HAProxy."""
    pair = request.getfixturevalue(request.param)
    host = TARGET if request.param == "mariadb" else SOURCE
    switch = proxy.switch() if host == TARGET else proxy.switch(where="source", new_server=None, new_address=pair.address(TARGET))
    pair.sh(TARGET, PROGRAM)
    pair.sh(SOURCE, "printf '[mysqld]\nevent_scheduler = ON\n' > /etc/mysql/conf.d/application.cnf")
    shutil.rmtree(pair.out / "application", ignore_errors=True)
    # More would wear the target out on a machine that does much else, and then nothing can be cut over.
    application.WRITERS = 2
    application.start(pair.name, pair.out / "application", 2, through=host, pause=PAUSE_S)
    try:
        pair.load(1000)
        pair.sql(SOURCE, "SET GLOBAL event_scheduler = ON;")
        pair.migrate().ok()
        yield Behind(pair, host, switch)
    finally:
        application.stop(pair.out / "application")
        for each in (SOURCE, TARGET):
            pair.sh(each, "systemctl stop haproxy")


# --- refused ----------------------------------------------------------------

REFUSED = (
    ({"backend": "nobody"}, "there is no backend nobody (there are: mysql)"),
    ({"frontend": "nobody", "backend": "mysql"}, "there is no frontend nobody (there are: mysql)"),
    ({"old_server": "nobody"}, "backend mysql has no server nobody (it has: us-db1, oslo-db1)"),
    ({"socket": "/run/haproxy/dead.sock"}, "/run/haproxy/dead.sock mysql: no HAProxy answers on its socket"),
    ({"socket": "/run/haproxy/operator.sock"}, "/run/haproxy/operator.sock mysql: its socket needs 'level admin'"),
)
PROGRAMS = (
    ("/nowhere/note", "command /nowhere/note: there is no such program"),
    ("/etc/hostname", "command /etc/hostname: it is not executable"),
)


def test_switches_that_cannot_work_are_refused_at_once_and_before_anything_is_frozen(behind):
    count = len(journal(behind.pair))
    proxies = [{**behind.switch, **change} for change, _words in REFUSED]
    programs = [{**NOTE, "argv": [program]} for program, _words in PROGRAMS]
    behind.cutover(*proxies, *programs).failed("nothing was frozen", *(words for _what, words in (*REFUSED, *PROGRAMS)))
    assert not [event for event in journal(behind.pair)[count:] if "begins" in event["event"]]
    assert behind.maxconn == "4000" and behind.noted() == []
    assert behind.served_by() == SOURCE


# --- undone -----------------------------------------------------------------


def test_a_program_that_fails_before_the_commit_undoes_the_cutover(behind):
    behind.pair.sh(TARGET, "touch /root/fail-pause")
    behind.cutover(behind.switch, NOTE).failed("undone", "/usr/local/bin/note ended pause with code 3: cannot pause", "run the same command")
    assert behind.maxconn == "4000"
    assert behind.served_by() == SOURCE
    as_before(behind.pair)
    assert [line.split()[1] for line in behind.noted()] == ["pause", "undo"]
    behind.pair.sh(TARGET, "rm /root/fail-pause /root/noted")


def test_a_cutover_that_is_undone_lets_clients_go_on_to_the_source(behind):
    with blocked_applier(behind.pair):
        behind.cutover(behind.switch, NOTE, migration_cutover_budget=2.5).failed("undone", "had not applied")
        assert behind.maxconn == "4000"
        assert behind.served_by() == SOURCE
    as_before(behind.pair)
    assert [line.split()[1] for line in behind.noted()] == ["pause", "undo"]
    behind.pair.sh(TARGET, "rm /root/noted")


def test_a_killed_job_leaves_nobody_waiting(behind):
    pair = behind.pair
    with blocked_applier(pair):
        run = behind.cutover(behind.switch, NOTE, migration_cutover_budget=8)
        until("the fence is closed", lambda: pair.value(SOURCE, "SELECT @@global.read_only;") == "1" or run.process.poll() is not None)
        assert behind.maxconn == "1"
        pair.sh(TARGET, f"kill -9 {pair.job('cutover', 'started')['pid']}")
        # At once: the lease has most of its time left, and the source is still closed.
        until("the proxy takes connections", lambda: behind.maxconn == "4000", seconds=4)
        run.failed("was killed", "run the same command again")
        until("the lease ends", lambda: pair.value(SOURCE, "SELECT @@global.read_only;") == "0", seconds=10 + UNDO_SECONDS)
        assert behind.served_by(10) == SOURCE
    assert [line.split()[1] for line in behind.noted()] == ["pause", "undo"]
    pair.sh(TARGET, "rm /root/noted")
    guards = "systemctl list-units --all --no-legend 'nordbridge-*switch*'; pgrep -f '[_]switch.guard' || true"
    until("no guard is left", lambda: pair.sh(TARGET, guards).strip() == "", seconds=5)
    assert replicates(pair)


# --- done -------------------------------------------------------------------


def test_a_program_that_fails_after_the_commit_is_told_and_repeated(behind):
    """The clients are on the new server meanwhile, and have seen no failed request but for one retry."""
    pair = behind.pair
    # What the tests before did to the writers is not this one's.
    behind.write_anew(2)
    pair.sh(TARGET, "touch /root/fail-switch")
    switches = [behind.switch, NOTE, *([{"type": "forwarder"}] if pair.client == "mysql" else [])]
    behind.cutover(*switches).failed("committed", "clients are not switched", "cannot switch", "run the same command again")
    assert behind.served_by() == TARGET
    assert pair.sql(SOURCE, "SELECT @@global.read_only;") == [["1"]]
    assert pair.sql(TARGET, "SELECT @@global.read_only;") == [["0"]]
    pair.sh(TARGET, "rm /root/fail-switch")
    behind.cutover(*switches).ok()
    asked = [line.split() for line in behind.noted()]
    # What is let go may be let go once more, by the end of the guard.
    assert [stage for stage, _times in groupby(line[1] for line in asked)] == ["undo", "pause", "switch", "release", "switch", "release", "switch", "release"]
    addresses = [pair.address(SOURCE) + ":3306", pair.address(TARGET) + ":3306"]
    assert {tuple(line[2:]) for line in asked} == {(*addresses, pair.name)}
    behind.cutover(*switches).ok()
    assert len(behind.noted()) == len(asked), "a finished cutover is not done twice"
    assert behind.maxconn == "4000"


def test_clients_that_retry_once_see_no_failed_request(behind):
    time.sleep(1)
    application.stop(behind.out)
    verdict = application.judge(behind.out)
    ledger = verdict["ledger"]
    assert ledger["wrong"] == [] and ledger["moves"][0]["to"] == TARGET
    assert ledger["servers"][SOURCE] > 50 and ledger["servers"][TARGET] > 50
    assert ledger["requests"]["failed_after_one_retry"] == 0, ledger["requests"]
    facts = behind.pair.state()["cutover"]["facts"]
    print(json.dumps({"flavour": behind.pair.flavour, "requests": ledger["requests"], "gap": ledger["clients_gap_s"],
                      **{name: facts.get(name) for name in ("write_stop_server_s", "clients_paused_s", "switches_s", "step_s")}}))  # fmt: skip
    (behind.pair.out / "switch.json").write_text(json.dumps({"ledger": ledger, "facts": facts}, indent=1))
    # All sessions ended with the switch: none is left behind on the old server.
    left = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app';"
    assert behind.pair.value(SOURCE, left) == "0"


def test_a_forwarder_sends_who_comes_late_to_the_new_server(behind):
    if behind.pair.client != "mysql":
        pytest.skip("is shown with MySQL")
    with Dialer(5.0, 20.0).open(read_login(behind.out / "app.source.json"), autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@hostname")
        assert cursor.fetchone() == (TARGET,)
        cursor.execute("INSERT INTO ledger.entries (writer, seq, token, server, at_us) VALUES (998, 1, 1, 'forwarded', 0)")
    assert behind.pair.value(TARGET, "SELECT COUNT(*) FROM ledger.entries WHERE writer = 998;") == "1"
    # It is none of the writers, who count what they write.
    behind.pair.sql(TARGET, "DELETE FROM ledger.entries WHERE writer = 998;")
    # The new server's own host still reaches the old one.
    reached = "python3 -c 'import socket; s=socket.create_connection((\"%s\", 3306)); print(s.recv(90))'" % behind.pair.address(SOURCE)
    assert behind.pair.value(SOURCE, "SELECT @@version;") in behind.pair.sh(TARGET, reached)
    # For the tests that ask the old server from here; the rollback's put it back.
    behind.pair.sh(SOURCE, "iptables-save -t nat > /root/nat; iptables -t nat -F PREROUTING")


def late(pair: Pair) -> dict[str, Any]:
    """What the playbook status tells of the old server."""
    words = pair.start(playbook="nordbridge.mysql_migration.status").ok().words
    count, since, basis = re.findall(r"refused (\d+) writes on the old server since (its restart|the cutover) \((\w+)", words)[-1]
    return {"count": int(count), "since_restart": since == "its restart", "basis": basis}


def test_late_writes_on_the_old_server_are_refused_and_counted(behind):
    before = late(behind.pair)
    assert before["since_restart"] is False
    for _attempt in range(3):
        with Dialer(5.0, 20.0).open(read_login(behind.out / "app.source.json"), autocommit=True) as connection:
            with pytest.raises(pymysql.MySQLError, match="read-only"), connection.cursor() as cursor:
                cursor.execute("INSERT INTO ledger.entries (writer, seq, token, server, at_us) VALUES (999, 1, 1, 'late', 0)")
    after = late(behind.pair)
    basis, most, least = {"mysql": ("counted", 3, 3), "mariadb": ("approximated", 6, 1)}[behind.pair.client]
    assert least <= after["count"] - before["count"] <= most, (before, after)
    assert after["basis"].startswith(basis)
    assert behind.pair.value(SOURCE, "SELECT COUNT(*) FROM ledger.entries WHERE writer = 999;") == "0"


# --- back -------------------------------------------------------------------

#: What somebody did to the running HAProxy since the cutover, what is said of it, and its end.
ELSEWHERE = {
    "mariadb": ("set server mysql/us-db1 state ready", "server mysql/us-db1 takes clients already", "set server mysql/us-db1 state maint"),
    "mysql": (
        "set server mysql/us-db1 addr 203.0.113.9 port 3306",
        "server mysql/us-db1 leads to 203.0.113.9:3306, and clients are said to be at %s:3306",
        "set server mysql/us-db1 addr %s port 3306",
    ),
}


def forwards(pair: Pair) -> bool:
    """Whether the old server's host sends clients to the new one."""
    rules = pair.sh(SOURCE, "iptables -t nat -S PREROUTING; systemctl is-active 'nordbridge-*-forward.socket' || true")
    return f"nordbridge-{pair.name}-forward" in rules and "\nactive" in rules


def test_a_rollback_whose_switches_cannot_work_is_refused_before_anything_is_frozen(behind):
    pair = behind.pair
    # The old server may be told to follow at any time as long as it has written nothing.
    behind.cutover(migration_reverse_replication=True).ok()
    if pair.client == "mysql":
        pair.sh(SOURCE, "iptables-restore -T nat < /root/nat")
        assert forwards(pair)
    pair.sh(TARGET, "rm /root/noted; chmod -x /usr/local/bin/note")
    change, words, end = (text.replace("%s", pair.address(TARGET)) for text in ELSEWHERE[pair.client])
    behind.told(change)
    behind.rollback().failed("not rolled back, and nothing was frozen", words, "command /usr/local/bin/note: it is not executable")
    assert pair.sql(TARGET, "SELECT @@global.read_only;") == [["0"]]
    behind.told(end)
    pair.sh(TARGET, "chmod +x /usr/local/bin/note")
    assert behind.noted() == []


def test_a_rollback_that_is_undone_lets_clients_go_on_to_the_new_server(behind):
    pair = behind.pair
    behind.write_anew(2)
    with blocked_applier(pair, fenced=TARGET, follower=SOURCE):
        behind.rollback(migration_rollback_budget=2.5).failed("undone", "had not applied", "nothing has moved")
        assert behind.maxconn == "4000"
        assert behind.served_by() == TARGET
    assert pair.sql(SOURCE, "SELECT @@global.read_only;") == [["1"]]
    assert [line.split()[1] for line in behind.noted()] == ["pause", "undo"]
    assert forwards(pair) is (pair.client == "mysql"), "it was there before"
    pair.sh(TARGET, "rm /root/noted")


def test_a_rollback_takes_clients_along_and_who_retries_once_sees_no_failed_request(behind):
    pair = behind.pair
    behind.write_anew(8)
    time.sleep(10)
    behind.rollback().ok()
    assert behind.served_by() == SOURCE
    assert behind.maxconn == "4000"
    addresses = [pair.address(TARGET) + ":3306", pair.address(SOURCE) + ":3306"]
    assert [line.split()[1:] for line in behind.noted()] == [[stage, *addresses, pair.name] for stage in ("pause", "switch", "release")]
    time.sleep(1)
    application.stop(behind.out)
    both = ["--source", str(behind.out / "checker.target.json"), "--target", str(behind.out / "checker.source.json")]
    # By the old server's own port: a forwarder that was left would lead to the wrong one.
    ledger = json.loads(application.tool("ledger.py", "check", *both, "--out", str(behind.out / "ledger"), "--json", check=False).stdout)
    assert ledger["wrong"] == [], ledger["examples"]
    assert [(move["from"], move["to"]) for move in ledger["moves"]] == [(TARGET, SOURCE)]
    assert ledger["servers"][SOURCE] > 50 and ledger["servers"][TARGET] > 50
    facts = pair.state()["rollback"]["facts"]
    print(json.dumps({"flavour": pair.flavour, "requests": ledger["requests"], "gap": ledger["clients_gap_s"], "servers": ledger["servers"],
                      **{name: facts.get(name) for name in ("write_stop_server_s", "clients_paused_s", "switches_s", "step_s")}}))  # fmt: skip
    assert ledger["requests"]["failed_after_one_retry"] == 0, ledger["requests"]
    assert pair.value(TARGET, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app';") == "0"
    assert not forwards(pair)
    behind.rollback().ok()
    assert len(behind.noted()) == 3, "a finished rollback is not done twice"
