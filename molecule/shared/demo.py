#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole migration on two hosts made for it: live writes, copy, replication, cutover, and the proof.

    demo.py run [--flavour mariadb-10.11] [--megabytes 500] [--keep]

Leaves build/demo/<flavour>/evidence.json, the migration's own record and report.html in a folder beside it, and the logs. Exit 1 where a write was
lost, a table differs, or the record does not hold or says something else than the application's ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Sequence

import jsonschema

sys.path.insert(0, str(Path(__file__).resolve().parent))

import application  # noqa: E402
import proxy  # noqa: E402
from application import ROOT, SHARED, SOURCE, TARGET  # noqa: E402

#: What of Ansible's output is the story; the rest is in ansible.log.
TELLING = ("MIGRATION PLAN", "PREFLIGHT", "READY:", "Next:", "new primary", "fatal:", "[ERROR]", "changed=", "[oslo-db1]")
#: The state file's events that begin and end the phases of the summary.
PHASES = (
    ("copy", "seed started", "seed done"),
    ("catch-up", "seed done", "ready"),
    ("cutover, with its checks", "cutover: facts", "cutover: confirm done"),
)


def say(text: str) -> None:
    """A line of the demo's own."""
    print(text, flush=True)


def run_hosts(*arguments: str) -> None:
    """The test hosts' own program."""
    subprocess.run([sys.executable, str(SHARED / "hosts.py"), *arguments], check=True, stdout=subprocess.DEVNULL)


def playbook(pair: str, log: Path, *arguments: str, name: str = "migrate") -> int:
    """Run a playbook of the migration; print what is telling, keep all of it."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), f"playbooks/{name}.yml", *arguments]
    environment = {**os.environ, "NORDBRIDGE_PAIR": pair, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "PYTHONUNBUFFERED": "1"}
    say(f"$ ansible-playbook nordbridge.mysql_migration.{name} -i inventories/demo " + " ".join(arguments))
    with log.open("a") as keep:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            keep.write(line)
            keep.flush()
            if any(word in line for word in TELLING) and not line.startswith(("changed:", "ok:", "skipping:", "included:")):
                say("  " + line.strip().removeprefix('"msg": ').strip('",')[:160])
    return process.wait()


def read_state(pair: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The migration's journal on the target: state and events."""
    folder = f"/var/lib/mysql_migration/{pair}"
    state = json.loads(application.ssh(pair, TARGET, f"cat {folder}/state.json"))
    events = [json.loads(line) for line in application.ssh(pair, TARGET, f"cat {folder}/events.jsonl").splitlines()]
    return state, events


def phase_seconds(events: list[dict[str, Any]]) -> dict[str, float]:
    """How long each phase took, by the journal's events."""
    first = {event["event"]: event["ts"] for event in reversed(events)}
    return {name: round(first[end] - first[begin], 1) for name, begin, end in PHASES if begin in first and end in first}


