# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Measure a data directory with fio and hold the values against thresholds.

Units: bytes, seconds, milliseconds, and MB/s with 1 MB = 1,000,000 bytes. Every failure that the operator can
act upon is a DiskIoError whose text says what to do.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from . import cpu
from .command import Runner, run_command, stop_on_signals
from .error import DiskIoError
from .file import FILE_PREFIX, accepts_direct_io, find_leftovers, remove, reserved_file
from .fio import MISSING_FIO, find_fio, fio_argv, run_fio
from .free_space import MEMORY_FILESYSTEMS, Space, disk_space, find_filesystem, read_mounts, require_directory, require_space
from .judge import judge, warning
from .options import Settings, parse_settings


class Host(NamedTuple):
    """What the check takes from the machine; replaced in tests."""

    run: Runner
    which: Callable[[str], Optional[str]]
    cpu_times: Callable[[], Optional[cpu.CpuTimes]]
    space: Callable[[str], Space]
    now: Callable[[], float]


def measure(settings: Settings, directory: str, fio: str, host: Host) -> Dict[str, Any]:
    """Write, measure and remove: the values of both tests and the steal over both.

    The second test stays within what the first one has written, so that it rewrites blocks as InnoDB does.
    fio gets the open file through /proc, so that nobody who may write to the directory can put another file in its
    place. Raises DiskIoError.
    """
    with stop_on_signals(), reserved_file(directory, settings.size_bytes) as descriptor:
        filename = "/proc/%d/fd/%d" % (os.getpid(), descriptor)
        direct = settings.directio and accepts_direct_io(filename)
        before = host.cpu_times()
        seq_argv = fio_argv(fio, "seq_write", filename, settings.size_bytes, settings.runtime_s, direct)
        version, seq = run_fio(host.run, seq_argv, settings.runtime_s)
        rewritable = min(settings.size_bytes, seq["written_bytes"])
        rand_argv = fio_argv(fio, "rand_write", filename, rewritable, settings.runtime_s, direct)
        rand = run_fio(host.run, rand_argv, settings.runtime_s)[1]
        steal = cpu.steal_percent(before, host.cpu_times())
    for name in ("fsync_latency_ms", "fsync_count"):
        seq.pop(name)
    return {
        "fio_version": version,
        "directio": direct,
        "seq_write": seq,
        "rand_write": rand,
        "cpu_steal_percent": steal,
    }


def notes(settings: Settings, result: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Findings about the measurement itself: what makes its values mean less than they seem to."""
    found = []
    if settings.directio and not result["directio"]:
        found.append(
            warning(
                "directio_refused",
                "The file system of %s (%s) refuses O_DIRECT: writes went through the page cache and were flushed by fsync."
                " Set directio=false to measure so without this note." % (result["data_directory"], result["filesystem_type"]),
            )
        )
    if result["filesystem_type"] in MEMORY_FILESYSTEMS:
        found.append(
            warning(
                "memory_filesystem",
                "%s is on %s, which is memory: its values say nothing about a disk."
                % (result["data_directory"], result["filesystem_type"]),
                result["filesystem_type"],
            )
        )
    return found


def describe(settings: Settings, directory: str, fio: Optional[str], host: Host) -> Dict[str, Any]:
    """What is known without writing: room, file system, leftovers, and the commands that would run."""
    leftovers = find_leftovers(directory, host.now())
    space = host.space(directory)
    # What a killed run has left behind must not make the next one refuse: it is removed before anything is written.
    space = space._replace(free=space.free + sum(leftovers.values()))
    reserve = require_space(settings, space)
    mount_point, filesystem_type = find_filesystem(directory, read_mounts())
    shown = os.path.join(directory, FILE_PREFIX + "XXXX")
    return {
        "changed": bool(leftovers),
        # not "path": Ansible would add owner, mode and size of that path to the result
        "data_directory": settings.path,
        "mount_point": mount_point,
        "filesystem_type": filesystem_type,
        "total_bytes": space.total,
        "free_bytes": space.free,
        "reserve_bytes": reserve,
        "size_bytes": settings.size_bytes,
        "runtime_s": settings.runtime_s,
        "directio": settings.directio,
        "leftovers": sorted(leftovers),
        "commands": [
            fio_argv(fio or "fio", test, shown, settings.size_bytes, settings.runtime_s, settings.directio)
            for test in ("seq_write", "rand_write")
        ],
    }


def this_host() -> Host:
    """The real machine."""
    return Host(run=run_command, which=shutil.which, cpu_times=cpu.read_cpu_times, space=disk_space, now=time.time)


def check_disk(params: Mapping[str, Any], check_mode: bool, host: Optional[Host] = None) -> Dict[str, Any]:
    """The whole check: the module's result. Raises DiskIoError for whatever the operator must put right first."""
    try:
        return _check_disk(params, check_mode, host or this_host())
    except OSError as error:
        raise DiskIoError(
            "Measuring %s failed (%s). Look at the kernel log for errors of its storage." % (params["path"], error)
        ) from error


def _check_disk(params: Mapping[str, Any], check_mode: bool, host: Host) -> Dict[str, Any]:
    """The check, with the errors of the operating system as they come.

    In check mode nothing is written or run; a missing fio is then a warning, because an earlier task of the same
    play may be about to install it.
    """
    settings = parse_settings(params)
    directory = require_directory(settings.path)
    fio = find_fio(host.which)
    if fio is None and not check_mode:
        raise DiskIoError(MISSING_FIO)
    result = describe(settings, directory, fio, host)
    if check_mode:
        missing = [] if fio else [warning("fio_missing", MISSING_FIO)]
        return dict(result, measured=False, findings=missing, ok=True)
    for leftover in result["leftovers"]:
        remove(leftover)
    result.update(measure(settings, directory, fio or "", host), measured=True)
    values = {
        "seq_write_mb_s": result["seq_write"]["bandwidth_mb_s"],
        "rand_write_iops": result["rand_write"]["iops"],
        "fsync_p99_ms": result["rand_write"]["fsync_latency_ms"]["p99"],
        "steal_percent": result["cpu_steal_percent"],
    }
    findings = judge(settings, values) + notes(settings, result)
    return dict(result, findings=findings, ok=all(finding["severity"] != "error" for finding in findings))
