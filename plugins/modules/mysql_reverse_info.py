# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_reverse_info
short_description: Tell how the old server follows the new one
version_added: 1.0.0
description:
  - Asks both servers. It changes nothing.
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
- name: How far behind is the old server
  nordbridge.mysql_migration.mysql_reverse_info:
    migration_id: shop
  register: way_back
"""

RETURN = r"""
following:
  description: Whether the old server knows the new one as its source.
  returned: success
  type: bool
  sample: true
running:
  description: Whether both threads run without an error.
  returned: after the cutover
  type: bool
  sample: true
error:
  description: The threads' errors, empty for none.
  returned: after the cutover
  type: str
  sample: ""
transactions_behind:
  description: Transactions of the new server that the old one has not applied.
  returned: after the cutover
  type: int
  sample: 0
seconds_behind_by_server:
  description: The old server's own estimate in seconds, which misleads over slow links.
  returned: after the cutover
  type: int
  sample: 0
old_read_only:
  description: Whether the old server is read-only.
  returned: after the cutover
  type: bool
  sample: true
new_read_only:
  description: Whether the new server is read-only.
  returned: after the cutover
  type: bool
  sample: false
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse.follow import health


def main() -> None:
    """Parse, ask, report."""
    run_module(health, {"migration_id": {"type": "str", "required": True}})


if __name__ == "__main__":
    main()
