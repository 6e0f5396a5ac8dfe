# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways of copying: the guide's own, the collection's methods as the real job, and the plain copy of the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pair import KEEP, SOURCE, TARGET, Pair

#: What each server's own dump program calls the coordinates. Everything else the guide leaves at its defaults.
DUMP = {
    "mariadb": "mariadb-dump --single-transaction --master-data=2",
    "mysql": "mysqldump --single-transaction --source-data=2",
}
TIMED = 'began=$(date +%%s.%%N)\n%s\necho "$began $(date +%%s.%%N)"\n'
DUMP_TO_FILE = f"@DUMP@ --routines --triggers --events --databases sbtest | gzip > {KEEP}/dump.sql.gz"
FETCH = f"scp -q -F {KEEP}/ssh_config source:{KEEP}/dump.sql.gz {KEEP}/dump.sql.gz"
LOAD = f"zcat {KEEP}/dump.sql.gz | @CLIENT@"
#: Not the binary logs: no seed needs them. What was copied is on the disk when the clock stops, as after a seed.
PLAIN = (
    f"ssh -F {KEEP}/ssh_config source 'tar -C @DATADIR@ --exclude=./binlog.* --exclude=./mysql-bin.* --exclude=./*-bin.0* -cf - .'"
    " | tar -C @DATADIR@ -xf -\nsync -f @DATADIR@"
)


@dataclass
class Measured:
    """A copy that was made.

    :param seconds: from the first command to the end of the last
    :param parts: seconds of each part, where there are several
    :param facts: what else is worth keeping
    """

    seconds: float
    parts: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """A way of copying.

    :param state: of the target before it
    :param servers: whether both servers run when it begins
    """

    name: str
    state: str
    servers: bool
    copy: Callable[[Pair, int], Measured]


def timed(pair: Pair, host: str, script: str, **words: str) -> float:
    """Seconds of a script by the host's own clock: logging in is no part of it."""
    began, ended = pair.sh(host, TIMED % script, **words).split()[-2:]
    return float(ended) - float(began)


def guide(pair: Pair, _attempt: int) -> Measured:
    """mysqldump into gzip into a file, scp, zcat into the client; one after the other, as the guide has it."""
    parts = {
        "dump": timed(pair, SOURCE, DUMP_TO_FILE, DUMP=DUMP[pair.server]),
        "scp": timed(pair, TARGET, FETCH),
        "load": timed(pair, TARGET, LOAD),
    }
    size = int(pair.sh(TARGET, "stat -c %s @KEEP@/dump.sql.gz"))
    return Measured(sum(parts.values()), parts, {"crossed": size})


def raw(pair: Pair, _attempt: int) -> Measured:
    """Both servers down: tar through ssh into tar, until the files are on the disk. What the pair of hosts can do at most."""
    return Measured(timed(pair, TARGET, PLAIN))


def job(method: str) -> Callable[[Pair, int], Measured]:
    """One of the collection's methods, as the job that the migration runs: from its launch to its outcome."""

    def copy(pair: Pair, _attempt: int) -> Measured:
        pair.playbook("copy", "-e", json.dumps({"bench_method": method}))
        folder = f"/var/lib/mysql_migration/{pair.name}/jobs/seed"
        launched = float(pair.sh(TARGET, f"stat -c %.Y {folder}/spec.json"))
        outcome = json.loads(pair.sh(TARGET, f"cat {folder}/outcome.json"))
        result = outcome["result"]
        phases = _phases(pair.sh(TARGET, f"cat {folder}/log"))
        return Measured(outcome["ended"] - launched, facts={"crossed": result["crossed"], "phases": phases})

    return copy


def _phases(log: str) -> list[str]:
    """The phases that the job went through, in order."""
    names = [line.split(":", 1)[0] for line in log.splitlines() if ": " in line]
    return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]


#: The ways of each server, in the order of a round.
WAYS = {
    "mariadb": (
        Way("guide", "shipped", True, guide),
        Way("raw", "shipped", False, raw),
        Way("mariadb-backup", "prepared", True, job("mariadb-backup")),
        Way("dump", "prepared", True, job("dump")),
    ),
    "mysql": (
        Way("guide", "shipped", True, guide),
        Way("raw", "shipped", False, raw),
        Way("clone", "prepared", True, job("clone")),
        Way("dump", "prepared", True, job("dump")),
    ),
}
