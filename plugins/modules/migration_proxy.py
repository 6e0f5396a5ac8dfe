# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_proxy
short_description: Keep a tunnel's end on a host from its other users
version_added: 1.0.0
description:
  - Installs a small proxy before the tunnel's end, at a port of 127.0.0.1 that only root can bind and that each migration has of its
    own. It lets root and the server's user through and refuses all others.
  - The proxy runs as a service, which it does not start. One that runs by other settings is stopped.
  - The way back has a proxy at both ends, which know each other by a secret; sshd's own port on the source is open to every user there.
extends_documentation_fragment:
  - nordbridge.mysql_migration._attributes
  - nordbridge.mysql_migration._login
options:
  migration_id:
    description: The migration's id.
    type: str
    required: true
  end:
    description:
      - V(target) is where the target reaches the source, V(back_source) where the source reaches the target for reverse replication, and
        V(back_target) the other end of that.
    type: str
    choices: [target, back_source, back_target]
    required: true
  port:
    description:
      - The port of 127.0.0.1, below the host's C(net.ipv4.ip_unprivileged_port_start).
      - With V(0) the first free one in an order that depends on the migration's id; it is kept.
    type: int
    default: 0
  users:
    description: Further users of this host that are let through.
    type: list
    elements: str
    default: []
  tunnel_user:
    description: The user as whom sshd listens for the way back. With O(end=back_source).
    type: str
    default: nordbridge
  token:
    description: The secret of the proxy at the other end. With O(end=back_source).
    type: str
    default: ''
  upstream_host:
    description: Where this host's server listens. With O(end=back_target).
    type: str
    default: 127.0.0.1
  upstream_port:
    description: The port there.
    type: int
    default: 3306
author: The nordbridge.mysql_migration contributors (@nordbridge)
"""

EXAMPLES = r"""
- name: The tunnel's end on the target
  nordbridge.mysql_migration.migration_proxy:
    migration_id: shop
    end: target
"""

RETURN = r"""
port:
  description: The port for clients; 0 with O(end=back_target).
  returned: success
  type: int
  sample: 317
inner_port:
  description: The port where sshd listens for the way back, with O(end=back_source).
  returned: success
  type: int
  sample: 13577
path:
  description: The socket for ssh's end, with O(end=back_target).
  returned: success
  type: str
  sample: /run/nordbridge-shop-back-proxy/sql.sock
unit:
  description: The service's name.
  returned: success
  type: str
  sample: nordbridge-shop-tunnel-proxy
"""

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.proxy_install import ENDS, install_proxy
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._module import run_module
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.connection import connect
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._server.endpoint import from_options, login_argument_spec


def install(params: dict, check_mode: bool) -> dict:
    """The server's user is found from its data directory, except where the proxy lets in whoever knows the secret."""
    datadir = ""
    if params["end"] != "back_target":
        with connect(from_options(params), "this host's server") as connection:
            datadir = str(connection.value("SELECT @@datadir"))
    return install_proxy({**params, "datadir": datadir}, check_mode)


def main() -> None:
    """Parse, install, report."""
    options = {
        "migration_id": {"type": "str", "required": True},
        "end": {"type": "str", "required": True, "choices": list(ENDS)},
        "port": {"type": "int", "default": 0},
        "users": {"type": "list", "elements": "str", "default": []},
        "tunnel_user": {"type": "str", "default": "nordbridge"},
        "token": {"type": "str", "default": "", "no_log": True},
        "upstream_host": {"type": "str", "default": "127.0.0.1"},
        "upstream_port": {"type": "int", "default": 3306},
    }
    run_module(install, {**login_argument_spec(), **options})


if __name__ == "__main__":
    main()
