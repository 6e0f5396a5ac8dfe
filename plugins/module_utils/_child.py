# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Child processes that end in time: one that hangs would keep whoever waits for it, and all that they hold."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ._errors import MigrationError

# For a question; for work that grows with the data.
ASK_SECONDS, WORK_SECONDS = 60.0, 86400.0


def run_child(command: list[str], seconds: float = ASK_SECONDS, **more: t.Any) -> subprocess.CompletedProcess:
    """Run a program, which is ended when its time is over.

    :raises MigrationError: where it is
    """
    options = more if "input" in more else {"stdin": subprocess.DEVNULL, **more}
    try:
        return subprocess.run(command, timeout=seconds, check=False, **options)
    except subprocess.TimeoutExpired:
        raise MigrationError("%s was not done within %g s, and was ended" % (os.path.basename(command[0]), seconds)) from None
