# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of tests/integration, and a migration with both of its tunnels."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

INTEGRATION = Path(__file__).resolve().parents[1] / "integration"
sys.path[:0] = [str(INTEGRATION), str(Path(__file__).resolve().parent)]
_spec = spec_from_file_location("integration_conftest", INTEGRATION / "conftest.py")
assert _spec is not None and _spec.loader is not None
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("__")})

from local_user import prepare  # noqa: E402
from pairs import SOURCE, TARGET, Pair  # noqa: E402


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def ready(request) -> Pair:
    """A migration that is READY, with the way back prepared, and an ordinary user on each host."""
    pair = request.getfixturevalue(request.param)
    pair.load(200)
    pair.migrate("-e", "migration_reverse_replication=true").ok()
    for host in (SOURCE, TARGET):
        prepare(pair, host)
    return pair
