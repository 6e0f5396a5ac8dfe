# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_stragglers_info
short_description: Tell who still tries to write on the old server after a cutover
version_added: 1.0.0
description:
  - Asks the source, from the target through the bridge, how many writes it has refused since the promotion, and who is connected.
  - MySQL counts the refusals themselves. MariaDB counts no errors by number, so that there the statements are counted that arrived
    and were not executed, those with mistakes among them. A session that went without a word makes a difference of one.
  - It changes nothing, and a source that is gone is no failure.
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
- name: Who is late
  nordbridge.mysql_migration.migration_stragglers_info:
    migration_id: shop
  register: late
"""

RETURN = r"""
known:
  description: Whether there was a cutover, the source answers, and its count means something. MariaDB's does not while it replicates.
  returned: success
  type: bool
  sample: true
why:
  description: Why it is not known.
  returned: when C(known) is false
  type: str
  sample: "nothing was counted: this migration has not been cut over, or without its source"
late_writes:
  description: C(count), C(basis) being how it is known, and C(since_restart) where a restart of the source began the count again.
  returned: when C(known) is true
  type: dict
  sample: {count: 3, basis: "counted: errors 1290 and 1836", since_restart: false}
sessions:
  description: Who is connected to the source now, by account and address, the twenty largest; the migration's own are left out.
  returned: when the source answers
  type: list
  elements: dict
  sample: [{user: app, host: 192.0.2.7, count: 4}]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.stragglers import stragglers
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, read, report."""
    run_module(stragglers, {"migration_id": {"type": "str", "required": True}})


if __name__ == "__main__":
    main()
