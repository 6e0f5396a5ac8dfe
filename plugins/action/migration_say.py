# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._report.lines import fitted
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._text import visible


class ActionModule(ActionBase):
    """Prints plain lines, in check mode too."""

    _VALID_ARGS = frozenset(("lines", "fail"))
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Print, and fail where that is asked for."""
        result = super().run(tmp, task_vars)
        lines = self._task.args.get("lines", [])
        lines = fitted([lines] if isinstance(lines, str) else [str(line) for line in lines])
        # All at once: other hosts' lines come between tasks only. Where standard output is data it stays that.
        Display().display("\n".join(lines), stderr="json" in str(C.DEFAULT_STDOUT_CALLBACK))
        message = str(self._task.args.get("fail") or "")
        if message:
            # Ansible prints a failure's whole result: the lines stand above it already.
            return {**result, "failed": True, "msg": visible(message)}
        return {**result, "changed": False, "lines": lines}
