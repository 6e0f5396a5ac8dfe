# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HAProxy between the application and the pair's servers: Debian's package, on one of the hosts."""

from __future__ import annotations

from typing import Any

PORT = 3307
SERVERS = {"old_server": "us-db1", "new_server": "oslo-db1"}
SOCKET = "/run/haproxy/admin.sock"
CONFIG = """\
global
    maxconn 4000
    user haproxy
    group haproxy
    stats socket {socket} mode 600 level admin
    stats socket /run/haproxy/operator.sock mode 600 level operator
    stats socket ipv4@127.0.0.1:9999 level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen mysql
    bind :{port}
    maxconn 200
    server us-db1 {source}:3306
    server oslo-db1 {target}:3306 disabled
"""
#: A container may not mount what the package's unit asks for: the host's log socket inside of HAProxy's jail.
START = """\
set -e
mkdir -p /etc/systemd/system/haproxy.service.d
printf '[Service]\\nBindReadOnlyPaths=\\n' > /etc/systemd/system/haproxy.service.d/container.conf
systemctl daemon-reload
cat > /etc/haproxy/haproxy.cfg
haproxy -q -c -f /etc/haproxy/haproxy.cfg
systemctl restart haproxy
"""


def config(addresses: dict[str, Any]) -> str:
    """HAProxy's configuration before the cutover: all clients go to the old server."""
    return CONFIG.format(socket=SOCKET, port=PORT, source=addresses["us-db1"]["ip"], target=addresses["oslo-db1"]["ip"])


def switch(**options: Any) -> dict[str, Any]:
    """The collection's own option for it."""
    return {"type": "haproxy", "socket": SOCKET, "listen": f"127.0.0.1:{PORT}", "frontend": "mysql", **SERVERS, **options}
