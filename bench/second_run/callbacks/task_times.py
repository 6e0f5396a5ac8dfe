# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback for the benchmark of the second run: each task's name and seconds, as lines of JSON in the file TASK_TIMES names."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: task_times
type: aggregate
short_description: Each task's seconds in a file
description: Of the benchmark, not of the collection.
"""


class CallbackModule(CallbackBase):
    """Times a task from its start to the next one's."""

    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "task_times"

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._name, self._began, self._results = "", 0.0, 0

    def _end(self) -> None:
        if self._name:
            line = {"task": self._name, "seconds": round(time.monotonic() - self._began, 3), "ran": self._results}
            with open(os.environ["TASK_TIMES"], "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """One ends, one begins."""
        self._end()
        self._name, self._began, self._results = task.get_name(), time.monotonic(), 0

    def v2_runner_on_ok(self, result: Any) -> None:
        """Counted: a skipped task sends nothing."""
        self._results += 1

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The last one ends."""
        self._end()
        self._name = ""
