# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the playbook retire nothing is left by which anybody gets from one host into the other, and a closed server is still kept closed."""

from __future__ import annotations

import json

import pytest
from pairs import SOURCE, TARGET, Pair, until

RETIRE = "nordbridge.mysql_migration.retire"
STATUS = "nordbridge.mysql_migration.status"
PATIENT = ("-e", json.dumps({
    "migration_cutover_budget": 20, "migration_cutover_fence_seconds": 10, "migration_cutover_lease": 40, "migration_cutover_max_lag": 10,
}))
ACCOUNTS = "SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE User LIKE 'nordbridge%' ORDER BY 1;"
SCHEMA = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'nordbridge_migration';"
#: Everything on a host that carries the migration's id, but its journal.
LEFT = """
ls -d /etc/systemd/system/nordbridge-ID-* /etc/systemd/system/*/nordbridge-ID-* /etc/mysql/*/nordbridge-ID-* /var/lib/mysql_migration_*/ID 2>/dev/null
grep -l 'nordbridge-[a-z]*-ID$' /root/.ssh/authorized_keys /var/lib/mysql_migration_*/.ssh/authorized_keys 2>/dev/null
systemctl list-units --all --plain --no-legend 'nordbridge-ID-*' | cut -d' ' -f1
find /var/lib/mysql_migration/ID -type f ! -path '*/jobs/*' 2>/dev/null
true
"""
RECORD = {"state.json", "state.json.previous", "events.jsonl", "lock", "change.lock", "switched"}


def left(pair: Pair, host: str) -> list[str]:
    """What of the migration is there."""
    return pair.sh(host, LEFT.replace("ID", pair.name)).split()


def shared(pair: Pair) -> list[str]:
    """What the migrations of a source share: the users, their homes, their processes, and sshd's rules."""
    look = (
        "getent passwd nordbridge nordbridge-agent | cut -d: -f1; ls -d /var/lib/mysql_migration_agent /var/lib/mysql_migration_tunnel"
        " 2>/dev/null; grep -rl nordbridge /etc/ssh/sshd_config /etc/ssh/sshd_config.d 2>/dev/null; ps -eo user= | grep ^nordbri; true"
    )
    return pair.sh(SOURCE, look).split()


def use_stolen_key(pair: Pair) -> None:
    """A session that forwards a port by a copy of the tunnel's key; it stays."""
    start = f"ssh -F {pair.folder}/ssh_config -l nordbridge -i /root/stolen_key -o ExitOnForwardFailure=yes -o ControlPath=none -N"
    pair.sh(TARGET, f"cp {pair.folder}/tunnel_key /root/stolen_key && (setsid {start} -L 127.0.0.1:7777:127.0.0.1:3306 agent >/dev/null 2>&1 </dev/null &)")
    until("the stolen key forwards", lambda: "open" in pair.sh(TARGET, "bash -c 'echo >/dev/tcp/127.0.0.1/7777' 2>&1 && echo open || true"), seconds=20)


def retire(pair: Pair, *arguments: str):
    """The playbook with its gate."""
    return pair.start("-e", f"retire={pair.name}", *arguments, playbook=RETIRE)


@pytest.fixture(params=["mariadb", "mysql"])
def ready(request) -> Pair:
    """A migration that is READY."""
    pair = request.getfixturevalue(request.param)
    pair.fresh()
    pair.load(2_000)
    pair.migrate("-e", json.dumps({"migration_target_seed_method": {"mariadb": "dump", "mysql": "clone"}[request.param]})).ok()
    return pair


def test_a_finished_migration_leaves_its_record_and_the_guard_and_nothing_else(ready):
    back = ("-e", "migration_reverse_replication=true")
    ready.migrate(*back, *PATIENT, "-e", f"cutover={ready.name}").ok()
    old = json.loads(ready.sh(TARGET, f"cat {ready.folder}/source.json"))
    ready.start("-e", "retire=other", playbook=RETIRE).failed(f"give -e retire={ready.name}")
    retire(ready).failed("nothing was changed", "replication from", f"-e retire_replication={ready.name}")
    allowed = ("-e", f"retire_replication={ready.name}")
    use_stolen_key(ready)
    before = {host: left(ready, host) for host in (SOURCE, TARGET)}
    planned = retire(ready, *allowed, "--check", "--diff").ok()
    assert {host: left(ready, host) for host in (SOURCE, TARGET)} == before and "account nordbridge_ctl_" in planned.output
    run = retire(ready, *allowed).ok()
    assert "RETIRED" in run.output
    # Who copied the key had a session open with it: sshd would have kept it for ever.
    until("the stolen key's session has ended", lambda: "gone" in ready.sh(TARGET, "pgrep -f '[s]tolen_key' || echo gone"), seconds=30)
    assert shared(ready) == []
    assert retire(ready, *allowed).ok().recap()["changed"] == 0
    assert {path.rpartition("/")[2] for path in left(ready, TARGET)} <= RECORD
    names = {path.rpartition("/")[2].split("-")[0] for path in left(ready, SOURCE)}
    assert names == {"nordbridge", "lease", "agent.zip"}, "the guard's unit, file and code"
    # Who read the passwords on the target gets nowhere by them, not even on the source's own host.
    assert [row[0].partition("_keep_")[0] for row in ready.sql(SOURCE, ACCOUNTS)] == ["nordbridge"] and not ready.sql(TARGET, ACCOUNTS)
    login = f"{ready.client} --user={old['user']} --password='{old['password']}' -e 'SELECT 1' 2>&1"
    assert "Access denied" in ready.sh(SOURCE, login, check=False)
    assert ready.value(TARGET, SCHEMA) == "0" and ready.value(SOURCE, SCHEMA) == "0"
    still_closed(ready)
    # The guard whose session is lost logs in again.
    ready.sh(SOURCE, f"systemctl restart {ready.client}; sleep 3; systemctl is-active 'nordbridge-{ready.name}-lease-*'")
    still_closed(ready)
    ready.start(playbook=STATUS).ok()
    ready.migrate().failed("was retired")


