# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: the old server follows the new one, a rollback under writes loses nothing, and one without it says what it would lose.

Clients are behind a HAProxy, with MariaDB on the new server's host and with MySQL on the old one's. The tests of a flavour share
two migrations on one pair, in this order: one with reverse replication, and after its rollback one without. Jobs stand still at a
step because a copy of the collection has tests/faults/instrument.py's lines in it.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import time
from contextlib import contextmanager

import application
import instrument
import proxy
import pytest
from pairs import QUICK, ROOT, SOURCE, TARGET, Pair, Run, until
from probes import SCHEMA, Probe, held_rows, missing, two_writable
from rig import pack

ROLLBACK = "nordbridge.mysql_migration.rollback"
STATUS = "nordbridge.mysql_migration.status"
HOLD = "ls /etc/mysql/*/zz-nordbridge-hold.cnf 2>/dev/null || true"
READ_ONLY = "SELECT @@global.read_only;"
UNDO_SECONDS = 8.0
LEASE = 10.0
PATIENCE = 1500.0
#: 8 writers with a rest: both servers share two processors, and the old one has to keep up.
PAUSE_S = 0.02
#: What they have to have written on the new server before the way back.
WRITES = 10_000
#: What is shown is that nothing is lost, not how short it is: a machine that does much else may take its time.
PATIENT = ("-e", json.dumps({
    "migration_cutover_budget": 20, "migration_cutover_fence_seconds": 10, "migration_cutover_lease": 40, "migration_cutover_max_lag": 10,
    "migration_rollback_budget": 20, "migration_rollback_fence_seconds": 10, "migration_rollback_lease": 40, "migration_rollback_max_lag": 10,
}))  # fmt: skip


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def moved(request):
    """A migration with reverse replication that was cut over under writes, and 8 writers on the new server that go on."""
    pair = request.getfixturevalue(request.param)
    out = pair.out / "application"
    shutil.rmtree(out, ignore_errors=True)
    usual = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(instrument.copy(ROOT, pair.out / "collections"))
    host, switch = behind(pair)
    # The cutover is not what is shown here.
    application.WRITERS = 2
    application.start(pair.name, out, 2, through=host, pause=PAUSE_S)
    try:
        pair.load(200)
        pair.sql(SOURCE, "CREATE USER boss@'%'; GRANT ALL ON *.* TO boss@'%';")
        pair.sql(SOURCE, "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 YEAR DO INSERT INTO shop.orders (note) VALUES ('tick');")
        switches = json.dumps({"migration_cutover_switches": [switch]})
        pair.migrate("-e", f"cutover={pair.name}", "-e", "migration_reverse_replication=true", "-e", switches, *PATIENT).wait(PATIENCE).ok()
        pair.sql(TARGET, "".join(SCHEMA) + ";")
        write_anew(pair, 8)
        yield pair
    finally:
        os.environ["ANSIBLE_COLLECTIONS_PATH"] = usual
        application.stop(out)
        for each in (SOURCE, TARGET):
            pair.sh(each, "systemctl stop haproxy; iptables -F", check=False)


def behind(pair: Pair) -> tuple[str, dict]:
    """The host of the HAProxy that clients go through, and the switch."""
    if pair.client == "mariadb":
        return TARGET, proxy.switch()
    return SOURCE, proxy.switch(where="source", new_server=None, new_address=pair.address(TARGET))


def write_anew(pair: Pair, writers: int) -> None:
    """Writers whose ledger begins now: one move of all clients is what it can tell of where a proxy does the switch."""
    out = pair.out / "application"
    application.stop(out)
    shutil.rmtree(out / "ledger", ignore_errors=True)
    application.WRITERS = writers
    application.write(out, PAUSE_S)


def rollback(pair: Pair, *arguments: str) -> Run:
    """The playbook, with the gate. No switches: they are known."""
    return pair.start("-e", f"rollback={pair.name}", *arguments, playbook=ROLLBACK)


