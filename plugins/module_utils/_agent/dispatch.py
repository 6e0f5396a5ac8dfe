# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The agent on the source: the forced command of the migration's ssh key. It knows a few verbs and nothing else.

A request is one JSON object on standard input, in one line; secrets travel there, never in arguments. The answer is on standard
output, a failure's text on standard error, in one line, with exit code 1.
"""

# A program of its own, not a module: its answers go to standard output and its failures into the exit code.
# pylint: disable=ansible-bad-function
from __future__ import annotations

import os
import sys
import typing as t

from .._errors import MigrationError, Refusal
from .fields import MAX_REQUEST, Nothing, parse, plain, read_object
from .policy import Policy, read_policy
from .verbs import VERBS, Verb

MAX_WORDS = 2000


def verb_of(name: str) -> Verb:
    """The verb of that name.

    :raises Refusal: where there is none
    """
    if name not in VERBS:
        raise Refusal(
            "the agent of this host does not know %r, it knows %s; an agent of an older version is renewed by the playbook migrate"
            % (name[:40], ", ".join(sorted(VERBS)))
        )
    return VERBS[name]


def read_request(stream: t.BinaryIO) -> bytes:
    """The request's one line."""
    return stream.readline(MAX_REQUEST)


def parse_request(name: str, verb: Verb, line: bytes) -> t.Any:
    """The request as its type.

    :raises Refusal: for another, and where none came: whoever stood by and died has asked for nothing
    """
    if not line.strip() and verb.request is not Nothing:
        raise Refusal("%s was called without a request" % name)
    return parse(verb.request, read_object(line.strip()), name)


def perform(name: str, line: bytes, policy: t.Callable[[], Policy]) -> None:
    """Parse a request and do what it asks, with what the host's own policy adds.

    :param policy: reads it; only verbs that need something of it do
    """
    verb = verb_of(name)
    asked = plain(parse_request(name, verb, line))
    verb.function({**asked, **(policy().part(verb.host) if verb.host else {})})


def guarded(name: str, work: t.Callable[[], None]) -> None:
    """Do it, and end with one line where it fails: no traceback is for somebody on another host."""
    try:
        work()
    except MigrationError as error:
        sys.exit(one_line(str(error)))
    except Exception as error:  # pylint: disable=broad-except  # whatever it is, the other side gets a line and not our code
        sys.exit(one_line("%s failed: unexpected %s" % (name if name in VERBS else "the request", type(error).__name__)))


def one_line(words: str) -> str:
    """For standard error: without line breaks and other control characters."""
    shown = "".join(char if char.isprintable() else " " for char in words)
    return "nordbridge agent: %s" % shown[:MAX_WORDS]


def main() -> None:
    """Run the verb that the caller's ssh command names. BOOT passes the pack first, then the policy's path."""
    name = os.environ.get("SSH_ORIGINAL_COMMAND", "").strip()
    path = sys.argv[2] if len(sys.argv) > 2 else ""

    def work() -> None:
        verb_of(name)
        perform(name, read_request(sys.stdin.buffer), lambda: read_policy(path))

    guarded(name, work)
