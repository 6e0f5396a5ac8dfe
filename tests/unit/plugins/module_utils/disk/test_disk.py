# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measurement of a data directory."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import sys
import time

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk import (
    command,
    cpu,
    error,
    file,
    fio,
    free_space,
    judge,
    measure,
    options,
)

GRACE_S = fio.FIO_GRACE_S
GIB = 1024**3

# Cut from what fio 3.33 printed for the two tests, on an NVMe-backed ext4.
SEQ_REPORT = {
    "fio version": "fio-3.33",
    "jobs": [
        {
            "jobname": "seq_write",
            "error": 0,
            "write": {
                "io_bytes": 536870912,
                "bw_bytes": 130556161,
                "bw": 127496,
                "iops": 124.515742,
                "clat_ns": {
                    "N": 512,
                    "percentile": {
                        "50.000000": 2099200,
                        "95.000000": 3555328,
                        "99.000000": 7241728,
                        "99.900000": 18087936,
                    },
                },
                "lat_ns": {"N": 512},
            },
            "sync": {"total_ios": 0, "lat_ns": {"min": 0, "N": 0}},
        }
    ],
}
RAND_REPORT = {
    "fio version": "fio-3.33",
    "jobs": [
        {
            "jobname": "rand_write",
            "error": 0,
            "write": {
                "io_bytes": 261242880,
                "bw_bytes": 130556161,
                "bw": 127496,
                "iops": 7968.515742,
                "clat_ns": {
                    "N": 15945,
                    "percentile": {"50.000000": 49920, "95.000000": 81408, "99.000000": 121344, "99.900000": 272384},
                },
                "lat_ns": {"N": 15945},
            },
            "sync": {
                "total_ios": 15945,
                "lat_ns": {
                    "N": 15945,
                    "percentile": {"50.000000": 45312, "95.000000": 154624, "99.000000": 211968, "99.900000": 342016},
                },
            },
        }
    ],
}


def params(path, **changes):
    given = {
        "path": str(path),
        "size": "2M",
        "runtime_s": 1,
        "directio": True,
        "min_free_after": "10%",
        "min_seq_write_mb_s": None,
        "min_rand_write_iops": None,
        "max_fsync_p99_ms": None,
        "max_steal_percent": None,
    }
    given.update(changes)
    return given


class FakeFio:
    """Answers as fio does, and remembers what was there while it ran."""

    def __init__(self, directory, seq=None, rand=None, error=None):
        self.directory = directory
        self.answers = {"seq_write": seq or SEQ_REPORT, "rand_write": rand or RAND_REPORT}
        self.error = error
        self.calls = []
        self.modes = []
        self.targets = []

    def __call__(self, argv, timeout_s):
        self.calls.append((argv, timeout_s))
        for name in os.listdir(self.directory):
            self.modes.append((name, stat.S_IMODE(os.lstat(os.path.join(self.directory, name)).st_mode)))
        filename = [word for word in argv if word.startswith("--filename=")][0][len("--filename=") :]
        self.targets.append((os.path.realpath(filename), os.stat(filename).st_size))
        if self.error is not None:
            raise self.error
        test = [word for word in argv if word.startswith("--name=")][0][len("--name=") :]
        answer = self.answers[test]
        return answer if isinstance(answer, tuple) else (0, json.dumps(answer), "")


def host(fio, which="/usr/bin/fio", free=10 * GIB, samples=None):
    ticks = iter(samples or [cpu.CpuTimes(1000, 10), cpu.CpuTimes(1200, 15)])
    return measure.Host(
        run=fio,
        which=lambda name: which,
        cpu_times=lambda: next(ticks),
        space=lambda path: free_space.Space(total=20 * GIB, free=free),
        now=time.time,
    )


# --- options


@pytest.mark.parametrize(
    "text, expected",
    [
        (268435456, 268435456),
        ("268435456", 268435456),
        ("256M", 256 * 1024**2),
        ("256m", 256 * 1024**2),
        ("256MiB", 256 * 1024**2),
        ("256 MB", 256 * 1024**2),
        ("1.5G", 1536 * 1024**2),
        ("4k", 4096),
        ("2T", 2 * 1024**4),
        ("512B", 512),
    ],
)
def test_parse_size(text, expected):
    assert options.parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "lots", "-1M", "1X", "10%", "1M 2M", "1e3"])
