#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write stop of the cutover module against what a DBA would use instead: programs with connections opened before, and tasks.

    write_stop.py [--flavour mariadb-10.11,mysql-9.7] [--rtt 0,100] [--count 5] [--ways script,module] [--share 0.7]

Leaves build/bench/cutover.json. The runs of all ways take turns on one pair of hosts, which goes back to the same READY
before each. Exit 1 where a write was lost by the module.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/faults"), str(ROOT), str(ROOT / "molecule/shared"), str(ROOT / "tests/integration")]

import application  # noqa: E402
import arrivals  # noqa: E402
import ledger  # noqa: E402
import proxy  # noqa: E402
import stops  # noqa: E402
import usual  # noqa: E402
from ledger_check import check  # noqa: E402
from ledger_files import mono_us, read_login  # noqa: E402
from ledger_gaps import timeline  # noqa: E402
from pairs import CUTOVER, SOURCE, TARGET, until  # noqa: E402
from rig import MEGABYTES, SETTINGS, Rig  # noqa: E402

OUT = ROOT / "build/bench/cutover.json"
#: So that clients, probes and both servers leave the two cores time for what is measured: a saturated machine measures its queue.
WRITERS_PAUSE_S = 0.02
PROBE_EVERY_S = 0.004
BEFORE_S, AFTER_S = 1.0, 2.0
RELAY, RELAY_PORT = HERE / "relay.py", 2222
#: What a transaction of the closed loop takes, about: the load that was offered is counted afterwards.
CLOSED_TAKES_S = 0.005
MIN_OPEN_TPS = 50.0
#: How long the source is saturated to learn what it takes, and how long before that it warms up.
SATURATE_S, WARM_S = 4.0, 1.0


