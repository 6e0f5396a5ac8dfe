#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: at each step of a cutover under writes something breaks, and the same command is given again.

    faults.py [--flavour mariadb-10.11,mysql-9.7] [--step NAME,...] [--fault NAME,...]    the matrix, or a part of it
    faults.py --random 20 --seed 7                                                        by chance, and within the steps
    faults.py --quick                                                                     a few, for `make test`
    faults.py --again ...                                                                 keep the rows that are there
    faults.py --rate 500                                                                  transactions a second, offered and measured
    faults.py --planted                                                                   the fence broken on purpose: each row must be WRONG
    faults.py --by module --budget 10 --lease 20 --max-lag 5                              for a machine that does much else

Leaves build/faults/results.json. Exit 1 where a write was lost or is only on the source, where two servers took writes,
where the source stayed closed without a commit, or where the same command did not bring the migration to its end.

A pair of hosts is brought to READY once; what the cutover changes is kept beside and put back for each row. The job stands
still at the beginning of the step (instrument.py says how), the fault strikes, the job goes on. Causes that a person would
take away (a cut network, a stopped host, a row in the replica's way) are taken away, and the command is run again until it
succeeds, four times at most. Two probes, one on each server, try a real write 25 times a second all the while (probes.py);
in some rows somebody with privileges goes on writing on the old server's host, or setting read_only back (beside.py). What
the two binary logs hold is asked after each row, by the product's own proof.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "molecule/shared"), str(ROOT / "tests/integration"), str(ROOT / "tests/mutants")]

import application  # noqa: E402
import instrument  # noqa: E402
from beside import BESIDE  # noqa: E402
from breakages import CUT_S, FAULTS, OWN, SMALL_DISK, Fault, Scene  # noqa: E402
from pairs import CUTOVER, MIGRATE, SOURCE, TARGET, until  # noqa: E402
from planted import PLANTED, plant  # noqa: E402
from probes import held_rows, longest_stop, missing, two_writable  # noqa: E402
from rig import Rig  # noqa: E402
from verdict import at_random, in_short, matrix, outcome, summary, wrong_with  # noqa: E402

from plugins.module_utils._cutover.history import in_words, joined  # noqa: E402
from plugins.module_utils._cutover.steps import NAMES  # noqa: E402

#: What of build/ the matrix and the selection write to: a test must not throw away hours of rows.
MATRIX, SELECTION, PLANTS = "faults", "faults-quick", "faults-planted"
FLAVOURS = "mariadb-10.11,mysql-9.7"
QUICK = (
    ("commit", "job_kill"),
    ("position", "network_cut"),
    ("promote", "target_kill"),
    ("switch", "all_session+job_kill"),
    ("commit", "config_tool"),
)
MORE_RUNS = 4
#: Beyond the lease: the timer's accuracy, the start of a Python, and other work on the same two processors.
LATE_S = 12.0
#: How long an application goes on after the end, so that there is something to be wrong.
AFTER_S = 1.0
#: Transactions a second that the application brings, whatever one takes.
RATE = 500.0
#: How long the writers are counted before it begins.
OFFERED_S = 0.5


def play(rig: Rig, step: str, fault: Fault, delay: float) -> dict[str, Any]:
    """Cut over, break it at a step, give the command again until it is done; what happened, without the judgement."""
    row: dict[str, Any] = {"server": rig.flavour, "step": step, "fault": fault.name, "delay_s": delay}
    began = time.monotonic()
    rig.back()
    row["back_s"] = round(time.monotonic() - began, 1)
    fault.prepare(rig)
    rig.go_beside(fault.beside)
    direct = rig.direct and not fault.controller
    row["by"] = "module" if direct else "playbook"
    row["offered_tps"] = offered(rig)
    run, pid = begin(rig, step, direct, fault.hangs)
    row["committed_at_fault"] = "commit" in rig.state_now().get("done", [])
    scene = Scene(rig, run, pid)
    if delay:
        rig.do(TARGET, f"kill -CONT {pid}")
        time.sleep(delay)
    row["struck"] = time.monotonic()
    fault.strike(scene)
    healer = threading.Thread(target=heal, args=(fault, scene))
    if fault.after is not None:
        healer.start()
    if not (fault.kills_job or fault.holds_job):
        rig.do(TARGET, f"kill -CONT {pid} 2>/dev/null || true")
    if run.process.poll() is None:
        run.wait(600)
    if fault.after is None:
        healer.start()
    row["first_run"] = "succeeded" if run.process.returncode == 0 else "killed" if run.process.returncode < 0 else "failed"
    row["first_words"] = "" if run.process.returncode == 0 else last_words(run.words)
    row["stayed_closed"] = stays_closed(rig, row["struck"], fault)
    healer.join()
    row["committed_before_more"] = "commit" in rig.state_now().get("done", [])
    more(rig, row, run.process.returncode, direct)
    time.sleep(AFTER_S)
    return row


def begin(rig: Rig, step: str, direct: bool, hangs: bool) -> tuple[Any, int]:
    """The cutover up to the beginning of a step. A refusal, as for lag on a machine that does much else, is tried again."""
    for attempt in range(3):
        wait = rig.await_stop(step, hangs)
        run = rig.launch() if direct else rig.start(*rig.command(), playbook=CUTOVER)
        pid = wait(run)
        if pid:
            return run, pid
        print(f"faults: {step} was not reached, attempt {attempt + 1}: {last_words(run.words)}", flush=True)
        time.sleep(3)
    raise AssertionError(f"the cutover does not reach {step}:\n{run.tail}")


def last_words(words: str) -> str:
    """Of a playbook's output what failed and why."""
    at = max(words.rfind("fatal:"), words.rfind("[ERROR]"))
    return words[at : at + 500] if at >= 0 else words[-300:]


def heal(fault: Fault, scene: Scene) -> None:
    """After its time, take the cause away."""
    time.sleep((fault.after or 0.0) + (scene.rig.times["lease"] if fault.after == CUT_S else 0.0))
    fault.heal(scene)


def more(rig: Rig, row: dict[str, Any], code: int, direct: bool) -> None:
    """The same command, until it succeeds. From the third time on the whole migration, whose last chapter it is."""
    row["more_runs"] = 0
    while code and row["more_runs"] < MORE_RUNS:
        row["more_runs"] += 1
        again = row["more_runs"] < 3
        run = rig.launch() if again and direct else rig.start(*rig.command(), playbook=CUTOVER if again else MIGRATE)
        code = run.wait(900).process.returncode
        if code:
            row.setdefault("more_words", []).append(last_words(run.words))
            time.sleep(2)
    row["recovered"] = code == 0
    if direct and row["recovered"]:
        rig.point_application()


def stays_closed(rig: Rig, struck: float, fault: Fault) -> bool:
    """Whether nobody takes writes after the lease's time, although the cutover was not committed."""
    deadline = struck + max(rig.times["lease"], fault.after or 0.0) + LATE_S + (20.0 if fault.closes_source else 0.0)
    # A job that gave up late leaves nothing of that time: whether somebody takes writes now is still to be looked at.
    deadline = max(deadline, time.monotonic() + 2.0)
    while time.monotonic() < deadline:
        if any(write.began > max(struck, time.monotonic() - 1.0) for probe in rig.probes.values() for write in probe.taken[-3:]):
            return False
        time.sleep(0.1)
    # The source's host decides: a commit that it has acknowledged may not be in the target's journal yet.
    return "commit" not in rig.state_now().get("done", []) and ".committed" not in rig.do(SOURCE, f"ls {OWN}/fences 2>/dev/null || true")


def offered(rig: Rig) -> float:
    """What the writers bring before anything happens, in transactions a second, by what they noted until now."""
    folder = rig.application / "ledger"

    def noted() -> tuple[int, float]:
        return sum(path.read_bytes().count(b"\n") for path in folder.glob("a*.[0-9]*.log")), time.monotonic()

    before, began = noted()
    time.sleep(OFFERED_S)
    after, ended = noted()
    return round((after - before) / (ended - began), 1)


def proof(rig: Rig) -> dict[str, Any]:
    """What both binary logs show: nothing of others behind the recorded position, nothing of the target's before its promotion."""
    state = json.loads(rig.do(TARGET, f"cat {rig.folder}/state.json"))
    facts, seed = state["cutover"]["facts"], state["seed"].get("coordinates", {}).get("gtid", "")
    uuid = rig.value(TARGET, "SELECT @@server_uuid;") if rig.client == "mysql" else ""
    other = {"server_id": int(rig.value(TARGET, "SELECT @@server_id;")), "server_uuid": uuid}
    return joined(
        rig.prove(SOURCE, "beyond", position=facts["position"], other=other),
        rig.prove(TARGET, "before", mark=facts.get("promoted_position") or facts.get("log_before") or {}, seed=seed),
    )


def judge_logs(rig: Rig, row: dict[str, Any]) -> None:
    """By the binary logs. A cutover that was not committed in the end has no position to look behind."""
    if not row["recovered"]:
        return
    shown = proof(rig)
    row["proof"] = {"basis": shown["basis"], "words": in_words(shown)}
    row["proof"].update({name: shown[name]["transactions"] for name in ("beyond", "before")})
    row["not_proven"] = shown["basis"].startswith("not read")
    row["two_writable"] = row["two_writable"] or shown["two_writable"]


def judge_beside(rig: Rig, row: dict[str, Any], held: set[tuple[str, int]]) -> None:
    """What the others on the source's host were told had been written must be on the new primary."""
    if not rig.beside:
        return
    good, refused = rig.end_beside()
    writes = BESIDE[rig.beside].rows
    row["beside"] = {"name": rig.beside, "done": len(good), "refused": refused}
    row["privileged_lost"] = sum((rig.beside, number) not in held for number in good) if writes else 0


def judge(rig: Rig, row: dict[str, Any]) -> None:
    """Look for each acknowledged write, and at who takes writes."""
    rig.rest()
    for host in (SOURCE, TARGET):
        # A fault at one of the last steps is over before a host that was rebooted has its server up again.
        until(f"{host}'s server answers", lambda host=host: rig.sql(host, "SELECT 1;", check=False) == [["1"]], seconds=90)
    source, target = (rig.probes[host].taken for host in (SOURCE, TARGET))
    both = ["--source", str(rig.application / "checker.source.json"), "--target", str(rig.application / "checker.target.json")]
    done = application.tool("ledger.py", "check", *both, "--out", str(rig.application / "ledger"), "--json", check=False)
    if not done.stdout.strip():
        raise AssertionError(f"the ledger: {done.stderr.strip()}")
    ledger = json.loads(done.stdout)
    for name in ("acknowledged", "lost", "only_on_source", "duplicated", "altered", "refused_present", "counters_wrong", "unknown"):
        row[name] = ledger[name]
    # The writers go to one server at a time: their own judgement needs two moves to say anything. The probes go to both.
    row["two_writable"] = two_writable(source, target) or bool(ledger["two_writable"])
    judge_logs(rig, row)
    held = held_rows(rig.application / "checker.target.json")
    judge_beside(rig, row, held)
    row["probe_writes"] = {SOURCE: len(source), TARGET: len(target)}
    row["probe_rows_lost"] = len(missing(source, SOURCE, held)) + len(missing(target, TARGET, held))
    stop, by = longest_stop(source, target, row.pop("struck") - 1.0)
    row["source_reopened_s"], row["reopened_by"] = round(stop, 2), by
    wanted = {(SOURCE, "read_only"): "1", (TARGET, "read_only"): "0"}
    row["second_migration"] = rig.do(SOURCE, "tail -c 400 /root/faults-second.log 2>/dev/null || true")
    row["not_as_it_should"] = {
        f"{host} {name}": seen
        for (host, name), value in wanted.items()
        if row["recovered"] and (seen := rig.value(host, f"SELECT @@global.{name};")) != value
    }
    row["wrong"] = wrong_with(row)
    row["outcome"], row["ok"] = outcome(row), not row["wrong"]


def one(rig: Rig, step: str, name: str, delay: float = 0.0) -> dict[str, Any]:
    """A row; where something is wrong its logs are kept."""
    began = time.monotonic()
    row: dict[str, Any] = {"server": rig.flavour, "step": step, "fault": name, "delay_s": delay}
    try:
        row = play(rig, step, FAULTS[name], delay)
        judge(rig, row)
    except Exception as error:  # the other rows are still worth having
        row.update(ok=False, outcome="the harness failed: %s: %s" % (type(error).__name__, str(error)[-1500:]), wrong=["no_verdict"])
        rig.rest()
    # Rows are kept over days (--again): which code each is about.
    row.update(seconds=round(time.monotonic() - began, 1), commit=commit())
    if not row["ok"]:
        keep_logs(rig, row)
    said = "ok" if row["ok"] else "WRONG " + ", ".join(row["wrong"])
    reopened = row.get("source_reopened_s")
    print(
        f"faults: {rig.flavour} {step:10} {name:14} {said}: {row['outcome']}; {row.get('acknowledged', 0)} acknowledged"
        f" at {row.get('offered_tps', 0):.0f}/s, {reopened} s without writes; {row['seconds']:.0f} s",
        flush=True,
    )
    return row


def commit() -> str:
    """The tree's commit, with a mark where files differ from it."""
    said = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"], capture_output=True, text=True, check=False)
    return said.stdout.strip()


def keep_logs(rig: Rig, row: dict[str, Any]) -> None:
    """What the playbooks and the hosts said, for whoever looks for the cause."""
    place = rig.out / "wrong" / ("%(step)s-%(fault)s-%(delay_s)s" % row)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for run in rig.runs:
        shutil.copy2(run.log, place)
    try:
        (place / "journals").write_text(rig.journals())
        (place / "events.jsonl").write_text(rig.sh(TARGET, f"cat {rig.folder}/events.jsonl", check=False))
    except Exception as error:
        (place / "journals").write_text(str(error))
    (place / "row.json").write_text(json.dumps(row, indent=2) + "\n")


def save(out: Path, flavour: str, rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """The flavour's rows, and the file of all flavours."""
    (out / flavour).mkdir(parents=True, exist_ok=True)
    (out / flavour / "results.json").write_text(json.dumps({**facts, "faults": rows}, indent=2) + "\n")
    every = [row for path in sorted(out.glob("*/results.json")) for row in json.loads(path.read_text())["faults"]]
    fresh = out / (".results.%d" % os.getpid())
    fresh.write_text(json.dumps({**summary(every), "faults": every}, indent=2) + "\n")
    fresh.replace(out / "results.json")


def output(given: argparse.Namespace) -> Path:
    """Where the rows of this run go."""
    return ROOT / "build" / (SELECTION if given.quick else MATRIX)


def run_flavour(flavour: str, cells: list[tuple[str, str, float]], given: argparse.Namespace) -> bool:
    """All cells on a flavour's pair; whether all is well."""
    out = output(given)
    kept = out / flavour / "results.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text())["faults"] if given.again and kept.exists() else []
    have = {(row["step"], row["fault"], row["delay_s"]) for row in rows if row["ok"]}
    rows = [row for row in rows if row["ok"]]
    left = [cell for cell in cells if cell not in have]
    rig = Rig(flavour, out.name, rate=given.rate)
    rig.direct = given.by == "module"
    rig.small_disk = any(fault in SMALL_DISK for _step, fault, _delay in cells)
    rig.times.update(budget=given.budget, lease=given.lease, max_lag=given.max_lag)
    began = time.monotonic()
    try:
        if not (given.again and rig.is_ready()):
            rig.make_ready()
        for step, fault, delay in left:
            rows.append(one(rig, step, fault, delay))
            save(out, flavour, rows, {"server": flavour, "seed": given.seed, "seconds": round(time.monotonic() - began)})
    finally:
        if not given.keep:
            rig.down()
    return all(row["ok"] for row in rows)


def finds(name: str, given: argparse.Namespace) -> bool:
    """Whether the row turns wrong, and for the right reason, by a planted breakage. New hosts: the source's keeps the agent that it was given."""
    planted, out = PLANTED[name], ROOT / "build" / PLANTS
    collections = instrument.copy(ROOT, out / ("coll-%d" % os.getpid()))
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    rig = Rig(planted.flavour, out.name, rate=given.rate)
    rig.direct, rig.small_disk = given.by == "module", False
    rig.times.update(budget=given.budget, lease=given.lease, max_lag=given.max_lag)
    try:
        plant(name, collections)
        rig.make_ready()
        row = one(rig, planted.step, planted.fault)
    finally:
        rig.down()
        shutil.rmtree(collections, ignore_errors=True)
    found = planted.violation in row["wrong"]
    print("faults: the planted breakage %r is %s: %s" % (name, "found" if found else "NOT FOUND", row["wrong"]), flush=True)
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--flavour", default=FLAVOURS)
    top.add_argument("--step", default="", help="of " + ", ".join(NAMES))
    top.add_argument("--fault", default="", help="of " + ", ".join(FAULTS))
    top.add_argument("--random", type=int, default=0, metavar="COUNT")
    top.add_argument("--seed", type=int, default=1)
    top.add_argument("--by", choices=("playbook", "module"), default="playbook", help="module: without a controller, where none is broken")
    top.add_argument("--budget", type=float, default=5.0, help="seconds; the three are the product's defaults")
    top.add_argument("--lease", type=float, default=10.0, help="seconds")
    top.add_argument("--rate", type=float, default=RATE, help="transactions a second of all writers, whatever one takes; 0: with rests")
    top.add_argument("--max-lag", type=float, default=1.0, help="seconds")
    top.add_argument("--quick", action="store_true")
    top.add_argument("--planted", action="store_true", help="see that the matrix finds a fence that is broken")
    top.add_argument("--again", action="store_true", help="keep the good rows of earlier runs, and hosts that are READY")
    top.add_argument("--keep", action="store_true", help="leave the hosts running")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the faults."""
    given = parser().parse_args(arguments)
    try:
        cells = [(step, fault, 0.0) for step, fault in matrix(NAMES, list(FAULTS), given.step, given.fault)]
    except ValueError as error:
        print(f"faults: {error}", file=sys.stderr)
        return 2
    if given.random:
        cells = at_random([cell[:2] for cell in cells], given.seed, given.random)
    if given.quick:
        cells = [(*cell, 0.0) for cell in QUICK]
    if given.planted:
        return 0 if all([finds(name, given) for name in PLANTED]) else 1
    out = output(given)
    out.mkdir(parents=True, exist_ok=True)
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(instrument.copy(ROOT, out / ("coll-%d" % os.getpid())))
    try:
        good = [run_flavour(flavour, cells, given) for flavour in given.flavour.split(",")]
    finally:
        shutil.rmtree(os.environ["ANSIBLE_COLLECTIONS_PATH"], ignore_errors=True)
    head = json.loads((out / "results.json").read_text())
    print(f"faults: {in_short(head)}; {out / 'results.json'}", flush=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
