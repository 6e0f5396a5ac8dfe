# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Measure a data directory with fio and hold the values against thresholds.

Units: bytes, seconds, milliseconds, and MB/s with 1 MB = 1,000,000 bytes. Every failure that the operator can
act upon is a DiskIoError whose text says what to do.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import re
import secrets
import shutil
import signal
import stat
import subprocess
import time
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .._errors import MigrationError
from . import cpu

FILE_PREFIX = ".nordbridge-disk-io-check-"
FILE_MODE = 0o600
LEFTOVER_AGE_S = 3600
# Beyond its run time fio still has to flush what a slow disk has not taken yet.
FIO_GRACE_S = 120
MIB = 1024 * 1024
SEQ_BLOCK_BYTES = MIB
RAND_BLOCK_BYTES = 16 * 1024  # the InnoDB page
# Buffered writes are flushed this often (in blocks of 1 MiB), so that memory is not measured instead of the disk.
BUFFERED_FLUSH_BLOCKS = 64
PERCENTILES = (("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9))
MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")

_LEFTOVER_NAME = re.compile(re.escape(FILE_PREFIX) + r"[0-9a-f]{16}\Z")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\Z", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%\Z")
_REFUSES_DIRECT = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP)
_CANNOT_RESERVE = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)

# (argv, seconds allowed) -> (exit code, standard output, standard error); raises DiskIoError on a timeout
Runner = Callable[[List[str], float], Tuple[int, str, str]]


class DiskIoError(MigrationError):
    """The check cannot be made, or could not be finished. The text is for the operator."""


class Settings(NamedTuple):
    """What to measure, and what is expected of it. A threshold of None is not checked."""

    path: str
    size_bytes: int
    runtime_s: int
    directio: bool
    min_free_after: str
    min_seq_write_mb_s: Optional[float]
    min_rand_write_iops: Optional[float]
    max_fsync_p99_ms: Optional[float]
    max_steal_percent: Optional[float]


class Space(NamedTuple):
    """Room on the file system, in bytes; free is what an unprivileged user may take."""

    total: int
    free: int


class Threshold(NamedTuple):
    """One rule: which setting limits which value, in which direction, and what to do when it is missed."""

    id: str
    setting: str
    label: str
    unit: str
    is_minimum: bool
    advice: str


class Host(NamedTuple):
    """What the check takes from the machine; replaced in tests."""

    run: Runner
    which: Callable[[str], Optional[str]]
    cpu_times: Callable[[], Optional[cpu.CpuTimes]]
    space: Callable[[str], Space]
    now: Callable[[], float]


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


# --- options -------------------------------------------------------------------------------------------------------


def parse_size(value: Any, option: str = "size") -> int:
    """Bytes from 268435456, "268435456", "256M", "256MiB" or "1.5 G" (powers of 1024, as MySQL counts)."""
    match = _SIZE.match(str(value).strip())
    if match is None:
        raise DiskIoError(
            "%s: %r is not a size. Write bytes, or a number with K, M, G or T, such as 256M." % (option, value)
        )
    return int(float(match.group(1)) * 1024 ** " KMGT".index(match.group(2).upper() or " "))


def parse_reserve(value: Any, total_bytes: int) -> int:
    """The bytes that must stay free, from a size or from a percentage of the file system ("10%")."""
    match = _PERCENT.match(str(value).strip())
    if match is None:
        return parse_size(value, "min_free_after")
    if float(match.group(1)) > 100:
        raise DiskIoError("min_free_after: %s is more than the whole file system." % value)
    return int(total_bytes * float(match.group(1)) / 100.0)


def parse_settings(params: Mapping[str, Any]) -> Settings:
    """Check the module's options. Raises DiskIoError that names the option; touches nothing."""
    size = parse_size(params["size"]) // SEQ_BLOCK_BYTES * SEQ_BLOCK_BYTES
    if size < SEQ_BLOCK_BYTES:
        raise DiskIoError("size: %s is too small, at least 1M is needed." % params["size"])
    if params["runtime_s"] < 1:
        raise DiskIoError("runtime_s: at least 1 second is needed.")
    parse_reserve(params["min_free_after"], 0)
    limits = {rule.setting: params.get(rule.setting) for rule in THRESHOLDS}
    for name, limit in limits.items():
        if limit is not None and limit < 0:
            raise DiskIoError("%s: must not be negative." % name)
    return Settings(
        path=params["path"],
        size_bytes=size,
        runtime_s=params["runtime_s"],
        directio=params["directio"],
        min_free_after=str(params["min_free_after"]),
        **limits,
    )


