# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_host_keys_info
short_description: Read a host's public ssh keys, and what its sshd has for some users
version_added: 1.0.0
description:
  - Reads the public host keys from the files of the host's own sshd, to be pinned on another host.
  - It comes over Ansible's own connection, which is trusted already. A scan over the network would believe whoever answers.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
options:
  folder:
    description: Where sshd keeps them.
    type: path
    default: /etc/ssh
  users:
    description: Users, who may not be there yet, for whom sshd is asked what it has in force.
    type: list
    elements: str
    default: []
  address:
    description: Where their logins will come from; empty where that is not known.
    type: str
    default: ''
  sql_address:
    description: Where the database server is looked for, as a tunnel from this host would.
    type: str
    default: 127.0.0.1
  sql_port:
    description: At which port; V(0) to leave it out.
    type: int
    default: 0
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Read the source's host keys
  nordbridge.mysql_migration.migration_host_keys_info:
  delegate_to: us-db1
  register: host_keys
"""

RETURN = r"""
keys:
  description: Each key's kind and text, without its comment.
  returned: success
  type: list
  elements: str
  sample: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHd0]
sshd:
  description:
    - For each of O(users) the C(options) of sshd that decide about a login and what it may forward, each as a list of words, and the user's
      C(groups). C(error) in place of them where sshd could not be asked.
  returned: success
  type: dict
  sample: {"nordbridge": {"options": {"allowusers": ["deploy"]}, "groups": ["nordbridge"]}}
session_script:
  description: C(/etc/ssh/sshrc), which sshd runs before each session's command, where there is one; else empty.
  returned: success
  type: str
  sample: ""
sql:
  description: Whether the database server answers there, as C(way) of M(nordbridge.mysql_migration.migration_way_info).
  returned: when O(sql_port) is given
  type: dict
  sample: {"address": "127.0.0.1", "port": 3306, "reachable": true, "error": "", "round_trip_ms": 0.1}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.host_keys import FOLDER, read_host_keys
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, act, report."""
    options = {
        "folder": {"type": "path", "default": FOLDER},
        "users": {"type": "list", "elements": "str", "default": []},
        "address": {"type": "str", "default": ""},
        "sql_address": {"type": "str", "default": "127.0.0.1"},
        "sql_port": {"type": "int", "default": 0},
    }
    run_module(read_host_keys, options)


if __name__ == "__main__":
    main()
