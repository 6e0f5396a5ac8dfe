# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""How a cutover that did not succeed has left things, as data: hooks that lead clients back may run after "undone" alone."""

from __future__ import annotations

from .._errors import MigrationError

#: Nothing is left of the attempt, and the source was seen to take writes.
UNDONE = "undone"
#: The attempt is over, or was never begun, and the source is closed all the same: by another migration, or by somebody.
CLOSED = "closed"
#: There is only forward; the same command carries on.
COMMITTED = "committed"
#: Nobody knows whether it is committed; the source opens by itself if it is not.
UNDECIDED = "undecided"
#: The job goes on.
RUNNING = "running"


class Ended(MigrationError):
    """A cutover or rollback that did not come to its end.

    :param outcome: one of the above
    """

    def __init__(self, text: str, outcome: str) -> None:
        super().__init__(text)
        self.facts = {"outcome": outcome}
