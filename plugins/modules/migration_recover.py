# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_recover
short_description: Bring a target back that a dead copy or a dead host left unusable
version_added: 1.0.0
description:
  - A physical copy takes the target's server down and puts new files in the place of the old ones. Where it fails, it puts the old
    ones back by itself. Where its job was killed, or the host restarted, this does.
  - A target whose host was restarted while its commits did not wait for the disk is not trusted any more. The journal then says that
    the copy is unfinished, and the same command makes it again.
  - A migration that was retired is refused.
  - The result tells how far the migration is then, as M(nordbridge.mysql_migration.migration_info) does.
  - It does nothing else while the copy runs, after it is done, and for copies by dump.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  wipe:
    description: This migration's id allows that a target which is not trusted any more is copied again. Never once a cutover has begun.
    type: str
    default: ""
  waive:
    description: With V(P65) a target that is not trusted any more is trusted all the same, for what was seen so far.
    type: list
    elements: str
    default: []
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Bring back what a dead copy or a dead host left
  nordbridge.mysql_migration.migration_recover:
    migration_id: shop
"""

RETURN = r"""
restored:
  description: Whether old files were put back.
  returned: success
  type: bool
  sample: false
phase:
  description: The phase, as M(nordbridge.mysql_migration.migration_info) tells it.
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
  sample: {seed: {state: done, attempt: 1, error: "", progress: ""}}
events:
  description: Whether the chain of the journal's events holds.
  returned: success
  type: dict
  sample: {"chain_holds": true, "broken_at": 0, "aside": []}
wipe_permission:
  description: The value of C(wipe_target) that permits the next erasure of the target.
  returned: success
  type: str
  sample: shop@2
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.recover import recover_and_tell


def main() -> None:
    """Parse, recover, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "wipe": {"type": "str", "default": ""},
        "waive": {"type": "list", "elements": "str", "default": []},
    }
    run_module(recover_and_tell, options)


if __name__ == "__main__":
    main()
