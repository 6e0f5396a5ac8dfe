# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_control_account
short_description: Give the migration's control account on the source what a cutover needs, or take it away
version_added: 1.0.0
description:
  - The account C(nordbridge_ctl_) has for the copy and the catch-up no privilege that writes, closes a server or ends others' sessions.
    A cutover and a rehearsal need more, C(SUPER) among it. This module gives it just before, and takes it away where the source goes on as
    the primary.
  - It runs on the source, by an administrator's login. While a cutover is closing the server, or has closed it, it changes nothing and fails
    where something would have to be changed.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._login
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  phase:
    description: V(cutover) for all that a cutover and a rollback need, V(copy) for what the copy and the catch-up need.
    type: str
    choices: [copy, cutover]
    required: true
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: What the cutover needs
  nordbridge.mysql_migration.mysql_control_account:
    migration_id: shop
    phase: cutover
  delegate_to: us-db1
"""

RETURN = r"""
plan:
  description: What was given and taken, in words.
  returned: success
  type: list
  elements: str
  sample:
    - "account nordbridge_ctl_0a1b2c3d@127.0.0.1: SUPER, READ_ONLY ADMIN, CONNECTION ADMIN"
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._accounts.own import entitle_control
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._migration.guard import changing_server
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import (
    from_options,
    login_argument_spec,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.flavour import open_flavour


def entitle(params: dict, check_mode: bool) -> dict:
    """Connect as the administrator and have the account hold what its phase needs."""
    with connect(from_options(params), "source") as connection:
        server = open_flavour(connection)
        planned = entitle_control(server, params["migration_id"], params["phase"], True)
        if check_mode or not planned["changed"]:
            return planned
        with changing_server(None, server.identity.datadir, "mysql_control_account", check_mode):
            return entitle_control(server, params["migration_id"], params["phase"], False)


def main() -> None:
    """Parse, act, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "phase": {"type": "str", "choices": ["copy", "cutover"], "required": True},
    }
    run_module(entitle, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
