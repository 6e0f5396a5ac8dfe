# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Starting over after a rollback: the old journal is kept aside, and the migration is a new one on the same two hosts."""

from __future__ import annotations

import os

from .._errors import Refusal
from .._state.files import make_directory
from .._state.journal import Journal
from .._state.paths import directory
from .._state.permission import permits, word
from .phase import phase_of

#: What of the journal belongs to the attempt that was rolled back.
KEYS = ("seed", "catchup", "tuning", "cutover", "rollback", "reverse", "source_life", "distrust")
FILES = ("jobs", "switched", "switched_back")


def renew(params: dict, check_mode: bool) -> dict:
    """Put aside what a rolled back attempt left, so that the migration can be run again.

    :param params: migration_id; wipe (the migration's id: the copy on the target will be erased)
    :raises Refusal: where the copy would be erased and nobody said so, or where a rollback is not finished
    """
    migration_id = params["migration_id"]
    journal = Journal(directory(migration_id))
    state = journal.read()
    phase = phase_of(state)
    if phase == "rolling_back":
        raise Refusal("the rollback of %s is committed and not finished: run the playbook rollback again first" % migration_id)
    if phase != "rolled_back":
        return {"changed": False, "phase": phase}
    if not permits(params["wipe"], migration_id, state):
        raise Refusal(
            "migration %s was rolled back; to migrate again, ERASE the copy on the target and start over with -e wipe_target=%s"
            % (migration_id, word(migration_id, state))
        )
    if not check_mode:
        aside = os.path.join(journal.directory, "attempts", str(len(state.get("attempts", [])) + 1))
        make_directory(aside)
        for name in FILES:
            if os.path.lexists(os.path.join(journal.directory, name)):
                os.rename(os.path.join(journal.directory, name), os.path.join(aside, name))
        # Last: until then the phase says what is to be done, and the same command does the rest.
        kept = {name: state[name] for name in KEYS if name in state}
        journal.update("started over after a rollback", attempts=state.get("attempts", []) + [kept], **dict.fromkeys(KEYS))
    return {"changed": True, "phase": "new"}
