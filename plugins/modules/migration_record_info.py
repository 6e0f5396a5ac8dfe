# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_record_info
short_description: Tell what a migration's record says of one of its hosts
version_added: 1.0.0
description:
  - Reads what the host and its server are now, what of the migration is on the host, and the record of the server's fence.
  - A server that cannot be asked is told, and is no failure. It changes nothing.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
  - nordbridge.mysql_migration._login
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  side:
    description: Which of the migration's two hosts this is.
    type: str
    choices: [source, target]
    required: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: What the source's host tells
  nordbridge.mysql_migration.migration_record_info:
    migration_id: shop
    side: source
  delegate_to: us-db1
  register: source_side
"""

RETURN = r"""
told:
  description:
    - C(host) with its C(name), a mark of its C(machine), its C(time) in Unix seconds, its C(clock), whether its disk is C(disk_encrypted)
      (null where that cannot be seen), and the C(datadir_bytes); C(server) with what it is and holds, or C(error); C(left), what of the
      migration is on the host, in words; C(fence) as M(nordbridge.mysql_migration.mysql_server_info) tells it.
  returned: success
  type: dict
  sample: {"host": {"name": "us-db1", "machine": "5b1e0c", "clock": "synchronised"}, "server": {"label": "us-db1 (mariadb 10.11.18)"}, "left": []}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._evidence.side import tell_side
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._retire.things import SIDES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec


def main() -> None:
    """Parse, read, report."""
    options = {"migration_id": {"type": "str", "required": True}, "side": {"type": "str", "choices": sorted(SIDES), "required": True}}
    run_module(tell_side, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
