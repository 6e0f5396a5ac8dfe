# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_agent
short_description: Install the agent that the migration's ssh key may run on the source
version_added: 1.0.0
description:
  - Installs the agent's code, its launchers and the host's own policy on the source, and lets the target's key run the agent as its own user.
  - The key's entry is a forced command without a terminal or any forwarding, with an end. The agent knows a few verbs and nothing else, and
    takes logins, files, addresses and ports from the policy alone, never from a request.
  - An entry of this migration in root's C(authorized_keys), which earlier versions made, is removed.
  - The user, and the units of the privileged side, are the role's P(nordbridge.mysql_migration.source#role).
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  user:
    description: The agent's own user.
    type: str
    default: nordbridge-agent
  public_key:
    description: The target's public key.
    type: str
    required: true
  from_address:
    description: The address that the key may be used from. Where it is empty, what the entry says already stays.
    type: str
    default: ''
  key_days:
    description: Days until the key ends. It is renewed when less than half of them are left.
    type: int
    default: 90
  server_socket:
    description: The socket of the source's server, where the agent logs in.
    type: path
    default: /run/mysqld/mysqld.sock
  server_user:
    description: The account that it logs in with; the migration's own control account where it is not given.
    type: str
  server_password:
    description: Its password.
    type: str
  hold:
    description: The option file that keeps the source's server closed after a cutover.
    type: path
    required: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The agent on the source
  nordbridge.mysql_migration.migration_agent:
    migration_id: shop
    public_key: "{{ key.content | b64decode }}"
    from_address: 192.0.2.10
    server_password: "{{ control_password }}"
    hold: /etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf
  delegate_to: us-db1
"""

RETURN = r"""
launcher:
  description: The program that the key runs.
  returned: success
  type: str
  sample: /var/lib/mysql_migration_agent/shop/agent
from_address:
  description: The address that the key may be used from; empty for any.
  returned: success
  type: str
  sample: 192.0.2.10
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.install import install_agent
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, install, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "user": {"type": "str", "default": "nordbridge-agent"},
        "public_key": {"type": "str", "required": True, "no_log": False},
        "from_address": {"type": "str", "default": ""},
        "key_days": {"type": "int", "default": 90, "no_log": False},
        "server_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
        "server_user": {"type": "str"},
        "server_password": {"type": "str", "no_log": True},
        "hold": {"type": "path", "required": True},
    }
    run_module(install_agent, options)


if __name__ == "__main__":
    main()
