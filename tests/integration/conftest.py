# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pairs of hosts that all tests share, and what to print where one fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parents[1] / folder) for folder in ("molecule/shared", "tests/faults"))]

from pairs import Pair  # noqa: E402

#: What the source has, and the target where it is another.
FLAVOURS = {
    "mariadb": ("mariadb-10.11",),
    "mysql": ("mysql-9.7",),
    "upgrade_105_1011": ("mariadb-10.5", "mariadb-10.11"),
    "upgrade_105_118": ("mariadb-10.5", "mariadb-11.8"),
}
PAIRS = pytest.StashKey[dict]()


def _shared(request, name: str) -> Pair:
    """A pair that is made when the first test asks for it, and removed at the end."""
    pairs = request.config.stash.setdefault(PAIRS, {})
    if name not in pairs:
        pairs[name] = Pair(*FLAVOURS[name])
        pairs[name].up()
    return pairs[name]


@pytest.fixture(scope="module")
def mariadb(request) -> Pair:
    """Two untouched hosts with MariaDB 10.11."""
    pair = _shared(request, "mariadb")
    pair.fresh()
    return pair


@pytest.fixture(scope="module")
def mysql(request) -> Pair:
    """Two untouched hosts with MySQL 9.7."""
    pair = _shared(request, "mysql")
    pair.fresh()
    return pair


@pytest.fixture(scope="module", params=["upgrade_105_1011", "upgrade_105_118"])
def upgrade(request) -> Pair:
    """Two untouched hosts, the target's MariaDB of a later series."""
    pair = _shared(request, request.param)
    pair.fresh()
    return pair


def pytest_unconfigure(config) -> None:
    """Remove the hosts, whatever happened."""
    for pair in config.stash.get(PAIRS, {}).values():
        for run in pair.runs:
            if run.process.poll() is None:
                run.kill()
        pair.down()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where a test fails, the playbook's last words and the hosts' own."""
    report = yield
    if report.failed:
        for pair in item.config.stash.get(PAIRS, {}).values():
            if pair in (getattr(item, "funcargs", {}) or {}).values():
                report.sections.append(("the playbook", pair.runs[-1].tail if pair.runs else "was not run"))
                report.sections.append(("the hosts", pair.journals()))
    return report
