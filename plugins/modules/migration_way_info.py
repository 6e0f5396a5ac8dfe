# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_way_info
short_description: See whether this host reaches a server on another one
version_added: 1.0.0
description:
  - Runs on the target, before anything is changed. Connects once to the port that the migration will use, and reads what the server
    there says first. It logs in nowhere.
options:
  address:
    description: The other host's name or address.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    required: true
  kind:
    description: The server that is meant to be there.
    type: str
    choices: [ssh, mysql]
    required: true
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.info
author:
  - The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: See whether the target reaches the source
  nordbridge.mysql_migration.migration_way_info:
    address: us-db1.example.com
    port: 22
    kind: ssh
  register: way
"""

RETURN = r"""
way:
  description:
    - C(address) and C(port) as given, whether the server is C(reachable), C(error) in words, and C(round_trip_ms), how long the
      connection took to be made, in milliseconds.
  returned: success
  type: dict
  sample: {"address": "us-db1.example.com", "port": 22, "reachable": true, "error": "", "round_trip_ms": 98.1}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.reach import MYSQL, SSH, way_info
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module

OPTIONS = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "kind": {"type": "str", "required": True, "choices": [SSH, MYSQL]},
}


def main() -> None:
    """Parse, look, report."""
    run_module(way_info, OPTIONS)


if __name__ == "__main__":
    main()
