# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source whose machine loses power and what it had not synced: it gives its target's GTIDs to other rows, and no error lasts.

Its data directory lies on a file system that forgets (forgetful.py, in FUSE): marked `power`, for it needs python3-fuse and /dev/fuse.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pairs import SOURCE, TARGET, until

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "molecule/shared"))

from engine import detect  # noqa: E402

FUSE = "allow_other,default_permissions,big_writes,nonempty"
pytestmark = [
    pytest.mark.power,
    pytest.mark.skipif(
        not os.path.exists("/dev/fuse") or subprocess.run(["/usr/bin/python3", "-c", "import fuse"], check=False).returncode != 0,
        reason="needs /dev/fuse and python3-fuse",
    ),
]


class Machine:
    """The source's host, whose disk has only what was synced."""

    def __init__(self, pair) -> None:
        self.pair, self.engine = pair, detect()
        self.container = f"nordbridge-{pair.name}-{SOURCE}"
        found = json.loads(self.engine.run("inspect", self.container))[0]
        self.data = next(mount["Source"] for mount in found["Mounts"] if mount["Destination"] == "/var/lib/mysql")
        self.folder = Path("/var/tmp") / self.container
        self.work, self.kept = self.folder / "work", self.folder / "kept"
        self.server: subprocess.Popen | None = None

    def move_in(self) -> None:
        """Let the data directory lie on it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.engine.run("stop", "--time", "20", self.container)
        for copy in (self.work, self.kept):
            subprocess.run(["cp", "-a", self.data, str(copy)], check=True)
        self._mount()
        self.boot()

    def move_out(self) -> None:
        """End it; the pair is of no use afterwards."""
        self.engine.run("kill", self.container)
        self._unmount()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mount(self) -> None:
        program = ["/usr/bin/python3", str(HERE / "forgetful.py"), str(self.work), str(self.kept), self.data, "-f", "-o", FUSE]
        self.server = subprocess.Popen(program, stdin=subprocess.DEVNULL)
        until("the file system is mounted", lambda: os.path.ismount(self.data), seconds=10)

    def _unmount(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()
        subprocess.run(["umount", "--lazy", self.data], check=True)

    def fail(self) -> None:
        """The power is gone: all processes, and what was not synced."""
        self.engine.run("kill", self.container)
        self._unmount()
        shutil.rmtree(self.work)
        subprocess.run(["cp", "-a", str(self.kept), str(self.work)], check=True)
        self._mount()

    def boot(self) -> None:
        """Power again."""
        self.engine.run("start", self.container)
        until("its server answers", lambda: self.pair.sql(SOURCE, "SELECT 1;", check=False) == [["1"]], seconds=60)


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def machine(request):
    """A pair whose source forgets, READY."""
    pair = request.getfixturevalue(request.param)
    folder = {"mariadb": "/etc/mysql/mariadb.conf.d", "mysql": "/etc/mysql/mysql.conf.d"}[request.param]
    # MariaDB's sync_binlog is 0 by default; its InnoDB is durable, and keeps the rows whose GTIDs are lost.
    lax = "" if request.param == "mariadb" else "sync_binlog=0\ninnodb_flush_log_at_trx_commit=2\n"
    # FUSE knows no asynchronous I/O.
    text = f"[mysqld]\ninnodb_flush_method=fsync\ninnodb_use_native_aio=0\n{lax}"
    pair.sh(SOURCE, f"cat > {folder}/zz-forgetful.cnf <<'END'\n{text}END\n")
    made = Machine(pair)
    try:
        made.move_in()
        pair.load(40)
        pair.migrate("-e", "migration_source_allow_restart=true").ok()
        yield made
    finally:
        made.move_out()
        pair.up()


def rows(pair, host):
    """What tells two tables apart."""
    return pair.sql(host, "SELECT id, note FROM shop.orders ORDER BY id;")


def insert(pair, notes):
    """One transaction a note."""
    pair.sql(SOURCE, "".join(f"INSERT INTO shop.orders (note) VALUES ('{note}');" for note in notes))


def healthy(pair):
    """Whether replication runs and names no error."""
    text = pair.sh(TARGET, f"{pair.client} --vertical -e 'SHOW REPLICA STATUS'")
    status = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line.strip())
    running = [status.get(f"{name}_{part}_Running") for name in ("Slave", "Replica") for part in ("IO", "SQL")]
    return running.count("Yes") == 2 and status["Last_Errno"] == "0" and status["Last_IO_Errno"] == "0"


def diverge(machine):
    """The power fails while the target follows; the source is past the target's position before that one is back."""
    pair = machine.pair
    insert(pair, [f"told {number}" for number in range(20)])
    told = rows(pair, SOURCE)
    until("they have arrived", lambda: rows(pair, TARGET) == told, seconds=20)
    gtid = "@@gtid_slave_pos" if pair.client == "mariadb" else "@@gtid_executed"
    machine.fail()
    # Its clients are back before the path to it is.
    pair.sh(TARGET, f"iptables -A OUTPUT -d {pair.address(SOURCE)} -j DROP")
    machine.boot()
    insert(pair, [f"other {number}" for number in range(1500)])
    assert pair.value(TARGET, f"SELECT {gtid};")
    pair.sh(TARGET, "iptables -F")


