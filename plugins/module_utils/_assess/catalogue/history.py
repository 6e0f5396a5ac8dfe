# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What was done before, and who could write on the fenced source."""

from __future__ import annotations

from .check import ERROR, MIGRATION, SOURCE, WARNING, Check, of_source, of_target

CHECKS = (
    Check(
        "P80",
        "neither server is fenced, or was fenced for good",
        ERROR,
        SOURCE,
        "open nothing and erase nothing before it is known which server is the primary",
        of_source("markers") + of_target("markers"),
    ),
    Check(
        "P81",
        "no other migration of the source is under way",
        WARNING,
        SOURCE,
        "finish it or forget it: once either is cut over, the other's copy is of no use. This one goes on meanwhile",
        of_source("markers"),
        waivable=True,
    ),
    Check(
        "P82",
        "one target of the source is to be cut over",
        ERROR,
        MIGRATION,
        "take one of them out of the inventory, or set migration_copy_only: true on each that is never to be cut over (--limit does not"
        " help: the other's next run would not know)",
    ),
    Check(
        "P70",
        "no session is open that could write through the fence",
        WARNING,
        SOURCE,
        "nothing, if they may end: at the cutover they do, and their accounts lose the privilege (the administrator's, too). Let what must"
        " not be cut off end before, or give it an account of its own without SUPER, READ ONLY ADMIN and SYSTEM_VARIABLES_ADMIN",
        of_source("census"),
        waivable=True,
    ),
    Check(
        "P71",
        "no program writes as an account that could write through the fence",
        WARNING,
        SOURCE,
        "find out what writes as an administrator (cron, backup and monitoring tools) and have it write on the target after the cutover: on"
        " the source it is refused from then on",
        of_source("census"),
        waivable=True,
    ),
    Check(
        "P72",
        "no routine or event lends the privilege to write through the fence",
        WARNING,
        SOURCE,
        "nothing: the fence takes the privilege from their definers. Who calls them on the source behind it is refused",
        of_source("census"),
        waivable=True,
    ),
    Check(
        "P73",
        "the servers ask for logins",
        ERROR,
        SOURCE,
        "restart it without skip-grant-tables: nobody can be kept from writing there",
        waivable=True,
    ),
    Check(
        "P74",
        "init_connect keeps nobody out behind the fence",
        WARNING,
        SOURCE,
        "if it writes rows, empty it before the cutover: a session whose init_connect fails is ended, and behind the fence nobody but the"
        " migration's own accounts is spared it",
        waivable=True,
    ),
)
