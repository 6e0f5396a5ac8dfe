# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A start of this host is the same for all of its processes, and another one after a restart of a container, too."""

from __future__ import annotations

import builtins
import io

from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs import host
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.record import boot_id


def test_a_start_is_the_kernel_and_its_first_process(monkeypatch):
    assert host.host_start() == host.host_start() != boot_id()
    assert host.host_start().startswith(boot_id() + "/")
    fields = " ".join(["S", *("0" for _field in range(18)), "422779", "1"])
    monkeypatch.setattr(builtins, "open", lambda *_args, **_more: io.StringIO("1 (a b) c) %s\n" % fields))
    monkeypatch.setattr(host, "boot_id", lambda: "kernel")
    assert host.host_start() == "kernel/422779"
    monkeypatch.setattr(builtins, "open", lambda *_args, **_more: io.StringIO("?"))
    assert host.host_start() == "kernel/"
