# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""MySQL's plugin clone: whether a server has it loaded, and loading it.

It takes INSERT on mysql.plugin, by which any library of the plugins' folder can be loaded: the administrators have that, the control
account has not. https://dev.mysql.com/doc/refman/8.4/en/clone-plugin-installation.html
"""

from __future__ import annotations

from .base import Flavour

STATUS = "SELECT PLUGIN_STATUS FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'clone'"


def clone_is_active(server: Flavour) -> bool:
    """Whether it can be used now."""
    return bool(server.connection.value(STATUS) == "ACTIVE")


def load_clone(server: Flavour) -> None:
    """Load it, for good and without the binary log."""
    server.connection.run("SET SESSION sql_log_bin = 0")
    server.connection.run("INSTALL PLUGIN clone SONAME 'mysql_clone.so'")