HOOK = """---
- name: Note that the old server has taken over
  ansible.builtin.shell: echo taken over >> /root/hooks
"""


def hook(pair: Pair) -> tuple[str, str]:
    """A task file to run after the rollback."""
    (pair.out / "hook.yml").write_text(HOOK)
    return "-e", json.dumps({"migration_rollback_after": [str(pair.out / "hook.yml")]})


#: The module's own function, from a pack of the collection: a playbook around it would show nothing more, and take its time.
LAUNCH = """
import json, sys
sys.path.insert(0, "/root/collection.zip")
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.dispatch import main as agent
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.rollback import launch_rollback
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import MigrationError
try:
    print(json.dumps(launch_rollback(json.loads(sys.argv[1]), False, agent)))
except MigrationError as error:
    sys.exit("refused: %s" % error)
"""


def launched(pair: Pair, **options: object) -> subprocess.Popen:
    """The module on the target, without a playbook."""
    pair.sh(TARGET, "base64 -d >/root/collection.zip <<'END'\n%s\nEND\n" % base64.encodebytes(pack()).decode())
    hold = pair.sh(SOURCE, HOLD).strip()
    given = {
        "migration_id": pair.name, "gate": pair.name, "lose_writes": "", "budget": 8.0, "lease": LEASE, "fence_seconds": 5.0, "max_lag": 10.0,
        "max_transaction_seconds": 60, "new_hold": hold, "old_hold": hold, "new_socket": "/run/mysqld/mysqld.sock",
        "switches": [], "drive_switches": True, "old_address": None, "new_address": None, **options,
    }  # fmt: skip
    return pair.background(TARGET, "exec python3 -c %s %s" % (shlex.quote(LAUNCH), shlex.quote(json.dumps(given))))


def refused(process: subprocess.Popen, *words: str) -> None:
    """Wait, and insist on a refusal that says all this."""
    said, _none = process.communicate(timeout=300)
    assert process.returncode == 1 and "refused: " in said and "Traceback" not in said, said
    for word in words:
        assert word in said, f"{word!r} is not in {said}"


def stop_at(pair: Pair, step: str) -> None:
    """The next rollback's job stands still where this step begins."""
    folder = instrument.FOLDER
    pair.sh(TARGET, f"rm -rf {folder}; mkdir {folder}; mkfifo {folder}/pid; echo 'rollback {step}' > {folder}/stop")


#: Hears the process that stands still, or that the job has ended without it.
LISTEN = """
began=0
for _ in $(seq 150); do
  timeout 2 cat FOLDER/pid && exit
  if systemctl list-units --plain --no-legend 'nordbridge-ID-rollback-*' | grep -q running; then began=1
  elif [ $began = 1 ]; then echo "the job has ended before: $(tail -c 600 JOB/log)"; exit; fi
done
echo "no job came there within 300 s"
"""


def stopped(pair: Pair) -> str:
    """The process that stands still, once it does."""
    script = LISTEN.replace("FOLDER", instrument.FOLDER).replace("ID", pair.name).replace("JOB", f"{pair.folder}/jobs/rollback")
    found = pair.sh(TARGET, script).strip()
    assert found.isdigit(), found
    return found


@contextmanager
def cut(pair: Pair):
    """No word crosses between the hosts; what was open is not told."""
    other = pair.address(SOURCE)
    pair.sh(TARGET, f"iptables -I OUTPUT -d {other} -j DROP; iptables -I INPUT -s {other} -j DROP")
    try:
        yield
    finally:
        pair.sh(TARGET, "iptables -F INPUT; iptables -F OUTPUT")


def bridge_stands(pair: Pair) -> bool:
    """Whether the bridge leads to the old server again."""
    reach = "python3 -c 'import socket; s=socket.create_connection((\"127.0.0.1\", %d), 3); s.settimeout(3); print(len(s.recv(9)))' 2>/dev/null"
    port = json.loads(pair.sh(TARGET, f"cat {pair.folder}/source.json"))["port"]
    return pair.sh(TARGET, reach % port, check=False).strip() == "9"