# --- before anything is written ------------------------------------------------------------------------------------


def require_directory(path: str) -> str:
    """The real path of the data directory. Raises DiskIoError where it cannot hold a test file."""
    if not os.path.isabs(path):
        raise DiskIoError("path: %s is not an absolute path." % path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise DiskIoError("path: %s cannot be read (%s). Create it first, or correct path." % (path, error.strerror)) from error
    if not stat.S_ISDIR(mode):
        raise DiskIoError("path: %s is not a directory. Name the data directory itself." % path)
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DiskIoError(
            "path: %s cannot be read and written by uid %d. Run the task with become, and check that the file system"
            " is not mounted read-only." % (path, os.geteuid())
        )
    return os.path.realpath(path)


def disk_space(path: str) -> Space:
    """Room on the file system that holds path."""
    info = os.statvfs(path)
    return Space(total=info.f_blocks * info.f_frsize, free=info.f_bavail * info.f_frsize)


def require_space(settings: Settings, space: Space) -> int:
    """Refuse to fill the disk. Returns the reserve in bytes; raises DiskIoError where size would eat into it."""
    reserve = parse_reserve(settings.min_free_after, space.total)
    if space.free - settings.size_bytes < reserve:
        raise DiskIoError(
            "Not enough room in %s: %s are free, the test file takes %s, and %s must stay free"
            " (min_free_after=%s). Nothing was written. Free some space, or choose a smaller size."
            % (settings.path, _mib(space.free), _mib(settings.size_bytes), _mib(reserve), settings.min_free_after)
        )
    return reserve


def _mib(size_bytes: int) -> str:
    return "%.1f MiB" % (size_bytes / MIB)


def find_filesystem(path: str, mounts: str) -> Tuple[Optional[str], Optional[str]]:
    """(mount point, type) of the file system that holds the real path, from the text of /proc/self/mounts."""
    best: Tuple[Optional[str], Optional[str]] = (None, None)
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), fields[1])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # A later mount on the same point hides the earlier one.
        if inside and len(point) >= len(best[0] or ""):
            best = (point, fields[2])
    return best


def read_mounts() -> str:
    """The text of /proc/self/mounts, or nothing where it cannot be read."""
    try:
        with open("/proc/self/mounts", "r", encoding="utf-8", errors="surrogateescape") as handle:
            return handle.read()
    except OSError:
        return ""


def find_leftovers(directory: str, now: float) -> Dict[str, int]:
    """Test files of killed runs: regular files with our name that nobody has written to for an hour.

    Returns their paths with the bytes each of them holds.
    """
    found = {}
    for entry in os.scandir(directory):
        if not _LEFTOVER_NAME.match(entry.name):
            continue
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(info.st_mode) and now - info.st_mtime > LEFTOVER_AGE_S:
            found[entry.path] = info.st_blocks * 512
    return found


# --- the test file and the processes -------------------------------------------------------------------------------


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into a DiskIoError, so that everything is cleaned up; ignore the next ones."""

    def stop(number: int, _frame: Any) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise DiskIoError("Stopped by %s; fio was ended and the test file removed." % signal.Signals(number).name)

    handled = (signal.SIGTERM, signal.SIGHUP)
    try:
        previous = [(each, signal.signal(each, stop)) for each in handled]
    except ValueError:  # not in the main thread: signals are somebody else's business
        yield
        return
    try:
        yield
    finally:
        for each, handler in previous:
            signal.signal(each, handler)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@contextlib.contextmanager
def reserved_file(directory: str, size_bytes: int) -> Iterator[int]:
    """A new file of that size with mode 0600, as a descriptor; removed whatever happens.

    The blocks are reserved at once, so that a full disk shows here and not half way through. Raises DiskIoError
    where the file cannot be made.
    """
    path = os.path.join(directory, FILE_PREFIX + secrets.token_hex(8))
    descriptor = -1
    try:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
            _reserve(descriptor, size_bytes)
        except OSError as error:
            raise DiskIoError(
                "The test file in %s cannot be made (%s); nothing is left of it." % (directory, error.strerror)
            ) from error
        yield descriptor
    finally:
        _remove(path)
        if descriptor >= 0:
            os.close(descriptor)


def _reserve(descriptor: int, size_bytes: int) -> None:
    """Give the file its blocks, or only its size where the file system cannot reserve."""
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
        os.ftruncate(descriptor, size_bytes)


def accepts_direct_io(filename: str) -> bool:
    """Whether the file can be written past the page cache: one 16 KiB block is written, aligned to a page."""
    try:
        descriptor = os.open(filename, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _REFUSES_DIRECT:
            return False
        raise
    try:
        with mmap.mmap(-1, RAND_BLOCK_BYTES) as block:
            os.pwrite(descriptor, block, 0)
    except OSError as error:
        if error.errno in _REFUSES_DIRECT:
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def run_command(argv: List[str], timeout_s: float) -> Tuple[int, str, str]:
    """Run without a shell. The process is ended on a timeout (DiskIoError) and on any other interruption."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, LC_ALL="C"),
        cwd="/",
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise DiskIoError(
            "%s did not finish within %d seconds and was ended. The storage hangs or is very slow: look at the kernel"
            " log, or choose a smaller size." % (os.path.basename(argv[0]), timeout_s)
        ) from None
    finally:
        if process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # not while the kernel holds it in a write
                process.wait(10)
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def find_fio(which: Callable[[str], Optional[str]]) -> Optional[str]:
    """The path of fio, or None. Looks beyond PATH because non-interactive logins may have a short one."""
    for name in ("fio", "/usr/bin/fio", "/usr/local/bin/fio"):
        found = which(name)
        if found:
            return found
    return None


