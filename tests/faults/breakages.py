# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults: what breaks, and what a person would do about its cause before running the same command again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from instrument import FOLDER
from pairs import SOURCE, TARGET, Run, until
from rig import Rig

#: How long a cut lasts beyond the lease, in seconds: the source must open without anybody's help.
CUT_S = 4.0
#: How far the clock jumps, in seconds.
JUMP_S = 3600
FULL = ("/var/lib/mysql", "/var/lib/mysql_migration")
KILL_SERVER = "kill -9 $(pidof mariadbd mysqld)"
#: A row in the probe's way: its own next but some, written on the target behind the replication's back.
ALIEN = "SET SESSION sql_log_bin = 0; {open} INSERT IGNORE INTO ledger.probes SELECT '%s', {first} + seq.n FROM ({numbers}) seq; {close}" % SOURCE
NO_ALIEN = (
    "STOP {replica}; SET SESSION sql_log_bin = 0; {open} DELETE FROM ledger.probes WHERE server = '%s' AND n >= {first}; {close} "
    "START {replica};" % SOURCE
)


@dataclass
class Scene:
    """Where a fault strikes."""

    rig: Rig
    run: Run
    pid: int
    note: int = 0


@dataclass(frozen=True)
class Fault:
    """What breaks.

    :param strike: breaks it, while the job stands still
    :param heal: takes the cause away
    :param after: seconds from the strike until then, beyond the lease where it is CUT_S; None: when the playbook has ended
    :param prepare: what the hosts need for it, before the cutover begins
    :param kills_job: nobody is left to be woken
    :param controller: it is about the controller, so there must be one
    :param closes_source: the source cannot take writes for a reason of its own
    """

    name: str
    strike: Callable[[Scene], object]
    heal: Callable[[Scene], object] = lambda scene: None
    after: float | None = 0.0
    prepare: Callable[[Rig], object] = lambda rig: None
    kills_job: bool = False
    closes_source: bool = False
    controller: bool = False


def _kill_job(scene: Scene) -> None:
    scene.rig.do(TARGET, f"kill -9 {scene.pid}")


def _kill_ansible(scene: Scene) -> None:
    scene.run.kill()


def _kill_server(host: str) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.rig.do(host, KILL_SERVER)

    return strike


def _server_up(host: str) -> Callable[[Scene], None]:
    """Its own service manager starts a server that was killed; where it does not, somebody does."""

    def heal(scene: Scene) -> None:
        client = scene.rig.client
        until(
            "the server answers again",
            lambda: scene.rig.do(host, f"systemctl start {client}; {client} -NBe 'SELECT 1' 2>/dev/null") == "1",
            seconds=90,
            pause=0.5,
        )

    return heal


def _halt(host: str) -> Callable[[Scene], None]:
    """In good order where the host can, at once where it hangs: like a reboot."""

    def strike(scene: Scene) -> None:
        scene.rig.forget(host)
        # Beside: the job goes on meanwhile.
        threading.Thread(target=scene.rig.engine.ok, args=("stop", "--time", "8", scene.rig.container(host))).start()

    return strike


def _boot(host: str) -> Callable[[Scene], None]:
    def heal(scene: Scene) -> None:
        name = scene.rig.container(host)
        until("the host is down", lambda: (scene.rig.engine.inspect("container", name) or {})["State"]["Status"] == "exited", seconds=40)
        scene.rig.boot(host)

    return heal


def _cut_hosts(scene: Scene) -> None:
    other = scene.rig.address(SOURCE)
    scene.rig.do(TARGET, f"iptables -A INPUT -s {other} -j DROP; iptables -A OUTPUT -d {other} -j DROP")


def _cut_controller(scene: Scene) -> None:
    """The controller is where the application runs, too: of the one only ssh is cut."""
    controller = scene.rig.address(SOURCE).rsplit(".", 1)[0] + ".1"
    for host in (SOURCE, TARGET):
        scene.rig.do(host, f"iptables -A INPUT -s {controller} -p tcp --dport 22 -j DROP; iptables -A OUTPUT -d {controller} -p tcp --sport 22 -j DROP")