def powerless(pair: Pair, host: str) -> bool:
    """Whether the account that could write through MariaDB's read_only, and set it back on both, can do so no more."""
    grants = " ".join(row[0] for row in pair.sql(host, "SHOW GRANTS FOR boss@'%';"))
    return not any(name in grants for name in ("ALL PRIVILEGES", "SUPER", "READ_ONLY ADMIN", "SYSTEM_VARIABLES_ADMIN"))


def judge_back(pair: Pair) -> dict:
    """The ledger's verdict after a rollback: the old server is where everything has to be."""
    out = pair.out / "application"
    both = ["--source", str(out / "checker.target.json"), "--target", str(out / "checker.source.json")]
    done = application.tool("ledger.py", "check", *both, "--out", str(out / "ledger"), "--json", check=False)
    assert done.stdout.strip(), done.stderr
    return json.loads(done.stdout)


def status(pair: Pair) -> dict:
    """How the writers fare."""
    return json.loads(application.tool("ledger.py", "status", "--out", str(pair.out / "application/ledger")).stdout)


def served_by(pair: Pair, seconds: float = 15.0) -> str:
    """The server that acknowledges the writers' writes now."""
    began = time.monotonic()
    return until("the writers are served", lambda: (s := status(pair))["last_ack_age_s"] < time.monotonic() - began and s["server"], seconds)


# --- with reverse replication -------------------------------------------------


def test_the_old_server_follows_the_new_one_and_takes_no_writes_of_others(moved):
    assert "FOLLOWING" in moved.runs[-1].output
    assert moved.sql(SOURCE, "SELECT @@global.read_only, @@global.event_scheduler;") == [["1", "OFF"]]
    moved.sql(TARGET, "INSERT INTO shop.orders (note) VALUES ('after the cutover');")
    count = "SELECT COUNT(*) FROM shop.orders WHERE note = 'after the cutover';"
    until("the row arrives on the old server", lambda: moved.value(SOURCE, count) == "1")
    assert powerless(moved, SOURCE) and not powerless(moved, TARGET)
    # Its account stays on the new server: made without the binary log, it did not come back.
    count = "SELECT COUNT(*) FROM mysql.user WHERE User LIKE 'nordbridge\\_back\\_%';"
    assert moved.value(TARGET, count) == "2" and moved.value(SOURCE, count) == "0"
    # From elsewhere the way is closed, and what it holds is for root alone.
    port = json.loads(moved.sh(TARGET, f"cat {moved.folder}/back.json"))["port"]
    assert port < 1024 and moved.sh(SOURCE, f"ss -Htln sport = :{port}").split()[3] == f"127.0.0.1:{port}"
    assert moved.sh(TARGET, f"stat -c %a {moved.folder}/back.json {moved.folder}/fence.json").split() == ["600", "600"]
    password = json.loads(moved.sh(TARGET, f"cat {moved.folder}/back.json"))["password"]
    assert not [run.command for run in moved.runs if password in run.output]


def test_the_key_of_the_way_back_opens_nothing_else(moved):
    ssh = f"ssh -F {moved.folder}/back_ssh_config -o ClearAllForwardings=yes"
    listen = f"timeout 10 {ssh.replace(' -o ClearAllForwardings=yes', '')} -N -o ExitOnForwardFailure=yes -R 127.0.0.1:13999:127.0.0.1:3306 back 2>&1"
    assert "forwarding failed" in moved.sh(TARGET, listen, check=False)
    opened = moved.sh(TARGET, f"(timeout 5 {ssh} -W 127.0.0.1:3306 back 2>&1 </dev/null; true)", check=False)
    assert opened.strip() == "stdio forwarding failed", "the source's own server is not to be had by it"