MISSING_FIO = "fio was not found. Install the Debian package fio (apt-get install fio; dnf install fio on RHEL)."


# --- fio -----------------------------------------------------------------------------------------------------------


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
        raise DiskIoError(
            "fio wrote nothing within its run time. The storage hangs: look at the kernel log, or raise runtime_s."
        )
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


# --- judging -------------------------------------------------------------------------------------------------------


def warning(finding_id: str, message: str, value: Any = None) -> Dict[str, Any]:
    """A finding that is said but does not fail."""
    return {"id": finding_id, "severity": "warning", "value": value, "threshold": None, "message": message}


def judge_one(rule: Threshold, limit: float, value: Optional[float]) -> Dict[str, Any]:
    """The finding for one threshold. A value that could not be measured misses it; an equal value meets it."""
    wanted = "%s %s %s is required (%s)." % (
        "at least" if rule.is_minimum else "at most",
        _plain(limit),
        rule.unit,
        rule.setting,
    )
    if value is None:
        severity = "error"
        message = "%s was not measured, %s" % (rule.label, wanted)
        message += " fio or the kernel does not report it: leave that threshold out."
    else:
        met = value >= limit if rule.is_minimum else value <= limit
        severity = "ok" if met else "error"
        message = "%s is %s %s, %s" % (rule.label, _plain(value), rule.unit, wanted)
        message += "" if met else " " + rule.advice
    return {"id": rule.id, "severity": severity, "value": value, "threshold": limit, "message": message}


def _plain(number: float) -> str:
    """A number without exponent and without trailing zeros."""
    return ("%.6f" % number).rstrip("0").rstrip(".")


def judge(settings: Settings, values: Mapping[str, Optional[float]]) -> List[Dict[str, Any]]:
    """One finding per threshold that was set, in a fixed order; values are keyed by threshold id."""
    limits = settings._asdict()
    return [
        judge_one(rule, limits[rule.setting], values.get(rule.id))
        for rule in THRESHOLDS
        if limits[rule.setting] is not None
    ]


def failure_message(result: Mapping[str, Any]) -> Optional[str]:
    """One text that names every missed threshold with its value and what to do, or None where all are met."""
    missed = [finding["message"] for finding in result["findings"] if finding["severity"] == "error"]
    if not missed:
        return None
    count = "1 threshold" if len(missed) == 1 else "%d thresholds" % len(missed)
    return "The data directory %s misses %s. %s" % (result["data_directory"], count, " ".join(missed))


# --- the check -----------------------------------------------------------------------------------------------------


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
                " Set directio=false to measure so without this note."
                % (result["data_directory"], result["filesystem_type"]),
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
        _remove(leftover)
    result.update(measure(settings, directory, fio or "", host), measured=True)
    values = {
        "seq_write_mb_s": result["seq_write"]["bandwidth_mb_s"],
        "rand_write_iops": result["rand_write"]["iops"],
        "fsync_p99_ms": result["rand_write"]["fsync_latency_ms"]["p99"],
        "steal_percent": result["cpu_steal_percent"],
    }
    findings = judge(settings, values) + notes(settings, result)
    return dict(result, findings=findings, ok=all(finding["severity"] != "error" for finding in findings))
