# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ordinary user of the test hosts, and what there is to try with ports, sockets and a hostile server."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

from pairs import Pair

FAKE_SERVER = Path(__file__).resolve().parents[1] / "unit/plugins/module_utils/server/fake_server.py"
USER = "mallory"
#: What answers at an address: the first bytes, or the error.
LOOK = """
import socket, sys
where = sys.argv[1]
try:
    if where.startswith("/"):
        client = socket.socket(socket.AF_UNIX); client.settimeout(4); client.connect(where)
    else:
        client = socket.create_connection(("127.0.0.1", int(where)), timeout=4)
    print("answered" if client.recv(64) else "closed")
except OSError as error:
    print(type(error).__name__)
"""
LISTEN = """
import socket, sys
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")):
    try:
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((address, int(sys.argv[1]))); one.listen(); print(address, "listens")
    except OSError as error:
        print(address, type(error).__name__)
"""


def prepare(pair: Pair, host: str) -> None:
    """Make the user, and put the programs where anybody can run them."""
    pair.sh(host, f"id {USER} >/dev/null 2>&1 || useradd -m {USER}")
    for name, text in {"look.py": LOOK, "listen.py": LISTEN, "fake_server.py": FAKE_SERVER.read_text()}.items():
        pair.sh(host, f"cat > /usr/local/{name} <<'END-OF-PROGRAM'\n{text}\nEND-OF-PROGRAM\nchmod 644 /usr/local/{name}")


def run_as(pair: Pair, host: str, user: str, command: str) -> str:
    """What a command says that a user runs."""
    return pair.sh(host, f"cd /; runuser -u {user} -- sh -c {shlex.quote(command)} 2>&1", check=False).strip()


def look(pair: Pair, host: str, user: str, where: object) -> str:
    """Who answers a user at a port or a socket: answered, closed, or the error's name."""
    return run_as(pair, host, user, f"python3 /usr/local/look.py {where}")


def fake_server(pair: Pair, host: str, user: str, port: int, way: str, seconds: int) -> subprocess.Popen:
    """A hostile server that a user starts and leaves for a while."""
    return pair.background(host, f"cd /; exec runuser -u {user} -- python3 /usr/local/fake_server.py {port} '{way}' {seconds} 2>&1")


def received(process: subprocess.Popen) -> bytes:
    """All that a hostile server was sent; empty where it could not listen."""
    output, _none = process.communicate(timeout=120)
    try:
        return bytes.fromhex(output.strip())
    except ValueError:
        assert "PermissionError" in output or "Address already in use" in output, output
        return b""


def login(pair: Pair, host: str, name: str) -> dict:
    """A login file of the migration."""
    return json.loads(pair.sh(host, f"cat {pair.folder}/{name}.json"))
