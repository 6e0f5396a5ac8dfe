# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_migration_source
short_description: Make the migration's accounts, marker and heartbeat on the source
version_added: 1.0.0
description:
  - Makes the account C(nordbridge_repl_), which may only read the binary log, and C(nordbridge_ctl_), which copies, writes the
    heartbeat, and does the cutover. Each name ends with eight digits that are the migration's own, so that two migrations of one source
    have nothing to do with each other. Both may log in from O(hosts) only; the second also from the source's own socket.
  - Accounts are made with C(sql_log_bin=0), by hashes, and by a session that writes no general and slow log. No password is in any of them.
  - Their passwords end after O(key_days) days; only the one for the source's own socket lasts, for by it the source's host keeps a server
    closed that was cut over.
  - Makes the schema C(nordbridge_migration) with the migration's marker and heartbeat.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._login
  - nordbridge.mysql_migration._accounts
  - nordbridge.mysql_migration._accounts.days
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  hosts:
    description: Where the accounts may log in from. The tunnel's end on the source, or the target's address.
    type: list
    elements: str
    required: true
  require_tls:
    description: Whether the accounts must use TLS. Outside a tunnel they must.
    type: bool
    default: false
  load_clone:
    description: Load MySQL's plugin C(clone) where it is not, for a copy by it. The control account has no right to.
    type: bool
    default: false
  replication_password:
    description: The replication account's password.
    type: str
    required: true
  control_password:
    description: The control account's password.
    type: str
    required: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Accounts on the source
  nordbridge.mysql_migration.mysql_migration_source:
    migration_id: shop
    hosts: [127.0.0.1]
    replication_password: "{{ (replication_login.content | b64decode | from_json).password }}"
    control_password: "{{ (control_login.content | b64decode | from_json).password }}"
  delegate_to: us-db1
  no_log: true
"""

RETURN = r"""
plan:
  description: What was made or changed, in words.
  returned: success
  type: list
  elements: str
  sample:
    - "account nordbridge_repl_0a1b2c3d@127.0.0.1: REPLICATION SLAVE"
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._accounts.own import prepare_source
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.guard import changing_server
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import (
    from_options,
    login_argument_spec,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.unlogged import logged_argument_spec


def prepare(params: dict, check_mode: bool) -> dict:
    """Connect as the administrator and make what lacks."""
    with connect(from_options(params), "source") as connection:
        server = open_flavour(connection)
        with changing_server(None, server.identity.datadir, "mysql_migration_source", check_mode):
            return prepare_source(server, {**params, "tls": params["require_tls"]}, check_mode)


def main() -> None:
    """Parse, make, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "require_tls": {"type": "bool", "default": False},
        "load_clone": {"type": "bool", "default": False},
        "replication_password": {"type": "str", "required": True, "no_log": True},
        "control_password": {"type": "str", "required": True, "no_log": True},
        "key_days": {"type": "int", "default": 90, "no_log": False},
        **logged_argument_spec(),
    }
    run_module(prepare, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
