# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_key
short_description: Let a tunnel's key into the source, for one port and until a date
version_added: 1.0.0
description:
  - Keeps the key's entry in authorized_keys, which root owns and the tunnel's user cannot change.
  - The entry is for forwarding alone. It opens one address and port to connect to, or one to listen at, from one address, and ends by
    itself.
  - A run renews an entry of which less than half of the days are left.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  name:
    description: Whose key it is.
    type: str
    choices: [tunnel, back]
    required: true
  public_key:
    description: The public key.
    type: str
    required: true
  from_address:
    description: The address that the key may be used from; a pattern list of sshd is one, too.
    type: str
    required: true
  days:
    description: How many days the key is good for.
    type: int
    default: 90
  open:
    description: The address and port that it may connect to; empty for none.
    type: str
    default: ''
  listen:
    description: The address and port that it may have sshd listen at; empty for none.
    type: str
    default: ''
  path:
    description: The file that the entry is kept in.
    type: path
    default: /var/lib/mysql_migration_tunnel/.ssh/authorized_keys
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The tunnel's key
  nordbridge.mysql_migration.migration_key:
    migration_id: shop
    name: tunnel
    public_key: "{{ key.content | b64decode }}"
    from_address: 192.0.2.10
    open: 127.0.0.1:3306
  delegate_to: us-db1
"""

RETURN = r"""
expires:
  description: Until when the entry is good, as sshd reads it, in the host's own time.
  returned: success
  type: str
  sample: "202703011200"
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.authorized_keys import admit_key
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, write, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "name": {"type": "str", "required": True, "choices": ["tunnel", "back"]},
        "public_key": {"type": "str", "required": True, "no_log": False},
        "from_address": {"type": "str", "required": True},
        "days": {"type": "int", "default": 90},
        "open": {"type": "str", "default": ""},
        "listen": {"type": "str", "default": ""},
        "path": {"type": "path", "default": "/var/lib/mysql_migration_tunnel/.ssh/authorized_keys"},
    }
    run_module(admit_key, options)


if __name__ == "__main__":
    main()
