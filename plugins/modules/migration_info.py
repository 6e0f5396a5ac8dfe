# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_info
short_description: Tell how far a migration is
version_added: 1.0.0
description:
  - Reads the migration's journal and jobs on the target. It changes nothing.
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
- name: How far is it
  nordbridge.mysql_migration.migration_info:
    migration_id: shop
  register: migration
"""

RETURN = r"""
phase:
  description: One of C(new), C(seeding), C(seeded), C(ready), C(cutting_over), C(committed), C(done), C(rolling_back), C(rolled_back).
  returned: success
  type: str
  sample: ready
state:
  description: The journal's content.
  returned: success
  type: dict
  sample: {seed: {status: done, method: mariadb-backup}}
jobs:
  description: Each job's state and error.
  returned: success
  type: dict
  sample: {seed: {status: done, method: mariadb-backup}}
events:
  description:
    - Whether the chain of the journal's events holds (C(chain_holds)), the line where it does not (C(broken_at), else 0), and the files
      of events that were found damaged and put aside (C(aside)).
  returned: success
  type: dict
  sample: {"chain_holds": true, "broken_at": 0, "aside": []}
plan:
  description: The id of the plan that the migration was begun by; empty where it was not begun.
  returned: success
  type: str
  sample: 8f3a-01bc-77d2-9c0e-5a41-0b6f-e1d8-4c39-2f70
forecast:
  description: What that plan foresaw, as the filter P(nordbridge.mysql_migration.plan_forecast#filter) tells it.
  returned: success
  type: dict
  sample: {"copy_s": 2284.0, "write_stop_s": 0.47}
wipe_permission:
  description: The value of C(wipe_target) that permits the next erasure of the target. Each counts once.
  returned: success
  type: str
  sample: shop@2
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.phase import migration_info
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, read, report."""
    run_module(migration_info, {"migration_id": {"type": "str", "required": True}})


if __name__ == "__main__":
    main()
