# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_cutover
short_description: Stop writes on the source, wait for the last one, and promote this target
version_added: 0.1.0
description:
  - Runs the whole write stop in one process on the target, as a job, with all connections opened first.
  - The order is fixed. Fence the source, read its position, wait on the target for exactly that position, check, commit, promote.
  - Before the commit every failure undoes what was begun, and the source is writable again. After it there is only forward.
  - A wait that runs out of time never promotes.
  - A finished cutover is not done twice.
extends_documentation_fragment:
  - nordbridge.mysql_migration.attributes.no_diff
  - nordbridge.mysql_migration.job
options:
  gate:
    description: The permission to cut over. It must equal O(migration_id).
    type: str
    required: true
  budget:
    description: Seconds of write stop after which the cutover undoes itself.
    type: float
    default: 5.0
  lease:
    description:
      - Seconds after which the source's own host opens the source again, whatever died, unless the cutover was committed before.
      - It must be longer than O(budget).
    type: float
    default: 10.0
  source_socket:
    description: The socket of the source's server, for its own host.
    type: path
    default: /run/mysqld/mysqld.sock
  fence_seconds:
    description: Seconds that the fence may take to close before it is given up.
    type: float
    default: 2.0
  max_lag:
    description: The lag in seconds above which the cutover is refused.
    type: float
    default: 1.0
  max_transaction_seconds:
    description: The age in seconds of an open transaction on the source above which the cutover is refused.
    type: int
    default: 5
  source_hold:
    description: The file on the source that keeps it read-only across a restart.
    type: path
    required: true
  target_hold:
    description: The file on the target that keeps it read-only until promotion.
    type: path
    required: true
  switches:
    description:
      - What sends clients to the one server or the other, driven within the write stop, in this order.
      - New connections are held just before the fence, old sessions ended at the fence, clients sent to the target right after
        its promotion. A cutover that is undone lets them go on to the source.
      - No hold outlasts the cutover's job, nor O(lease) seconds.
      - All is looked at before anything is frozen. The socket answers and has the level admin, the names exist, the program may be run.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(haproxy) drives an HAProxy by its runtime API. What is set there is forgotten when HAProxy is reloaded or restarted.
            Bring its configuration up to date by a hook after promotion.
          - V(command) runs a program on the target's host with one more argument, the stage. V(hold) before the fence, V(switch)
            and V(release) after promotion, V(undo) where the cutover undid itself. The addresses are in the environment's
            C(NORDBRIDGE_OLD) and C(NORDBRIDGE_NEW). It must do no harm when a stage is run again.
          - V(forwarder) sends who connects to the source's port after the promotion to the target, until the source's next boot.
            The source's host needs C(iptables) and C(systemd-socket-proxyd). The target's own connections are left alone.
        type: str
        choices: [haproxy, command, forwarder]
        required: true
      where:
        description:
          - Whose host reaches the HAProxy's socket, V(target) where it is not given.
          - Programs run on the target's host, forwarders on the source's.
        type: str
        choices: [target, source]
      socket:
        description: The path of HAProxy's socket, else O(switches[].host) and O(switches[].port).
        type: str
      host:
        description: The address of HAProxy's socket, as the target's host reaches it.
        type: str
      port:
        description: The port of HAProxy's socket.
        type: int
      listen:
        description:
          - Where the frontend takes connections, as HOST:PORT, as seen from the host that drives the HAProxy.
          - Through it goes a connection that takes HAProxy's one place while all new ones are held, those to other frontends too.
        type: str
      frontend:
        description: The clients' frontend, or section C(listen).
        type: str
      backend:
        description: The backend. As O(switches[].frontend) where it is not given.
        type: str
      old_server:
        description: The source's name in the backend.
        type: str
      new_server:
        description: The target's name in the backend, where it is in maintenance until the cutover.
        type: str
      new_address:
        description:
          - Instead of O(switches[].new_server), the IP address that O(switches[].old_server) is given.
          - Where a forwarder leads; the host of O(new_address) where it is not given.
        type: str
      new_port:
        description: The port that goes with O(switches[].new_address). C(3306) where it is not given.
        type: int
      argv:
        description: The program's absolute path, and its arguments.
        type: list
        elements: str
      timeout_seconds:
        description: Seconds that the program may take for a stage, at most 60. C(5) where it is not given.
        type: float
  old_address:
    description: The source's address and port, for programs.
    type: str
  new_address:
    description: The target's address and port, for programs.
    type: str
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
    target's being writable, C(position) the source's last position, C(clients_held_s) how long switches held clients,
    C(switches_s) what each switch took, C(warnings) by name what the cutover cannot vouch for.
  returned: success
  type: dict
  sample:
    attempt: 1
    write_stop_server_s: 0.041
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.launch import launch_cutover
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs import runner  # noqa: F401  # pylint: disable=unused-import  # packed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.module import job_argument_spec
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch import keeper  # noqa: F401  # pylint: disable=unused-import  # packed

SWITCH = {
    "type": {"type": "str", "choices": ["haproxy", "command", "forwarder"], "required": True},
    "where": {"type": "str", "choices": ["target", "source"]},
    "socket": {"type": "str"},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "listen": {"type": "str"},
    "frontend": {"type": "str"},
    "backend": {"type": "str"},
    "old_server": {"type": "str"},
    "new_server": {"type": "str"},
    "new_address": {"type": "str"},
    "new_port": {"type": "int"},
    "argv": {"type": "list", "elements": "str"},
    "timeout_seconds": {"type": "float"},
}


def main():
    """Parse, launch, wait, report."""
    options = {
        "gate": {"type": "str", "required": True},
        "budget": {"type": "float", "default": 5.0},
        "lease": {"type": "float", "default": 10.0},
        "source_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
        "fence_seconds": {"type": "float", "default": 2.0},
        "max_lag": {"type": "float", "default": 1.0},
        "max_transaction_seconds": {"type": "int", "default": 5},
        "source_hold": {"type": "path", "required": True},
        "target_hold": {"type": "path", "required": True},
        "switches": {"type": "list", "elements": "dict", "default": [], "options": SWITCH},
        "old_address": {"type": "str"},
        "new_address": {"type": "str"},
    }
    run_module(launch_cutover, {**job_argument_spec(), **options})


if __name__ == "__main__":
    main()
