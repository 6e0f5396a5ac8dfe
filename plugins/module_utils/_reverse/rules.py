# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Whether the old server can follow the new one: a rule over two identities."""

from __future__ import annotations

from .._server.identity import Identity


def why_not(new: Identity, old: Identity) -> str:
    """Why the old server cannot replicate from the new one; empty where it can.

    Both vendors support a replica of the same or a later series only. Within a series patch releases may differ.
    https://dev.mysql.com/doc/refman/en/replication-compatibility.html and https://mariadb.com/kb/en/replication-compatibility/
    """
    if new.flavour != old.flavour:
        return "the old server is %s and the new one %s" % (old.flavour, new.flavour)
    if tuple(new.version[:2]) <= tuple(old.version[:2]):
        return ""
    return (
        "the old server is %s %s and the new one %s: no vendor supports a replica that is older than its source, so the old server "
        "cannot follow the new one" % (old.flavour, old.version_text, new.version_text)
    )