def evidence(pair: str, flavour: str, verdict: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """The demo's record. Each part says how it is known."""
    state, events = read_state(pair)
    ledger = verdict["ledger"]
    told = ("method", "not_taken", "changed_choice", "bytes", "seconds", "wire", "crossed", "coordinates", "tables")
    seed = {name: state["seed"].get(name) for name in told}
    requests = ledger["requests_at_switch"] or ledger["requests"]  # without a switch all of them are to be answered for
    return {
        "schema": 1,
        "migration_id": pair,
        "flavour": flavour,
        "generated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "basis": "measured",
        "seed": seed,
        "catchup": state.get("catchup", {}),
        "cutover": {
            "write_stop_s": {"server": state["cutover"]["facts"]["write_stop_server_s"], "clients": ledger["clients_gap_s"]},
            "position": state["cutover"]["facts"]["position"],
            "clients_paused_s": state["cutover"]["facts"].get("clients_paused_s"),
            "switches": state["cutover"]["facts"].get("switches_s", []),
        },
        "requests": requests,
        "requests_whole_run": ledger["requests"],
        "ledger": {name: ledger[name] for name in ("acknowledged", "lost", "duplicated", "only_on_source", "two_writable")},
        "integrity": verdict["integrity"],
        "phases_s": {**phase_seconds(events), **seconds},
    }


def check_evidence(record: dict[str, Any], verdict: dict[str, Any]) -> list[str]:
    """What is wrong with the migration; empty where nothing is."""
    wrong = list(verdict["ledger"]["wrong"])
    if record["requests"]["failed_after_one_retry"]:
        wrong.append("%(failed_after_one_retry)d requests failed although they were tried twice" % record["requests"])
    if record["integrity"]["mismatched"] or not record["integrity"]["tables"]:
        wrong.append("tables differ: %s" % (record["integrity"].get("differences") or "none was compared"))
    return wrong


def keep_record(pair: str, out: Path) -> Path:
    """The migration's own record and report, by its playbook; where they are."""
    if playbook(pair, out / "ansible.log", "-e", json.dumps({"migration_record_folder": str(out)}), name="record"):
        raise SystemExit(f"demo: the playbook record failed; its whole output is {out / 'ansible.log'}")
    (out / "events.jsonl").write_text(application.ssh(pair, TARGET, f"cat /var/lib/mysql_migration/{pair}/events.jsonl") + "\n")
    shutil.copy2(out / pair / "report.html", out / "report.html")
    return out / pair / "evidence.json"


def check_record(path: Path, events: Path, record: dict[str, Any]) -> list[str]:
    """What is wrong with the migration's own record: by its schema, by its verifier, and beside what the ledger says."""
    own = json.loads(path.read_text())
    files = ROOT / "roles/record/files"
    wrong = []
    try:
        jsonschema.validate(own, json.loads((files / "evidence.schema.json").read_text()))
    except jsonschema.ValidationError as error:
        wrong.append(f"the record is not as its schema says: {error.message}")
    command = [sys.executable, str(files / "verify_record.py"), str(path), "--events", str(events)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    if verified.returncode:
        wrong.append(f"the record does not hold: {verified.stdout}{verified.stderr}")
    stop = next((claim["value"] for claim in own["claims"] if claim["id"] == "cutover.write_stop_s"), None)
    if stop != record["cutover"]["write_stop_s"]["server"]:
        wrong.append(f"the record says that writes were stopped for {stop} s, the journal {record['cutover']['write_stop_s']['server']} s")
    lost = record["ledger"]["lost"] + record["ledger"]["only_on_source"]
    if (own["verdict"]["state"] == "proven") != (not lost and not record["ledger"]["two_writable"]):
        wrong.append(f"the record's verdict is {own['verdict']['state']}, the ledger says otherwise")
    say("Record: " + own["verdict"]["en"])
    return wrong


def summary(record: dict[str, Any], wrong: list[str], path: Path) -> None:
    """The end of the demo, for people."""
    stop, ledger, integrity = record["cutover"]["write_stop_s"], record["ledger"], record["integrity"]
    say("")
    for name, value in record["phases_s"].items():
        say(f"  {name:<26} {value:8.1f} s")
    say(f"  write stop                 {stop['server']:8.3f} s on the servers, {stop['clients']:.3f} s as the clients saw it")
    for name, requests in (("requests at the switch", record["requests"]), ("requests in all that time", record["requests_whole_run"])):
        say(
            f"  {name:<26} {requests['failed_after_one_retry']:>8} failed, {requests['retried']} tried again, "
            f"the slowest took {requests['longest_request_s']:.3f} s"
        )
    say(
        f"  acknowledged writes        {ledger['acknowledged']:>8}   lost {ledger['lost']}, duplicated {ledger['duplicated']}, "
        f"only on the source {ledger['only_on_source']}"
    )
    say(f"  tables compared            {integrity['tables']:>8}   mismatched {integrity['mismatched']}")
    say(f"  evidence                   {path.relative_to(ROOT)}, beside it report.html and the migration's own record")
    say("FAILED: " + "; ".join(wrong) if wrong else "OK: every acknowledged write is on the new server, once")


def timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """Do a part and keep how long it took."""
    started = time.monotonic()
    result = work()
    seconds[name] = round(time.monotonic() - started, 1)
    return result


def migrate(pair: str, out: Path) -> None:
    """First to READY, then through the gate; the writers never pause."""
    switches = json.dumps({"migration_cutover_switches": [proxy.switch()], "migration_cutover_after": [str(SHARED / "hooks/haproxy.yml")]})
    for arguments in ((), ("-e", f"cutover={pair}", "-e", switches)):
        if playbook(pair, out / "ansible.log", *arguments):
            raise SystemExit(f"demo: the playbook failed; its whole output is {out / 'ansible.log'}")


def run(flavour: str, megabytes: int, keep: bool) -> int:
    """The demo, from nothing to the summary."""
    pair = "demo-" + flavour.replace(".", "-")
    out = ROOT / "build/demo" / flavour
    subprocess.run(["rm", "-rf", str(out)], check=True)
    out.mkdir(parents=True)
    seconds: dict[str, float] = {}
    run_hosts("down", pair)
    try:
        say(f"Hosts {SOURCE} and {TARGET}: {flavour} in containers")
        timed(seconds, "hosts", lambda: run_hosts("up", pair, "--source", flavour, "--target", flavour))
        say(f"Data on {SOURCE}: {megabytes} MB, then {application.WRITERS} writers that do not stop, through a HAProxy on {TARGET}")
        timed(seconds, "load", lambda: application.start(pair, out, megabytes, through=TARGET))
        migrate(pair, out)
        time.sleep(3)
        application.stop(out)
        say("Writers ended. Each acknowledged write is looked for, and every table compared on both servers")
        verdict = timed(seconds, "proof", lambda: application.judge(out))
        record = evidence(pair, flavour, verdict, seconds)
        own = keep_record(pair, out)
        wrong = check_evidence(record, verdict) + check_record(own, out / "events.jsonl", record)
        (out / "evidence.json").write_text(json.dumps(record, indent=2) + "\n")
        summary(record, wrong, out / "evidence.json")
        return 1 if wrong else 0
    finally:
        application.stop(out)
        if not keep:
            run_hosts("down", pair)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command = parser.add_subparsers(dest="command", required=True).add_parser("run")
    command.add_argument("--flavour", default="mariadb-10.11")
    command.add_argument("--megabytes", type=int, default=500)
    command.add_argument("--keep", action="store_true", help="leave the hosts running")
    given = parser.parse_args(arguments)
    return run(given.flavour, given.megabytes, given.keep)


if __name__ == "__main__":
    sys.exit(main())
