# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_retire
short_description: Remove what a migration has left on one of its hosts
version_added: 1.0.0
description:
  - Removes the migration's keys, units, files, accounts and passwords from its source or its target, its rows of the marker's schema, and the
    plugin C(clone) where the copy loaded it.
  - Keeps the migration's journal, and whatever keeps a server closed that was cut over. The guard that does that logs in by an account
    of its own, which no other host knows.
  - Refuses while a job of the migration runs, while a lease stands, between the begin and the end of a cutover or rollback, and while a server
    replicates by the migration's account.
  - What cannot be removed is named in RV(left), and the rest is done. The same task again finishes.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
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
  replication:
    description: The migration's id, as the permission to end replication by the migration's own account.
    type: str
    default: ''
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Remove what the migration has left
  nordbridge.mysql_migration.migration_retire:
    migration_id: shop
    side: source
  delegate_to: us-db1
"""

RETURN = r"""
removed:
  description: What was removed, in words.
  returned: success
  type: list
  elements: str
  sample: ["unit nordbridge-shop-tunnel.service", "account nordbridge_ctl_0a1b2c3d@127.0.0.1"]
stays:
  description: What stays on purpose.
  returned: success
  type: list
  elements: str
  sample: ["/var/lib/mysql_migration/shop-2026 (what the migration did)"]
left:
  description: What could not be removed, and why.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._retire.run import retire
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._retire.things import SIDES
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec


def main() -> None:
    """Parse, remove, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "side": {"type": "str", "choices": sorted(SIDES), "required": True},
        "replication": {"type": "str", "default": ""},
    }
    run_module(retire, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
