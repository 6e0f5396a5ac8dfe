# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that measures: what it is, and how much of it somebody else was using."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Seconds of a look at how busy the machine is before a measure begins.
LOOK_SECONDS = 3.0
#: The share of all cores that others may use; beyond it a figure says more about them than about us.
BUSY_SHARE = 0.15
TICK = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, Any]:
    """What somebody has to know who compares with another machine."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return {
        "cores": os.cpu_count(),
        "cpu": cpu.group(1) if cpu else platform.processor(),
        "memory_bytes": int(memory.group(1)) * 1024 if memory else 0,
        "kernel": platform.release(),
    }


def busy_seconds(text: str) -> float:
    """Seconds of all cores that were not idle since the boot, from /proc/stat; what a hypervisor stole is somebody's too."""
    user, nice, system, _idle, _wait, interrupt, soft, steal = (int(word) for word in text.split("\n", 1)[0].split()[1:9])
    return (user + nice + system + interrupt + soft + steal) / TICK


def cgroup_file(text: str) -> Path:
    """The file that counts the processor time of a container, from the /proc/PID/cgroup of its first process."""
    lines = [line.split(":", 2) for line in text.splitlines()]
    for _number, controllers, path in lines:
        if "cpuacct" in controllers.split(","):
            return Path("/sys/fs/cgroup/cpuacct" + path.removesuffix("/init.scope")) / "cpuacct.usage"
    path = next((path for number, _none, path in lines if number == "0"), "/")
    return Path("/sys/fs/cgroup" + path.removesuffix("/init.scope")) / "cpu.stat"


def cgroup_seconds(text: str) -> float:
    """Seconds of processor time in such a file, of either version."""
    found = re.search(r"usage_usec (\d+)", text)
    return int(found.group(1)) / 1e6 if found else int(text) / 1e9


def own_seconds() -> float:
    """What this program and its ended children used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@dataclass(frozen=True)
class Used:
    """Processor time of a while.

    :param others: the share of all cores that others used, 0 to 1
    :param pair_seconds: what our containers used, over all cores: the figure that others disturb least
    """

    others: float
    pair_seconds: float


class Meter:
    """Tells how much of the machine others used: all that was busy, less our containers, less ourselves.

    :param pids: the first process of each of our containers
    """

    def __init__(self, pids: Sequence[int], cores: int = os.cpu_count() or 1) -> None:
        self.files = [cgroup_file(Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")) for pid in pids]
        self.cores = cores

    def _now(self) -> tuple[float, float, float]:
        pair = sum(cgroup_seconds(file.read_text(encoding="utf-8")) for file in self.files)
        busy = busy_seconds(Path("/proc/stat").read_text(encoding="utf-8"))
        return busy - pair - own_seconds(), pair, time.monotonic()

    def start(self) -> Callable[[], Used]:
        """Begin to look; what is returned is called at the end."""
        others, pair, began = self._now()

        def used() -> Used:
            others_after, pair_after, ended = self._now()
            share = max(0.0, others_after - others) / max(ended - began, 0.001) / self.cores
            return Used(round(share, 3), round(pair_after - pair, 2))

        return used

    def look(self, seconds: float = LOOK_SECONDS) -> float:
        """The share that others use now."""
        used = self.start()
        time.sleep(seconds)
        return used().others

    def await_quiet(self, patience: float) -> float:
        """Wait until others rest, at most so many seconds; returns the share of the last look."""
        deadline = time.monotonic() + patience
        while True:
            share = self.look()
            if share <= BUSY_SHARE or time.monotonic() > deadline:
                return share
