# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_migration_target
short_description: Make the migration's accounts on the target, for the way back
version_added: 1.0.0
description:
  - Makes the account C(nordbridge_ctl_), with eight digits of the migration, which fences the target in a rollback, for the target's own socket only.
  - Makes the account C(nordbridge_back_), by which the old server follows the target. It may read the binary log and nothing else, and
    log in from O(hosts) only.
  - Their passwords are generated here and kept with mode 0600 in C(fence.json) and C(back.json) in the migration's directory.
  - Nothing of it enters the binary log, and no password any log. C(nordbridge_back_) ends after O(key_days) days.
  - A target that is held read-only is held again afterwards.
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
  unix_socket:
    description: The target's socket, for that account.
    type: path
    default: /run/mysqld/mysqld.sock
  hosts:
    description: Where the old server comes from, as the target sees it. Without it there is no C(nordbridge_back_).
    type: list
    elements: str
    default: []
  require_tls:
    description: Whether C(nordbridge_back_) must use TLS. Outside a tunnel it must.
    type: bool
    default: false
  host:
    description: The target's address as the old server reaches it.
    type: str
    default: 127.0.0.1
  port:
    description: The port there.
    type: int
    default: 3306
  tls:
    description: How the old server treats TLS.
    type: str
    choices: [preferred, required, verify_ca, verify_identity]
    default: preferred
  tls_ca:
    description: The file of the certificate authority, on the old server's host.
    type: path
    default: ''
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Accounts for the way back
  nordbridge.mysql_migration.mysql_migration_target:
    migration_id: shop
    hosts: [127.0.0.1, localhost]
    port: 13307
"""

RETURN = r"""
plan:
  description: What was made or changed, in words.
  returned: success
  type: list
  elements: str
  sample:
    - "account nordbridge_back_0a1b2c3d@127.0.0.1: REPLICATION SLAVE"
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse.accounts import prepare_target
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import (
    TLS_MODES,
    from_options,
    login_argument_spec,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.unlogged import logged_argument_spec


def prepare(params: dict, check_mode: bool) -> dict:
    """Connect as the administrator and make what lacks."""
    with connect(from_options(params), "target") as connection:
        return prepare_target(open_flavour(connection), params, check_mode)


def main() -> None:
    """Parse, make, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "unix_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "require_tls": {"type": "bool", "default": False},
        "host": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int", "default": 3306},
        "tls": {"type": "str", "choices": list(TLS_MODES), "default": "preferred"},
        "tls_ca": {"type": "path", "default": ""},
        "key_days": {"type": "int", "default": 90, "no_log": False},
        **logged_argument_spec(),
    }
    run_module(prepare, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
