# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_agent_policy
short_description: Tell the agent on the source which addresses and ports are its own
version_added: 1.0.0
description:
  - Adds to the policy that M(nordbridge.mysql_migration.migration_agent) has written what a later part of the migration needs. No request
    of the target can name an address or a port; what is not in the policy is refused.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._switches
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  user:
    description: The agent's own user.
    type: str
    default: nordbridge-agent
  way_back:
    description: How the old server reaches the new one for reverse replication. It stays as it is where this is not given.
    type: dict
    suboptions:
      host:
        description: The address.
        type: str
        required: true
      port:
        description: The port.
        type: int
        required: true
      tls:
        description: How the connection treats TLS.
        type: str
        choices: [preferred, required, verify_ca, verify_identity]
        default: preferred
      tls_ca:
        description: The certificate authority's file on this host.
        type: path
      tunnel_user:
        description: The user as whom sshd listens for the tunnel; none without a tunnel.
        type: str
      tunnel_port:
        description: The port of the loopback where it listens; none without a tunnel.
        type: int
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The way back of migration shop
  nordbridge.mysql_migration.migration_agent_policy:
    migration_id: shop
    way_back:
      host: 127.0.0.1
      port: 806
      tunnel_user: nordbridge
      tunnel_port: 23307
  delegate_to: us-db1
"""

RETURN = r"""
path:
  description: The policy's file.
  returned: success
  type: str
  sample: /var/lib/mysql_migration_agent/shop/agent.json
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent.install import amend_policy
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._switch.registry import switches_argument_spec


def main() -> None:
    """Parse, write, report."""
    way_back = {
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "tls": {"type": "str", "choices": ["preferred", "required", "verify_ca", "verify_identity"], "default": "preferred"},
        "tls_ca": {"type": "path"},
        "tunnel_user": {"type": "str"},
        "tunnel_port": {"type": "int"},
    }
    options = {
        "migration_id": {"type": "str", "required": True},
        "user": {"type": "str", "default": "nordbridge-agent"},
        "way_back": {"type": "dict", "options": way_back},
        **switches_argument_spec(),
    }
    run_module(amend_policy, options)


if __name__ == "__main__":
    main()
