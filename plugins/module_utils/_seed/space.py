# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Room on a disk, as the account that asks has it."""

# tell() is part of the agent, whose answers go to standard output.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import json
import os


def free_bytes(path: str) -> int | None:
    """Bytes free for others than root on the file system of a path; None where it cannot be asked."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def tell(request: dict) -> None:
    """The agent's verb `space`.

    :param request: paths, of which nothing but the free room of their file systems is told
    """
    print(json.dumps({"free": {path: free_bytes(path) for path in request["paths"]}}))