def test_parse_size_refuses(text):
    with pytest.raises(error.DiskIoError, match="size: "):
        options.parse_size(text)


@pytest.mark.parametrize("text, expected", [("10%", 200), ("2.5 %", 50), ("0%", 0), ("100%", 2000), ("1K", 1024), (7, 7)])
def test_parse_reserve(text, expected):
    assert options.parse_reserve(text, 2000) == expected


@pytest.mark.parametrize("text", ["101%", "%", "much"])
def test_parse_reserve_refuses(text):
    with pytest.raises(error.DiskIoError, match="min_free_after: "):
        options.parse_reserve(text, 2000)


@pytest.mark.parametrize(
    "changes, option",
    [
        ({"size": "1023K"}, "size"),
        ({"runtime_s": 0}, "runtime_s"),
        ({"min_free_after": "110%"}, "min_free_after"),
        ({"max_fsync_p99_ms": -1.0}, "max_fsync_p99_ms"),
    ],
)
def test_settings_refuse_and_name_the_option(changes, option):
    with pytest.raises(error.DiskIoError, match="^%s: " % option):
        options.parse_settings(params("/d", **changes))


def test_size_is_rounded_down_to_whole_blocks():
    assert options.parse_settings(params("/d", size=3 * 1024**2 + 17)).size_bytes == 3 * 1024**2


# --- before anything is written


def test_directory_must_be_absolute_existing_and_a_directory(tmp_path):
    plain = tmp_path / "file"
    plain.write_text("x")
    for path, words in (("data", "not an absolute"), (tmp_path / "gone", "No such file"), (plain, "not a directory")):
        with pytest.raises(error.DiskIoError, match=words):
            free_space.require_directory(str(path))


def test_directory_that_may_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(error.DiskIoError, match="become"):
        free_space.require_directory(str(tmp_path))


def test_directory_is_resolved(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert free_space.require_directory(str(tmp_path / "link")) == os.path.realpath(str(tmp_path / "real"))


@pytest.mark.parametrize("free, refused", [(2 * GIB + 2 * 1024**2, False), (2 * GIB + 2 * 1024**2 - 1, True), (0, True)])
def test_the_disk_is_never_filled(tmp_path, free, refused):
    fio = FakeFio(str(tmp_path))
    if not refused:
        assert measure.check_disk(params(tmp_path), False, host(fio, free=free))["reserve_bytes"] == 2 * GIB
        return
    with pytest.raises(error.DiskIoError, match="Not enough room.*Nothing was written"):
        measure.check_disk(params(tmp_path), False, host(fio, free=free))
    assert fio.calls == []
    assert os.listdir(str(tmp_path)) == []


def test_missing_fio_names_the_package(tmp_path):
    fio = FakeFio(str(tmp_path))
    with pytest.raises(error.DiskIoError, match="Debian package fio"):
        measure.check_disk(params(tmp_path), False, host(fio, which=None))
    assert fio.calls == []


def test_fio_is_looked_for_beyond_path():
    assert fio.find_fio(lambda name: name if name == "/usr/local/bin/fio" else None) == "/usr/local/bin/fio"


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/", ("/", "ext4")),
        ("/var/lib/mysql", ("/var/lib/mysql", "xfs")),
        ("/var/lib/mysql/deep", ("/var/lib/mysql", "xfs")),
        ("/var/lib/mysql-files", ("/", "ext4")),
        ("/mnt/with space/x", ("/mnt/with space", "btrfs")),
        ("/over/x", ("/over", "tmpfs")),
    ],
)
def test_find_filesystem(path, expected):
    mounts = "\n".join(
        [
            "/dev/vda / ext4 rw 0 0",
            "/dev/vdb /var/lib/mysql xfs rw 0 0",
            "/dev/vdc /mnt/with\\040space btrfs rw 0 0",
            "/dev/vdd /over ext4 rw 0 0",
            "none /over tmpfs rw 0 0",
            "",
        ]
    )
    assert free_space.find_filesystem(path, mounts) == expected


