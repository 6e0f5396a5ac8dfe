# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_hold
short_description: Keep a server read-only and its events still, across a restart too
version_added: 1.0.0
description:
  - Writes a drop-in configuration file and sets the same at run time. A target is held until the cutover promotes it.
  - MySQL gets C(super_read_only), MariaDB C(read_only); both get C(event_scheduler=OFF).
  - >-
    It is proven as the server will read it at its next start: a file that is read later, the command line of its unit, what
    C(SET PERSIST) keeps, or C(init_file) can open the server again. Then the module fails, says where and what to do, and leaves the
    file as it was before. Check mode says the same.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._login
options:
  path:
    description: The drop-in file. Its name must be C(zz-nordbridge-hold.cnf).
    type: path
    required: true
  migration_id:
    description:
      - The migration whose target this server is. The module then acts only while the server is nobody's primary, by the migration's
        journal as it is at that moment, and not beside a cutover.
    type: str
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Hold the target
  nordbridge.mysql_migration.mysql_hold:
    path: /etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf
"""

RETURN = r"""
read_only:
  description: Whether the server is read-only now.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._cutover.hold import hold_server
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.guard import changing_server
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import (
    from_options,
    login_argument_spec,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour


def hold(params: dict, check_mode: bool) -> dict:
    """Connect and hold."""
    with connect(from_options(params), "server") as connection:
        server = open_flavour(connection)
        with changing_server(params["migration_id"], server.identity.datadir, "mysql_hold", check_mode):
            return hold_server(server, params["path"], check_mode)


def main() -> None:
    """Parse, hold, report."""
    run_module(hold, {**login_argument_spec(), "path": {"type": "path", "required": True}, "migration_id": {"type": "str"}})


if __name__ == "__main__":
    main()