def test_status_tells_how_far_behind_it_is(moved):
    run = moved.start(playbook=STATUS).ok()
    for words in ("the old server follows the new one, and replication runs", " transactions behind"):
        assert words in run.words, run.tail
    # MariaDB's counts mix what a follower applies with what it is asked: better nothing than a wrong number.
    assert ("is not known while it follows another" in run.words) is (moved.client == "mariadb")
    assert run.recap()["changed"] == 0


def test_a_rollback_needs_its_gate(moved):
    moved.start(playbook=ROLLBACK).failed(f"to roll back, give -e rollback={moved.name}")
    refused(launched(moved, gate="another"), "the gate is 'another'", f"-e rollback={moved.name}")
    assert moved.value(TARGET, READ_ONLY) == "0"


def test_an_old_server_that_cannot_keep_up_is_not_promoted(moved):
    with moved.session(SOURCE, "FLUSH TABLES WITH READ LOCK"):
        moved.sql(TARGET, "INSERT INTO shop.orders (note) VALUES ('not yet there');")
        refused(launched(moved, max_lag=1.0), "not rolled back, and nothing was frozen", "behind, more than max_lag")
        assert moved.value(TARGET, READ_ONLY) == "0" and moved.value(SOURCE, READ_ONLY) == "1"
    assert moved.sh(TARGET, HOLD) == ""
    until("it catches up", lambda: moved.value(SOURCE, "SELECT COUNT(*) FROM shop.orders WHERE note = 'not yet there';") == "1")


@pytest.mark.parametrize("step", ["pause", "wait", "commit"])
def test_a_rollback_that_was_killed_before_its_commit_opens_the_new_server_again(moved, step):
    """Each is begun where the one before was killed, whose remains it undoes first."""
    stop_at(moved, step)
    process = launched(moved)
    pid = stopped(moved)
    assert moved.value(TARGET, READ_ONLY) == ("0" if step == "pause" else "1") and moved.value(SOURCE, READ_ONLY) == "1"
    moved.sh(TARGET, f"kill -9 {pid}")
    refused(process, "was killed", "run the same command again", "the new server opens again when its lease")
    until("the lease ends", lambda: moved.value(TARGET, READ_ONLY) == "0", seconds=LEASE + UNDO_SECONDS)
    until("the fence is out of the configuration", lambda: moved.sh(TARGET, HOLD) == "", seconds=LEASE + UNDO_SECONDS)
    assert moved.value(SOURCE, READ_ONLY) == "1" and "commit" not in moved.state()["rollback"]["done"]
    assert served_by(moved) == TARGET


