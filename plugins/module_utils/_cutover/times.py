# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The cutover's times, in seconds, and whether they fit each other."""

from __future__ import annotations

import math

# Seconds; docs/cutover.md says how they hang together.
BUDGET, FENCE_SECONDS, LEASE = 5.0, 2.0, 10.0
MAX_LAG, MAX_TRANSACTION_SECONDS = 1.0, 5
# A statement that is not answered for 60 s counts as lost, and the fence is one statement.
MOST_FENCE_SECONDS = 50.0


def times_argument_spec() -> dict:
    """The options of a cutover and of a rollback; the doc fragment _times describes them."""
    return {
        "budget": {"type": "float", "default": BUDGET},
        "lease": {"type": "float", "default": LEASE},
        "fence_seconds": {"type": "float", "default": FENCE_SECONDS},
        "max_lag": {"type": "float", "default": MAX_LAG},
        "max_transaction_seconds": {"type": "int", "default": MAX_TRANSACTION_SECONDS},
        "accept_late_writes": {"type": "str", "default": ""},
    }


def wrong_times(budget: float, fence_seconds: float, lease: float) -> str:
    """Why these times cannot work, and what to do; empty where they can."""
    if not all(math.isfinite(value) for value in (budget, fence_seconds, lease)):
        return "budget (%s), fence_seconds (%s) and lease (%s) must be numbers of seconds" % (budget, fence_seconds, lease)
    if budget <= 0:
        return "a write stop budget of %g s leaves no time to cut over; the default is %g" % (budget, BUDGET)
    if fence_seconds <= 0 or fence_seconds > budget:
        return "fence_seconds (%g) must be more than 0 and at most the budget (%g)" % (fence_seconds, budget)
    if fence_seconds > MOST_FENCE_SECONDS:
        return "fence_seconds (%g) must be at most %g: a server that does not answer for longer counts as lost" % (
            fence_seconds, MOST_FENCE_SECONDS,
        )  # fmt: skip
    if lease <= budget:
        return (
            "the lease (%g s) must be longer than the budget (%g s): it would open the source in the middle of the cutover;"
            " the defaults are %g and %g" % (lease, budget, LEASE, BUDGET)
        )
    return ""
