#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the first copy takes: the guide's way, each of our methods, and the plain copy of the files.

    run.py [--server mariadb-10.11 --server mysql-9.7] [--megabytes 1000] [--rounds 3] [--limit 200]

The same data for all ways, which take turns. Each copy of files has some seconds of fixed cost (the target's server stops
and starts): the more data, the nearer the ratios come to those of a real migration.
Leaves build/bench/seed.json. Exit 1 where a copy was not equal, 3 where the machine is too busy to measure (then nothing
was measured, or what was measured so far is in the file).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import machine  # noqa: E402
import results  # noqa: E402
from pair import ROOT, Pair  # noqa: E402
from ways import WAYS, Way  # noqa: E402

SERVERS = ("mariadb-10.11", "mysql-9.7")
#: What --quick is for: that the benchmark itself works. Its figures mean nothing.
QUICK = {"megabytes": 20, "rounds": 1, "allow_busy": True, "out": ROOT / "build/bench/seed-quick.json"}


class Busy(Exception):
    """Somebody else uses the machine."""


@dataclass
class Bench:
    """A benchmark under way.

    :param limits: Mbit/s of each network to measure over; 0 for all that there is
    """

    given: argparse.Namespace
    limits: Sequence[int]
    runs: list[dict[str, Any]]
    servers: dict[str, Any]

    def save(self) -> dict[str, Any]:
        """Write what there is."""
        content = results.record(machine.facts(), self.servers, self.runs)
        results.write(self.given.out, content)
        return content

    def measure(self, pair: Pair, way: Way, limit: int, number: int) -> dict[str, Any]:
        """One copy, from a cold start, with the proof of it."""
        pair.reset(way.state, running=way.servers)
        pair.cold(running=way.servers)
        meter = machine.Meter(pair.pids())
        before = meter.await_quiet(0.0 if self.given.allow_busy else self.given.patience)
        if before > machine.BUSY_SHARE and not self.given.allow_busy:
            raise Busy(f"others use {before:.0%} of this machine's cores; wait for quiet, or measure with --allow-busy")
        load = os.getloadavg()[0]
        pair.limit(limit)
        used = meter.start()
        try:
            done = way.copy(pair, number)
        finally:
            processor = used()
            pair.limit(0)
        wrong = pair.check()
        return {
            "server": pair.flavour,
            "method": way.name,
            "bytes": self.servers[pair.flavour]["bytes"],
            "seconds": round(done.seconds, 3),
            "round": number,
            "mbit": limit,
            "parts": {name: round(value, 3) for name, value in done.parts.items()},
            **done.facts,
            "load_before": round(load, 2),
            "others_before": before,
            "others": processor.others,
            "cpu_seconds": processor.pair_seconds,
            "equal": not wrong,
            "difference": wrong,
        }

    def server(self, flavour: str) -> None:
        """All rounds of one pair."""
        pair = Pair(flavour, self.given.prefix)
        try:
            if not (self.given.more and pair.resume()):
                say(f"{flavour}: two hosts, {self.given.megabytes} MB")
                pair.up()
                pair.load(self.given.megabytes)
                pair.prepare()
            data = pair.data()
            self.servers[flavour] = {"version": pair.version(), "bytes": data["files"], **data}
            rounds = [run["round"] for run in self.runs if run["server"] == flavour]
            for number in range(max(rounds, default=0) + 1, max(rounds, default=0) + 1 + self.given.rounds):
                self.round(pair, number)
            changed = pair.check_source()
            if changed:
                raise SystemExit(f"bench: the source's data changed meanwhile: {changed}")
        finally:
            if not self.given.keep:
                pair.down()

    def round(self, pair: Pair, number: int) -> None:
        """Each way once over each network. A method that was not asked for is left out; guide and raw never are."""
        for limit in self.limits:
            for way in WAYS[pair.server]:
                if self.given.method and way.name not in (*self.given.method, results.GUIDE, results.RAW):
                    continue
                run = self.measure(pair, way, limit, number)
                self.runs.append(run)
                self.save()
                say(line(run))


def line(run: Mapping[str, Any]) -> str:
    """A run, for whoever waits."""
    words = [f"{run['server']} {run['round']}: {run['method']:<15} {run['seconds']:8.2f} s", f"processors {run['cpu_seconds']:6.1f} s"]
    words += [f"at {run['mbit']} Mbit/s"] if run["mbit"] else []
    words += [f"others used {run['others']:.0%}"] if run["others"] > machine.BUSY_SHARE else []
    words += [] if run["equal"] else [f"NOT EQUAL: {run['difference']}"]
    return "  ".join(words)


def say(text: str) -> None:
    """A line for whoever waits."""
    print(text, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=SERVERS, help="may be given more than once; both where it is not")
    parser.add_argument("--method", action="append", help="of ours, beside the guide and the plain copy; all where it is not given")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=200, help="Mbit/s of the limited network; 0 to leave it out")
    parser.add_argument("--only-limited", action="store_true", help="leave the network without a limit out")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine before each measure")
    parser.add_argument("--allow-busy", action="store_true", help="measure although others use the machine; each run says how much")
    parser.add_argument("--keep", action="store_true", help="leave the hosts for --more")
    parser.add_argument("--more", action="store_true", help="add rounds to the file, on the hosts that --keep has left")
    parser.add_argument("--quick", action="store_true", help="one round with very little data, to see that it all works")
    parser.add_argument("--prefix", default=os.environ.get("BENCH_PREFIX", "bench-seed"), help="of the pairs' names")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench/seed.json")
    given = parser.parse_args(arguments)
    for name, value in QUICK.items() if given.quick else ():
        setattr(given, name, value)
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and say what came out."""
    given = parse(arguments)
    limits = [0] * (not given.only_limited) + [given.limit] * bool(given.limit)
    earlier = results.read(given.out) if given.more else {}
    bench = Bench(given, limits, results.all_runs(earlier), earlier.get("servers", {}))
    for flavour in given.server or SERVERS:
        try:
            bench.server(flavour)
        except Busy as error:
            print(f"bench: {flavour}: {error}", file=sys.stderr)
            return 3
    content = bench.save()
    print("\n".join(["", *results.lines(content), os.path.relpath(given.out, ROOT)]))
    return 0 if content["all_equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
