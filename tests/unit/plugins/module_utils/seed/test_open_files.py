# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a program may have open."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source import open_files
from test_methods import mariadb


class Limits:
    """The kernel's answer to a process, whose hard limit only root may raise, and not beyond the host's own."""

    RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

    def __init__(self, soft, hard, host):
        self.now, self.host = (soft, hard), host

    def getrlimit(self, _kind):
        return self.now

    def setrlimit(self, _kind, wish):
        if wish[1] > self.host:
            raise ValueError("not allowed to raise maximum limit")
        self.now = wish


@pytest.mark.parametrize(
    ("root", "soft", "hard", "host", "allowed"),
    [
        (True, 1024, 16384, 16384, 16384),  # a container without the right to raise it
        (True, 1024, 16384, 1 << 30, 1 << 20),
        (False, 1024, 524288, 524288, 524288),
        (True, 1 << 20, 1 << 20, 1 << 20, 1 << 20),
        (False, 1024, 1024, 1024, 1024),
        (False, -1, -1, 1 << 30, 1 << 20),
    ],
)
def test_as_many_as_the_host_allows(monkeypatch, root, soft, hard, host, allowed):
    limits = Limits(soft, hard, host)
    monkeypatch.setattr(open_files, "resource", limits)
    monkeypatch.setattr(open_files.os, "geteuid", lambda: 0 if root else 1000)
    assert open_files.raise_limit() == allowed
    assert open_files.raise_limit() == allowed
    assert limits.now == (soft, hard) or limits.now[0] == allowed <= limits.now[1]


def test_what_is_started_then_has_it_too():
    script = (
        "import resource, subprocess, sys; sys.path.insert(0, '.');"
        "from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.source.open_files import raise_limit;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]));"
        "print(raise_limit(), subprocess.run(['sh', '-c', 'ulimit -n'], capture_output=True, text=True).stdout.strip())"
    )
    paths = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=paths, check=True)
    told, had = done.stdout.split()
    assert told == had and int(told) > 256


def test_a_host_that_allows_too_few_is_named_with_the_numbers():
    source = {**mariadb(), "tablespaces": 10_050}
    few, many = mariadb(host={"open_files": 10_249}), mariadb(host={"open_files": 10_250})
    assert open_files.open_files_obstacle({**source, "host": many["host"]}, many) == ""
    text = open_files.open_files_obstacle({**source, "host": many["host"]}, few)
    assert text.startswith("10050 tablespaces need 10250 open files, and the target's host allows 10249")
    assert "the source's host" in open_files.open_files_obstacle({**source, "host": few["host"]}, many)
