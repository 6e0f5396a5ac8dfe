# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Turns: what the target asks of the source's host happens one by one, and not after its sender has given it up.

A request that was sent may take effect long after the sender stopped waiting: a hold that comes after its removal would
close the source at its next restart, a removal that comes in the next attempt would leave that one's fence open. So each
request carries its turn, [run of the cutover, part of that run], and one that is older than the newest seen is refused.
"""

from __future__ import annotations

import fcntl
import os
import typing as t
from contextlib import contextmanager

from .._errors import MigrationError
from .._state.files import make_directory, open_lock, read_json, write_json


@contextmanager
def turn(folder: str, number: list[int]) -> t.Iterator[None]:
    """Do something in its turn.

    :param number: the request's turn; a later one is never smaller
    :raises MigrationError: where a later turn has come before
    """
    make_directory(folder)
    path = os.path.join(folder, "turn.json")
    with open_lock(os.path.join(folder, "turn.lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = read_json(path) or [0, 0]
        if number < newest:
            raise MigrationError("this request of turn %s comes after turn %s, and is not done any more" % (number, newest))
        if number > newest:
            # What could come late dies with the host, so the number needs not survive it.
            write_json(path, number, durable=False)
        yield
