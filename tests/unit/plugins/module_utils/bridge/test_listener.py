# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._bridge.listener import holder, is_session, owners


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
