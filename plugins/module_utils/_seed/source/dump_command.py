# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The dump on the source: which program with which options, and its compressed stream on standard output."""

from __future__ import annotations

import os
import shutil

from ..._child import run_child
from ..._errors import MigrationError
from ..._server.endpoint import Endpoint, client_options
from ..._server.session import PATIENT
from .throttle import send

# What every dump has: one consistent snapshot without locking tables, the programs in the data, bytes as hex.
COMMON = (
    "--single-transaction",
    "--quick",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    # The load is alone on the target. A lock on the table that is being filled would keep it from the sequence of a column's default.
    "--skip-add-locks",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
)
# A part of a dump alone: what it does without. The rows lie between the two, where another program carries them: a trigger must not
# fire for them, and so comes after.
PARTS: dict[str, tuple] = {
    "": (),
    "definitions": ("--no-data", "--skip-triggers"),
    "triggers": ("--no-data", "--no-create-info", "--no-create-db", "--skip-routines", "--skip-events"),
}
# Options by flavour, the first of each tuple that the program's own help knows. Coordinates belong to rows.
PLACE = {"mariadb": (("--master-data=2",), ("--gtid",)), "mysql": (("--source-data=2", "--master-data=2"),)}
PROBED: dict[str, tuple] = {"mariadb": (), "mysql": (("--no-tablespaces",), ("--column-statistics=0",))}
# mysqldump without its own GTID statement cannot say the set; from a source without GTIDs it must not try.
GTID_ON = {"mariadb": (), "mysql": (("--set-gtid-purged=COMMENTED", "--set-gtid-purged=OFF"),)}
GTID_OFF = {"mariadb": (), "mysql": (("--set-gtid-purged=OFF",),)}


# What the agent may run at the target's word.
PROGRAMS = ("mariadb-dump", "mysqldump")


def find_program(names: list) -> str:
    """The first of these programs that this host has."""
    found = next((path for path in map(shutil.which, names) if path), None)
    if not found:
        raise MigrationError("this host has none of the programs %s; install the server's client package" % ", ".join(names))
    return found


def dump_options(flavour: str, gtid: bool, help_text: str, schemas: list, lock_wait: int, part: str = "", events: bool = True) -> list[str]:
    """The dump's arguments; there is no secret among them.

    :param help_text: the program's own --help: what it knows is asked, never assumed from a version
    :param lock_wait: seconds that the dump's session waits for a lock, where the program can say so
    :param part: one of PARTS, empty for all
    :param events: whether the server can be asked for its events
    """
    place = () if part else PLACE[flavour]
    common = [option for option in COMMON if events or option != "--events"]
    wanted = place + PROBED[flavour] + (GTID_ON if gtid and not part else GTID_OFF)[flavour]
    probed = [next((option for option in choices if option.split("=")[0] in help_text), "") for choices in wanted]
    guard = ["--init-command=SET SESSION lock_wait_timeout=%d, %s" % (lock_wait, PATIENT)] if "--init-command" in help_text else []
    return [*common, *PARTS[part], *(option for option in probed if option), *guard, "--databases", "--", *schemas]


def private_file(text: str) -> int:
    """A file that exists in memory only, for a program to read as /proc/self/fd/N. The caller closes it."""
    handle = os.memfd_create("options", 0)
    # The servers' programs ignore an option file that others may write.
    os.fchmod(handle, 0o600)
    os.write(handle, text.encode("utf-8"))
    return handle


def stream_dump(request: dict) -> None:
    """Write the compressed dump to standard output; fail where either program does.

    :param request: flavour, programs, gtid, schemas, lock_wait, part, events, login (an endpoint's fields), level of compression,
        and the throttle of throttle.py
    """
    if not set(request["programs"]) <= set(PROGRAMS):
        raise MigrationError("the agent runs %s and no other program" % ", ".join(PROGRAMS))
    program = find_program(request["programs"])
    packer = find_program(["zstd"])
    help_text = run_child([program, "--no-defaults", "--help"], capture_output=True, text=True).stdout
    asked = (request["schemas"], int(request["lock_wait"]), request.get("part", ""), bool(request.get("events", True)))
    options = dump_options(request["flavour"], request["gtid"], help_text, *asked)
    handle = private_file(client_options(Endpoint(**request["login"])))
    defaults = "--defaults-file=/proc/self/fd/%d" % handle
    codes = send([program, defaults] + options, [packer, "-q", "-%d" % int(request.get("level", 1))], request, pass_fds=[handle])
    os.close(handle)
    failed = ["%s ended with %d" % item for item in codes.items() if item[1]]
    if failed:
        raise MigrationError("the dump failed: %s" % ", ".join(failed))