def _open_network(scene: Scene) -> None:
    for host in (SOURCE, TARGET):
        scene.rig.do(host, "iptables -F")


def _end_sessions(scene: Scene) -> None:
    """All that ssh holds open on the source ends at once: the tunnel, the agent, and the controller's. sshd itself stays."""
    scene.rig.do(SOURCE, "pkill -KILL -f '^sshd(-session)?: '")


def _pausing_words(scene: Scene) -> dict[str, str]:
    mysql = scene.rig.client == "mysql"
    return {
        "open": "SET GLOBAL super_read_only = OFF;" if mysql else "",
        "close": "SET GLOBAL super_read_only = ON;" if mysql else "",
        "replica": "REPLICA",
    }


def _stop_replica(scene: Scene) -> None:
    """The applier meets a row that is there already: error 1062."""
    if scene.rig.value(TARGET, "SELECT @@global.read_only;") != "1":
        return  # promoted: nobody replicates any more
    scene.note = scene.rig.probes[SOURCE].number + 3
    numbers = " UNION ALL ".join("SELECT %d AS n" % n for n in range(200))
    scene.rig.sql(TARGET, ALIEN.format(first=scene.note, numbers=numbers, **_pausing_words(scene)))
    # Behind the fence nothing comes any more that could meet it.
    time.sleep(0.4)


def _mend_replica(scene: Scene) -> None:
    """What an operator does: remove the row that is in the way, and let the replica go on."""
    if scene.note and scene.rig.value(TARGET, "SELECT @@global.read_only;") == "1":
        have = scene.rig.sql(TARGET, "SHOW REPLICA STATUS;")
        if have:
            scene.rig.sql(TARGET, NO_ALIEN.format(first=scene.note, **_pausing_words(scene)), check=False)


def _small_disk(rig: Rig) -> None:
    """The data has a small disk of its own already; the journal gets one, until the hosts are put back."""
    rig.mount_small("/var/lib/mysql_migration")


def _fill_disk(scene: Scene) -> None:
    """To the last byte: the data directory's, and the journal's."""
    for folder in FULL:
        # Never this machine's own.
        assert int(scene.rig.do(TARGET, f"df -m --output=size {folder} | tail -n 1")) < 2000, f"{folder} is on a big disk"
        most = f"fallocate -l $(df -B1 --output=avail {folder} | tail -n 1) {folder}/filler"
        scene.rig.do(TARGET, f"{most}; cat /dev/zero > {folder}/filler.end; true")


def _free_disk(scene: Scene) -> None:
    scene.rig.do(TARGET, "rm -f " + " ".join(f"{folder}/filler*" for folder in FULL))


def _jump(scene: Scene) -> None:
    scene.rig.do(TARGET, f"echo {JUMP_S} > {FOLDER}/clock")


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("job_kill", _kill_job, kills_job=True),
        Fault("ansible_kill", _kill_ansible, controller=True),
        Fault("source_kill", _kill_server(SOURCE), _server_up(SOURCE), after=8.0, closes_source=True),
        Fault("target_kill", _kill_server(TARGET), _server_up(TARGET), after=8.0),
        Fault("source_reboot", _halt(SOURCE), _boot(SOURCE), after=1.0, closes_source=True),
        Fault("target_reboot", _halt(TARGET), _boot(TARGET), after=1.0, kills_job=True),
        Fault("network_cut", _cut_hosts, _open_network, after=CUT_S),
        Fault("controller_cut", _cut_controller, _open_network, after=CUT_S, controller=True),
        Fault("ssh_cut", _end_sessions, controller=True),
        Fault("replica_error", _stop_replica, _mend_replica, after=None),
        Fault("disk_full", _fill_disk, _free_disk, after=CUT_S, prepare=_small_disk),
        Fault("clock_jump", _jump),
    )
}
