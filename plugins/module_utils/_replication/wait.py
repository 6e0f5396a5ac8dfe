# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""Wait until a replica runs, or fail with the server's own error and what to do about it."""
from __future__ import annotations

import time
import typing as t

from .._errors import ServerError
from .hints import LOGIN_ERRNOS, explained
from .status import ReplicaStatus

POLL_S = 0.25
# A receiver says Yes as soon as it is logged in. What is wrong with its request (1236) or with the first event (1062)
# comes a round trip or two later.
SETTLE_S = 1.0


def wait_until_running(
    read: t.Callable[[], ReplicaStatus],
    seconds: float,
    name: str,
    just_started: bool,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> ReplicaStatus:
    """The status of a replica whose receiver and applier both run without an error.

    :param seconds: how long the receiver may take to connect
    :param name: the replica, for messages
    :param just_started: by us: then it must run for SETTLE_S, and a login that the source refuses is final at once
    :raises ServerError: with the server's error and a hint; nothing is ever skipped
    """
    begin = clock()
    good_since = None
    while True:
        status = read()
        now = clock()
        _raise_if_stopped(status, name)
        if status.running:
            good_since = now if good_since is None else good_since
            if not just_started or now - good_since >= SETTLE_S:
                return status
        else:
            good_since = None
            if just_started and status.last_io_errno in LOGIN_ERRNOS:
                raise _failure(name, "the receiver cannot log in to %s" % _source(status), status.last_io_errno, status.last_io_error)
            if now - begin >= seconds:
                raise _timeout(status, name, seconds)
        sleep(POLL_S)


def _raise_if_stopped(status: ReplicaStatus, name: str) -> None:
    """A thread that has stopped with an error does not start again by itself."""
    if status.last_sql_errno and "applier" not in status.active:
        what = "the applier has stopped at %s:%d" % (status.exec_file, status.exec_position)
        raise _failure(name, what, status.last_sql_errno, status.last_sql_error)
    if status.last_io_errno and "receiver" not in status.active:
        raise _failure(name, "the receiver has stopped", status.last_io_errno, status.last_io_error)


def _timeout(status: ReplicaStatus, name: str, seconds: float) -> ServerError:
    if status.last_io_errno:
        what = "after %g s the receiver still cannot reach %s" % (seconds, _source(status))
        return _failure(name, what, status.last_io_errno, status.last_io_error)
    if status.last_sql_errno:
        return _failure(name, "after %g s the applier still reports an error" % seconds, status.last_sql_errno, status.last_sql_error)
    return ServerError(
        "%s: after %g s replication from %s does not run (receiver: %s, %s; applier: %s); the server names no error: see its error log, "
        "or raise start_timeout"
        % (name, seconds, _source(status), status.io_running, status.io_state or "no state", status.sql_running)
    )


def _source(status: ReplicaStatus) -> str:
    return "%s@%s:%d" % (status.source_user, status.source_host, status.source_port)


def _failure(name: str, what: str, errno: int, text: str) -> ServerError:
    return ServerError("%s: %s: %s" % (name, what, explained(errno, text)), errno)