class Bench(Rig):
    """A pair whose old server can be far away."""

    def __init__(self, flavour: str) -> None:
        super().__init__(flavour, "bench-cutover", WRITERS_PAUSE_S)
        self.probe_every_s = PROBE_EVERY_S
        self.settings, self.small_disk = SETTINGS, False
        # When it begins is not what is measured: what it waits for before counts for neither way.
        self.times["max_lag"] = 10.0
        self.relay: subprocess.Popen | None = None
        self.arriving: subprocess.Popen | None = None
        self.open_rate = 0.0
        self.ssh_config = ROOT / "build/hosts" / self.name / "ssh_config"
        self.near = ""

    def lead_application(self) -> None:
        """Through HAProxy, as it was before the first cutover."""
        application.start_proxy(self.name, self.application, TARGET)

    def command(self, *arguments: str) -> tuple[str, ...]:
        """As the faults' rig, but for the way that clients are turned: by HAProxy, within the module."""
        switches = json.dumps({"migration_cutover_switches": [proxy.switch()], "migration_cutover_after": []})
        return (*super().command(*arguments), "-e", switches)

    def go_far(self, rtt_ms: int) -> None:
        """All ssh to the old server takes the longer way, this machine's and the bridge's; 0 for none.

        A relay each, on the host that it is for: the old server admits the bridge from the new one's address alone.
        """
        self.come_near()
        if not rtt_ms:
            return
        host, delay = self.address(SOURCE), str(rtt_ms / 2000)
        command = [sys.executable, str(RELAY), "--listen", f"127.0.0.1:{RELAY_PORT}", "--to", f"{host}:22"]
        self.relay = subprocess.Popen([*command, "--delay", delay])
        self.near = self.ssh_config.read_text()
        self.ssh_config.write_text(self.near.replace(f"HostName {host}\n", f"HostName 127.0.0.1\n  Port {RELAY_PORT}\n"))
        relay = f"python3 /root/relay.py --listen 127.0.0.1:{RELAY_PORT} --to {host}:22 --delay {delay}"
        self.do(TARGET, f"cat > /root/relay.py <<'END-OF-RELAY'\n{RELAY.read_text()}\nEND-OF-RELAY")
        self.do(TARGET, f"systemd-run --quiet --collect --unit relay {relay}")
        far = f"s/HostName {host}/HostName 127.0.0.1/; s/Port 22/Port {RELAY_PORT}/"
        unit = "systemctl restart $(cd /etc/systemd/system && ls | grep '^nordbridge-.*tunnel.*service')"
        self.do(TARGET, f"sed -i '{far}' {self.folder}/ssh_config; {unit}")
        until("it is far", lambda: self.round_trip() >= 0.9 * rtt_ms / 1000, seconds=60, pause=0.5)
        until("the target follows from afar", self.follows, seconds=90, pause=0.5)

    def round_trip(self) -> float:
        """Seconds for a question over the bridge and its answer."""
        script = (
            "import json,time,pymysql;l=json.load(open('%s/source.json'));"
            "c=pymysql.connect(host=l['host'],port=int(l['port']),user=l['user'],password=l['password'].encode(),connect_timeout=5%s);"
            "u=c.cursor();t=time.time();u.execute('SELECT 1');print(time.time()-t)"
        ) % (self.folder, ",ssl={'check_hostname':False}" if self.client == "mysql" else "")  # its accounts' plugin asks for TLS
        try:
            return float(self.do(TARGET, f'python3 -c "{script}" 2>/dev/null') or 0)
        except ValueError:
            return 0.0

    def saturation(self) -> float:
        """Transactions a second that the source takes from the closed loop's writers where none of them rests, its replica following."""
        self.back()
        self.rest()
        application.write(self.application, 0.0)
        try:
            time.sleep(WARM_S)
            before = ledger.status(self.application / "ledger")["acknowledged"]
            time.sleep(SATURATE_S)
            return (ledger.status(self.application / "ledger")["acknowledged"] - before) / SATURATE_S
        finally:
            self.rest()

    def arrive(self) -> None:
        """Start the open loop, where there is to be one."""
        if self.open_rate:
            program = [sys.executable, str(HERE / "arrivals.py"), "--endpoint", str(self.application / "endpoint.json")]
            self.arriving = subprocess.Popen([*program, "--rate", str(self.open_rate), "--out", str(self.out / "arrivals.log")])
            time.sleep(BEFORE_S + 1.0)

    def arrived(self) -> list[arrivals.Arrival]:
        """End the open loop; what it wrote."""
        process, self.arriving = self.arriving, None
        if process is None:
            return []
        process.terminate()
        process.wait(30)
        return arrivals.read(self.out / "arrivals.log")

    def foil(self, order: str) -> dict[str, float]:
        """Run one of the programs on the target; when it closed and opened, in seconds since the epoch.

        It has an account of its own on the source, with all rights, and the way of all: the bridge.
        """
        password = secrets.token_hex(16)
        self.sql(SOURCE, f"CREATE USER dba@'%' IDENTIFIED BY '{password}'; GRANT ALL PRIVILEGES ON *.* TO dba@'%';")
        until("the account arrives", self.follows, seconds=30, pause=0.2)
        bridge = json.loads(self.do(TARGET, f"cat {self.folder}/source.json"))
        source = {"host": bridge["host"], "port": int(bridge["port"]), "user": "dba", "password": password}
        if self.client == "mysql":  # its accounts' plugin asks for TLS
            source["ssl"] = {"check_hostname": False}
        target = {"user": "root", "unix_socket": self.do(TARGET, f"{self.client} -NBe 'SELECT @@socket'")}
        given = json.dumps({"client": self.client, "source": source, "target": target, "haproxy": proxy.SOCKET})
        self.do(TARGET, f"cat > /root/foils.py <<'END-OF-FOILS'\n{(HERE / 'foils.py').read_text()}\nEND-OF-FOILS")
        said = self.do(TARGET, f"printf %s {shlex.quote(given)} | python3 /root/foils.py {order}", 60.0)
        return json.loads(said.splitlines()[-1])

    def come_near(self) -> None:
        """The short way again; on the target the files that back() puts back know of no other."""
        if self.relay:
            self.relay.kill()
            self.relay.wait()
            self.ssh_config.write_text(self.near)
            self.do(TARGET, "systemctl stop relay 2>/dev/null || true")
        self.relay = None


def by_modules(bench: Bench) -> dict[str, float]:
    """The playbook that people write, with Ansible as it is without settings."""
    arguments = ("-e", f"client={bench.client}", *bench.command())
    bench.start(*arguments, playbook="bench/cutover/modules.yml", environment=usual.fetch()).ok()
    return {}


def by_tasks(bench: Bench) -> dict[str, float]:
    """The leanest playbook that they could write."""
    bench.start("-e", f"client={bench.client}", *bench.command(), playbook="bench/cutover/tasks.yml").ok()
    return {}


def by_script(bench: Bench) -> dict[str, float]:
    """The short program."""
    return bench.foil("script")


def by_orchestrator_order(bench: Bench) -> dict[str, float]:
    """The same in orchestrator's order."""
    return bench.foil("orchestrator-order")


def by_module(bench: Bench) -> dict[str, float]:
    """Ours."""
    bench.start(*bench.command(), playbook=CUTOVER).ok()
    facts = bench.state_now().get("facts", {})
    opened = facts["writable_at"]
    return {"closed_at": opened - facts["write_stop_server_s"], "opened_at": opened}


WAYS = {
    stops.TASKS: by_modules,
    stops.LEAN: by_tasks,
    stops.SCRIPT: by_script,
    stops.ORCHESTRATOR: by_orchestrator_order,
    stops.MODULE: by_module,
}


