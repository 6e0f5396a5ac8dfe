# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of fakes.py as a fixture."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._binlog import apply

from .fakes import Host


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host whose program the configuration finds."""
    made = Host(tmp_path)
    monkeypatch.setattr(apply, "find_program", lambda server: made.program)
    monkeypatch.setattr(apply.sessions, "RECORD", str(tmp_path / "sessions.json"))
    monkeypatch.setattr(apply, "connect", lambda *_all, **_more: nullcontext(SimpleNamespace(id=99)))
    return made
