# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_verify
short_description: Start comparing every row of a target with its source
version_added: 1.0.0
description:
  - Launches a job on the target that compares every row of both servers at the same position of the source's binary log, while the
    application writes and the target replicates. Nothing is written to the source.
  - The source is not locked. On MySQL a snapshot whose position is known needs a moment in which no transaction is being committed; where
    a source leaves none, a global read lock is held for some milliseconds, for which it waits no longer than O(lock_seconds).
  - The target's applier stands still for as long as a pair of snapshots takes, and goes on.
  - Tables are compared in ranges of their primary key. Rows of a range that differs are looked at again at a later position before they
    count. A table without a primary key is compared as a whole, and rows that are equal to each other are counted.
  - Starting it again attaches to the job that runs, or carries on where an earlier one was stopped. What was found equal within
    O(max_age) is not compared again.
  - A cutover is refused while the last verification found tables that differ.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
  - nordbridge.mysql_migration._job
options:
  strength:
    description:
      - V(sha) compares 64 bits of the SHA-256 of each row, V(crc) its CRC-32.
      - A changed row is missed once in 2^64 and once in 2^32.
    type: str
    choices: [sha, crc]
    default: sha
  sessions:
    description: How many pairs of sessions compare at the same time.
    type: int
    default: 2
  schemas:
    description: The schemas to compare; all that were copied where it is empty.
    type: list
    elements: str
    default: []
  exclude:
    description:
      - Tables, other objects and accounts to leave out, as C(schema.name) or C(user@host) with the wildcards C(*) and C(?). The record names them.
    type: list
    elements: str
    default: []
  parity:
    description:
      - Whether all else is compared, too. These are columns, indexes, constraints, partitions, views, routines, triggers, events, sequences,
        accounts with their rights, and settings that change results.
      - Differences of settings are told. Any other fails the job, and the cutover is refused until they are gone, or by a waiver of P64.
    type: bool
    default: true
  snapshot_seconds:
    description: Seconds after which a pair of snapshots is renewed, so that the servers need not keep old versions of rows.
    type: float
    default: 600.0
  lock_seconds:
    description: How long a global read lock of a MySQL source may be waited for where there is no other way; V(0) to take none.
    type: float
    default: 1.0
  max_age:
    description: Hours for which a table that was found equal is not compared again.
    type: float
    default: 24.0
  max_threads_running:
    description: The verification waits while more sessions than these run on the source.
    type: int
    default: 50
  max_lag:
    description: The verification waits while the target is more seconds than these behind.
    type: float
    default: 30.0
  max_history:
    description: Snapshots are renewed sooner while the source's purge has more undo records than these left.
    type: int
    default: 1000000
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Compare every row
  nordbridge.mysql_migration.mysql_verify:
    migration_id: shop
    sessions: 4
"""

RETURN = r"""
launch:
  description: What happened to the job, one of C(started), C(attached), C(finished); C(planned) in check mode.
  returned: success
  type: str
  sample: started
state:
  description: The job's state.
  returned: success
  type: str
  sample: running
result:
  description: The job's result, once it is done, as the journal keeps it.
  returned: success
  type: dict
  sample: {strength: sha, tables: 212, rows: 81250000, unequal_tables: 0, seconds: 214.6}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.module import job_argument_spec, launch_job
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._verify.run import run


def launch_verify(params: dict, check_mode: bool) -> dict:
    """A verification says how things were at its position: each launch looks again at what is too old."""
    return launch_job("verify", run, params, check_mode, again=True)


def main() -> None:
    """Parse, launch, report."""
    options = {
        "strength": {"type": "str", "choices": ["sha", "crc"], "default": "sha"},
        "sessions": {"type": "int", "default": 2},
        "schemas": {"type": "list", "elements": "str", "default": []},
        "exclude": {"type": "list", "elements": "str", "default": []},
        "parity": {"type": "bool", "default": True},
        "snapshot_seconds": {"type": "float", "default": 600.0},
        "lock_seconds": {"type": "float", "default": 1.0},
        "max_age": {"type": "float", "default": 24.0},
        "max_threads_running": {"type": "int", "default": 50},
        "max_lag": {"type": "float", "default": 30.0},
        "max_history": {"type": "int", "default": 1000000},
    }
    run_module(launch_verify, {**job_argument_spec(), **options})


if __name__ == "__main__":
    main()
