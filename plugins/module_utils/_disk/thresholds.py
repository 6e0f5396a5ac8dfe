# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The thresholds, as a table."""

from __future__ import annotations

from typing import NamedTuple


class Threshold(NamedTuple):
    """One rule: which setting limits which value, in which direction, and what to do when it is missed."""

    id: str
    setting: str
    label: str
    unit: str
    is_minimum: bool
    advice: str


THRESHOLDS = (
    Threshold(
        "seq_write_mb_s",
        "min_seq_write_mb_s",
        "Sequential write (1 MiB blocks)",
        "MB/s",
        True,
        "Check the volume's throughput limit and what else writes to it, or put the data directory on a faster"
        " volume: the first copy of the data takes correspondingly long.",
    ),
    Threshold(
        "rand_write_iops",
        "min_rand_write_iops",
        "Random write (16 KiB blocks, fsync after each)",
        "IOPS",
        True,
        "Check the volume's IOPS limit and its write cache, or put the data directory on a faster volume:"
        " the replica may never catch up with its source.",
    ),
    Threshold(
        "fsync_p99_ms",
        "max_fsync_p99_ms",
        "fsync latency, 99th percentile",
        "ms",
        False,
        "Check the storage for a write cache that is off, a busy neighbour or a network path in between:"
        " every durable commit waits this long.",
    ),
    Threshold(
        "steal_percent",
        "max_steal_percent",
        "CPU steal while measuring",
        "%",
        False,
        "The hypervisor is overcommitted or the instance is out of CPU credits: move the guest or give it dedicated CPUs.",
    ),
)