def test_a_source_that_lost_its_end_is_not_cut_over_although_no_error_is_left(machine):
    pair = machine.pair
    diverge(machine)
    until("replication goes on as if nothing had happened", lambda: healthy(pair), seconds=60)
    # Whoever looks first, the catch-up or the cutover's last look.
    order = (pair.migrate, pair.cutover) if pair.client == "mariadb" else (pair.cutover, pair.migrate)
    for playbook in order:
        playbook().failed("not trusted any more", f"-e wipe_target={pair.name}")
    assert healthy(pair)
    if pair.client == "mariadb":
        # MySQL 9.7 was not seen to lose a row here: its InnoDB syncs once a second, and keeps the GTIDs that the binary log lost.
        # It is refused all the same, for nobody can tell it from one that did.
        assert rows(pair, SOURCE) != rows(pair, TARGET)
    assert pair.sql(SOURCE, "SELECT @@global.read_only;") == [["0"]]


def test_copied_anew_by_name_it_is_a_copy_again(machine):
    pair = machine.pair
    run = pair.migrate("-e", f"wipe_target={pair.name}").ok()
    assert "READY" in run.output
    told = rows(pair, SOURCE)
    until("they are equal", lambda: rows(pair, TARGET) == told, seconds=20)


def test_a_shutdown_is_no_power_cut(machine):
    pair = machine.pair
    pair.sh(SOURCE, f"systemctl restart {pair.client}")
    assert "READY" in pair.migrate().ok().output


def test_a_server_that_is_killed_on_a_host_that_lives_has_lost_nothing(machine):
    pair = machine.pair
    pair.sh(SOURCE, f"kill -9 $(systemctl show --property MainPID --value {pair.client})")
    until("it is up again", lambda: pair.sql(SOURCE, "SELECT 1;", check=False) == [["1"]], seconds=60)
    assert "READY" in pair.migrate().ok().output


def test_a_durable_source_loses_nothing(machine):
    pair = machine.pair
    pair.sql(SOURCE, "SET GLOBAL sync_binlog = 1; SET GLOBAL innodb_flush_log_at_trx_commit = 1;")
    folder = pair.sh(SOURCE, "dirname $(ls /etc/mysql/*/zz-forgetful.cnf)").strip()
    pair.sh(SOURCE, f"sed -i '/sync_binlog/d; /flush_log_at/d' {folder}/zz-forgetful.cnf; echo sync_binlog=1 >> {folder}/zz-forgetful.cnf")
    assert "READY" in pair.migrate().ok().output
    insert(pair, ["durable 1", "durable 2"])
    told = rows(pair, SOURCE)
    machine.fail()
    machine.boot()
    assert rows(pair, SOURCE) == told
    time.sleep(1)
    assert "READY" in pair.migrate().ok().output
    pair.cutover().ok()
    assert rows(pair, TARGET) == told
