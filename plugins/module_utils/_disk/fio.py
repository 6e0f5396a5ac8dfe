# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""fio: where it is, what it is told, and what its report says."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from .command import Runner
from .error import DiskIoError
from .options import RAND_BLOCK_BYTES, SEQ_BLOCK_BYTES

# Buffered writes are flushed this often (in blocks of 1 MiB), so that memory is not measured instead of the disk.
BUFFERED_FLUSH_BLOCKS = 64
# Beyond its run time fio still has to flush what a slow disk has not taken yet.
FIO_GRACE_S = 120
PERCENTILES = (("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9))
MISSING_FIO = "fio was not found. Install the Debian package fio (apt-get install fio; dnf install fio on RHEL)."


def find_fio(which: Callable[[str], Optional[str]]) -> Optional[str]:
    """The path of fio, or None. Looks beyond PATH because non-interactive logins may have a short one."""
    for name in ("fio", "/usr/bin/fio", "/usr/local/bin/fio"):
        found = which(name)
        if found:
            return found
    return None


def fio_argv(fio: str, test: str, filename: str, size_bytes: int, runtime_s: int, direct: bool) -> List[str]:
    """The command of one test: "seq_write" or "rand_write".

    One thread with one outstanding synchronous write, as the redo log and a commit behave. Buffered sequential
    writes are flushed as they go: the file is written over until the time is up, and without it only the last
    round would ever have to reach the disk.
    """
    argv = [
        fio,
        "--name=" + test,
        "--filename=" + filename,
        "--size=%d" % size_bytes,
        "--runtime=%d" % runtime_s,
        "--time_based",
        "--direct=%d" % int(direct),
        "--ioengine=psync",
        "--thread",
        "--randrepeat=0",
        "--percentile_list=" + ":".join("%g" % percent for _name, percent in PERCENTILES),
        "--output-format=json",
        "--eta=never",
    ]
    if test == "rand_write":
        return argv + ["--rw=randwrite", "--bs=%d" % RAND_BLOCK_BYTES, "--norandommap", "--fsync=1"]
    argv += ["--rw=write", "--bs=%d" % SEQ_BLOCK_BYTES, "--end_fsync=1"]
    return argv if direct else argv + ["--fsync=%d" % BUFFERED_FLUSH_BLOCKS]


def parse_fio_output(text: str) -> Tuple[str, Dict[str, Any]]:
    """(fio's version, its only job) from standard output, which may hold notes before and after the JSON.

    Raises DiskIoError where there is no report, or where the job reports an error.
    """
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            report = decoder.raw_decode(text, start)[0]
        except ValueError:
            report = None
        if isinstance(report, dict) and report.get("jobs"):
            job = report["jobs"][0]
            if job.get("error"):
                raise DiskIoError("fio reports an error while writing: %s." % os.strerror(int(job["error"])))
            return str(report.get("fio version", "unknown")), job
        start = text.find("{", start + 1)
    raise DiskIoError("fio returned no report that can be read: %s" % (text.strip()[-300:] or "nothing"))


def latency_ms(stats: Mapping[str, Any]) -> Dict[str, Optional[float]]:
    """p50, p95, p99 and p99_9 in milliseconds, three decimals; None for what fio did not report.

    Completion latency is preferred and total latency taken otherwise; which of both carries percentiles depends on
    fio's version, and a synchronous write has no difference between them worth a name.
    """
    table: Dict[float, float] = {}
    for key in ("clat_ns", "lat_ns"):
        found = (stats.get(key) or {}).get("percentile")
        if found:
            table = {round(float(percent), 3): float(nanoseconds) for percent, nanoseconds in found.items()}
            break
    return {name: round(table[percent] / 1e6, 3) if percent in table else None for name, percent in PERCENTILES}


def read_job(job: Mapping[str, Any]) -> Dict[str, Any]:
    """The values of one fio job. Raises DiskIoError where it wrote nothing."""
    write = job.get("write") or {}
    if not write.get("io_bytes"):
        raise DiskIoError("fio wrote nothing within its run time. The storage hangs: look at the kernel log, or raise runtime_s.")
    bytes_per_s = write["bw_bytes"] if "bw_bytes" in write else write["bw"] * 1024
    sync = job.get("sync") or {}
    return {
        "bandwidth_mb_s": round(bytes_per_s / 1e6, 2),
        "iops": round(float(write["iops"]), 1),
        "written_bytes": int(write["io_bytes"]),
        "write_latency_ms": latency_ms(write),
        "fsync_latency_ms": latency_ms(sync),
        "fsync_count": int(sync.get("total_ios") or 0),
    }


def run_fio(run: Runner, argv: List[str], runtime_s: int) -> Tuple[str, Dict[str, Any]]:
    """Run one test and read its report: (fio's version, values). Raises DiskIoError with fio's own words."""
    code, out, err = run(argv, runtime_s + FIO_GRACE_S)
    if code != 0:
        words = " ".join((err.strip() or out.strip())[-500:].split())
        raise DiskIoError("fio failed with exit code %d: %s" % (code, words or "it said nothing"))
    version, job = parse_fio_output(out)
    return version, read_job(job)
