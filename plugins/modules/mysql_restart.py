# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_restart
short_description: Restart a MySQL or MariaDB server, and never beside a cutover
version_added: 1.0.0
description:
  - Restarts the server's unit and waits until the server answers.
  - Whether it may be done is decided in the process that does it, by what is so at that moment. A server that a cutover is closing, or
    has closed for good, by the record on its own host, is not restarted.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
  - nordbridge.mysql_migration._login
attributes:
  idempotent:
    support: none
    details: It restarts the server each time.
options:
  service:
    description: The server's unit; where it is empty, the flavour's usual one.
    type: str
    default: ""
  migration_id:
    description:
      - The migration whose target this server is. The module then acts only while the server is nobody's primary, by the migration's
        journal as it is at that moment, and not beside a cutover.
    type: str
  timeout:
    description: Seconds for the restart, and as many until the server answers.
    type: float
    default: 600.0
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Restart the source's server for its binary log
  nordbridge.mysql_migration.mysql_restart:
  delegate_to: us-db1
"""

RETURN = r"""
changed:
  description: That it was restarted.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.restart import restart
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import login_argument_spec


def main() -> None:
    """Parse, restart, report."""
    options = {
        "service": {"type": "str", "default": ""},
        "migration_id": {"type": "str"},
        "timeout": {"type": "float", "default": 600.0},
    }
    run_module(restart, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
