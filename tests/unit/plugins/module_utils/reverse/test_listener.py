# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._reverse.listener import holder, is_session, listener, owners

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:33FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 4711 1
   1: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   100        0 4712 1
   2: 0100007F:33FB 0100007F:9999 01 00000000:00000000 00:00000000 00000000   998        0 4713 1
"""


def test_the_dead_tunnels_port_is_found_by_its_own_user_only():
    assert listener(TABLE, 13307, 998) == "4711"
    assert listener(TABLE, 13307, 0) == "" and listener(TABLE, 3306, 998) == ""


def test_a_socket_that_nobody_holds_has_no_owner():
    assert owners("4711999999") == []
    assert not is_session(os.getpid(), os.getuid())


def test_who_holds_a_port_of_the_loopback_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = holder(server.getsockname()[1])
    assert told.endswith(".service") or "process %d (" % os.getpid() in told
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert holder(free) == ""