def leftover(directory, age_s, name="0123456789abcdef", size=0):
    path = directory / (file.FILE_PREFIX + name)
    path.write_bytes(b"x" * size)
    os.utime(str(path), (time.time() - age_s,) * 2)
    return path


def test_leftovers_of_killed_runs_are_removed_and_others_left_alone(tmp_path):
    old = leftover(tmp_path, 3700)
    young = leftover(tmp_path, 3500, "fedcba9876543210")
    foreign = leftover(tmp_path, 9999, "notes.txt")
    (tmp_path / (file.FILE_PREFIX + "1" * 16)).mkdir()
    os.utime(str(tmp_path / (file.FILE_PREFIX + "1" * 16)), (0, 0))
    (tmp_path / (file.FILE_PREFIX + "2" * 16)).symlink_to("ibdata1")
    before = sorted(os.listdir(str(tmp_path)))

    planned = measure.check_disk(params(tmp_path), True, host(FakeFio(str(tmp_path))))
    assert (planned["leftovers"], planned["changed"]) == ([str(old)], True)
    assert sorted(os.listdir(str(tmp_path))) == before

    result = measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path))))
    assert (result["leftovers"], result["changed"]) == ([str(old)], True)
    assert sorted(os.listdir(str(tmp_path))) == [name for name in before if name != old.name]
    assert young.exists() and foreign.exists()

    again = measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path))))
    assert (again["leftovers"], again["changed"]) == ([], False)


def test_a_leftover_does_not_make_the_next_run_refuse(tmp_path):
    leftover(tmp_path, 3700, size=1024**2)
    free = 2 * GIB + 2 * 1024**2 - 1024**2
    assert measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path)), free=free))["ok"]


# --- check mode


def test_check_mode_writes_and_runs_nothing(tmp_path):
    fio = FakeFio(str(tmp_path))
    result = measure.check_disk(params(tmp_path, max_fsync_p99_ms=0.0), True, host(fio))
    assert fio.calls == []
    assert os.listdir(str(tmp_path)) == []
    assert (result["changed"], result["measured"], result["ok"], result["findings"]) == (False, False, True, [])
    assert result["free_bytes"] == 10 * GIB
    assert [command[0] for command in result["commands"]] == ["/usr/bin/fio"] * 2
    assert "--filename=%s/.nordbridge-disk-io-check-XXXX" % tmp_path in result["commands"][0]


def test_check_mode_still_refuses_but_only_warns_of_missing_fio(tmp_path):
    result = measure.check_disk(params(tmp_path), True, host(FakeFio(str(tmp_path)), which=None))
    assert [(each["id"], each["severity"]) for each in result["findings"]] == [("fio_missing", "warning")]
    with pytest.raises(error.DiskIoError, match="Not enough room"):
        measure.check_disk(params(tmp_path), True, host(FakeFio(str(tmp_path)), free=1))


# --- fio


def test_commands_measure_what_they_claim():
    seq = fio.fio_argv("/usr/bin/fio", "seq_write", "/d/x", 2 * 1024**2, 7, True)
    rand = fio.fio_argv("/usr/bin/fio", "rand_write", "/d/x", 2 * 1024**2, 7, True)
    for argv in (seq, rand):
        assert argv[0] == "/usr/bin/fio"
        assert {"--filename=/d/x", "--size=2097152", "--runtime=7", "--direct=1", "--output-format=json"} <= set(argv)
        assert "--percentile_list=50:95:99:99.9" in argv
    assert {"--rw=write", "--bs=1048576", "--end_fsync=1"} <= set(seq)
    assert not [word for word in seq if word.startswith("--fsync")]
    assert {"--rw=randwrite", "--bs=16384", "--fsync=1"} <= set(rand)


def test_buffered_sequential_writes_are_flushed_as_they_go():
    argv = fio.fio_argv("fio", "seq_write", "/d/x", 2 * 1024**2, 7, False)
    assert {"--direct=0", "--fsync=64", "--end_fsync=1"} <= set(argv)


