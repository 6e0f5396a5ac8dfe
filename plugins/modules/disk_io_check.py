#!/usr/bin/python
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_io_check
short_description: Measure a data directory's disk before a server moves onto it
version_added: 1.0.0
description:
  - Measures the file system of a data directory with C(fio), as a database server would use it, and CPU steal over the same time.
  - The tests are a sequential write in blocks of 1 MiB that ends with an fsync (what the first copy of the data does),
    and a random write of 16 KiB blocks (the InnoDB page) with an fsync after each (what replication does when it is durable).
  - The values are compared with thresholds. A missed threshold fails the module with a message that says what to do.
  - The test file lies inside O(path), has mode C(0600) and is called C(.nordbridge-disk-io-check-) with a random end.
    It is removed on success, on failure, on a timeout and on C(SIGTERM) or C(SIGHUP).
options:
  path:
    description:
      - The data directory, as an absolute path. It must exist and be writable.
    type: path
    required: true
  size:
    description:
      - Size of the test file, in bytes or with V(K), V(M), V(G) or V(T) (powers of 1024). Rounded down to a whole MiB.
      - Choose more than the storage's own cache holds, where that is known.
    type: str
    default: 256M
  runtime_s:
    description:
      - Seconds that each of the two tests runs. The file is written over until they have passed.
    type: int
    default: 10
  directio:
    description:
      - Write past the page cache (C(O_DIRECT)).
      - Where the file system refuses it, the tests run without, and the finding C(directio_refused) says so.
    type: bool
    default: true
  min_free_after:
    description:
      - What must stay free while the test file exists, as a percentage of the file system or as a size like in O(size).
      - Where it would not, the module fails before it writes anything.
    type: str
    default: 10%
  min_seq_write_mb_s:
    description: Least bandwidth of the sequential write, in MB/s (1 MB is 1,000,000 bytes). Not checked when not set.
    type: float
  min_rand_write_iops:
    description: Fewest random writes per second, each with its fsync. Not checked when not set.
    type: float
  max_fsync_p99_ms:
    description: Longest fsync in the random write test, as the 99th percentile in milliseconds. Not checked when not set.
    type: float
  max_steal_percent:
    description:
      - Most CPU steal while measuring, in percent of the CPU time of the whole system (C(/proc/stat)). Not checked when not set.
    type: float
  fail_on_findings:
    description:
      - Fail when a threshold is missed. Otherwise RV(ok) and RV(findings) say so.
    type: bool
    default: true
requirements:
  - fio 3 on the host that is measured (Debian package C(fio)); known to work with 3.33, written for 3.25 to 3.39
notes:
  - In check mode nothing is written and C(fio) is not run. The result holds the commands and the free space, and the reasons
    to refuse are the same, except that a missing C(fio) is only a warning.
  - A run that was killed with C(SIGKILL) leaves its file behind. The next run removes such files when they are older than
    one hour. Only then is the module changed.
  - The tests load the disk. Do not run them under a server whose clients notice.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
author:
  - Nordbridge (@nordbridge)
"""

EXAMPLES = r"""
- name: Measure the target's data directory
  nordbridge.mysql_migration.disk_io_check:
    path: /var/lib/mysql
    min_seq_write_mb_s: 100
    min_rand_write_iops: 500
    max_fsync_p99_ms: 20
    max_steal_percent: 5

- name: Measure for longer, and only report
  nordbridge.mysql_migration.disk_io_check:
    path: /var/lib/mysql
    size: 4G
    runtime_s: 60
    min_free_after: 20G
    max_fsync_p99_ms: 20
    fail_on_findings: false
  register: disk

- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ disk.findings | map(attribute='message') }}"
"""

RETURN = r"""
ok:
  description: Whether no finding is an error.
  returned: always, unless the check could not be made
  type: bool
  sample: true
findings:
  description: One entry for each threshold that is set, and warnings about the measurement itself.
  returned: always, unless the check could not be made
  type: list
  elements: dict
  contains:
    id:
      description:
        - The threshold (C(seq_write_mb_s), C(rand_write_iops), C(fsync_p99_ms), C(steal_percent)) or the warning
          (C(directio_refused), C(memory_filesystem), C(fio_missing)).
      type: str
      sample: fsync_p99_ms
    severity:
      description: V(ok), V(warning) or V(error).
      type: str
      sample: error
    value:
      description: What was measured, in the unit that the id names. V(null) where it could not be measured.
      type: raw
      sample: 31.5
    threshold:
      description: What was asked for, in the same unit. V(null) for warnings.
      type: float
      sample: 20.0
    message:
      description: The same in words, and what to do.
      type: str
      sample: >-
        fsync latency, 99th percentile is 31.5 ms, at most 20 ms is required (max_fsync_p99_ms). Check the storage for a write
        cache that is off, a busy neighbour or a network path in between: every durable commit waits this long.
