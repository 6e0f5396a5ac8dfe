# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix must be able to say WRONG: the fence broken on purpose, in the copy that is run, and the row that has to see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mutant import Mutant, apply


@dataclass(frozen=True)
class Planted:
    """A breakage and what finds it.

    :param mutants: the lines that are changed
    :param flavour: where the guard is the only one; elsewhere the server has another
    :param step: where the fault strikes
    :param fault: its name
    :param violation: what the row must be wrong with
    """

    mutants: tuple[Mutant, ...]
    flavour: str
    step: str
    fault: str
    violation: str


PLANTED = {
    "privileges": Planted(
        (
            Mutant(
                "_cutover/lease.py",
                "nobody's privileges are taken",
                '            take_privileges(self.server, self.kept["accounts"])\n            if',
                "            if",
            ),
            Mutant(
                "_cutover/lease.py",
                "and nobody looks whether somebody kept them",
                "        kept = strangers_privileges(self.server)\n        if kept:\n",
                "        kept = []\n        if kept:\n",
            ),
        ),
        # MySQL's super_read_only holds root, too.
        "mariadb-10.11",
        "switch",
        "root_cron+job_kill",
        "privileged_lost",
    ),
    "committed": Planted(
        (
            Mutant(
                "_cutover/lease_service.py",
                "a committed server counts as closed until the lease's time is over",
                "        if state == COMMITTED:\n            self.keep_closed()",
                "        if state == COMMITTED and not is_over(self.kept):\n            self.keep_closed()",
            ),
            Mutant(
                "_cutover/lease_service.py",
                "and is opened then",
                "        if state in (ARMED, FIRED):\n            return self.open(state)",
                "        if state in (ARMED, FIRED, COMMITTED):\n            return self.open(state)",
            ),
            Mutant(
                "_cutover/lease_service.py",
                "whatever was decided",
                "            if state not in (ARMED, FIRED):\n                return 0.0\n",
                "",
            ),
        ),
        "mysql-9.7",
        "switch",
        "job_stop_15",
        "two_writable",
    ),
}


def plant(name: str, collections: Path) -> None:
    """Break the copy of the collection below a folder.

    :raises ValueError: where a line is not there any more
    """
    root = collections / "ansible_collections/nordbridge/mysql_migration"
    for mutant in PLANTED[name].mutants:
        broken = apply(mutant, root)
        (root / broken.file).write_text(broken.text, encoding="utf-8")
