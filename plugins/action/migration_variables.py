# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.nordbridge.mysql_migration.plugins.plugin_utils._variables import (
    known_names,
    misplaced,
    name_problems,
)


class ActionModule(ActionBase):
    """Checks names of variables on the controller: no connection is opened."""

    _VALID_ARGS: frozenset[str] = frozenset()
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Look at the names that the target's and the source's variables have; the values are not read."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        target, hostvars, known = variables["inventory_hostname"], variables["hostvars"], known_names()
        problems = name_problems(target, variables, known)
        source = variables.get("migration_source")
        if isinstance(source, str) and source in hostvars and source != target:
            on_source, on_target = set(hostvars[source]), set(hostvars[target])
            problems += name_problems(source, on_source - on_target, known)
            problems += misplaced(source, target, on_source, on_target, known)
        if problems:
            return {**result, "failed": True, "problems": problems, "msg": "nothing was touched: %s" % "; ".join(problems)}
        return {**result, "changed": False}
