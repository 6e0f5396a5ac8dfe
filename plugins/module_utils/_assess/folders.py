# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The folders of a host that a migration writes to, beside the data: whether they can be written, and the room there."""

from __future__ import annotations

import os

#: What is written there, and how many MB must be free. The journal, logs and the agent are small; a full disk stops each of them.
PLACES = {
    "/var/lib/mysql_migration": 100,
    "/var/lib/mysql_migration_agent": 20,
    "/etc/systemd/system": 5,
    "/etc/ssh": 5,
    "/run": 5,
    "/tmp": 20,
}
LEAST_INODES = 200


def read_folders(hold_path: str, places: dict[str, int] | None = None) -> list[dict]:
    """What there is to know about each place, by the nearest folder above it that exists.

    :param hold_path: the option file that keeps the server closed; its folder is one of the places
    :returns: path, needs_mb, free_mb, free_inodes (-1 where the file system counts none), read_only
    """
    wanted = dict(PLACES if places is None else places)
    if hold_path:
        wanted.setdefault(os.path.dirname(hold_path), 5)
    found = []
    for path, needed in wanted.items():
        place = path
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        seen = os.statvfs(place)
        found.append({
            "path": path,
            "needs_mb": needed,
            "free_mb": seen.f_bavail * seen.f_frsize >> 20,
            "free_inodes": seen.f_favail if seen.f_files else -1,
            "read_only": bool(seen.f_flag & os.ST_RDONLY),
        })  # fmt: skip
    return found
