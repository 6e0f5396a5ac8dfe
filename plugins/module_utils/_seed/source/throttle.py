# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How a program on the source stays out of its clients' way: nice, ionice, and a limit for what crosses the wire."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import typing as t

from ..._errors import MigrationError

# Class of ionice by name; a class without levels has none.
IO_CLASSES = {"idle": ["-c", "3"], "best-effort": ["-c", "2", "-n", "7"]}


def prefix(request: dict) -> list[str]:
    """What comes before a program's own arguments.

    ionice is util-linux's and everywhere; a host without it copies with nice alone.

    :param request: nice (0 to 19), ionice (a name of IO_CLASSES, or empty for none)
    """
    words = ["nice", "-n", str(int(request.get("nice", 10)))]
    kind = request.get("ionice") or ""
    if kind and kind not in IO_CLASSES:
        raise MigrationError("ionice is one of %s, not %s" % (", ".join(sorted(IO_CLASSES)), kind))
    program = shutil.which("ionice") if kind else None
    return words + ([program] + IO_CLASSES[kind] if program else [])


def limiter(request: dict) -> list[str]:
    """The program behind the packer that lets no more than the bandwidth pass; empty for no limit.

    What is limited is what crosses the wire: the packed stream.

    :param request: bandwidth, megabits a second; 0 for no limit
    """
    bandwidth = float(request.get("bandwidth") or 0)
    if bandwidth <= 0:
        return []
    program = shutil.which("pv")
    if not program:
        raise MigrationError("a bandwidth limit is set and this host has no pv; install the package pv, or leave migration_target_seed_bandwidth 0")
    # -C: no splice, which would move a pipe's worth at once past the limit.
    return [program, "-q", "-C", "-L", str(max(1, int(bandwidth * 1e6 / 8)))]


def send(program: list[str], packer: list[str], request: dict, **popen: t.Any) -> dict[str, int]:
    """Run a program on the source: its output goes through the packer and the limiter to standard output.

    :param popen: of the program alone: where its messages go, which files it may read
    :returns: how each ended, by its name
    """
    throttle, limit = prefix(request), limiter(request)
    chain = [throttle + program, throttle + packer] + ([limit] if limit else [])
    names = [os.path.basename(words[0]) for words in (program, packer, limit) if words]
    processes: list[subprocess.Popen] = []
    try:
        for number, words in enumerate(chain):
            before = processes[-1].stdout if processes else None
            output = sys.stdout.fileno() if number == len(chain) - 1 else subprocess.PIPE
            # pylint: disable-next=consider-using-with  # each is waited for below
            processes.append(subprocess.Popen(words, stdin=before, stdout=output, **({} if processes else popen)))
            if before is not None:
                # Only the taker may hold the pipe, or the giver would never learn that its reader is gone.
                before.close()
        return {name: process.wait() for name, process in zip(reversed(names), reversed(processes))}
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