measured:
  description: Whether the tests were run; V(false) in check mode.
  returned: always, unless the check could not be made
  type: bool
  sample: true
seq_write:
  description: Sequential write in blocks of 1 MiB.
  returned: when measured
  type: dict
  contains:
    bandwidth_mb_s:
      description: MB/s (1 MB is 1,000,000 bytes), the flush included.
      type: float
      sample: 412.7
    iops:
      description: Writes per second.
      type: float
      sample: 393.6
    written_bytes:
      description: Bytes written in the test.
      type: int
      sample: 4127195136
    write_latency_ms:
      description: Percentiles p50, p95, p99 and p99_9 of one write, in milliseconds.
      type: dict
      sample: {"p50": 2.1, "p95": 3.6, "p99": 7.2, "p99_9": 18.0}
rand_write:
  description: Random write of 16 KiB blocks, with an fsync after each.
  returned: when measured
  type: dict
  contains:
    bandwidth_mb_s:
      description: MB/s (1 MB is 1,000,000 bytes).
      type: float
      sample: 15.4
    iops:
      description: Writes per second, each with its fsync.
      type: float
      sample: 940.2
    written_bytes:
      description: Bytes written in the test.
      type: int
      sample: 154042368
    write_latency_ms:
      description: Percentiles p50, p95, p99 and p99_9 of one write, in milliseconds.
      type: dict
      sample: {"p50": 0.21, "p95": 0.36, "p99": 0.72, "p99_9": 1.8}
    fsync_latency_ms:
      description: Percentiles p50, p95, p99 and p99_9 of one fsync, in milliseconds.
      type: dict
      sample: {"p50": 0.78, "p95": 1.3, "p99": 2.9, "p99_9": 8.8}
    fsync_count:
      description: How many fsyncs the percentiles are made of.
      type: int
      sample: 9402
cpu_steal_percent:
  description: CPU steal over both tests, in percent of the CPU time of the whole system. V(null) where it is not reported.
  returned: when measured
  type: float
  sample: 0.4
directio:
  description: Whether the tests wrote past the page cache; in check mode, whether they would try.
  returned: always, unless the check could not be made
  type: bool
  sample: true
data_directory:
  description: The directory that was asked for.
  returned: always, unless the check could not be made
  type: str
  sample: /var/lib/mysql
mount_point:
  description: Where its file system is mounted. V(null) when unknown.
  returned: always, unless the check could not be made
  type: str
  sample: /var/lib/mysql
filesystem_type:
  description: The type of its file system. V(null) when unknown.
  returned: always, unless the check could not be made
  type: str
  sample: xfs
total_bytes:
  description: Size of the file system.
  returned: always, unless the check could not be made
  type: int
  sample: 536870912000
free_bytes:
  description: Free before the test, for an unprivileged user, RV(leftovers) counted as free.
  returned: always, unless the check could not be made
  type: int
  sample: 429496729600
reserve_bytes:
  description: What had to stay free.
  returned: always, unless the check could not be made
  type: int
  sample: 53687091200
size_bytes:
  description: Size of the test file.
  returned: always, unless the check could not be made
  type: int
  sample: 268435456
runtime_s:
  description: Seconds per test.
  returned: always, unless the check could not be made
  type: int
  sample: 10
leftovers:
  description: Files of killed runs that were removed, or would be in check mode.
  returned: always, unless the check could not be made
  type: list
  elements: str
  sample: []
commands:
  description:
    - The two commands that are run, or would be in check mode, with the directory's file in place of the descriptor that
      C(fio) is really given, and before a fallback to buffered writes.
  returned: always, unless the check could not be made
  type: list
  elements: list
  sample: [["/usr/bin/fio", "--name=seq_write", "--rw=write", "--bs=1048576"]]
fio_version:
  description: The version that measured.
  returned: when measured
  type: str
  sample: fio-3.33
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk.error import DiskIoError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk.judge import failure_message
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._disk.measure import check_disk

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "size": {"type": "str", "default": "256M"},
    "runtime_s": {"type": "int", "default": 10},
    "directio": {"type": "bool", "default": True},
    "min_free_after": {"type": "str", "default": "10%"},
    "min_seq_write_mb_s": {"type": "float"},
    "min_rand_write_iops": {"type": "float"},
    "max_fsync_p99_ms": {"type": "float"},
    "max_steal_percent": {"type": "float"},
    "fail_on_findings": {"type": "bool", "default": True},
}


def main() -> None:
    """Parse, check, report."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = check_disk(module.params, module.check_mode)
    except DiskIoError as error:
        module.fail_json(msg=str(error))
    for finding in result["findings"]:
        if finding["severity"] == "warning":
            module.warn(finding["message"])
    if module.params["fail_on_findings"] and not result["ok"]:
        module.fail_json(msg=failure_message(result), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
