# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How many files a program may have open: mariadb-backup opens each tablespace's when it begins, and keeps it.

https://mariadb.com/kb/en/mariabackup-options/#-open-files-limit
"""

from __future__ import annotations

import os
import resource

# What a program opens beside the tablespaces: logs, libraries, pipes, files of other engines one after another.
SPARE = 200
# More than any server's tables. Programs keep a table of that size in memory, and some kernels' own end is a billion.
MOST = 1 << 20


def raise_limit() -> int:
    """Let this process, and all that it starts, open as many files as this host allows; how many that are.

    A login's limit is 1024 almost everywhere, and its hard limit far above. Beyond that one root goes, where its host lets it.
    """
    soft, hard = (MOST if limit == resource.RLIM_INFINITY else min(limit, MOST) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    for wish in [MOST, hard] if os.geteuid() == 0 else [hard]:
        if wish <= soft:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wish, max(wish, hard)))
            return wish
        except (ValueError, OSError):
            continue
    return soft


def open_files_obstacle(source: dict, target: dict) -> str:
    """Why a host does not let mariadb-backup open the source's tablespaces; empty where it does.

    :param source: its conditions (conditions.py)
    :param target: the target's
    """
    needed = source["tablespaces"] + SPARE
    for name, side in (("source", source), ("target", target)):
        allowed = side["host"]["open_files"]
        if allowed < needed:
            return "%d tablespaces need %d open files, and the %s's host allows %d (LimitNOFILE of ssh's unit, or the container's limit)" % (
                source["tablespaces"],
                needed,
                name,
                allowed,
            )
    return ""
