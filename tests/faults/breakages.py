# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults: what breaks, and what a person would do about its cause before running the same command again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from beside import BESIDE
from instrument import FOLDER
from pairs import SOURCE, TARGET, Run, until
from rig import Rig

#: How long a cut lasts beyond the lease, in seconds: the source must open without anybody's help.
CUT_S = 4.0
#: How far the clock jumps, in seconds.
JUMP_S = 3600
OWN = "/var/lib/mysql_migration"
FULL = ("/var/lib/mysql", OWN)
#: How long processes and hosts stand still, in seconds: less than the budget, more than the lease, more than anybody waits.
STILL_S = (5, 15, 60)
#: Where they are and how they are found.
PROCESSES = {
    "source": (SOURCE, "$(pidof mariadbd mysqld)"),
    "target": (TARGET, "$(pidof mariadbd mysqld)"),
    "agent": (SOURCE, "$(pgrep -f agent[.]zip)"),
    "job": (TARGET, "{pid}"),
}
#: Only what goes to the other host, by the source's or target's own classes.
SLOW = (
    "tc qdisc add dev eth0 root handle 1: prio priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
    " && tc qdisc add dev eth0 parent 1:3 handle 30: tbf rate {rate} burst 8kb latency 400ms"
    " && tc filter add dev eth0 parent 1: protocol ip u32 match ip dst {other}/32 flowid 1:3"
)
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
    more: list[Run] = field(default_factory=list)


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
    :param holds_job: the job goes on when it is healed, not before
    :param hangs: who waits for the job is to see that it hangs
    :param beside: who else is on the source's host, of beside.py
    """

    name: str
    strike: Callable[[Scene], object]
    heal: Callable[[Scene], object] = lambda scene: None
    after: float | None = 0.0
    prepare: Callable[[Rig], object] = lambda rig: None
    kills_job: bool = False
    closes_source: bool = False
    controller: bool = False
    holds_job: bool = False
    hangs: bool = False
    beside: str = ""


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


def _small_disk(host: str) -> Callable[[Rig], None]:
    """The migration's own folder on a small disk, until the hosts are put back. The target's data has one already."""

    def prepare(rig: Rig) -> None:
        rig.mount_small(OWN, host)

    return prepare


def _fill_disk(host: str, *folders: str) -> Callable[[Scene], None]:
    """To the last byte."""

    def strike(scene: Scene) -> None:
        for folder in folders:
            # Never this machine's own.
            assert int(scene.rig.do(host, f"df -m --output=size {folder} | tail -n 1")) < 2000, f"{folder} is on a big disk"
            most = f"fallocate -l $(df -B1 --output=avail {folder} | tail -n 1) {folder}/filler"
            scene.rig.do(host, f"{most}; cat /dev/zero > {folder}/filler.end; true")

    return strike


def _free_disk(host: str, *folders: str) -> Callable[[Scene], None]:
    def heal(scene: Scene) -> None:
        scene.rig.do(host, "rm -f " + " ".join(f"{folder}/filler*" for folder in folders))

    return heal


def _read_only(host: str, folder: str) -> Callable[[Scene], None]:
    """A folder is read-only for whoever opens a file there from now on."""

    def strike(scene: Scene) -> None:
        scene.rig.mount_read_only(folder, host)

    return strike


def _read_write(scene: Scene) -> None:
    scene.rig.unmount(1)


def _signal(what: str, name: str) -> Callable[[Scene], None]:
    """A signal to processes by what they are; the job is known by its number."""

    def act(scene: Scene) -> None:
        host, found = PROCESSES[what]
        scene.rig.do(host, f"kill -{name} {found.format(pid=scene.pid)} 2>/dev/null || true")

    return act


def _pause(host: str) -> Callable[[Scene], None]:
    """All of a host at once. A job on it is woken by the host itself: nobody else could reach it."""

    def strike(scene: Scene) -> None:
        if host == TARGET:
            scene.rig.do(TARGET, f"(sleep 0.3; kill -CONT {scene.pid}) >/dev/null 2>&1 &")
        scene.rig.engine.run("pause", scene.rig.container(host))

    return strike


def _unpause(host: str) -> Callable[[Scene], None]:
    def heal(scene: Scene) -> None:
        scene.rig.engine.run("unpause", scene.rig.container(host))

    return heal


def _cut_one_way(host: str) -> Callable[[Scene], None]:
    """What a host sends to the other is lost; what it is sent arrives."""

    def strike(scene: Scene) -> None:
        other = scene.rig.address(TARGET if host == SOURCE else SOURCE)
        scene.rig.do(host, f"iptables -A OUTPUT -d {other} -j DROP")

    return strike


def _slow(rate: str) -> Callable[[Scene], None]:
    """A narrow way between the hosts, with a queue before it; the applications' way stays as it is."""

    def strike(scene: Scene) -> None:
        for host, other in ((SOURCE, TARGET), (TARGET, SOURCE)):
            scene.rig.do(host, SLOW.format(rate=rate, other=scene.rig.address(other)))

    return strike


