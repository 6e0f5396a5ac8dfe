# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came along with the files and must not live on: removed, whoever upgrades the system's tables at the same time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import ServerError
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._seed.methods import physical


class Connection:
    """Refuses a number of statements with an error."""

    def __init__(self, refusals, errno):
        self.refusals, self.errno, self.ran = refusals, errno, []

    def rows(self, _sql):
        return [{"u": "nordbridge_repl_1", "h": "%"}, {"u": "nordbridge_ctl_1", "h": "localhost"}]

    def run(self, sql, args=None):
        self.ran.append((sql, args))
        if sql.startswith("DROP") and self.refusals:
            self.refusals -= 1
            raise ServerError("refused", self.errno)


def drop(refusals=0, errno=1205):
    connection = Connection(refusals, errno)
    try:
        physical.drop_own_accounts(SimpleNamespace(target=SimpleNamespace(connection=connection)))
    finally:
        assert connection.ran[0] == ("SET SESSION lock_wait_timeout = 3", None), "ours gives way, for neither sees the other"
    return [args for sql, args in connection.ran if sql.startswith("DROP USER IF EXISTS")]


def test_each_is_dropped_once():
    assert drop() == [("nordbridge_repl_1", "%"), ("nordbridge_ctl_1", "localhost")]


def test_who_gave_way_tries_again():
    assert drop(refusals=2) == [("nordbridge_repl_1", "%")] * 3 + [("nordbridge_ctl_1", "localhost")]


@pytest.mark.parametrize(("refusals", "errno"), [(1000, 1205), (1, 1227)])
def test_it_does_not_try_for_ever_nor_against_another_error(refusals, errno):
    with pytest.raises(ServerError):
        drop(refusals, errno)
