# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers in memory, for all units that hold the real server classes against the statements that they send."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# What tests share lies beside them. pytest finds it there; ansible-test, which imports tests as parts of the collection, does not.
HERE = Path(__file__).resolve().parent
sys.path += [str(folder) for folder in (HERE, *sorted(HERE.iterdir())) if folder.is_dir()]

from memory_server import MemoryServer  # noqa: E402


@pytest.fixture
def memory_server():
    """Makes servers in memory; a statement that one of them does not know fails the test, whoever swallowed the error."""
    made = []

    def make(flavour, version=None):
        made.append(MemoryServer(flavour, version))
        return made[-1]

    yield make
    assert [sql for server in made for sql in server.unknown] == []


@pytest.fixture(params=["mariadb", "mysql"])
def memory(memory_server, request):
    """One of each flavour."""
    return memory_server(request.param)
