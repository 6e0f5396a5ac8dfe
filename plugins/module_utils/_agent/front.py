# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent's front: what the ssh session of the agent's own user runs. It has no privileges, and hands on what needs some.

A verb of the agent's own user is done here. For any other the front connects to the privileged side at once, passes the session's
standard input, output and errors (SCM_RIGHTS, unix(7)), and then the request, when it has come and is valid: a call that was opened
before the fence has the privileged process waiting, and nothing but the request's line is between them at the write stop.
"""

# A program of its own, not a module: its answers go to standard output and its failures into the exit code.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import array
import os
import socket
import sys

from .._errors import MigrationError
from .dispatch import guarded, parse_request, perform, verb_of
from .fields import MAX_REQUEST
from .policy import read_policy
from .verbs import AGENT, Verb

STREAMS = (0, 1, 2)


def read_line(handle: int, most: int = MAX_REQUEST) -> bytes:
    """One line, byte by byte: what comes behind it belongs to whoever serves the verb."""
    parts = bytearray()
    while len(parts) < most:
        one = os.read(handle, 1)
        parts += one
        if not one or one == b"\n":
            break
    return bytes(parts)


def main() -> None:
    """Serve one ssh session. BOOT passes the pack first, then the policy's path and the privileged side's socket."""
    name = os.environ.get("SSH_ORIGINAL_COMMAND", "").strip()
    policy, place = sys.argv[2:4]

    def work() -> None:
        verb = verb_of(name)
        if verb.user == AGENT:
            perform(name, read_line(0), lambda: read_policy(policy))
        else:
            sys.exit(hand_on(name, verb, place))

    guarded(name, work)


def hand_on(name: str, verb: Verb, place: str) -> int:
    """Have the privileged side serve this session; its exit code.

    :raises MigrationError: for a request that the verb cannot have, and where the other side is not there or dies
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as side:
        try:
            side.connect(place)
            side.sendmsg([name.encode() + b"\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", STREAMS))])
            line = read_line(0)
            parse_request(name, verb, line)
            side.sendall((line.strip() or b"{}") + b"\n")
            answer = side.recv(16)
        except OSError as error:
            raise MigrationError(
                "the agent's privileged side on the source does not answer (%s): systemctl status %s there tells why"
                % (error.strerror, os.path.basename(place).replace(".sock", ".socket"))
            ) from None
    if not answer.strip().isdigit():
        raise MigrationError("the agent's privileged side ended without an answer; the journal of this host tells why")
    return int(answer)
