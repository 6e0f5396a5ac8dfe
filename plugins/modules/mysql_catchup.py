# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_catchup
short_description: Start waiting until a target is not behind its source
version_added: 1.0.0
description:
  - Launches a job on the target that writes a heartbeat on the source and reads it on the target, several times a second.
  - The job ends when the lag has stayed under O(threshold) for O(ready_seconds), and fails when replication stops, or
    when the lag has not been shrinking for O(patience).
  - Starting it again attaches to the job that runs. A finished one is repeated, so that the lag is always that of now.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
  - nordbridge.mysql_migration._job
options:
  threshold:
    description: The lag in seconds that counts as not behind.
    type: float
    default: 1.0
  ready_seconds:
    description: How many seconds the lag must stay under the threshold.
    type: float
    default: 5.0
  patience:
    description: How many seconds a lag that does not shrink is watched before the job fails.
    type: float
    default: 900.0
  timeout:
    description: How many seconds the whole catch-up may take.
    type: float
    default: 604800.0
  fast_load:
    description:
      - Let the target's commits not wait for its disk until the cutover sets that back, before it fences the source.
      - A target whose B(host) is restarted meanwhile is not trusted any more, and is copied again.
    type: bool
    default: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Catch up
  nordbridge.mysql_migration.mysql_catchup:
    migration_id: shop
    threshold: 0.5
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
  description: The job's result, once it is done, with the lag and the highest lag in seconds.
  returned: success
  type: dict
  sample: {lag: 0.01, highest_lag: 0.42, seconds: 5.213}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.module import job_argument_spec, launch_job
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._replication.catchup import run


def launch_catchup(params: dict, check_mode: bool) -> dict:
    """The lag of an earlier run says nothing about now."""
    return launch_job("catchup", run, params, check_mode, again=True)


def main() -> None:
    """Parse, launch, report."""
    options = {
        "threshold": {"type": "float", "default": 1.0},
        "ready_seconds": {"type": "float", "default": 5.0},
        "patience": {"type": "float", "default": 900.0},
        "timeout": {"type": "float", "default": 604800.0},
        "fast_load": {"type": "bool", "default": True},
    }
    run_module(launch_catchup, {**job_argument_spec(), **options})


if __name__ == "__main__":
    main()
