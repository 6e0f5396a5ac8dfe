# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""CPU steal: the share of time in which the hypervisor ran somebody else."""

from __future__ import annotations

from typing import NamedTuple, Optional

# /proc/stat, line "cpu": user nice system idle iowait irq softirq steal guest guest_nice, in clock ticks.
# guest and guest_nice are already contained in user and nice, so only the first eight are added up.
_COUNTED_FIELDS = 8
_STEAL_FIELD = 7


class CpuTimes(NamedTuple):
    """CPU time since boot of all processors together, in clock ticks."""

    total: int
    steal: int


def parse_proc_stat(text: str) -> Optional[CpuTimes]:
    """Read the summary line of /proc/stat.

    Returns None where there is no such line or the kernel does not count steal (fewer than eight fields).
    """
    for line in text.splitlines():
        fields = line.split()
        if not fields or fields[0] != "cpu":
            continue
        try:
            ticks = [int(field) for field in fields[1 : 1 + _COUNTED_FIELDS]]
        except ValueError:
            return None
        if len(ticks) < _COUNTED_FIELDS:
            return None
        return CpuTimes(total=sum(ticks), steal=ticks[_STEAL_FIELD])
    return None


def read_cpu_times(path: str = "/proc/stat") -> Optional[CpuTimes]:
    """Take one sample. None where the file cannot be read or understood: steal is then unknown, not zero."""
    try:
        with open(path, "r", encoding="ascii", errors="replace") as handle:
            return parse_proc_stat(handle.read())
    except OSError:
        return None


def steal_percent(before: Optional[CpuTimes], after: Optional[CpuTimes]) -> Optional[float]:
    """Steal between two samples, in percent of all CPU time of the whole system, two decimals.

    None where a sample is missing or no time passed. The kernel may let steal run backwards by a few ticks
    after a live migration of the guest; that counts as zero.
    """
    if before is None or after is None:
        return None
    total = after.total - before.total
    if total <= 0:
        return None
    return round(100.0 * max(0, after.steal - before.steal) / total, 2)
