# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Starting over by itself: which failures of a copy another try can help, and the tries."""

from __future__ import annotations

import re
import time
import typing as t

from ..._errors import MigrationError, Refusal, ServerError
from .watch import StoppedEarly

if t.TYPE_CHECKING:
    from ..context import Seed

# Words of programs, servers and systems that another try meets again: first of all, whatever else is said beside them.
HOPELESS = (
    (r"no backup of a server holds|which is no value of it|does not keep programs apart", "what the source sends is not taken"),
    (r"no space left|disk full|errcode: 28|errno 28|disk quota", "a disk is full"),
    (r"permission denied|access denied|operation not permitted|\[(1044|1045|1227|1698)\]", "something is not permitted"),
    (r"read-only file system|input/output error", "a disk is broken or read-only"),
    (r"unsupported|incompatible|not supported|unknown option|has none of the programs|lacks pv|bad request", "the two do not fit together"),
    (r"host key verification failed", "the source's host key is another one"),
)
# Words of what passes.
PASSING = (
    (r"was restarted", "the source's server was restarted"),
    (r"ended with 255|connection (reset|closed|timed out|refused)|broken pipe|client_loop|not responding", "the connection was cut"),
    (r"lost connection|gone away|server shutdown|(\[|error: )(2002|2003|2006|2013|1053)\b", "a server was away for a while"),
    (r"clone donor error: (1317|3169)\b", "the clone was ended on the source, as by a restart"),
    (r"was killed by signal|ended with (-9|-15|137|143)\b", "a program was killed"),
)
# Seconds before the second try, the third, …; the last for all that follow.
PAUSES = (5.0, 15.0, 60.0)
# How long the source may be away between two tries.
AWAY_SECONDS = 300.0


def passing_cause(error: MigrationError) -> str:
    """Why another try can help; empty where it cannot, or nobody knows."""
    if isinstance(error, Refusal) or (isinstance(error, StoppedEarly) and not error.again):
        return ""
    text = str(error).lower()
    if any(re.search(pattern, text) for pattern, _cause in HOPELESS):
        return ""
    return next((cause for pattern, cause in PASSING if re.search(pattern, text)), "")


def copy_in_tries(
    seed: Seed, copy: t.Callable[[Seed], dict], tries: int, note: t.Callable[[dict], t.Any], sleep: t.Callable[[float], t.Any] = time.sleep
) -> dict:
    """Copy; start over where that can help.

    :param tries: how often at most
    :param note: told of each failed try: its number, the cause and the error
    :returns: the copy's result, with the number of tries
    :raises MigrationError: the last try's, saying how many there were
    """
    for number in range(1, tries + 1):
        try:
            return {**copy(seed), "tries": number}
        except MigrationError as failure:
            error = seed.watch.explain(failure)
            cause = passing_cause(error)
            note({"try": number, "of": tries, "cause": cause or "not one that starting over can help", "error": str(error)})
            if not cause or number == tries:
                if error is failure and number == 1:
                    raise
                if number == 1:
                    raise error from failure
                raise type(error)(*_told(error, "%s (try %d of %d)" % (error, number, tries))) from failure
            seed.progress.say("again", "try %d of %d failed, %s: starting over; %s" % (number, tries, cause, error))
            sleep(PAUSES[min(number, len(PAUSES)) - 1])
            await_source(seed, sleep)
    raise MigrationError("no try was allowed: migration_target_seed_tries is %d and must be at least 1" % tries)


def _told(error: MigrationError, text: str) -> tuple:
    return (text, error.again) if isinstance(error, StoppedEarly) else (text,)


def await_source(seed: Seed, sleep: t.Callable[[float], t.Any] = time.sleep, clock: t.Callable[[], float] = time.monotonic) -> None:
    """Wait until the source answers again.

    :raises MigrationError: where it stays away
    """
    deadline = clock() + AWAY_SECONDS
    while True:
        try:
            seed.reopen_source()
            return
        except ServerError as error:
            if clock() > deadline:
                raise MigrationError("the source was unreachable for %d s: %s; run the same command again" % (AWAY_SECONDS, error)) from None
            sleep(1.0)
