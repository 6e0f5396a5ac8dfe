# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What a rollback's steps do otherwise than a cutover's. Here the source is the new server, and the target the old one."""

from __future__ import annotations

from .._errors import Refusal
from .._replication.status import only_status
from .._reverse.rules import why_not
from .._seed.target_checks import check_two
from .._server.base import Flavour
from .context import Context
from .lost import lost_writes
from .names import ROLLBACK_NAMES
from .preflight import closed_words, foreign_reasons, hold_reasons, replication_reasons, session_reasons, state_reasons
from .steps_after_commit import check_history, confirm_writable, forget_with, promote_with
from .steps_before_commit import close_fence, read_position

WHY_NOT = "not rolled back, and nothing was frozen: %s"


def preflight(c: Context) -> None:
    """Refuse early."""
    reasons = _reasons(c) + following_reasons(c.servers.source, c.servers.target, c.options)
    if reasons:
        reasons.append("-e lose_writes=%s goes back without waiting, where replication has stopped for good" % c.options["migration_id"])
        raise Refusal(WHY_NOT % "; ".join(reasons))
    _prepare(c)


def preflight_lossy(c: Context) -> None:
    """Refuse early; nobody follows, and nobody is waited for."""
    reasons = _reasons(c)
    if reasons:
        raise Refusal(WHY_NOT % "; ".join(reasons))
    _prepare(c)


def _reasons(c: Context) -> list[str]:
    """Why a rollback would stall, or meet surprises."""
    new, old = c.servers.source, c.servers.target
    check_two(new, old)
    reasons = session_reasons(new, c.options, ROLLBACK_NAMES) + state_reasons(new.read_only(), old.read_only(), ROLLBACK_NAMES)
    return reasons + hold_reasons(c.location.ask_fenced_host("holdable", {})["against"], ROLLBACK_NAMES)


def following_reasons(new: Flavour, old: Flavour, options: dict) -> list[str]:
    """Why the old server cannot be waited for, or would bring what the new one does not have."""
    reasons = [text for text in [why_not(new.identity, old.identity)] if text] + replication_reasons(new, old, options, ROLLBACK_NAMES)
    # What lies before the cutover's position is history that both share, whoever wrote it.
    foreign = old.gtid_foreign(new)
    foreign = old.gtid_extra(foreign, options["cutover"]["position"]["gtid"]) if foreign else ""
    return reasons + foreign_reasons(foreign, ROLLBACK_NAMES)


def _prepare(c: Context) -> None:
    c.switching.check()
    c.warn(closed_words(c.location.closed_elsewhere(c.servers.target)))
    c.location.prepare()


def confirm(c: Context) -> None:
    """See steps_after_commit.confirm. What the old server wrote as the primary that it was is known."""
    confirm_writable(c)
    check_history(c, str(c.options["cutover"]["position"]["gtid"]))


def note_lost(c: Context) -> None:
    """In the wait's place, where nobody follows: note exactly what is given up, behind the fence."""
    # Rows are not counted here: that takes seconds, and writes stand still.
    c.record.remember(lost=lost_writes(c.servers.source, c.servers.target, c.options["cutover"], rows=False))


def promote_lossy(c: Context) -> None:
    """See steps_after_commit.promote. There is nothing to fetch; an applier that comes back must not mix it under the new writes."""
    old = c.servers.target
    if old.replica_rows():
        old.connection.run(old.statement("stop_replica"))
    promote_with(c, _close_again)


def _close_again(c: Context) -> None:
    if c.servers.source is not None:
        close_fence(c)
        read_position(c)


def forget_lossy(c: Context) -> None:
    """See steps_after_commit.forget."""
    forget_with(c, promote_lossy)


def follows(old: Flavour, new: Flavour) -> bool:
    """Whether the old server replicates from the new one, so that it can be waited for."""
    status = only_status(old)
    return status.configured and status.source_server_id in (0, new.identity.server_id)
