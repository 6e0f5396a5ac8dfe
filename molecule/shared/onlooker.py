#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who looks at every process again and again, as any user of a machine can with ps.

    onlooker.py start --out DIR     look in the background; DIR/onlooker.log gets each new command line and environment
    onlooker.py stop --out DIR      no error where it has ended

It runs beside the containers, whose processes are processes of this machine too: it sees both hosts and the controller.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, Sequence

#: Short beside the life of a program that connects to a server; long enough to leave the processors to others.
INTERVAL_S = 0.05


def look(known: dict[str, bytes]) -> Iterator[bytes]:
    """What is new since the last look: the command lines and environments of processes."""
    running = {name for name in os.listdir("/proc") if name.isdigit()}
    for name in set(known) - running:
        del known[name]
    for name in running:
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes()
            if command and known.get(name) != command:
                known[name] = command
                yield command + b"\0" + Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue  # it has ended, or is another user's


def watch(log: Path) -> None:
    """Look until the end."""
    known: dict[str, bytes] = {}
    with log.open("ab", buffering=0) as file:
        while True:
            for seen in look(known):
                file.write(seen.replace(b"\0", b" ") + b"\n")
            time.sleep(INTERVAL_S)


def start(out: Path) -> None:
    """Look in the background."""
    log = out / "onlooker.log"
    os.close(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600))
    command = [sys.executable, __file__, "watch", "--out", str(out)]
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
    (out / "onlooker.pid").write_text(str(process.pid))


def stop(out: Path) -> None:
    """End it."""
    path = out / "onlooker.pid"
    if not path.exists():
        return
    pid = int(path.read_text())
    path.unlink()
    # The number may belong to another program by now.
    try:
        if b"onlooker.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)
    except (OSError, ProcessLookupError):
        pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("start", "stop", "watch"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.command == "start":
        start(given.out)
    elif given.command == "stop":
        stop(given.out)
    else:
        watch(given.out / "onlooker.log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