def test_values_of_a_recorded_report():
    version, job = fio.parse_fio_output(json.dumps(RAND_REPORT))
    assert version == "fio-3.33"
    assert fio.read_job(job) == {
        "bandwidth_mb_s": 130.56,
        "iops": 7968.5,
        "written_bytes": 261242880,
        "write_latency_ms": {"p50": 0.05, "p95": 0.081, "p99": 0.121, "p99_9": 0.272},
        "fsync_latency_ms": {"p50": 0.045, "p95": 0.155, "p99": 0.212, "p99_9": 0.342},
        "fsync_count": 15945,
    }


def test_report_between_notes():
    text = "note: {not json} both iodepth >= 1\nfio: {}\n" + json.dumps(SEQ_REPORT) + "\nbye {\n"
    assert fio.parse_fio_output(text)[1]["jobname"] == "seq_write"


def test_percentiles_of_total_latency_and_other_spellings():
    stats = {"clat_ns": {"N": 3}, "lat_ns": {"percentile": {"50.0": 1000000, "99.90": 5000000}}}
    assert fio.latency_ms(stats) == {"p50": 1.0, "p95": None, "p99": None, "p99_9": 5.0}
    assert fio.latency_ms({}) == {"p50": None, "p95": None, "p99": None, "p99_9": None}


def test_bandwidth_of_a_report_without_bytes():
    job = {"write": {"io_bytes": 1, "bw": 1000, "iops": 1}}
    assert fio.read_job(job)["bandwidth_mb_s"] == 1.02


@pytest.mark.parametrize("text", ["", "fio: bad option", "{", '{"jobs": []}', "[1]"])
def test_no_report(text):
    with pytest.raises(error.DiskIoError, match="no report"):
        fio.parse_fio_output(text)


def test_an_error_in_the_report_is_an_error():
    report = {"jobs": [{"error": errno.EIO}]}
    with pytest.raises(error.DiskIoError, match=os.strerror(errno.EIO)):
        fio.parse_fio_output(json.dumps(report))


def test_a_job_that_wrote_nothing_is_an_error():
    with pytest.raises(error.DiskIoError, match="wrote nothing"):
        fio.read_job({"write": {"io_bytes": 0, "bw_bytes": 0, "iops": 0}})


# --- steal


def test_steal_arithmetic():
    # user nice system idle iowait irq softirq steal guest guest_nice: the guest times are already in user and nice
    before = cpu.parse_proc_stat("cpu  100 10 50 800 20 5 15 40 70 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    after = cpu.parse_proc_stat("cpu  150 10 60 900 20 5 15 80 99 9\n")
    assert before == cpu.CpuTimes(total=1040, steal=40)
    assert cpu.steal_percent(before, after) == 20.0


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4 5 6 7\n", "cpu 1 2 3 4 5 6 7 x\n"])
def test_steal_is_unknown_where_it_is_not_counted(text):
    assert cpu.parse_proc_stat(text) is None


def test_steal_edges(tmp_path):
    sample = cpu.CpuTimes(100, 10)
    assert cpu.steal_percent(None, sample) is None
    assert cpu.steal_percent(sample, None) is None
    assert cpu.steal_percent(sample, sample) is None
    assert cpu.steal_percent(sample, cpu.CpuTimes(200, 9)) == 0.0
    assert cpu.steal_percent(sample, cpu.CpuTimes(200, 10)) == 0.0
    assert cpu.read_cpu_times(str(tmp_path / "gone")) is None


# --- thresholds


@pytest.mark.parametrize(
    "option, met, missed, finding, value",
    [
        ("min_seq_write_mb_s", 130.56, 130.57, "seq_write_mb_s", 130.56),
        ("min_rand_write_iops", 7968.5, 7968.6, "rand_write_iops", 7968.5),
        ("max_fsync_p99_ms", 0.212, 0.211, "fsync_p99_ms", 0.212),
        ("max_steal_percent", 2.5, 2.4, "steal_percent", 2.5),
    ],
)
def test_each_threshold_decides_in_its_direction(tmp_path, option, met, missed, finding, value):
    for limit, severity in ((met, "ok"), (missed, "error")):
        result = measure.check_disk(params(tmp_path, **{option: limit}), False, host(FakeFio(str(tmp_path))))
        judged = [each for each in result["findings"] if each["severity"] != "warning"]
        assert [(each["id"], each["severity"], each["value"], each["threshold"]) for each in judged] == [(finding, severity, value, limit)]
        assert result["ok"] is (severity == "ok")
        assert (judge.failure_message(result) is None) is result["ok"]


def test_the_message_names_every_missed_threshold_and_what_to_do(tmp_path):
    given = params(tmp_path, min_seq_write_mb_s=500.0, min_rand_write_iops=1.0, max_fsync_p99_ms=0.0001, max_steal_percent=1.0)
    message = judge.failure_message(measure.check_disk(given, False, host(FakeFio(str(tmp_path)))))
    assert "misses 3 thresholds" in message
    for words in ("130.56 MB/s, at least 500 MB/s", "0.212 ms, at most 0.0001 ms", "2.5 %, at most 1 %"):
        assert words in message
    for words in (
        "min_seq_write_mb_s",
        "max_fsync_p99_ms",
        "max_steal_percent",
        "faster volume",
        "write cache",
        "CPU credits",
    ):
        assert words in message
    assert "min_rand_write_iops" not in message


def test_no_threshold_no_finding(tmp_path):
    result = measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path))))
    assert [each for each in result["findings"] if each["severity"] != "warning"] == []
    assert result["ok"]


