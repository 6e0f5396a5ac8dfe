#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write stop of the cutover module against the same steps as Ansible tasks: the usual ones, and the leanest.

    write_stop.py [--flavour mariadb-10.11,mysql-9.7] [--rtt 0,100] [--count 5] [--ways module]

Leaves build/bench/cutover.json. The runs of all ways take turns on one pair of hosts, which goes back to the same READY
before each. Exit 1 where a write was lost by the module.
"""

from __future__ import annotations

import argparse
import json
import os
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
import proxy  # noqa: E402
import stops  # noqa: E402
import usual  # noqa: E402
from ledger_check import check  # noqa: E402
from ledger_files import read_login  # noqa: E402
from pairs import CUTOVER, SOURCE, TARGET, until  # noqa: E402
from rig import SETTINGS, Rig  # noqa: E402

OUT = ROOT / "build/bench/cutover.json"
#: So that clients, probes and both servers leave the two cores time for what is measured: a saturated machine measures its queue.
WRITERS_PAUSE_S = 0.02
PROBE_EVERY_S = 0.004
AFTER_S = 2.0
RELAY, RELAY_PORT = HERE / "relay.py", 2222


class Bench(Rig):
    """A pair whose old server can be far away."""

    def __init__(self, flavour: str) -> None:
        super().__init__(flavour, "bench-cutover", WRITERS_PAUSE_S)
        self.probe_every_s = PROBE_EVERY_S
        self.settings, self.small_disk = SETTINGS, False
        # When it begins is not what is measured: what it waits for before counts for neither way.
        self.times["max_lag"] = 10.0
        self.relay: subprocess.Popen | None = None
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

    def come_near(self) -> None:
        """The short way again; on the target the files that back() puts back know of no other."""
        if self.relay:
            self.relay.kill()
            self.relay.wait()
            self.ssh_config.write_text(self.near)
            self.do(TARGET, "systemctl stop relay 2>/dev/null || true")
        self.relay = None


def by_modules(bench: Bench) -> Any:
    """The playbook that people write, with Ansible as it is without settings."""
    arguments = ("-e", f"client={bench.client}", *bench.command())
    return bench.start(*arguments, playbook="bench/cutover/modules.yml", environment=usual.fetch()).ok()


def by_tasks(bench: Bench) -> Any:
    """The leanest playbook that they could write."""
    return bench.start("-e", f"client={bench.client}", *bench.command(), playbook="bench/cutover/tasks.yml").ok()


def by_module(bench: Bench) -> Any:
    """Ours."""
    return bench.start(*bench.command(), playbook=CUTOVER).ok()


WAYS = {stops.TASKS: by_modules, stops.LEAN: by_tasks, stops.MODULE: by_module}


def measure(bench: Bench, way: str, rtt_ms: int) -> dict[str, Any]:
    """One cutover, and how long nobody could write."""
    bench.back()
    bench.go_far(rtt_ms)
    try:
        WAYS[way](bench)
        time.sleep(AFTER_S)
        facts = bench.state_now().get("facts", {}) if way == stops.MODULE else {}
        bench.rest()
    finally:
        bench.come_near()
    old, new = (bench.probes[host].taken for host in (SOURCE, TARGET))
    ledger = check(
        bench.application / "ledger",
        read_login(bench.application / "checker.source.json"),
        read_login(bench.application / "checker.target.json"),
    )
    return {
        "server": bench.flavour,
        "way": way,
        "rtt_ms": rtt_ms,
        "write_stop_s": round(new[0].ended - old[-1].ended, 4),
        "server_s": facts.get("write_stop_server_s"),
        "step_s": facts.get("step_s"),
        "clients_s": ledger["clients_gap_s"],
        "acknowledged": ledger["acknowledged"],
        "lost": ledger["lost"],
        "load": round(os.getloadavg()[0], 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the file after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flavour", default="mariadb-10.11,mysql-9.7")
    parser.add_argument("--rtt", default="0,100", help="round trips in ms; 0 is the hosts' own network")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them take turns")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="add to the file's runs; hosts that are READY are taken as they are")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running")
    given = parser.parse_args(arguments)
    ways = given.ways.split(",")
    runs: list[dict[str, Any]] = json.loads(OUT.read_text())["runs"] if given.again and OUT.exists() else []
    machine = {"cores": os.cpu_count(), "kernel": os.uname().release}
    for flavour in given.flavour.split(","):
        bench = Bench(flavour)
        try:
            if not (given.again and bench.is_ready()):
                bench.make_ready()
            for number in range(given.count * len(given.rtt.split(",")) * len(ways)):
                rtt = int(given.rtt.split(",")[number // (given.count * len(ways))])
                runs.append(measure(bench, ways[number % len(ways)], rtt))
                print("bench-cutover: %s" % json.dumps(runs[-1]), flush=True)
                OUT.parent.mkdir(parents=True, exist_ok=True)
                OUT.write_text(json.dumps(stops.record(machine, runs), indent=2) + "\n")
        finally:
            bench.rest()
            bench.come_near()
            if not given.keep:
                bench.down()
    if runs:
        print(stops.table(json.loads(OUT.read_text())))
    return 1 if any(run["lost"] for run in runs if run["way"] == stops.MODULE) else 0


if __name__ == "__main__":
    sys.exit(main())
