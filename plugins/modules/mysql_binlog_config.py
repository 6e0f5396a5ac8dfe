# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_binlog_config
short_description: Give a MySQL or MariaDB server the binary log that replication needs
version_added: 1.0.0
description:
  - Writes a drop-in option file with the settings of the binary log, proves by the server's own program that it wins over
    all other files, and sets at run time what can be set at run time.
  - The settings are the server's id, a binary log in row format with full row images, its retention and file size, updates of
    replicas in it, and GTIDs. MariaDB always has GTIDs. On MySQL they are switched on by the online steps in their order.
  - B(Never restarts anything.) What only a restart can change is returned with reasons and with what a restart would cost.
  - Never shortens retention, never switches GTIDs off, never moves a binary log that is on.
  - Run it on the server's own host, as a user that may write its option files.
options:
  server_id:
    description:
      - The server's id, V(1) to V(4294967295), which no other server of the migration may have.
      - Not set, the server keeps its own, unless that is V(0), V(1) (everybody's default) or one of O(avoid_server_ids). Then one is
        derived from the machine's id, its name and the server's port, always the same one.
      - The id is not changed under a server that has replicas or is one; the module fails instead where it had to be.
    type: int
  avoid_server_ids:
    description: The ids of the other servers of this migration, replicas of theirs included.
    type: list
    elements: int
    default: []
  retention_hours:
    description:
      - Hours that binary logs are kept at least; V(0) is for ever. A longer retention of the server stays.
      - MySQL before 8.0 and MariaDB before 10.6.1 count in days, to which it is rounded up.
    type: int
    default: 168
  max_binlog_size:
    description:
      - Size at which a binary log file is closed, in bytes or with V(K), V(M) or V(G). 4096 bytes to 1 GiB, rounded down to 4096 bytes.
      - Not set, it stays as it is.
    type: str
  gtid:
    description:
      - Whether a MySQL server is to have GTIDs. V(false) leaves them as they are.
      - They cannot be switched on here alone where the server has replicas or is one; the module fails then.
    type: bool
    default: true
  gtid_soak_s:
    description:
      - Seconds to watch the server's error log for statements that GTIDs forbid (O(gtid=true) on a MySQL server without them).
        Where there are any, they are not forbidden, and the module fails.
      - V(0) does not look. Set it where the applications are known.
    type: int
    default: 30
  gtid_wait_s:
    description: Seconds to wait for the end of transactions that began without a GTID.
    type: int
    default: 60
  log_basename:
    description:
      - Base name of the binary log's files, a path or a name in the data directory. Only used where the binary log is off;
        V(binlog) then, if it is not set.
      - A directory in it has to exist, and the server has to be able to write there.
    type: str
  config_file:
    description:
      - The drop-in file, an absolute path. A file that this module did not write is not touched.
      - Not set, C(zz-nordbridge-binlog.cnf) in the directory that the server reads last, such as C(/etc/mysql/mysql.conf.d),
        C(/etc/mysql/mariadb.conf.d) or C(/etc/my.cnf.d).
    type: path
  migration_id:
    description:
      - The migration whose target this server is. The module then acts only while the server is nobody's primary, by the migration's
        journal as it is at that moment, and not beside a cutover.
    type: str
notes:
  - A server that a cutover is closing, or has closed for good, by the record on its own host, is refused.
  - Sessions that are open keep the C(binlog_format) and C(binlog_row_image) that they began with; RV(notes) says how many there are.
  - In check mode the proof is made by reading the option files instead of asking the server's program.
seealso:
  - module: nordbridge.mysql_migration.mysql_replica_setup
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._login
author:
  - The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Make the source ready for replication, as far as it goes without a restart
  nordbridge.mysql_migration.mysql_binlog_config:
    retention_hours: 336
    avoid_server_ids: [2, 3]
  become: true
  register: binlog

- name: Say what only a restart can do
  ansible.builtin.debug:
    msg: "{{ binlog.restart_reasons }} would cost {{ binlog.restart_cost }}"
  when: binlog.restart_required

- name: Leave GTIDs as they are, and keep binary log files small
  nordbridge.mysql_migration.mysql_binlog_config:
    gtid: false
    max_binlog_size: 256M
  become: true
"""

RETURN = r"""
config_file:
  description: The drop-in file.
  returned: success
  type: str
  sample: /etc/mysql/mariadb.conf.d/zz-nordbridge-binlog.cnf
file_changed:
  description: Whether it was written, or would be in check mode.
  returned: success
  type: bool
  sample: true
runtime_changes:
  description: The running values that were changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample: [{"setting": "binlog_format", "before": "MIXED", "after": "ROW"}]
statements:
  description: The statements that were run for it, or would be in check mode, in their order.
  returned: success
  type: list
  elements: str
  sample: ["SET GLOBAL binlog_format = 'ROW'"]
wanted:
  description: The settings in the drop-in file, by the names that this version of the server has for them.
  returned: success
  type: dict
  sample: {"server_id": "2839450211", "log_bin": "binlog", "binlog_format": "ROW"}
effective:
  description:
    - The values that run now, in the units of the options. A C(retention_hours) of 0 is for ever.
  returned: success
  type: dict
  sample: {"server_id": 2839450211, "log_bin": false, "log_basename": "", "binlog_format": "ROW", "binlog_row_image": "FULL",
    "log_replica_updates": false, "retention_hours": 240, "max_binlog_size": 1073741824, "gtid": true, "gtid_mode": ""}
restart_required:
  description: Whether only a restart can put the rest in force.
  returned: success
  type: bool
  sample: true
restart_reasons:
  description: What is still different, and why it is wanted.
  returned: success
  type: list
  elements: dict
  sample: [{"setting": "log_bin", "running": "OFF", "wanted": "binlog",
    "reason": "replication reads the binary log; a server can only start to write one when it starts"}]
restart_cost:
  description:
    - What a restart would meet now. Clients' open C(connections), C(uptime_s), C(longest_transaction_s) (it is rolled back),
      C(buffer_pool_bytes) (cold afterwards, or loaded again where C(buffer_pool_saved)), C(buffer_pool_dirty_bytes) (written before
      the server stops), and whether C(slow_shutdown) makes it purge everything first.
  returned: success
  type: dict
  sample: {"connections": 12, "uptime_s": 864000, "longest_transaction_s": 3, "buffer_pool_bytes": 134217728,
    "buffer_pool_dirty_bytes": 196608, "buffer_pool_saved": true, "slow_shutdown": false}
notes:
  description: What else to know.
  returned: success
  type: list
  elements: str
  sample: ["retention stays at 240 hours, which is longer than the 168 that are asked for"]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog.apply import configure
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec

ARGUMENT_SPEC = {
    "server_id": {"type": "int"},
    "avoid_server_ids": {"type": "list", "elements": "int", "default": []},
    "retention_hours": {"type": "int", "default": 168},
    "max_binlog_size": {"type": "str"},
    "gtid": {"type": "bool", "default": True},
    "gtid_soak_s": {"type": "int", "default": 30},
    "gtid_wait_s": {"type": "int", "default": 60},
    "log_basename": {"type": "str"},
    "config_file": {"type": "path"},
    "migration_id": {"type": "str"},
}


def main() -> None:
    """Parse, configure, report."""
    run_module(configure, dict(ARGUMENT_SPEC, **login_argument_spec()))


if __name__ == "__main__":
    main()