def test_a_value_that_was_not_measured_misses_its_threshold(tmp_path):
    given = params(tmp_path, max_steal_percent=50.0)
    result = measure.check_disk(given, False, host(FakeFio(str(tmp_path)), samples=[None, None]))
    assert result["cpu_steal_percent"] is None
    assert not result["ok"]
    assert "was not measured" in judge.failure_message(result)


# --- the test file


def test_the_whole_measurement(tmp_path):
    fio = FakeFio(str(tmp_path))
    result = measure.check_disk(params(tmp_path), False, host(fio))
    assert result["seq_write"]["bandwidth_mb_s"] == 130.56
    assert result["rand_write"]["iops"] == 7968.5
    assert result["cpu_steal_percent"] == 2.5
    assert result["fio_version"] == "fio-3.33"
    assert (result["changed"], result["measured"]) == (False, True)
    assert [timeout for _argv, timeout in fio.calls] == [1 + GRACE_S] * 2
    # While fio ran: one file, ours, private, of full size, and it is what fio was given.
    assert len(set(fio.modes)) == 1
    name, mode = fio.modes[0]
    assert name.startswith(".nordbridge-disk-io-check-") and mode == 0o600
    assert set(fio.targets) == {(os.path.join(os.path.realpath(str(tmp_path)), name), 2 * 1024**2)}
    assert os.listdir(str(tmp_path)) == []


def test_every_run_has_its_own_file(tmp_path):
    names = set()
    for _each in range(3):
        fio = FakeFio(str(tmp_path))
        measure.check_disk(params(tmp_path), False, host(fio))
        names.update(name for name, _mode in fio.modes)
    assert len(names) == 3


def test_random_writes_stay_within_what_was_written(tmp_path):
    slow = json.loads(json.dumps(SEQ_REPORT))
    slow["jobs"][0]["write"]["io_bytes"] = 1024**2
    fio = FakeFio(str(tmp_path), seq=slow)
    measure.check_disk(params(tmp_path), False, host(fio))
    assert ["--size=2097152" in fio.calls[0][0], "--size=1048576" in fio.calls[1][0]] == [True, True]


@pytest.mark.parametrize(
    "broken",
    [
        {"seq": (1, "", "fio: io_u error on file: Input/output error")},
        {"rand": (1, "", "fio: io_u error on file: Input/output error")},
        {"seq": (0, "garbage", "")},
        {"error": error.DiskIoError("fio did not finish")},
        {"error": KeyboardInterrupt()},
        {"error": OSError(errno.ENOEXEC, "Exec format error")},
    ],
)
def test_the_file_is_removed_whatever_fails(tmp_path, broken):
    fio = FakeFio(str(tmp_path), **broken)
    with pytest.raises((error.DiskIoError, KeyboardInterrupt, OSError)) as caught:
        measure.check_disk(params(tmp_path), False, host(fio))
    assert fio.modes, "the file was there while fio ran"
    assert os.listdir(str(tmp_path)) == []
    if "seq" in broken or "rand" in broken:
        assert "Input/output error" in str(caught.value) or "garbage" in str(caught.value)


