# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_record
short_description: Write the record of a migration
version_added: 1.0.0
description:
  - Writes C(evidence.json) into the migration's directory on the target, from its journal, its plan, what both hosts tell now, and what a person
    attests. Each claim says on what it rests. The record holds no row values, no keys and no passwords.
  - A record is never changed. Where something else is known than the newest one says, a new one is written that names the digest of the one
    before, which is kept beside it as C(evidence.N.json).
  - Sizes and counts that move by themselves make no new record.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  source:
    description: What M(nordbridge.mysql_migration.migration_record_info) told on the source's host; empty where it was not reached.
    type: dict
    default: {}
  target:
    description: The same of the target.
    type: dict
    default: {}
  declared:
    description: What the inventory says, with C(source_address), C(target_address) and C(bridge).
    type: dict
    default: {}
  attested:
    description:
      - What a person says. C(by), C(role) and C(date) for all answers, and under each question's id a text, or a mapping with C(value), C(reason)
        and its own C(by), C(role) and C(date).
    type: dict
    default: {}
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Write the record
  nordbridge.mysql_migration.migration_record:
    migration_id: shop
    source: "{{ source_side.told }}"
    target: "{{ target_side.told }}"
    declared:
      source_address: us-db1.example.com
      bridge: ssh_tunnel
    attested:
      by: Kari Nordmann
      role: data-protection officer
      date: "2026-11-28"
      source.country: "United States, us-east-1"
"""

RETURN = r"""
path:
  description: The record's file on the target.
  returned: success
  type: str
  sample: /var/lib/mysql_migration/shop/evidence/evidence.json
record:
  description: The record.
  returned: success
  type: dict
  sample: {"format": 1, "migration_id": "shop", "number": 1, "phase": "done"}
number:
  description: The record's number, 1 for the first.
  returned: success
  type: int
  sample: 1
verdict:
  description:
    - C(state), one of C(proven), C(not_proven), C(wrong), C(rolled_back) and C(under_way), and a sentence in English (C(en)) and Norwegian (C(no)).
  returned: success
  type: dict
  sample: {"state": "under_way", "en": "Migration shop is not cut over.", "no": "Migreringen shop er ikke gjennomført."}
to_attest:
  description: The ids of the questions that nobody has answered.
  returned: success
  type: list
  elements: str
  sample: [source.country]
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._evidence.record import make_record
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module


def main() -> None:
    """Parse, write, report."""
    given = {name: {"type": "dict", "default": {}} for name in ("source", "target", "declared", "attested")}
    run_module(make_record, {"migration_id": {"type": "str", "required": True}, **given})


if __name__ == "__main__":
    main()