def measure(bench: Bench, way: str, rtt_ms: int) -> dict[str, Any]:
    """One cutover, and how long nobody could write."""
    bench.back()
    bench.go_far(rtt_ms)
    bench.arrive()
    try:
        told = WAYS[way](bench)
        time.sleep(AFTER_S)
        taken = bench.arrived()
        facts = bench.state_now().get("facts", {}) if way == stops.MODULE else {}
        bench.rest()
    finally:
        bench.arrived()
        bench.come_near()
    old, new = bench.probes[SOURCE].taken[-1].ended, bench.probes[TARGET].taken[0].ended
    books = check(
        bench.application / "ledger",
        read_login(bench.application / "checker.source.json"),
        read_login(bench.application / "checker.target.json"),
    )
    # The probes have the monotonic clock, the ways the wall's: one machine, so what lies between them is one number.
    apart = time.time() - mono_us() / 1e6
    times = stops.one_clock(old, new, *(told[name] - apart if told else None for name in ("closed_at", "opened_at")))
    return {
        "server": bench.flavour,
        "way": way,
        "rtt_ms": rtt_ms,
        **times,
        "step_s": facts.get("step_s"),
        "clients_s": books["clients_gap_s"],
        "open_loop": stops.latencies(taken, (old - BEFORE_S) * 1e6, (new + AFTER_S) * 1e6),
        "offered_tps": round(closed_loop_tps(bench, old) + bench.open_rate),
        "acknowledged": books["acknowledged"] + sum(arrival.acknowledged_us > 0 for arrival in taken),
        "lost": books["lost"] + lost_arrivals(bench, taken),
        "load": round(os.getloadavg()[0], 1),
    }


def closed_loop_tps(bench: Bench, old: float) -> float:
    """Transactions a second of the closed loop in the last seconds before the write stop.

    :param old: when the old server acknowledged its last write
    """
    seconds = 2.0
    return sum(old - seconds < beat.at_us / 1e6 <= old for beat in timeline(bench.application / "ledger")) / seconds


def lost_arrivals(bench: Bench, taken: Sequence[arrivals.Arrival]) -> int:
    """How many of the open loop's acknowledged writes the new server does not hold."""
    if not taken:
        return 0
    held = {int(row[0]) for row in bench.sql(TARGET, f"SELECT n FROM ledger.probes WHERE server = '{arrivals.SERVER}'")}
    return sum(arrival.acknowledged_us > 0 and arrival.number not in held for arrival in taken)


def set_load(bench: Bench, share: float) -> None:
    """Have the open loop fill up what the closed loop's writers leave of a share of the source's saturation."""
    if share:
        most = bench.saturation()
        bench.open_rate = max(MIN_OPEN_TPS, share * most - application.WRITERS / (WRITERS_PAUSE_S + CLOSED_TAKES_S))
        print(
            "bench-cutover: %s takes %.0f transactions a second; %.0f arrive at fixed times" % (bench.flavour, most, bench.open_rate),
            flush=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the file after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flavour", default="mariadb-10.11,mysql-9.7")
    parser.add_argument("--rtt", default="0,100", help="round trips in ms; 0 is the hosts' own network")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them take turns")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.7, help="of what saturates the source, the load; 0 for the closed loop alone")
    parser.add_argument("--again", action="store_true", help="add to the file's runs; hosts that are READY are taken as they are")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running")
    given = parser.parse_args(arguments)
    ways = given.ways.split(",")
    runs: list[dict[str, Any]] = json.loads(OUT.read_text())["runs"] if given.again and OUT.exists() else []
    machine = {"cores": os.cpu_count(), "kernel": os.uname().release, "megabytes": MEGABYTES}
    for flavour in given.flavour.split(","):
        bench = Bench(flavour)
        try:
            if not (given.again and bench.is_ready()):
                bench.make_ready()
            set_load(bench, given.share)
            for number in range(given.count * len(given.rtt.split(",")) * len(ways)):
                rtt = int(given.rtt.split(",")[number // (given.count * len(ways))])
                runs.append(measure(bench, ways[number % len(ways)], rtt))
                print("bench-cutover: %s" % json.dumps(runs[-1]), flush=True)
                OUT.parent.mkdir(parents=True, exist_ok=True)
                OUT.write_text(json.dumps(stops.record(machine, runs), indent=2) + "\n")
        finally:
            bench.arrived()
            bench.rest()
            bench.come_near()
            if not given.keep:
                bench.down()
    if runs:
        print(stops.table(json.loads(OUT.read_text())))
    return 1 if any(run["lost"] for run in runs if run["way"] == stops.MODULE) else 0


if __name__ == "__main__":
    sys.exit(main())