def still_closed(pair: Pair) -> None:
    """Nobody writes on the old server, and its guard has a session on it."""
    assert pair.value(SOURCE, "SELECT @@global.read_only;") == "1"
    assert "read-only" in pair.sh(SOURCE, f"{pair.client} -e \"INSERT INTO shop.orders (note) VALUES ('late')\" 2>&1", check=False)
    guards = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER LIKE 'nordbridge_keep_%';"
    until("the guard's session", lambda: pair.value(SOURCE, guards) == "1", seconds=20)


#: As if the accounts' passwords had been set a hundred days ago.
AGED = {
    "mariadb": "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.password_last_changed', UNIX_TIMESTAMP() - 8640000)"
    " WHERE User LIKE 'nordbridge%'; FLUSH PRIVILEGES;",
    "mysql": "UPDATE mysql.user SET password_last_changed = NOW() - INTERVAL 100 DAY WHERE User LIKE 'nordbridge%'; FLUSH PRIVILEGES;",
}
#: What the source answers to a replica whose password has ended.
ENDED = {"mariadb": ("1820", "1862"), "mysql": ("1862",)}
RECEIVER = {"mariadb": "SHOW ALL REPLICAS STATUS", "mysql": "SHOW REPLICA STATUS"}


def receiver(pair: Pair) -> dict[str, str]:
    """The replica's status by name."""
    text = pair.sh(TARGET, f"{pair.client} --vertical -e '{RECEIVER[pair.client]}'")
    return {name.strip().replace("Slave", "Replica"): value.strip() for name, _colon, value in (line.partition(":") for line in text.splitlines())}


def test_accounts_end_by_their_date_and_a_run_renews_them(ready):
    assert ready.migrate().ok().recap()["changed"] == 0
    ready.sql(SOURCE, "SET SESSION sql_log_bin = 0; " + AGED[ready.client])
    login = json.loads(ready.sh(TARGET, f"cat {ready.folder}/source.json"))
    reached = f"{ready.client} --host=127.0.0.1 --port={login['port']} --user={login['user']} --password='{login['password']}' -e 'SELECT 1' 2>&1"
    assert any(word in ready.sh(TARGET, reached, check=False) for word in ("expired", "must reset", "must SET PASSWORD", "Access denied"))
    assert receiver(ready)["Replica_IO_Running"] == "Yes", "who is connected goes on"
    ready.sql(TARGET, "STOP REPLICA IO_THREAD; START REPLICA IO_THREAD;")
    until("it is refused", lambda: receiver(ready)["Last_IO_Errno"] in ENDED[ready.client], seconds=30)
    ready.migrate().ok()
    until("it replicates again", lambda: receiver(ready)["Replica_IO_Running"] == "Yes", seconds=30)
    assert "1" in ready.sh(TARGET, reached)
    assert ready.migrate().ok().recap()["changed"] == 0


def test_a_migration_that_is_given_up_leaves_the_source_as_it_was(ready):
    retire(ready).failed("replication from", f"-e retire_replication={ready.name}")
    allowed = ("-e", f"retire_replication={ready.name}")
    ready.sh(SOURCE, "systemctl stop ssh.socket 2>/dev/null; (sleep 1; systemctl stop ssh; sleep 60; systemctl start ssh) >/dev/null 2>&1 </dev/null &")
    knock = f"bash -c 'echo >/dev/tcp/{ready.address(SOURCE)}/22' 2>&1 || true"
    until("the source is away", lambda: "refused" in ready.sh(TARGET, knock), seconds=20, pause=0.2)
    run = retire(ready, *allowed, "-e", "ansible_ssh_timeout=5")
    run.failed("is not retired whole", "us-db1: everything: the host cannot be reached")
    until("the source is back", lambda: ready.sh(SOURCE, "echo back", check=False).strip() == "back", seconds=90, pause=2.0)
    retire(ready, *allowed).ok()
    assert retire(ready, *allowed).ok().recap()["changed"] == 0
    assert left(ready, SOURCE) == [] and shared(ready) == [] and not ready.sql(SOURCE, ACCOUNTS) and not ready.sql(TARGET, ACCOUNTS)
    assert ready.value(SOURCE, "SELECT @@global.read_only;") == "0" and ready.value(SOURCE, SCHEMA) == "0"
    assert ready.value(TARGET, "SELECT @@global.read_only;") == "1"
