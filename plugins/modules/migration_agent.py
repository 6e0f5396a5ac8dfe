# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_agent
short_description: Place the agent that the migration's ssh key may run on the source
version_added: 1.0.0
description:
  - Places the agent's code and its launcher into the migration's directory on the source, and lets the target's key run it.
  - The key's entry is a forced command without a terminal or any forwarding. The agent knows a few verbs, C(probe), C(dump), C(backup),
    C(host), C(programs), C(present), C(space), C(hold), C(unhold), C(lease) and C(unlease), and nothing else.
extends_documentation_fragment:
  - nordbridge.mysql_migration.attributes
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  public_key:
    description: The target's public key.
    type: str
    required: true
  from_address:
    description: The address that the key may be used from; empty for any.
    type: str
    default: ''
  authorized_keys:
    description: The file that the key's entry is kept in.
    type: path
    default: /root/.ssh/authorized_keys
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The agent on the source
  nordbridge.mysql_migration.migration_agent:
    migration_id: shop
    public_key: "{{ key.content | b64decode }}"
    from_address: 192.0.2.10
  delegate_to: us-db1
"""

RETURN = r"""
launcher:
  description: The command that the key runs.
  returned: success
  type: str
  sample: /var/lib/mysql_migration/shop/agent
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge import agent  # noqa: F401  # pylint: disable=unused-import  # packed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.place import place_agent
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover import lease_service  # noqa: F401  # pylint: disable=unused-import  # packed
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main():
    """Parse, place, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "public_key": {"type": "str", "required": True, "no_log": False},
        "from_address": {"type": "str", "default": ""},
        "authorized_keys": {"type": "path", "default": "/root/.ssh/authorized_keys", "no_log": False},
    }
    run_module(place_agent, options)


if __name__ == "__main__":
    main()
