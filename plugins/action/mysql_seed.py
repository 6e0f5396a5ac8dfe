# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.nordbridge.mysql_migration.plugins.action import migration_watch


class ActionModule(migration_watch.ActionModule):
    """Launches the copy by the module of its name, and waits for it where it is told to: one task that holds a place among the copies."""

    # The module checks its own.
    _VALID_ARGS = frozenset()

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Launch, and watch until the job ends."""
        result = ActionBase.run(self, tmp, task_vars)
        launched = {**result, **self._execute_module(task_vars=task_vars)}
        wait = boolean(self._task.args.get("wait", False), strict=False)
        if launched.get("failed") or self._task.check_mode or not wait:
            return launched
        return {**launched, **self.watch(self._task.args["migration_id"], "seed", task_vars), "changed": launched.get("changed", False)}
