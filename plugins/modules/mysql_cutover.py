# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_cutover
short_description: Stop writes on the source, wait for the last one, and promote this target
version_added: 1.0.0
description:
  - Runs the whole write stop in one process on the target, as a job, with all connections opened first.
  - The order is fixed. Fence the source, read its position, wait on the target for exactly that position, check, commit, promote.
  - Before the commit every failure undoes what was begun, and the source is writable again. After it the cutover can only be completed.
  - A wait that runs out of time never promotes.
  - A finished cutover is not done twice.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
  - nordbridge.mysql_migration._job
  - nordbridge.mysql_migration._switches
  - nordbridge.mysql_migration._times
options:
  gate:
    description: The permission to cut over. It must equal O(migration_id).
    type: str
    required: true
  rehearse:
    description:
      - Do all of the cutover up to its commit, and undo it. The source takes writes again after the measured stop, and nothing else has changed.
      - Sessions are ended and clients paused as in a cutover.
    type: bool
    default: false
  rehearsal_max_age:
    description: How many hours ago the last rehearsal may have been for a cutover; V(0) where none is asked for.
    type: float
    default: 0.0
  verify_max_age:
    description:
      - How many hours ago the last comparison of all rows may have begun (see M(nordbridge.mysql_migration.mysql_verify)); V(0) for any time,
        or none. The cutover is refused else.
      - A target that was found different is refused whatever its age.
    type: float
    default: 0.0
  source_hold:
    description: The file on the source that keeps it read-only across a restart.
    type: path
    required: true
  target_hold:
    description: The file on the target that keeps it read-only until promotion.
    type: path
    required: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Cut over
  nordbridge.mysql_migration.mysql_cutover:
    migration_id: shop
    gate: "{{ cutover }}"
    source_hold: /etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf
    target_hold: /etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf
    switches:
      - type: haproxy
        socket: /run/haproxy/admin.sock
        listen: 127.0.0.1:3307
        frontend: mysql
        old_server: us-db1
        new_server: oslo-db1
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
  sample: succeeded
result:
  description: >-
    The cutover's facts: C(write_stop_server_s) is the time in seconds between the fence's first statement and the
    target's being writable, C(position) the source's last position, C(clients_paused_s) how long switches paused clients,
    C(switches_s) what each switch took, C(warnings) by name what the cutover cannot vouch for. After a rehearsal C(rehearsed) is true,
    C(write_stop_s) is the time in seconds from the fence's first statement until the source was open again, and C(to_commit_s) until all was
    ready for the commit.
  returned: success
  type: dict
  sample:
    attempt: 1
    write_stop_server_s: 0.041
outcome:
  description: >-
    How a cutover that did not come to its end has left things. V(undone): nothing is left of the attempt, and the source was seen to take
    writes. V(closed): nothing is left of it, but that server takes none. V(committed): it can only be completed, the same command carries on.
    V(undecided): nobody knows whether it is committed. V(running): its job goes on.
  returned: failure
  type: str
  sample: undone
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.launch import launch_cutover
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.times import times_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.module import job_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch.registry import switches_argument_spec


def main() -> None:
    """Parse, launch, wait, report."""
    options = {
        "gate": {"type": "str", "required": True},
        "verify_max_age": {"type": "float", "default": 0.0},
        "rehearse": {"type": "bool", "default": False},
        "rehearsal_max_age": {"type": "float", "default": 0.0},
        "source_hold": {"type": "path", "required": True},
        "target_hold": {"type": "path", "required": True},
    }
    run_module(launch_cutover, {**job_argument_spec(), **switches_argument_spec(), **times_argument_spec(), **options})


if __name__ == "__main__":
    main()