def test_a_rollback_under_writes_that_is_killed_after_its_commit_loses_nothing(moved):
    out = moved.out / "application"
    # Whatever the ledger and its clients do, somebody tries to write on each server all the while.
    new, old = (Probe(out / f"app.{side}.json", host) for side, host in (("target", TARGET), ("source", SOURCE)))
    for probe in (new, old):
        probe.start()
    try:
        before = status(moved)["acknowledged"]
        until("enough is written on the new server", lambda: status(moved)["acknowledged"] > max(before, WRITES), seconds=600, pause=2.0)
        stop_at(moved, "promote")
        run = rollback(moved, *PATIENT)
        pid = stopped(moved)
        # Committed, and not yet promoted: nobody writes, and nothing is left that would open the wrong one.
        assert moved.value(TARGET, READ_ONLY) == "1" and moved.value(SOURCE, READ_ONLY) == "1"
        moved.sh(TARGET, f"kill -9 {pid}")
        run.wait(PATIENCE).failed("was killed", "committed, and goes forward only", "run the same command again")
        attempt = moved.job("rollback", "spec")["attempt"]
        # Twice at once: one does it, the other attaches.
        both = [rollback(moved, *hook(moved), *PATIENT) for _number in range(2)]
        for run in both:
            run.wait(PATIENCE).ok()
        assert moved.job("rollback", "spec")["attempt"] == attempt + 1
        assert served_by(moved) == SOURCE
    finally:
        for probe in (new, old):
            probe.stop()
    application.stop(out)
    assert moved.sql(SOURCE, "SELECT @@global.read_only;") == [["0"]]
    assert moved.sql(TARGET, "SELECT @@global.read_only, @@global.event_scheduler;") == [["1", "OFF"]]
    assert moved.sh(SOURCE, HOLD) == "" and moved.sh(TARGET, HOLD) != ""
    assert moved.value(SOURCE, "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_NAME = 'tick';") == "ENABLED"
    assert not powerless(moved, SOURCE) and powerless(moved, TARGET)
    verdict = judge_back(moved)
    assert verdict["wrong"] == [], verdict
    assert {name: verdict[name] for name in ("lost", "duplicated", "only_on_source")} == {"lost": 0, "duplicated": 0, "only_on_source": 0}
    assert verdict["two_writable"] is False and not two_writable(new.taken, old.taken)
    assert new.taken and old.taken, "a server that takes no probe shows nothing"
    held = held_rows(out / "app.source.json")
    assert missing(new.taken, TARGET, held) == [] and missing(old.taken, SOURCE, held) == []
    assert [(move["from"], move["to"]) for move in verdict["moves"]] == [(TARGET, SOURCE)]
    assert verdict["servers"][TARGET] > WRITES
    print(json.dumps({"flavour": moved.flavour, "acknowledged": verdict["acknowledged"], "servers": verdict["servers"],
                      "probes": [len(new.taken), len(old.taken)]}))  # fmt: skip


def test_a_second_rollback_changes_nothing_and_the_phase_is_told(moved):
    told = moved.sh(TARGET, "cat /root/hooks; rm /root/hooks")
    assert set(told.splitlines()) == {"taken over"}
    run = rollback(moved, *hook(moved)).ok()
    assert run.recap()["changed"] == 0, run.tail
    assert moved.sh(TARGET, "cat /root/hooks", check=False) != told, "a hook that has run is not run again"
    assert f"{SOURCE} -> {TARGET}  ROLLED BACK" in moved.start(playbook=STATUS).ok().output
    assert moved.sh(TARGET, f"systemctl is-active nordbridge-{moved.name}-back || true").strip() == "inactive"


def test_a_cutover_after_a_rollback_is_refused(moved):
    moved.cutover().failed("was rolled back", f"-e wipe_target={moved.name}")
    assert moved.value(SOURCE, READ_ONLY) == "0" and moved.value(TARGET, READ_ONLY) == "1"


# --- without ------------------------------------------------------------------


def test_a_migration_is_run_again_after_a_rollback(moved):
    write_anew(moved, 2)
    switches = json.dumps({"migration_cutover_switches": [behind(moved)[1]]})
    moved.migrate("-e", f"wipe_target={moved.name}", "-e", f"cutover={moved.name}", "-e", switches, *PATIENT).wait(PATIENCE).ok()
    assert moved.value(SOURCE, READ_ONLY) == "1" and moved.value(TARGET, READ_ONLY) == "0"
    assert moved.value(TARGET, "SELECT COUNT(*) FROM shop.orders WHERE note = 'after the cutover';") == "1"
    assert len(moved.state()["attempts"]) == 1
    assert not powerless(moved, TARGET), "the rollback had taken its privileges, and nobody gave them back"
    assert served_by(moved) == TARGET
    application.stop(moved.out / "application")


