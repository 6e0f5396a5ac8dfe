# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canary passwords through every playbook at -vvv with --diff, failures included: found in the listed 0600 files alone, and after retire nowhere.

Searched are Ansible's output, journals, logs, state, temporary folders and the servers' own files on both hosts, and the command lines
and environments of all processes, sampled every 50 ms.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pairs import CUTOVER, MIGRATE, QUICK, SOURCE, TARGET, Pair

STATUS, ROLLBACK, RETIRE = ("nordbridge.mysql_migration.%s" % name for name in ("status", "rollback", "retire"))
CANARY = "c4nary"
#: At most 32 characters and bytes: servers keep no more for replication.
GIVEN = {
    "migration_target_control_password": CANARY + "C'x\"y\\z #%s{1}\u00e5-",
    "migration_target_replication_password": "-" + CANARY + "R'x\"y\\z #%d{2}%\u00f8",
    "migration_cutover_budget": 20, "migration_cutover_fence_seconds": 10, "migration_cutover_lease": 40, "migration_cutover_max_lag": 10,
    "migration_rollback_budget": 20, "migration_rollback_fence_seconds": 10, "migration_rollback_lease": 40, "migration_rollback_max_lag": 10,
}  # fmt: skip
#: Command lines and environments of all processes but its own.
SAMPLER = r"""
cat >/root/sample.py <<'END'
import os, time
mark, own, count = b"c4n" + b"ary", str(os.getpid()), 0
while True:
    for number in os.listdir("/proc"):
        if not number.isdigit() or number == own:
            continue
        for name in ("cmdline", "environ"):
            try:
                with open("/proc/%s/%s" % (number, name), "rb") as stream:
                    text = stream.read()
            except OSError:
                continue
            if mark in text:
                with open("/root/sampled", "ab") as out:
                    out.write(name.encode() + b" " + text[:300].replace(b"\0", b" ") + b"\n")
    count += 1
    with open("/root/samples", "w") as out:
        out.write(str(count))
    time.sleep(0.05)
END
rm -f /root/sampled /root/samples; setsid python3 /root/sample.py >/dev/null 2>&1 </dev/null & echo $! >/root/sample.pid
"""
LOUD = """
SET GLOBAL log_output = 'FILE'; SET GLOBAL general_log = ON; SET GLOBAL long_query_time = 0; SET GLOBAL slow_query_log = ON;
"""
#: Mode and path of all files with the mark, but where the servers keep what replication logs in by.
FILES = r"""
mark=c4n""ary
grep -rlaF -e $mark /etc /var /tmp /run /root /home /dev/shm /usr/local 2>/dev/null \
     | grep -vE '/var/lib/mysql/(master[.]info|mysql[.]ibd|undo_0..|#ib_|#innodb_redo)' \
    | while read -r path; do stat -c '%a %U %n' "$path"; done
journalctl --no-pager 2>/dev/null | grep -aF -e $mark | sed 's/^/journal /' | head -3
[ ! -s /root/sampled ] || sed 's/^/process /' /root/sampled | head -3
true
"""
#: Where the passwords must be while the migration lives, on either host: the login files, the guard's, the agent's.
LISTED = ("source.json", "replication.json", "lease-", "agent.json")


def found(pair: Pair, host: str) -> list[str]:
    """What stands where it must not."""
    lines = pair.sh(host, FILES).splitlines()
    listed = [line for line in lines if line.split("/")[-1].startswith(LISTED) and line.split()[0] in ("600", "640") and "/mysql_migration" in line]
    return [line for line in lines if line not in listed and "/root/sample" not in line]


def clean(pair: Pair) -> None:
    """Nowhere but in the listed files."""
    assert {host: found(pair, host) for host in (SOURCE, TARGET)} == {SOURCE: [], TARGET: []}
    told = [run.command for run in pair.runs if CANARY in run.output]
    assert not told, told


@pytest.fixture(params=["mariadb", "mysql"])
def canary(request, tmp_path):
    """A pair with loud servers and samplers, and how to run a playbook on it."""
    pair = request.getfixturevalue(request.param)
    pair.fresh()
    pair.load(2_000)
    for host in (SOURCE, TARGET):
        pair.sql(host, LOUD)
        pair.sh(host, SAMPLER)
    given = tmp_path / "given.json"
    given.write_text(json.dumps(GIVEN))
    given.chmod(0o600)
    pair.given = given
    yield pair
    for host in (SOURCE, TARGET):
        pair.sh(host, "kill $(cat /root/sample.pid); rm -f /root/sample*", check=False)


def run(pair: Pair, playbook: str, *arguments: str):
    """A playbook that says all that it can."""
    return pair.start(*QUICK, "-e", "@" + str(Path(pair.given)), "-vvv", "--diff", *arguments, playbook=playbook)


def test_canary(canary):
    pair, gate, back = canary, ("-e", f"cutover={canary.name}"), ("-e", "migration_reverse_replication=true")
    # A failure behind the point where the passwords are made: the way to the source leads nowhere.
    run(pair, MIGRATE, "-e", "migration_source_sql_port=1").wait()
    assert pair.runs[-1].process.returncode, pair.runs[-1].tail
    run(pair, MIGRATE, *back).ok()
    clean(pair)
    run(pair, CUTOVER, "-e", "cutover=wrong").failed("to cut over, give")
    run(pair, CUTOVER, *gate, *back).ok()
    run(pair, STATUS).ok()
    run(pair, ROLLBACK, "-e", "rollback=wrong").failed("to roll back, give")
    run(pair, ROLLBACK, "-e", f"rollback={pair.name}").ok()
    clean(pair)
    for host in (SOURCE, TARGET):
        assert int(pair.sh(host, "cat /root/samples")) > 100, "the sampler sampled"
    run(pair, RETIRE, "-e", f"retire={pair.name}", "-e", f"retire_replication={pair.name}").ok()
    clean(pair)
    for host in (SOURCE, TARGET):
        left = [line for line in pair.sh(host, FILES).splitlines() if "/root/sample" not in line]
        assert not left, left
