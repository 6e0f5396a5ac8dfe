# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_reality_info
short_description: See that both servers are as a finished cutover or rollback left them
version_added: 1.0.0
description:
  - Runs on the target and asks both servers which of them takes writes and which is closed, whether the primary still replicates from the
    other one, whether its commits wait for the disk, and what the next restart would make of either. It changes nothing.
  - It fails with what is wrong and what to do. An old server that cannot be asked is told, and is no failure.
  - Before a cutover, and while one is under way, it asks nobody.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: See that both servers are as the cutover left them
  nordbridge.mysql_migration.migration_reality_info:
    migration_id: shop
"""

RETURN = r"""
phase:
  description: How far the migration is.
  returned: always
  type: str
  sample: done
looked:
  description: Whether the servers were asked.
  returned: always
  type: bool
  sample: true
wrong:
  description: What is not as it should be, and what to do.
  returned: always
  type: list
  elements: str
  sample: []
new:
  description: The new server as it is now, with C(error) where it cannot be asked.
  returned: when looked
  type: dict
  sample: {"label": "MariaDB 10.11.18 on oslo-db1", "error": "", "open": true, "closed": false, "replicates": false, "weak": [], "holds": []}
old:
  description: The old server, in the same form.
  returned: when looked
  type: dict
  sample: {"label": "MariaDB 10.11.18 on us-db1", "error": "", "open": false, "closed": true, "replicates": false, "weak": [], "holds": []}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.reality import look
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, ask, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
    }
    run_module(look, options)


if __name__ == "__main__":
    main()
