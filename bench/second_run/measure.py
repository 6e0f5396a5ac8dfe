#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a second run on a READY pair and status cost: wall time, tasks, ssh executions. Two versions take turns.

    measure.py --tree LABEL=DIRECTORY [--tree LABEL=DIRECTORY] [--flavour mariadb-10.11] [--count 3] [--keep]

Each version brings a pair of its own to READY by its own rig, then they take turns. Leaves build/bench/second_run.json.
Exit 1 where a second run failed or changed something.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import second_run_counts as counts  # noqa: E402

OUT = ROOT / "build/bench/second_run.json"
#: Runs in a version's own tree.
RIG = """
import sys
sys.path[:0] = ["tests/faults", ".", "molecule/shared", "tests/integration"]
from rig import Rig
getattr(Rig(sys.argv[1], "second-run"), sys.argv[2])()
"""
#: What stands in for ssh, so that each execution is counted: a line each.
SSH = '#!/bin/sh\necho x >> "$SSH_COUNT"\nexec ssh "$@"\n'
PLAYBOOKS = ("migrate", "status")


def pair_of(label: str) -> str:
    """The rig's prefix for a version's hosts."""
    return os.environ.get("NORDBRIDGE_RIG", "second-run") + "-" + label


def rig(tree: Path, label: str, flavour: str, action: str) -> None:
    """Have a version's own rig do something to its hosts."""
    environment = {**os.environ, **environment_of(tree), "NORDBRIDGE_RIG": pair_of(label)}
    subprocess.run([sys.executable, "-c", RIG, flavour, action], cwd=tree, env=environment, check=True)


def environment_of(tree: Path) -> dict[str, str]:
    """Ansible's settings for a tree, as its Makefile has them."""
    build = tree / "build"
    return {
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
        "ANSIBLE_HOME": str(build / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(build / "coll"),
        "ANSIBLE_ROLES_PATH": str(tree / "roles"),
    }


def measure(tree: Path, label: str, flavour: str, playbook: str) -> dict[str, Any]:
    """One run of a playbook."""
    place = OUT.parent / "second_run"
    place.mkdir(parents=True, exist_ok=True)
    wrapper, ssh_count, times = place / "ssh", place / "ssh.count", place / "tasks.jsonl"
    wrapper.write_text(SSH)
    wrapper.chmod(0o755)
    for path in (ssh_count, times):
        path.write_text("")
    environment = {
        **os.environ,
        **environment_of(tree),
        "NORDBRIDGE_PAIR": pair_of(label) + "-" + flavour.split("-")[0],
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_SSH_EXECUTABLE": str(wrapper),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "task_times",
        "SSH_COUNT": str(ssh_count),
        "TASK_TIMES": str(times),
    }
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, f"nordbridge.mysql_migration.{playbook}", "-i", "inventories/demo"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    if done.returncode:
        raise SystemExit(f"second_run: {label}: {playbook} failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return {
        "label": label,
        "playbook": playbook,
        "seconds": round(ended - began, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "ssh": len(ssh_count.read_text().splitlines()),
        **counts.recap(done.stdout),
        "load": round(os.getloadavg()[0], 1),
        "tasks": [json.loads(line) for line in times.read_text().splitlines()],
    }


def labelled(text: str) -> tuple[str, Path]:
    """LABEL=DIRECTORY."""
    label, _equals, folder = text.partition("=")
    if not (label.isalnum() and (Path(folder) / "galaxy.yml").exists()):
        raise argparse.ArgumentTypeError("%s is not LABEL=DIRECTORY of a work tree" % text)
    return label, Path(folder).resolve()


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring all to READY, take turns, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=labelled, action="append", required=True)
    parser.add_argument("--flavour", default="mariadb-10.11")
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="leave the hosts running")
    parser.add_argument("--again", action="store_true", help="hosts are READY from an earlier run with --keep")
    given = parser.parse_args(arguments)
    runs: list[dict[str, Any]] = []
    try:
        for label, tree in given.tree:
            if not given.again:
                rig(tree, label, given.flavour, "make_ready")
            # What the rig did differently from an operator, as no measurement of the disk, is settled by a first run that does not count.
            measure(tree, label, given.flavour, "migrate")
        for _number in range(given.count):
            for playbook in PLAYBOOKS:
                for label, tree in given.tree:
                    runs.append(measure(tree, label, given.flavour, playbook))
                    print("second_run: %s" % {name: value for name, value in runs[-1].items() if name != "tasks"}, flush=True)
    finally:
        if not given.keep:
            for label, tree in given.tree:
                rig(tree, label, given.flavour, "down")
    content = {
        "schema": 1,
        "generated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "server": given.flavour,
        "cores": os.cpu_count(),
        "runs": runs,
        "medians": counts.summary(runs),
    }
    OUT.write_text(json.dumps(content, indent=2) + "\n")
    print(counts.table(content))
    return 1 if any(run["changed"] or run["failed"] for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
