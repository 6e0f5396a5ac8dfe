# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._jobs.watch import (
    Pace,
    Stillness,
    interpret,
    look_command,
)
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._state.paths import job_directory
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._text import visible, visible_data

# How long a lost connection is tried again: the job itself goes on regardless.
PATIENCE_SECONDS = 600


class ActionModule(ActionBase):
    """Waits for a job and prints its progress on standard error, where it is not buffered and breaks no JSON output."""

    _VALID_ARGS = frozenset(("migration_id", "job", "interval", "timeout"))
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Watch until the job ends."""
        result = super().run(tmp, task_vars)
        args = self._task.args
        if self._task.check_mode:
            return {**result, "changed": False, "state": "absent", "result": {}, "msg": "check mode: there is no job to wait for"}
        try:
            seen = self.watch(args["migration_id"], args["job"], task_vars, float(args.get("interval", 2)), float(args.get("timeout", 0)))
        except (KeyError, Refusal) as error:
            return {**result, "failed": True, "msg": "migration_watch needs migration_id and job: %s" % error}
        return {**result, **seen}

    def watch(
        self, migration_id: str, job: str, task_vars: dict[str, t.Any] | None, interval: float = 2, timeout: float = 0
    ) -> dict[str, t.Any]:
        """Watch until the job ends; what the task returns of it.

        :raises Refusal: for an id that is none
        """
        host = (task_vars or {}).get("inventory_hostname", "")
        return visible_data(self._watch(host, job_directory(migration_id, job), interval, timeout))

    def _watch(self, host: str, directory: str, interval: float, timeout: float) -> dict[str, t.Any]:
        started, pace, still = time.monotonic(), Pace(), Stillness(interval + 1)
        while True:
            seen = interpret(self._look(host, directory))
            line = pace.line(seen.phase, seen.text, time.monotonic(), seen.running)
            if line:
                Display().display("[%s] %s" % (host, visible(line)), stderr=True)
            if not seen.running:
                break
            if still.lasts(seen.moved, time.monotonic()):
                text = "the job in %s hangs: its %s has not moved for %d s; run the same command again, it ends it and carries on"
                return {"failed": True, "msg": text % (directory, seen.process, still.seconds), "state": "running"}
            if timeout and time.monotonic() - started > timeout:
                text = "the job in %s still runs after %d s and goes on; run again to attach" % (directory, timeout)
                return {"failed": True, "msg": text}
            time.sleep(interval)
        if seen.error:
            return {"failed": True, "msg": "%s (its log: %s/log)" % (seen.error, directory), "state": "failed"}
        return {"changed": False, "state": "succeeded", "result": seen.result}

    def _look(self, host: str, directory: str) -> dict[str, t.Any]:
        """The job's files, through connections that may come and go."""
        lost_at = None
        while True:
            try:
                found = self._low_level_execute_command(look_command(directory), sudoable=True)
                if found["rc"] == 0:
                    return json.loads(found["stdout"].strip().splitlines()[-1])
                problem = found.get("stderr") or found.get("stdout") or "no answer"
            except (AnsibleConnectionFailure, ValueError, IndexError) as error:
                problem = str(error)
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > PATIENCE_SECONDS:
                raise AnsibleConnectionFailure("%s could not be watched for %d s: %s" % (host, PATIENCE_SECONDS, visible(problem)))
            Display().display("[%s] connection lost, trying again; the job goes on" % host, stderr=True)
            time.sleep(5)
            try:
                self._connection.reset()
            except Exception:  # pylint: disable=broad-except  # the next look tells
                pass