def test_the_file_is_removed_when_the_disk_fills(tmp_path, monkeypatch):
    def full(descriptor, offset, length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(error.DiskIoError, match="No space left"):
        measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path))))
    assert os.listdir(str(tmp_path)) == []


def test_a_file_system_that_cannot_reserve_gets_a_file_of_that_size(tmp_path, monkeypatch):
    def unable(descriptor, offset, length):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unable)
    fio = FakeFio(str(tmp_path))
    measure.check_disk(params(tmp_path), False, host(fio))
    assert [size for _path, size in fio.targets] == [2 * 1024**2] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_meets_pythons_own_cleaning_up_counts_too(tmp_path):
    class Cleaned:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)  # here the handler is called, and what it raises goes nowhere

    def run(argv, timeout_s):
        Cleaned()
        return command.run_command(["sleep", "60"], timeout_s)

    started = time.monotonic()
    with pytest.raises(error.DiskIoError, match="Stopped by SIGTERM"):
        measure.check_disk(params(tmp_path), False, host(run))
    assert time.monotonic() - started < 30
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_file_and_ends_the_process(tmp_path, number):
    seen = []

    def run(argv, timeout_s):
        seen.extend(os.listdir(str(tmp_path)))
        # What is run signals its parent, this process, and would then go on for a minute.
        return command.run_command(["sh", "-c", "kill -%d %d; exec sleep 60" % (number, os.getpid())], timeout_s)

    before = signal.getsignal(number)
    started = time.monotonic()
    with pytest.raises(error.DiskIoError, match="Stopped by %s" % signal.Signals(number).name):
        measure.check_disk(params(tmp_path), False, host(run))
    assert time.monotonic() - started < 30
    assert len(seen) == 1
    assert os.listdir(str(tmp_path)) == []
    assert signal.getsignal(number) is before


def test_a_process_that_does_not_finish_is_ended(tmp_path):
    pid_file = tmp_path / "pid"
    with pytest.raises(error.DiskIoError, match="did not finish within 1 seconds"):
        command.run_command(["sh", "-c", "echo $$ > %s; exec sleep 60" % pid_file], 1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_run_command_returns_both_streams_and_the_code():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert command.run_command([sys.executable, "-c", code], 30) == (3, "out\n", "err\n")


# --- direct writes


@pytest.mark.parametrize("where", ["open", "pwrite"])
def test_refused_direct_writes_fall_back_and_say_so(tmp_path, monkeypatch, where):
    real = getattr(os, where)

    def refuse(*args, **kwargs):
        if where == "open" and not args[1] & os.O_DIRECT:
            return real(*args, **kwargs)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, where, refuse)
    fio = FakeFio(str(tmp_path))
    result = measure.check_disk(params(tmp_path), False, host(fio))
    assert result["directio"] is False
    assert ["--direct=0" in argv for argv, _timeout in fio.calls] == [True, True]
    assert ("directio_refused", "warning") in [(each["id"], each["severity"]) for each in result["findings"]]
    assert result["ok"]


def test_other_errors_of_direct_writes_are_not_taken_for_a_refusal(tmp_path, monkeypatch):
    def broken(*args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pwrite", broken)
    monkeypatch.setattr(os, "O_DIRECT", 0)
    with pytest.raises(error.DiskIoError, match=os.strerror(errno.EIO)):
        measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path))))
    assert os.listdir(str(tmp_path)) == []


def test_direct_writes_that_are_not_wanted_are_not_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "accepts_direct_io", lambda filename: pytest.fail("tried"))
    fio = FakeFio(str(tmp_path))
    result = measure.check_disk(params(tmp_path, directio=False), False, host(fio))
    assert ["--direct=0" in argv for argv, _timeout in fio.calls] == [True, True]
    assert "directio_refused" not in [each["id"] for each in result["findings"]]


def test_memory_is_not_taken_for_a_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "read_mounts", lambda: "none / tmpfs rw 0 0\n")
    result = measure.check_disk(params(tmp_path), False, host(FakeFio(str(tmp_path))))
    assert "memory_filesystem" in [each["id"] for each in result["findings"]]
    assert result["filesystem_type"] == "tmpfs"
