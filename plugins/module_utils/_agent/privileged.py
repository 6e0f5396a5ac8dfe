# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent's privileged side: a service of systemd for each connection that the front makes, as root, and as little of it as can be.

It trusts nothing of what it gets: verb and request are looked up and parsed again, with the same types. What the server's own user
can do is done as that user.
"""

# A program of its own, not a module: its answers go to standard output and its failures into the exit code.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import array
import os
import pwd
import socket
import sys
from contextlib import suppress

from .._errors import Refusal
from .._seed.source.open_files import raise_limit
from .dispatch import guarded, perform, verb_of
from .fields import MAX_REQUEST
from .policy import Policy, read_policy
from .verbs import AGENT, SERVER, Verb

MAX_VERB = 64
STREAMS = 3


def receive(side: socket.socket) -> tuple[str, list[int]]:
    """The verb's name, and the ssh session's three streams.

    :raises Refusal: where it is not that
    """
    handles = array.array("i")
    text, more, _flags, _address = side.recvmsg(MAX_VERB, socket.CMSG_LEN(STREAMS * handles.itemsize))
    for level, kind, data in more:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            handles.frombytes(data[: len(data) - len(data) % handles.itemsize])
    name, end, rest = text.decode("ascii", "replace").partition("\n")
    if len(handles) != STREAMS or not end or rest:
        raise Refusal("that is no session of the agent's front")
    return name, list(handles)


def take_streams(handles: list[int]) -> None:
    """Make the session's streams this process's own."""
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)


def become(verb: Verb, policy: Policy) -> None:
    """Go on as the verb's user, for good.

    :raises Refusal: for a verb that the front serves itself, and where the server's user cannot be told
    """
    if verb.user == AGENT:
        raise Refusal("that verb needs no privileges")
    if verb.user != SERVER:
        return
    raise_limit()
    try:
        owner = pwd.getpwuid(os.stat(policy.login.unix_socket).st_uid)
    except (OSError, KeyError):
        raise Refusal("the server's user is not known: %s is not there, or its owner has no name" % policy.login.unix_socket) from None
    os.initgroups(owner.pw_name, owner.pw_gid)
    os.setgid(owner.pw_gid)
    os.setuid(owner.pw_uid)
    os.environ.update(HOME="/", USER=owner.pw_name, LOGNAME=owner.pw_name)


def serve(side: socket.socket, path: str) -> int:
    """Serve one session to its end; the exit code."""
    name, handles = receive(side)
    take_streams(handles)

    def work() -> None:
        verb = verb_of(name)
        policy = read_policy(path)
        become(verb, policy)
        line = side.makefile("rb", buffering=4096).readline(MAX_REQUEST)
        if line:  # else the front has refused the request, or is gone
            perform(name, line, lambda: policy)

    try:
        guarded(name, work)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else 1
    return 0


def main() -> None:
    """Started by systemd with the connection as standard input. BOOT passes the pack first, then the policy's path."""
    with socket.socket(fileno=os.dup(0)) as side:
        code = serve(side, sys.argv[2])
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        with suppress(OSError):
            side.sendall(b"%d\n" % code)