def _fast(scene: Scene) -> None:
    for host in (SOURCE, TARGET):
        scene.rig.do(host, "tc qdisc del dev eth0 root")


def _second_controller(scene: Scene) -> None:
    """The same command from elsewhere, while the first waits."""
    scene.more.append(scene.rig.launch("second"))


def _await_second(scene: Scene) -> None:
    for run in scene.more:
        run.wait(600)


def _second_migration(scene: Scene) -> None:
    """Another migration of the same source, as far as it goes: armed, privileges taken, sessions ended, and then its job is gone."""
    scene.rig.second_migration()


def _jump(scene: Scene) -> None:
    scene.rig.do(TARGET, f"echo {JUMP_S} > {FOLDER}/clock")


def _standing_still() -> tuple[Fault, ...]:
    """A process that hangs, and a host that does, for each of the times."""
    found = []
    for seconds in STILL_S:
        for what in PROCESSES:
            stop, go, job = _signal(what, "STOP"), _signal(what, "CONT"), what == "job"
            found.append(
                Fault(f"{what}_stop_{seconds}", stop, go, float(seconds), closes_source=what == "source", holds_job=job, hangs=job)
            )
        for name, host in (("source", SOURCE), ("target", TARGET)):
            held = host == TARGET
            found.append(
                Fault(f"{name}_pause_{seconds}", _pause(host), _unpause(host), float(seconds), closes_source=not held, holds_job=held)
            )
    return tuple(found)


BREAKS = (
    Fault("none", lambda scene: None),
    Fault("job_kill", _kill_job, kills_job=True),
    Fault("ansible_kill", _kill_ansible, controller=True),
    Fault("source_kill", _kill_server(SOURCE), _server_up(SOURCE), after=8.0, closes_source=True),
    Fault("target_kill", _kill_server(TARGET), _server_up(TARGET), after=8.0),
    Fault("source_reboot", _halt(SOURCE), _boot(SOURCE), after=1.0, closes_source=True),
    Fault("target_reboot", _halt(TARGET), _boot(TARGET), after=1.0, kills_job=True),
    Fault("agent_kill", _signal("agent", "KILL")),
    Fault("network_cut", _cut_hosts, _open_network, after=CUT_S),
    Fault("network_cut_from_source", _cut_one_way(SOURCE), _open_network, after=CUT_S),
    Fault("network_cut_from_target", _cut_one_way(TARGET), _open_network, after=CUT_S),
    Fault("network_slow", _slow("2mbit"), _fast, after=None),
    Fault("network_very_slow", _slow("128kbit"), _fast, after=CUT_S),
    Fault("controller_cut", _cut_controller, _open_network, after=CUT_S, controller=True),
    Fault("ssh_cut", _end_sessions, controller=True),
    Fault("replica_error", _stop_replica, _mend_replica, after=None),
    Fault("disk_full", _fill_disk(TARGET, *FULL), _free_disk(TARGET, *FULL), after=CUT_S, prepare=_small_disk(TARGET)),
    Fault("source_disk_full", _fill_disk(SOURCE, OWN), _free_disk(SOURCE, OWN), after=CUT_S, prepare=_small_disk(SOURCE)),
    Fault("source_disk_read_only", _read_only(SOURCE, OWN), _read_write, after=CUT_S),
    Fault("source_etc_read_only", _read_only(SOURCE, "/etc"), _read_write, after=CUT_S),
    Fault("clock_jump", _jump),
    Fault("two_controllers", _second_controller, _await_second, after=None),
    Fault("second_migration", _second_migration, after=CUT_S),
    *_standing_still(),
)
#: What breaks while somebody else is on the source's host.
TOGETHER = ("none", "job_kill", "job_stop_5", "network_cut", "source_pause_15")


def _with_others(breaks: tuple[Fault, ...]) -> tuple[Fault, ...]:
    known = {fault.name: fault for fault in breaks}
    return tuple(
        replace(known[name], name=beside if name == "none" else f"{beside}+{name}", beside=beside) for beside in BESIDE for name in TOGETHER
    )


FAULTS = {fault.name: fault for fault in (*BREAKS, *_with_others(BREAKS))}
#: The target's data on a disk of its own.
SMALL_DISK = tuple(name for name in FAULTS if name == "disk_full")
