# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The physical backup on the source: its compressed stream on standard output."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

from ..._errors import MigrationError
from ..._server.endpoint import Endpoint, client_options
from .dump_command import find_program, private_file
from .open_files import raise_limit
from .throttle import send

PROGRAMS = ("mariadb-backup", "mariabackup")
# The last line of a backup that is whole; the exit code alone has been wrong before.
COMPLETED = b"completed OK!"


def backup_options(work: str, threads: int) -> list[str]:
    """The backup's arguments; there is no secret among them."""
    return ["--backup", "--stream=mbstream", "--parallel=%d" % threads, "--target-dir=%s" % work]


def stream_backup(request: dict) -> None:
    """Write the compressed backup to standard output.

    :param request: login (an endpoint's fields), threads, level of compression, and the throttle of throttle.py
    :raises MigrationError: where either program fails, or the backup does not say that it is complete
    """
    program, packer = find_program(list(PROGRAMS)), find_program(["zstd"])
    handle = private_file(client_options(Endpoint(**request["login"])))
    work = tempfile.mkdtemp(prefix="nordbridge-backup-")
    raise_limit()
    try:
        with tempfile.TemporaryFile() as words:
            command = [program, "--defaults-extra-file=/proc/self/fd/%d" % handle] + backup_options(work, int(request["threads"]))
            pack = [packer, "-q", "-T0", "-%d" % int(request.get("level", 1))]
            codes = send(command, pack, request, stderr=words, pass_fds=[handle])
            check_words(codes, words)
    finally:
        os.close(handle)
        shutil.rmtree(work, ignore_errors=True)


def check_words(codes: dict, words: t.BinaryIO) -> None:
    """Fail where a program failed, or the backup's last words are not those of a whole one."""
    words.seek(0, os.SEEK_END)
    words.seek(max(0, words.tell() - 2000))
    end = words.read()
    failed = ["%s ended with %d" % item for item in codes.items() if item[1]]
    if failed or COMPLETED not in end[-200:]:
        told = " ".join(end.decode("utf-8", "replace").split())[-600:]
        raise MigrationError("the backup is not complete (%s): %s" % (", ".join(failed) or "it does not say so", told))
