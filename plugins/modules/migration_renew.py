# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_renew
short_description: Let a migration that was rolled back start over
version_added: 1.0.0
description:
  - Puts the journal and the jobs of the attempt that was rolled back aside, into C(attempts) in the migration's directory.
  - It does nothing in any other phase. It erases nothing itself.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  wipe:
    description: The permission to erase the copy on the target, which is what comes next. It must equal O(migration_id).
    type: str
    default: ''
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Begin again
  nordbridge.mysql_migration.migration_renew:
    migration_id: shop
    wipe: "{{ wipe_target | default('') }}"
"""

RETURN = r"""
phase:
  description: The phase that the migration is in afterwards.
  returned: success
  type: str
  sample: new
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.again import begin_anew
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, put aside, report."""
    run_module(begin_anew, {"migration_id": {"type": "str", "required": True}, "wipe": {"type": "str", "default": ""}})


if __name__ == "__main__":
    main()
