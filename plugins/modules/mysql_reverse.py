# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_reverse
short_description: Have the old server follow the new one after the cutover
version_added: 1.0.0
description:
  - Before the cutover it changes nothing. It proves that the old server will be able to follow, by versions, settings, and a login from
    the old server's host by the very path and account of the replication to come.
  - After the cutover the old server, which stays read-only, replicates from where the cutover's fence stood.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._accounts
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  applier_threads:
    description: Threads of the old server that apply the new one's changes.
    type: int
    default: 4
  start_timeout:
    description: Seconds that replication may take to run.
    type: float
    default: 60.0
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Follow
  nordbridge.mysql_migration.mysql_reverse:
    migration_id: shop
"""

RETURN = r"""
following:
  description: Whether the old server replicates from the new one.
  returned: success
  type: bool
  sample: true
phase:
  description: The migration's phase.
  returned: success
  type: str
  sample: done
statements:
  description: What was run on the old server, without the password.
  returned: success
  type: list
  elements: str
  sample: ["START SLAVE"]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse.follow import reverse
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.unlogged import logged_argument_spec


def main() -> None:
    """Parse, prove or follow, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "applier_threads": {"type": "int", "default": 4},
        "start_timeout": {"type": "float", "default": 60.0},
        **logged_argument_spec(),
    }
    run_module(reverse, options)


if __name__ == "__main__":
    main()