def test_without_reverse_replication_a_rollback_says_what_it_would_lose(moved):
    before = moved.state()["cutover"]["facts"]["promoted_position"]
    for number in range(7):
        moved.sql(TARGET, f"INSERT INTO shop.orders (note) VALUES ('late {number}');")
    moved.sql(TARGET, "UPDATE shop.orders SET note = 'changed' WHERE note IN ('first', 'second'); DELETE FROM shop.bulk1 LIMIT 3;")
    listed = "1 of them the migration's own heartbeat", "shop.bulk1 3 deleted", "shop.orders 7 inserted, 2 updated", "ledger.entries "
    rollback(moved).failed("nothing was touched", "would LOSE", f"-e lose_writes={moved.name}", f"{before['file']}:{before['position']}", *listed)
    refused(launched(moved, lose_writes="another"), "no write is given up")
    assert moved.value(TARGET, READ_ONLY) == "0" and moved.value(SOURCE, READ_ONLY) == "1"
    assert "rollback" not in moved.state()


def test_a_network_that_dies_between_commit_and_promotion_keeps_both_servers_closed_until_the_same_command(moved):
    """With the word to lose it goes back and counts what was lost."""
    write_anew(moved, 2)
    word = {"lose_writes": moved.name}
    stop_at(moved, "promote")
    process = launched(moved, **word)
    pid = stopped(moved)
    with cut(moved):
        moved.sh(TARGET, f"kill -CONT {pid}")
        refused(process, "the rollback is committed and stopped at promote", "run the same command again, it goes forward only")
        # Longer than the lease, which is over: the commit has ended it.
        time.sleep(LEASE)
        assert moved.value(TARGET, READ_ONLY) == "1" and moved.value(SOURCE, READ_ONLY) == "1"
    until("the bridge stands again", lambda: bridge_stands(moved), seconds=90, pause=1.0)
    assert moved.value(TARGET, READ_ONLY) == "1" and moved.value(SOURCE, READ_ONLY) == "1"
    # And killed once more where clients are about to be taken along.
    stop_at(moved, "switch")
    process = launched(moved, **word)
    moved.sh(TARGET, f"kill -9 {stopped(moved)}")
    refused(process, "was killed", "the rollback is committed")
    assert moved.value(TARGET, READ_ONLY) == "1" and moved.value(SOURCE, READ_ONLY) == "0"
    run = rollback(moved, "-e", f"lose_writes={moved.name}", *PATIENT).wait(PATIENCE).ok()
    assert "Given up: " in run.words
    assert moved.value(SOURCE, READ_ONLY) == "0" and moved.value(TARGET, READ_ONLY) == "1"
    assert served_by(moved) == SOURCE
    application.stop(moved.out / "application")
    lost = moved.state()["rollback"]["facts"]["lost"]
    assert lost["transactions"] >= 9, lost
    assert moved.sql(SOURCE, "SELECT COUNT(*) FROM shop.orders WHERE note LIKE 'late%' OR note = 'changed';") == [["0"]]
    # They are not destroyed: the new server keeps them.
    assert moved.sql(TARGET, "SELECT COUNT(*) FROM shop.orders WHERE note LIKE 'late%';") == [["7"]]
    moved.sql(SOURCE, "INSERT INTO shop.orders (note) VALUES ('home again');")
    assert rollback(moved).ok().recap()["changed"] == 0


# --- what cannot be -----------------------------------------------------------


def test_an_older_source_cannot_follow_and_is_told_before_anything_is_touched():
    pair = Pair("mariadb-10.5", "mariadb-10.11")
    pair.name += "-older"
    pair.out = ROOT / "build/integration" / pair.name
    pair.up()
    try:
        pair.sql(SOURCE, "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY);")
        run = pair.start(*QUICK, "-e", "migration_reverse_replication=true")
        run.failed("P09", "the old server is mariadb 10.5", "no vendor supports a replica that is older", "nothing was touched")
        assert pair.sh(TARGET, "ls /var/lib/mysql_migration 2>&1; true").strip().endswith("No such file or directory")
        pair.start(*QUICK, "--check").ok()
    finally:
        for run in pair.runs:
            if run.process.poll() is None:
                run.kill()
        pair.down()
