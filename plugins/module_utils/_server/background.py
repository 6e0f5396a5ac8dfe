# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A companion: what a thread does beside a block of work, and no longer than that."""

from __future__ import annotations

import threading
import typing as t

# What it may take to end: one answer of a server.
ENDING_SECONDS = 5.0

Self = t.TypeVar("Self", bound="BackgroundTask")


class BackgroundTask:
    """C(in_background) is what it does, on a connection of its own, until C(ended) is set. What fails there fails there alone."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self.in_background, daemon=True)

    def __enter__(self: Self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.ended.set()
        self._thread.join(ENDING_SECONDS)

    def in_background(self) -> None:
        """Work until the end."""
        raise NotImplementedError
