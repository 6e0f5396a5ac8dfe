# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_rollback
short_description: Fence the new server, wait for its last write, and have the old one take over again
version_added: 1.0.0
description:
  - Runs as a job on the target's host, in one process with its connections opened first. It is the cutover with the roles exchanged.
  - Where the old server follows the new one, nothing is lost, and a wait that runs out of time undoes everything.
  - Where it does not, the module fails with the list of what would be lost, and needs O(lose_writes) to go on.
  - The switches that the cutover drove are driven the other way, and a forwarder on the old server's host is removed before the fence.
  - A finished rollback is not done twice.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
  - nordbridge.mysql_migration._switches
  - nordbridge.mysql_migration._times
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  gate:
    description: The permission to roll back. It must equal O(migration_id).
    type: str
    required: true
  lose_writes:
    description: The permission to lose what was written since the cutover. It must equal O(migration_id) or be empty.
    type: str
    default: ''
  new_hold:
    description: The file on the target that will keep it read-only across a restart.
    type: path
    required: true
  old_hold:
    description: The file on the source that keeps it read-only until it takes over.
    type: path
    required: true
  new_socket:
    description: The socket of the target's server.
    type: path
    default: /run/mysqld/mysqld.sock
  drive_switches:
    description:
      - Whether switches are driven, O(switches) or where these are empty those of the cutover.
      - V(false) helps where what they need is gone. A forwarder is removed all the same.
    type: bool
    default: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Roll back
  nordbridge.mysql_migration.mysql_rollback:
    migration_id: shop
    gate: "{{ rollback }}"
    new_hold: /etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf
    old_hold: /etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf
"""

RETURN = r"""
launch:
  description: What happened to the job, one of C(started), C(attached), C(finished); C(planned) in check mode.
  returned: success
  type: str
  sample: started
lossy:
  description: Whether writes are given up.
  returned: success
  type: bool
  sample: false
result:
  description: >-
    The rollback's facts: C(write_stop_server_s) is the time in seconds between the fence's first statement and the old
    server's being writable, C(lost) what was given up, C(clients_paused_s) how long switches paused clients, C(switches_s) what each
    switch took.
  returned: success
  type: dict
  sample:
    attempt: 1
    write_stop_server_s: 0.041
outcome:
  description: >-
    How a rollback that did not come to its end has left things. V(undone): nothing is left of the attempt, and the new server was seen to take
    writes. V(closed): nothing is left of it, but that server takes none. V(committed): it can only be completed, the same command carries on.
    V(undecided): nobody knows whether it is committed. V(running): its job goes on.
  returned: failure
  type: str
  sample: undone
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent import dispatch
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.rollback import launch_rollback
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.times import times_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch.registry import switches_argument_spec


def rollback(params: dict, check_mode: bool) -> dict:
    """Launch it with this host's own agent: the server that is fenced is the one beside the journal."""
    return launch_rollback(params, check_mode, dispatch.main)


def main() -> None:
    """Parse, launch, wait, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "gate": {"type": "str", "required": True},
        "lose_writes": {"type": "str", "default": ""},
        "new_hold": {"type": "path", "required": True},
        "old_hold": {"type": "path", "required": True},
        "new_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
        "drive_switches": {"type": "bool", "default": True},
    }
    run_module(rollback, {**switches_argument_spec(), **times_argument_spec(), **options})


if __name__ == "__main__":
    main()
