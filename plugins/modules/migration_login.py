# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_login
short_description: Make the migration's passwords and ssh keys and keep them on the target
version_added: 1.0.0
description:
  - Writes C(source.json), C(replication.json) and C(target.json) into the migration's directory, each with mode 0600.
  - Passwords are generated once and kept. Given ones win.
  - Makes the ssh keys of O(keys) in the same directory, once.
  - The result holds no password. The task that makes the accounts on the source reads the files.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes.no_diff
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  source:
    description: How the target reaches the source.
    type: dict
    required: true
    suboptions:
      host:
        description: The address at this end of the bridge.
        type: str
        required: true
      port:
        description: The port at this end of the bridge.
        type: int
        required: true
      tls:
        description: How the connection treats TLS.
        type: str
        choices: [preferred, required, verify_ca, verify_identity]
        default: preferred
      tls_ca:
        description: The file of the certificate authority.
        type: path
        default: ''
  target:
    description: How the jobs on the target log in to its own server; as the root user over its packaged socket where nothing is given.
    type: dict
    default: {}
    suboptions:
      unix_socket:
        description: The server's socket. It wins over O(target.host).
        type: path
      host:
        description: The server's name or address.
        type: str
      port:
        description: The server's port.
        type: int
      user:
        description: The account that logs in.
        type: str
      password:
        description: The account's password.
        type: str
  keys:
    description: The names of the ssh keys that shall be there, each as C(NAME_key) with its public half in C(NAME_key.pub).
    type: list
    elements: str
    default: []
  replication_password:
    description: A password for the replication account, instead of a generated one. At most 32 characters on MySQL.
    type: str
  control_password:
    description: A password for the control account, instead of a generated one.
    type: str
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: Keep the logins
  nordbridge.mysql_migration.migration_login:
    migration_id: shop
    source: {host: 127.0.0.1, port: 13306}
  no_log: true
"""

RETURN = r"""
files:
  description: The login files' paths.
  returned: success
  type: dict
  sample: {source: /var/lib/mysql_migration/shop/source.json, replication: /var/lib/mysql_migration/shop/replication.json}
public_keys:
  description: The public keys by their names.
  returned: success
  type: dict
  sample: {agent: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHd0 nordbridge-agent-shop}
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._accounts.logins import ensure_logins
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.keys import ensure_keys
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import (
    TLS_MODES,
    default_socket,
)


def ensure(params: dict, check_mode: bool) -> dict:
    """The target's socket is the default where the target's endpoint names neither socket nor host."""
    target = {name: value for name, value in params["target"].items() if value not in ("", None)}
    if not target.get("unix_socket") and not target.get("host"):
        target["unix_socket"] = default_socket()
    logins = ensure_logins({**params, "target": target}, check_mode)
    keys = ensure_keys(params["migration_id"], params["keys"], check_mode)
    return {**logins, **keys, "changed": logins["changed"] or keys["changed"]}


def main() -> None:
    """Parse, write, report."""
    source = {
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "tls": {"type": "str", "choices": list(TLS_MODES), "default": "preferred"},
        "tls_ca": {"type": "path", "default": ""},
    }
    target = {
        "unix_socket": {"type": "path"},
        "host": {"type": "str"},
        "port": {"type": "int"},
        "user": {"type": "str"},
        "password": {"type": "str", "no_log": True},
    }
    options = {
        "migration_id": {"type": "str", "required": True},
        "source": {"type": "dict", "required": True, "options": source},
        "target": {"type": "dict", "default": {}, "options": target},
        "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "replication_password": {"type": "str", "no_log": True},
        "control_password": {"type": "str", "no_log": True},
    }
    run_module(ensure, options)


if __name__ == "__main__":
    main()
