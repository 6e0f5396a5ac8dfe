# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Which machine this is, by marks that say nothing else of it: machine-id(5) is not to be shown as it is."""

from __future__ import annotations

import hashlib
import os

from .._state.files import read_text

MACHINE, BOOT = "etc/machine-id", "proc/sys/kernel/random/boot_id"
LENGTH = 16


def machine_mark(root: str = "/") -> str:
    """The machine's, the same after a restart; empty where it has no id."""
    return _mark(read_text(os.path.join(root, MACHINE)))


def running_mark(root: str = "/") -> str:
    """That of the machine as it runs now: copies of a virtual machine often have one id, and never one boot. Empty where it has no id."""
    machine, boot = (read_text(os.path.join(root, name)).strip() for name in (MACHINE, BOOT))
    return _mark("%s %s" % (machine, boot)) if machine and boot else ""


def _mark(text: str) -> str:
    text = text.strip()
    return hashlib.sha256(("nordbridge " + text).encode()).hexdigest()[:LENGTH] if text else ""
