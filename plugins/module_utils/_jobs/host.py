# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Which start of this host it is."""

from __future__ import annotations

from .record import boot_id


def host_start() -> str:
    """The kernel's id and when its first process began: a container that starts again keeps its machine's kernel."""
    try:
        with open("/proc/1/stat", encoding="utf-8", errors="replace") as stream:
            # The second field is a name in parentheses, which may hold blanks; the 22nd is the start, in ticks since the kernel's.
            began = stream.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = ""
    return "%s/%s" % (boot_id(), began)
